//! Machines made of the Debian root, by way of `tests/sandbox/sandbox.sh`.

use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{Output, Running, checked, output};
use crate::{Error, Result};

/// On whose behalf a command runs in a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As<'a> {
    /// Root, outside any service: all capabilities the machine has.
    Root,
    /// Root, in a service of its own, as systemd starts it.
    Service,
    /// A user in a new session at the screen: logind calls it active and local.
    /// It takes the activity from the session that had it.
    Active(&'a str),
    /// A user in a new session that is not at the screen.
    Background(&'a str),
}

/// A booted machine. It goes down, and leaves nothing, when this is dropped,
/// or when the process that booted it dies in whatever way.
pub struct Sandbox {
    name: String,
    /// The host's process number of the machine's process 1.
    leader: u32,
    kept: bool,
}

/// The project's own directory.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// The directory of the host that every machine sees as `/mnt/share`.
pub(crate) fn share() -> PathBuf {
    let base = std::env::var_os("BASTION_SANDBOX_DIR").map(PathBuf::from);
    base.unwrap_or_else(|| project().join("target/sandbox"))
        .join("share")
}

/// The number that a process of the host has in the innermost namespace it is in.
fn number_inside(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let numbers = status.lines().find(|line| line.starts_with("NSpid:"))?;
    numbers.split_whitespace().next_back()?.parse().ok()
}

fn script() -> Command {
    Command::new(project().join("tests/sandbox/sandbox.sh"))
}

fn unique(purpose: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{purpose}-{}-{}",
        process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Boots a machine for a test. Where that is impossible the test fails if
/// `BASTION_REQUIRE_REAL` is set; else it says so and gets None, to return.
///
/// # Panics
/// When the machine does not boot and `BASTION_REQUIRE_REAL` is set.
#[must_use]
pub fn boot_or_skip(purpose: &str) -> Option<Sandbox> {
    required(Sandbox::boot(purpose))
}

/// What a test can't do without, or None where it can't be had and need not be.
#[expect(
    clippy::panic,
    reason = "the face of the harness in tests, where a panic is a failed test"
)]
pub(crate) fn required<T>(booted: Result<T>) -> Option<T> {
    match booted {
        Ok(it) => Some(it),
        Err(error) if std::env::var_os("BASTION_REQUIRE_REAL").is_some() => panic!("{error}"),
        Err(error) => {
            eprintln!("SKIPPED, because no sandbox can be had here: {error}");
            None
        }
    }
}

impl Sandbox {
    /// Boots a machine and waits until all its units have started. `purpose`
    /// is the beginning of its name: small letters, digits and `-`.
    ///
    /// # Errors
    /// [`Error::Failed`] with the machine's console when it does not come up.
    pub fn boot(purpose: &str) -> Result<Self> {
        let name = unique(purpose);
        let mut up = script();
        up.args(["up", &name, "--owner", &process::id().to_string()]);
        let leader = checked(up)?;
        let leader = leader.trim().parse().map_err(|_| Error::Failed {
            command: "sandbox.sh up".to_owned(),
            status: 0,
            stdout: leader.clone(),
            stderr: "the process number of the machine was expected".to_owned(),
        });
        // From here on Drop takes it down.
        let mut sandbox = Self {
            name,
            leader: 0,
            kept: false,
        };
        sandbox.leader = leader?;
        Ok(sandbox)
    }

    /// The machine's name, as `sandbox.sh` knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host's process number of the machine's process 1: the way to its namespaces.
    #[must_use]
    pub fn leader(&self) -> u32 {
        self.leader
    }

    /// The host's number of a process of this machine, by the machine's own.
    ///
    /// # Errors
    /// [`Error::NoProcess`] when there is none.
    pub fn process_on_host(&self, process: u32) -> Result<u32> {
        let namespace = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let own = namespace(self.leader);
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .find(|pid| number_inside(*pid) == Some(process) && namespace(*pid) == own)
            .ok_or(Error::NoProcess(process))
    }

