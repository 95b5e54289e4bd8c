//! A bus daemon, a helper on it, and the program.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use bastion_ipc::names::{HELPER, HELPER_PATH};
use tempfile::TempDir;
use zbus::Connection;
use zbus::connection::Builder;

use crate::fake::{Control, Events, Fake, Prompts, Rules};

/// Everybody may do everything: what is refused here, the helper refuses.
const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=DIRECTORY</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Far more than any of it takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A bus of its own; it ends with this value.
pub struct Bus {
    daemon: Child,
    address: String,
    _directory: TempDir,
}

impl Bus {
    /// Starts it. `None`, with a word about it, where there is no bus daemon and none is
    /// demanded.
    pub fn start() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let configuration = directory.path().join("bus.conf");
        let place = directory.path().to_str().unwrap();
        std::fs::write(&configuration, CONFIGURATION.replace("DIRECTORY", place)).unwrap();
        let started = Command::new("dbus-daemon")
            .arg("--nofork")
            .arg("--print-address")
            .arg(format!("--config-file={}", configuration.display()))
            .stdout(Stdio::piped())
            // It complains of limits it may not raise.
            .stderr(Stdio::null())
            .spawn();
        let mut daemon = match started {
            Ok(daemon) => daemon,
            Err(error) if std::env::var_os("BASTION_REQUIRE_REAL").is_none() => {
                eprintln!("NOT TESTED: dbus-daemon can't be started ({error}); install dbus");
                return None;
            }
            Err(error) => panic!("dbus-daemon can't be started: {error}; install dbus"),
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        Some(Self {
            daemon,
            address: address.trim().to_owned(),
            _directory: directory,
        })
    }

    /// A connection to it.
    pub async fn connect(&self) -> Connection {
        self.builder().build().await.unwrap()
    }

    fn builder(&self) -> Builder<'_> {
        Builder::address(self.address.as_str())
    }

    /// A helper on it.
    pub async fn helper(&self, fake: &Fake) -> Connection {
        self.builder()
            .serve_at(HELPER_PATH, Control(fake.clone()))
            .serve_at(HELPER_PATH, Rules(fake.clone()))
            .serve_at(HELPER_PATH, Events(fake.clone()))
            .serve_at(HELPER_PATH, Prompts(fake.clone()))
            .name(HELPER)
            .build()
            .await
            .unwrap()
    }

    /// The program, to be started.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_bastionctl"));
        program
            .args(arguments)
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.address)
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        program
    }

    /// Runs the program to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        let mut program = self.program(arguments);
        let output = tokio::task::spawn_blocking(move || program.output().unwrap())
            .await
            .unwrap();
        output.into()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// What a finished run said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            error: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs a test on an event loop of its own. It is given up after a time that only one that hangs
/// can need.
pub fn on_loop(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(PATIENCE, test).await.unwrap() });
}
