//! Runs other programs: found in fixed places, with an empty environment, bounded in time.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bastion_policy::escape;
use nix::sys::memfd::{MFdFlags, memfd_create};

/// Most bytes of a program's error output that an error carries.
const MESSAGE_BYTES: usize = 400;

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It can't be run.
    #[error("{program} can't be run")]
    Run {
        /// Its path.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It did not end.
    #[error("{program} did not end within {limit:?} and was killed")]
    TimedOut {
        /// Its path.
        program: String,
        /// How long it ran.
        limit: Duration,
    },
    /// It failed.
    #[error("{program} failed with {status}: {message}")]
    Failed {
        /// Its path.
        program: String,
        /// How it ended.
        status: String,
        /// What it wrote to its error output, escaped and shortened.
        message: String,
    },
}

/// The program of this name in one of these directories; PATH is not asked, which others may have
/// set.
pub(crate) fn locate(name: &str, directories: &[&str]) -> Option<PathBuf> {
    directories
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.is_file())
}

/// Runs a program with this input; gives its output.
pub(crate) fn run(
    path: &Path,
    arguments: &[&str],
    input: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, ProgramError> {
    let program = || path.display().to_string();
    let unable = |source| ProgramError::Run {
        program: program(),
        source,
    };
    let mut output = scratch().map_err(unable)?;
    let mut errors = scratch().map_err(unable)?;
    let status = start(path, arguments, input, &output, &errors)
        .and_then(|child| wait(child, limit))
        .map_err(unable)?;
    let Some(status) = status else {
        return Err(ProgramError::TimedOut {
            program: program(),
            limit,
        });
    };
    if !status.success() {
        let message = contents(&mut errors).map_err(unable)?;
        return Err(ProgramError::Failed {
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
    Ok(File::from(memfd_create(c"bastion", MFdFlags::MFD_CLOEXEC)?))
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

    const LIMIT: Duration = Duration::from_secs(20);

    fn sh(script: &str) -> Result<Vec<u8>, ProgramError> {
        run(Path::new("/bin/sh"), &["-c", script], b"the input", LIMIT)
    }

    #[test]
    fn a_program_gets_its_input_and_next_to_no_environment() {
        assert_eq!(sh("cat").unwrap(), b"the input");
        let environment = run(Path::new("/usr/bin/env"), &[], &[], LIMIT).unwrap();
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
            run(Path::new("/nonexistent"), &[], &[], LIMIT),
            Err(ProgramError::Run { .. })
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
}
