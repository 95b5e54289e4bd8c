//! What the kernel recorded of processes that are gone, or run something else by now.

use bastion_ebpf::Sender;
use bastion_policy::matcher::{AppId, ExecutablePath, ProgramError};
use bastion_policy::process::{Ancestor, Evidence, Executable, FileId, Process, ProcessKey};
use rustix::fs::makedev;

use super::executable::{MACHINE_MOUNTS, device_numbers};
use super::mounts;
use super::proc_dir::ProcFs;
use super::process::{self, MAX_PARENTS, line_of};
use crate::kernel::{History, Ran, process_key};

/// A process as it was when it sent, from what was recorded of it.
///
/// # Errors
/// None but for a path that is longer than any can be.
pub(super) fn describe(
    proc: &ProcFs,
    history: &History,
    sender: &Sender,
    ran: &Ran,
) -> Result<Process, ProgramError> {
    let executable = executable(proc, sender.image.pid, ran)?;
    let path = executable.path.as_str();
    let app = (!executable.replaced)
        .then(|| AppId::owner_of(path))
        .flatten();
    let key = process_key(&sender.image);
    Ok(Process {
        key,
        uid: sender.uid,
        app,
        executable,
        arguments: process::split_arguments(&ran.arguments),
        working_directory: String::new(),
        cgroup: String::new(),
        parents: ancestors(proc, history, key),
        evidence: Evidence::PacketPath,
        execs: Some(sender.image.execs),
    })
}

/// The recorded file by the path that rules know it by: where the machine has it, or had it. A
/// file that the machine has no path for gets one that leads nowhere once the process is gone, as
/// of [`Image::place`](super::executable::Image::place).
fn executable(proc: &ProcFs, pid: u32, ran: &Ran) -> Result<Executable, ProgramError> {
    let (major, minor) = device_numbers(ran.device);
    let file = FileId {
        device: makedev(major, minor),
        inode: ran.inode,
    };
    let path = |bytes: &[u8]| ExecutablePath::from_bytes(bytes);
    let there = paths(proc, ran);
    let named = there.iter().find_map(|path| {
        let found = proc.machine_file(path)?;
        // Some file systems show programs other device numbers than those they have (btrfs, one
        // for each subvolume); that it is the same file system is known already.
        (found.inode == ran.inode).then_some((path, found))
    });
    let (path, file, replaced) = match (named, there.first(), &ran.path) {
        (Some((there, found)), ..) => (path(there)?, found, false),
        (None, Some(was), _) => (path(was)?, file, true),
        (None, None, Some(inside)) => {
            let root = format!("/proc/{pid}/root");
            (
                path(&[root.as_bytes(), inside].concat())?,
                file,
                ran.deleted,
            )
        }
        (None, None, None) => (path(format!("/proc/{pid}/exe").as_bytes())?, file, true),
    };
    Ok(Executable {
        path,
        file: Some(file),
        replaced,
    })
}

/// Where the machine has the file, or would have it were it not deleted.
fn paths(proc: &ProcFs, ran: &Ran) -> Vec<Vec<u8>> {
    let table = proc
        .machine()
        .and_then(|machine| machine.read("mountinfo", MACHINE_MOUNTS));
    let (Ok(table), Some(inside)) = (table, &ran.path) else {
        return Vec::new();
    };
    let (major, minor) = device_numbers(ran.device);
    let device = format!("{major}:{minor}");
    mounts::of_file(device.as_bytes(), inside, &mounts::parse(&table))
}

/// The ancestors of a process, nearest first, as it was seen that they started one another; as
/// far as that was not seen, as `/proc` tells now.
pub(super) fn ancestors(proc: &ProcFs, history: &History, of: ProcessKey) -> Vec<Ancestor> {
    let mut ancestors: Vec<Ancestor> = Vec::new();
    let mut child = of;
    while ancestors.len() < MAX_PARENTS && child.pid > 1 {
        let Some(parent) = history.parent(child) else {
            ancestors.extend(line_of(proc, child).unwrap_or_default());
            break;
        };
        let seen = || executable(proc, parent.pid, &*history.ran(parent)?).ok();
        let Some(runs) = process::executable(proc, parent).or_else(seen) else {
            break;
        };
        if ancestors.iter().any(|known| known.key == parent) {
            break;
        }
        let path = runs.path;
        ancestors.push(Ancestor { key: parent, path });
        child = parent;
    }
    ancestors.truncate(MAX_PARENTS);
    ancestors
}