    fn command(&self, who: As<'_>, unit: Option<&str>, command: &[&str]) -> Command {
        let mut run = script();
        match who {
            As::Root => run.args(["exec", &self.name]),
            As::Service => {
                run.args(["run", &self.name]);
                run.args(unit.map(|unit| format!("--unit={unit}")))
            }
            As::Active(account) | As::Background(account) => {
                let kind = if matches!(who, As::Active(_)) {
                    "active"
                } else {
                    "background"
                };
                run.args(["user", &self.name, account, "--session", kind]);
                run.args(unit.into_iter().flat_map(|unit| ["--unit", unit]))
            }
        };
        run.args(command);
        run
    }

    /// Runs a command to its end, whatever it reports.
    ///
    /// # Errors
    /// When it could not be started.
    pub fn output(&self, who: As<'_>, command: &[&str]) -> Result<Output> {
        output(self.command(who, None, command))
    }

    /// Runs a command that must succeed; gives its standard output.
    ///
    /// # Errors
    /// [`Error::Failed`] when it reports failure.
    pub fn run(&self, who: As<'_>, command: &[&str]) -> Result<String> {
        checked(self.command(who, None, command))
    }

    /// Runs a shell script as root that must succeed (`sh -euc`); gives its standard output.
    ///
    /// # Errors
    /// [`Error::Failed`] when it reports failure.
    pub fn shell(&self, script: &str) -> Result<String> {
        self.run(As::Root, &["sh", "-euc", script])
    }

    /// Starts a program that goes on beside the test.
    ///
    /// # Errors
    /// When it could not be started.
    pub fn spawn(&self, who: As<'_>, command: &[&str]) -> Result<Running> {
        if who == As::Root {
            return Running::start(self.command(who, None, command), None);
        }
        let unit = format!("{}.service", unique("bastion-test"));
        let stop = self.command(
            As::Root,
            None,
            &["systemctl", "kill", "--signal=KILL", &unit],
        );
        Running::start(self.command(who, Some(&unit), command), Some(stop))
    }

    /// Lays a cable to another machine; both ends are called `device`. The
    /// addresses have their prefix length, as in `10.0.0.1/24`.
    ///
    /// # Errors
    /// When a machine is gone or the device exists.
    pub fn link(&self, device: &str, own: &[&str], other: &Self, others: &[&str]) -> Result<()> {
        let mut link = script();
        link.args([
            "link",
            &self.name,
            &own.join(","),
            &other.name,
            &others.join(","),
            device,
        ]);
        checked(link).map(drop)
    }

    /// A directory of this machine alone that the host sees, too: its path on
    /// the host and inside. Every user may write there.
    ///
    /// # Errors
    /// [`Error::File`] when it can't be made.
    pub fn shared_directory(&self) -> Result<(PathBuf, String)> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = share().join(&self.name);
        std::fs::create_dir_all(&path)
            .and_then(|()| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o1777)))
            .map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?;
        Ok((path, format!("/mnt/share/{}", self.name)))
    }

    /// The journal of a unit, or of everything, newest last.
    ///
    /// # Errors
    /// When journalctl fails.
    pub fn journal(&self, unit: Option<&str>) -> Result<String> {
        let mut command = vec!["journalctl", "--no-pager", "--output=short-precise"];
        command.extend(unit.into_iter().flat_map(|unit| ["-u", unit]));
        self.run(As::Root, &command)
    }

    /// Leaves the machine up when this is dropped and when this process ends.
    ///
    /// # Errors
    /// When the watch over this process can't be ended.
    pub fn keep(mut self) -> Result<()> {
        let mut disown = script();
        disown.args(["disown", &self.name]);
        checked(disown)?;
        self.kept = true;
        Ok(())
    }

    /// Takes the machine down and reports what went wrong with that.
    ///
    /// # Errors
    /// When something of the machine could not be removed.
    pub fn down(mut self) -> Result<()> {
        self.kept = true;
        self.take_down()
    }

    fn take_down(&self) -> Result<()> {
        let _ = std::fs::remove_dir_all(share().join(&self.name));
        let mut down = script();
        down.args(["down", &self.name]);
        checked(down).map(drop)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = self.take_down()
        {
            eprintln!("the sandbox {} did not go down: {error}", self.name);
        }
    }
}
