//! What the kernel recorded of processes that are gone, or run something else by now.

use bastion_ebpf::Sender;
use bastion_policy::matcher::ExecutablePath;
use bastion_policy::process::{Ancestor, Evidence, Executable, FileId, Process, ProcessKey};
use rustix::fs::makedev;

use super::app;
use super::proc_dir::ProcFs;
use super::process::{self, MAX_PARENTS, line_of};
use crate::kernel::{History, Ran, process_key};

/// A process as it was when it sent, from what was recorded of it; `None` if the path of its file
/// was too long to be recorded.
pub(super) fn describe(
    proc: &ProcFs,
    history: &History,
    sender: &Sender,
    ran: &Ran,
) -> Option<Process> {
    let executable = executable(proc, sender.image.pid, ran)?;
    let path = executable.path.as_str();
    let app = (!executable.replaced)
        .then(|| app::of(path.as_bytes()))
        .flatten();
    let key = process_key(&sender.image);
    Some(Process {
        key,
        uid: sender.uid,
        app,
        executable,
        arguments: process::split_arguments(&ran.arguments),
        working_directory: String::new(),
        cgroup: String::new(),
        parents: ancestors(proc, history, key),
        evidence: Evidence::PacketPath,
    })
}

/// The recorded file by the path that rules know it by, on the terms of
/// [`Image::place`](super::executable::Image::place): the path counts if it names this file on the
/// machine, or if the file was opened on one of the machine's own mounts.
fn executable(proc: &ProcFs, pid: u32, ran: &Ran) -> Option<Executable> {
    let path = ran.path.as_deref()?;
    let file = FileId {
        device: device(ran.device),
        inode: ran.inode,
    };
    let there = proc.machine_file(path);
    let machines_mount = proc.machine_mounts() == Some(ran.mounts);
    // Some file systems show programs other device numbers than those the kernel has (btrfs: one
    // for each subvolume), so on the machine's own mounts the inode number has to do.
    let names_it =
        there.is_some_and(|there| there == file || machines_mount && there.inode == file.inode);
    if names_it || machines_mount {
        return Some(Executable {
            path: ExecutablePath::from_bytes(path).ok()?,
            file: Some(there.filter(|_| names_it).unwrap_or(file)),
            replaced: !names_it,
        });
    }
    // No path on the machine; this one leads nowhere once the process is gone, and says so.
    let inside = [format!("/proc/{pid}/root").as_bytes(), path].concat();
    Some(Executable {
        path: ExecutablePath::from_bytes(&inside).ok()?,
        file: Some(file),
        replaced: ran.deleted,
    })
}

/// A device number in the form that programs get: the kernel has 20 bits for the minor number
/// (`MINORBITS`, include/linux/kdev_t.h).
fn device(kernels: u32) -> u64 {
    makedev(kernels >> 20, kernels & 0xf_ffff)
}

/// The ancestors of a process, nearest first, as it was seen that they started one another; as
/// far as that was not seen, as `/proc` tells now.
pub(super) fn ancestors(proc: &ProcFs, history: &History, of: ProcessKey) -> Vec<Ancestor> {
    let mut ancestors: Vec<Ancestor> = Vec::new();
    let mut child = of;
    while ancestors.len() < MAX_PARENTS && child.pid > 1 {
        let Some(parent) = history.parent(child) else {
            let above = line_of(proc, child).map(|(_, above)| above);
            ancestors.extend(above.unwrap_or_default());
            break;
        };
        let now = line_of(proc, parent).map(|(own, _)| own);
        let seen = || {
            let ran = history.ran(parent)?;
            let path = executable(proc, parent.pid, &ran)?.path;
            Some(Ancestor { key: parent, path })
        };
        let Some(ancestor) = now.or_else(seen) else {
            break;
        };
        if ancestors.iter().any(|known| known.key == parent) {
            break;
        }
        ancestors.push(ancestor);
        child = parent;
    }
    ancestors.truncate(MAX_PARENTS);
    ancestors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_those_that_stat_gives() {
        assert_eq!(device(8 << 20 | 1), makedev(8, 1));
        assert_eq!(device(259 << 20 | 300), makedev(259, 300));
    }
}
