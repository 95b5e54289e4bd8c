//! A bus in place of the system's, with the stand-in for the helper on it, and a desktop on which
//! the app is worked as a person would.

pub mod desktop;
pub mod home;
pub mod pictures;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    daemon: Option<Running>,
    address: String,
    directory: tempfile::TempDir,
}

impl Bus {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = format!("unix:path={}", directory.path().join("bus").display());
        let mut bus = Self {
            daemon: None,
            address,
            directory,
        };
        bus.restart();
        bus
    }

    /// Closes every connection, and is there again.
    pub fn restart(&mut self) {
        drop(self.daemon.take());
        let socket = self.directory.path().join("bus");
        let _ = std::fs::remove_file(&socket);
        let daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--address", &self.address])
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon is installed");
        self.daemon = Some(Running(daemon));
        eventually("the bus", || socket.exists().then_some(()));
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
