//! Programs pinned where iptables finds them.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use super::KernelError;
use crate::netfilter::PinnedProgram;

/// Where the system has its BPF file system.
const ROOT: &str = "/sys/fs/bpf";

/// Our directory in it.
const OURS: &str = "bastion";

/// The programs that iptables asks, pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// Lets packets of new connections pass.
    pub pass: PinnedProgram,
    /// Finds datagrams of sockets that took a tuple over.
    pub taken_over: PinnedProgram,
}

impl Pins {
    /// Pins programs by `pin`, which gets the name and the path of each. Pins that stood there
    /// are replaced; rules that hold their programs go on with these until they are replaced too.
    pub(super) fn make(
        mut pin: impl FnMut(&'static str, &Path) -> Result<(), KernelError>,
    ) -> Result<Self, KernelError> {
        let root = Path::new(ROOT);
        let is_bpf = statfs(root).is_ok_and(|it| it.filesystem_type() == BPF_FS_MAGIC);
        if !is_bpf {
            return Err(KernelError::NoPins {
                directory: ROOT.to_owned(),
            });
        }
        let directory = root.join(OURS);
        let made = fs::DirBuilder::new().mode(0o700).create(&directory);
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(&directory)(error));
            }
            _ => {}
        }
        let mut program = |program: &'static str, name: &str| {
            let path = directory.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(&path)(error));
                }
                _ => pin(program, &path)?,
            }
            PinnedProgram::new(&path).map_err(|error| failed(&path)(io::Error::other(error)))
        };
        Ok(Self {
            pass: program("bastion_pass", "pass")?,
            taken_over: program("bastion_taken_over", "taken-over")?,
        })
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> KernelError {
    move |source| KernelError::Pin {
        path: path.display().to_string(),
        source,
    }
}

/// Removes all pins. Programs that rules hold stay with these.
///
/// # Errors
/// When they are there and can't be removed.
pub fn remove() -> io::Result<()> {
    let directory = Path::new(ROOT).join(OURS);
    let pins = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        pins => pins?,
    };
    for pin in pins {
        fs::remove_file(pin?.path())?;
    }
    // The unit keeps it in place while the service runs.
    let _ = fs::remove_dir(directory);
    Ok(())
}
