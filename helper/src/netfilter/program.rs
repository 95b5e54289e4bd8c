//! Runs the iptables programs: found in fixed places, with an empty environment, bounded in time.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bastion_policy::escape;
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::NetfilterError;
use super::save::Dump;
use super::spec::Family;

/// Where distributions put iptables; never taken from PATH, which others may have set.
const DIRECTORIES: [&str; 2] = ["/usr/sbin", "/sbin"];

/// How long iptables waits for another iptables.
const LOCK_SECONDS: &str = "--wait=5";

/// How long a program may run. Reading a rule set of ten thousand rules takes a tenth of a
/// second; what takes this long hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// Most bytes of a program's error output that an error carries.
const MESSAGE_BYTES: usize = 400;

/// One of the two implementations of iptables, whose rules stand in different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The one that the system uses: `iptables`.
    System,
    /// `iptables-nft`.
    Nft,
    /// `iptables-legacy`.
    Legacy,
}

impl Backend {
    /// All, those with names of their own first: the system's is one of them.
    pub(super) const ALL: [Self; 3] = [Self::Nft, Self::Legacy, Self::System];

    fn suffix(self) -> &'static str {
        match self {
            Self::System => "",
            Self::Nft => "-nft",
            Self::Legacy => "-legacy",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "the system's",
            Self::Nft => "nft",
            Self::Legacy => "legacy",
        })
    }
}

/// The programs of one family and backend.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    save: PathBuf,
    restore: PathBuf,
}

impl Tools {
    /// Finds the programs.
    pub(super) fn find(family: Family, backend: Backend) -> Result<Self, NetfilterError> {
        let base = match family {
            Family::Ipv4 => "iptables",
            Family::Ipv6 => "ip6tables",
        };
        let find = |what| {
            let name = format!("{base}{}-{what}", backend.suffix());
            locate(&name).ok_or(NetfilterError::NotInstalled { program: name })
        };
        Ok(Self {
            save: find("save")?,
            restore: find("restore")?,
        })
    }

    /// True when both are the same programs under different names, so that they see the same
    /// rules.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        match (self.save.canonicalize(), other.save.canonicalize()) {
            (Ok(mine), Ok(its)) => mine == its,
            _ => false,
        }
    }

    /// All rules of all tables.
    pub(super) fn save(&self) -> Result<Dump, NetfilterError> {
        Ok(Dump::parse(&run(&self.save, &[], &[])?))
    }

    /// Carries a plan out, each of its tables as a whole or not at all.
    pub(super) fn restore(&self, plan: &[u8]) -> Result<(), NetfilterError> {
        run(&self.restore, &[LOCK_SECONDS, "--noflush"], plan).map(drop)
    }
}

fn locate(name: &str) -> Option<PathBuf> {
    DIRECTORIES
        .into_iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.is_file())
}

/// Runs a program with this input; gives its output.
fn run(path: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, NetfilterError> {
    let program = || path.display().to_string();
    let unable = |source| NetfilterError::Run {
        program: program(),
        source,
    };
    let mut output = scratch().map_err(unable)?;
    let mut errors = scratch().map_err(unable)?;
    let status = start(path, arguments, input, &output, &errors)
        .and_then(|child| wait(child, LIMIT))
        .map_err(unable)?;
    let Some(status) = status else {
        return Err(NetfilterError::TimedOut {
            program: program(),
            limit: LIMIT,
        });
    };
    if !status.success() {
        let message = contents(&mut errors).map_err(unable)?;
        return Err(NetfilterError::Failed {
            program: program(),
            status: status.to_string(),
            message: shortened(&message),
        });
    }
    contents(&mut output).map_err(unable)
}

/// Input and outputs are files in memory, so that neither side ever waits for the other, and a
/// child of the program that outlives it can't hold us up.
fn start(
    path: &Path,
    arguments: &[&str],
    input: &[u8],
    output: &File,
    errors: &File,
) -> io::Result<Child> {
    let mut stdin = scratch()?;
    stdin.write_all(input)?;
    stdin.rewind()?;
    Command::new(path)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(output.try_clone()?))
        .stderr(Stdio::from(errors.try_clone()?))
        .spawn()
}

fn scratch() -> io::Result<File> {
    Ok(File::from(memfd_create(
        c"iptables",
        MFdFlags::MFD_CLOEXEC,
    )?))
}

fn contents(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Waits for a program's end; past the limit it is killed, and there is no status.
fn wait(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A program's message: on one line, escaped, and not too long to read.
fn shortened(message: &[u8]) -> String {
    let lines = message.split(|byte| *byte == b'\n');
    let joined = lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(&b' ');
    match joined.get(..MESSAGE_BYTES) {
        Some(start) if joined.len() > MESSAGE_BYTES => format!("{}…", escape::bytes(start)),
        _ if joined.is_empty() => "it gave no reason".to_owned(),
        _ => escape::bytes(&joined),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Result<Vec<u8>, NetfilterError> {
        run(Path::new("/bin/sh"), &["-c", script], b"the input")
    }

    #[test]
    fn a_program_gets_its_input_and_next_to_no_environment() {
        assert_eq!(sh("cat").unwrap(), b"the input");
        let environment = run(Path::new("/usr/bin/env"), &[], &[]).unwrap();
        assert_eq!(environment, b"LC_ALL=C\n");
    }

    #[test]
    fn a_failure_names_program_status_and_reason() {
        let error = sh("echo 'bad \x1b[31m line' >&2; echo >&2; echo more >&2; exit 3")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "/bin/sh failed with exit status: 3: bad \\x1b[31m line more"
        );
        assert!(sh("exit 1").unwrap_err().to_string().ends_with("no reason"));
        let killed = sh("kill -9 $$").unwrap_err().to_string();
        assert!(killed.contains("signal: 9"), "{killed}");
        assert!(matches!(
            run(Path::new("/nonexistent"), &[], &[]),
            Err(NetfilterError::Run { .. })
        ));
    }

    #[test]
    fn long_messages_are_shortened() {
        let message = shortened(&[b'x'; MESSAGE_BYTES + 1]);
        assert_eq!(message, format!("{}…", "x".repeat(MESSAGE_BYTES)));
        assert_eq!(shortened(&[b'x'; MESSAGE_BYTES]), "x".repeat(MESSAGE_BYTES));
    }

    #[test]
    fn a_program_that_hangs_is_killed_even_if_its_children_live_on() {
        let child = Command::new("/bin/sh")
            .args(["-c", "sleep 1 & exec sleep 300"])
            .spawn()
            .unwrap();
        let id = child.id();
        let status = wait(child, Duration::from_millis(50)).unwrap();
        assert_eq!(status, None);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn missing_programs_name_the_remedy() {
        assert_eq!(locate("no-such-program"), None);
        let error = NetfilterError::NotInstalled {
            program: "iptables-save".to_owned(),
        };
        assert!(error.to_string().contains("install the package iptables"));
    }
}
