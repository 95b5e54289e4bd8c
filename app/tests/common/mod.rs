//! A bus in place of the system's, with the stand-in for the helper on it, and a desktop on which
//! the app is worked as a person would.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "no test program uses all of it"
)]

mod desktop;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub use desktop::{Desktop, WINDOW};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends a program with the test.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A bus.
pub struct Bus {
    _daemon: Running,
    address: String,
    _directory: tempfile::TempDir,
}

impl Bus {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("bus");
        let address = format!("unix:path={}", socket.display());
        let daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--address", &address])
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is installed");
        let bus = Self {
            _daemon: Running(daemon),
            address,
            _directory: directory,
        };
        eventually("the bus", || socket.exists().then_some(()));
        bus
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts the stand-in for the helper.
    pub fn helper(&self, arguments: &[&str]) -> Running {
        let mut path: PathBuf = std::env::current_exe().unwrap();
        path.pop();
        path.pop();
        path.push("examples/fake_helper");
        let child = Command::new(&path)
            .args(arguments)
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Running(child)
    }

    /// Calls a method of the helper, as an own connection; arguments as `gdbus` takes them. Gives
    /// what it returns, as `gdbus` prints it.
    pub fn call(&self, method: &str, arguments: &[&str]) -> String {
        let called = Command::new("gdbus")
            .args(["call", "--address", &self.address])
            .args(["--dest", bastion_ipc::names::HELPER])
            .args(["--object-path", bastion_ipc::names::HELPER_PATH])
            .args(["--method", method, "--"])
            .args(arguments)
            .output()
            .expect("gdbus is installed");
        let said = String::from_utf8_lossy(&called.stderr).into_owned();
        assert!(called.status.success(), "{method}: {said}");
        String::from_utf8_lossy(&called.stdout).trim().to_owned()
    }
}

/// What a question comes to, as soon as it comes to something.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}
