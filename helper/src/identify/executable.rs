//! Which file a process runs, and where it is on the machine.

use std::io;

use bastion_policy::matcher::ExecutablePath;
use bastion_policy::process::{Executable, FileId};

use rustix::fs::makedev;

use super::mounts;
use super::proc_dir::{ProcDir, ProcFs};

/// The machine's own `mountinfo` is read up to this length.
pub(super) const MACHINE_MOUNTS: usize = 1024 * 1024;

/// Another's `mountinfo` is read up to this length: anybody can make a namespace with any number
/// of mounts. A file on one that lies beyond has no path on the machine.
const OTHERS_MOUNTS: usize = 64 * 1024;

/// What d_path appends to the path of a file that was removed.
const DELETED: &[u8] = b" (deleted)";

/// `/proc/PID/exe` as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub file: FileId,
    /// The path in the process's own mount namespace, as the kernel words it.
    link: Vec<u8>,
    mount: Option<u64>,
}

impl Image {
    /// # Errors
    /// `ENOENT` for a process that has ended or is the kernel's own.
    pub(super) fn of(dir: &ProcDir) -> io::Result<Self> {
        let (file, mount) = dir.file("exe")?;
        Ok(Self {
            file,
            link: dir.link("exe")?,
            mount,
        })
    }

    /// True if it is the file with this number on the file system with this device, both as the
    /// kernel numbers them. Where programs are shown another device (btrfs: one for each subvolume),
    /// the table of mounts has the kernel's.
    pub(super) fn is(&self, dir: &ProcDir, inode: u64, device: u32) -> bool {
        let (major, minor) = device_numbers(device);
        let shown = self.file.device == makedev(major, minor);
        let mounted = || {
            let table = dir.read("mountinfo", MACHINE_MOUNTS).ok()?;
            mounts::device(self.mount?, &mounts::parse(&table))
        };
        self.file.inode == inode
            && (shown || mounted() == Some(format!("{major}:{minor}").into_bytes()))
    }

    /// The file and the path by which rules know it.
    ///
    /// - If the path names this very file on the machine, it is the machine's own; nobody can
    ///   forge that.
    /// - Or else it is translated through the file's mount ([`mounts`]) to one that does.
    /// - A file that was deleted or replaced keeps the path it had, if it was opened on one of
    ///   the machine's mounts, or if the process can't have arranged its mounts itself because
    ///   it is in the machine's user namespace.
    /// - A file that the machine has no path for (on a private tmpfs, in an image) is given as
    ///   `/proc/PID/root/…`, and one without any path (memfd) as `/proc/PID/exe`: these are true
    ///   while the process lives, and are no path a rule was made for.
    ///
    /// # Errors
    /// None that can happen: `/proc/PID/exe` is a good path.
    pub(super) fn place(&self, dir: &ProcDir, proc: &ProcFs) -> io::Result<Place> {
        if let Some(place) = self.on_machine(dir, proc) {
            return Ok(place);
        }
        let (path, _) = self.path();
        let root = format!("root{}", String::from_utf8_lossy(path));
        let inside = [format!("/proc/{}/root", dir.pid()).as_bytes(), path].concat();
        let names_it = dir.file(&root).is_ok_and(|(file, _)| file == self.file);
        if let Some(path) = executable_path(&inside).filter(|_| names_it) {
            return Ok(self.placed(path, false, false));
        }
        let unnamed = format!("/proc/{}/exe", dir.pid());
        executable_path(unnamed.as_bytes())
            .map(|path| self.placed(path, false, true))
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    fn on_machine(&self, dir: &ProcDir, proc: &ProcFs) -> Option<Place> {
        let names_it = |path: &[u8]| proc.machine_file(path) == Some(self.file);
        if names_it(&self.link) {
            return Some(self.placed(executable_path(&self.link)?, true, false));
        }
        let (path, deleted) = self.path();
        let id = self.mount?;
        let machine = proc.machine().ok()?;
        let own = mounts::parse(&machine.read("mountinfo", MACHINE_MOUNTS).ok()?);
        let own_mount = own.iter().any(|mount| mount.id == id);
        let seen = if own_mount {
            // Nothing to translate.
            Vec::new()
        } else {
            mounts::parse(&dir.read("mountinfo", OTHERS_MOUNTS).ok()?)
        };
        let found = mounts::on_machine(path, id, &seen, &own);
        if let Some(path) = found.iter().find(|path| names_it(path)) {
            return Some(self.placed(executable_path(path)?, true, false));
        }
        let trusted = own_mount || (deleted && same_users(dir, &machine));
        let path = found.first().filter(|_| trusted)?;
        Some(self.placed(executable_path(path)?, true, true))
    }

    /// The path without what the kernel appends to one of a deleted file, and whether it did.
    /// The caller has made sure that no file is really named so.
    fn path(&self) -> (&[u8], bool) {
        match self.link.strip_suffix(DELETED) {
            Some(path) => (path, true),
            None => (&self.link, false),
        }
    }

    fn placed(&self, path: ExecutablePath, on_machine: bool, replaced: bool) -> Place {
        Place {
            executable: Executable {
                path,
                file: Some(self.file),
                replaced,
            },
            on_machine: on_machine && !replaced,
        }
    }
}

/// Major and minor number of a device as the kernel has it: with 20 bits for the minor number
/// (`MINORBITS`, include/linux/kdev_t.h).
pub(super) fn device_numbers(device: u32) -> (u32, u32) {
    (device >> 20, device & 0xf_ffff)
}

/// Where an executable is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub executable: Executable,
    /// True if its path names it on the machine now.
    pub on_machine: bool,
}

fn executable_path(path: &[u8]) -> Option<ExecutablePath> {
    ExecutablePath::from_bytes(path).ok()
}

/// True if both are in one user namespace, user_namespaces(7).
fn same_users(one: &ProcDir, other: &ProcDir) -> bool {
    matches!((one.link("ns/user"), other.link("ns/user")), (Ok(a), Ok(b)) if a == b)
}
