//! A process with all that is told about it, read from `/proc` so that nothing in it belongs to
//! another process or another program.

use std::io;

use bastion_ebpf::Sender;
use bastion_policy::escape;
use bastion_policy::matcher::AppId;
use bastion_policy::process::{
    Ancestor, Evidence, Executable, FileId, Process, ProcessKey, UnknownReason,
};
use nix::errno::Errno;

use super::executable::Image;
use super::proc_dir::{ProcDir, ProcFs, Stat};
use crate::kernel::process_key;

/// Most arguments told of a process.
pub const MAX_ARGUMENTS: usize = 64;
/// Most bytes of arguments told, before escaping.
pub const MAX_ARGUMENT_BYTES: usize = 4096;
/// Most ancestors told.
pub const MAX_PARENTS: usize = 16;

/// Stands where arguments were left out.
const CUT: &str = "…";

/// Longest `/proc/PID/cgroup` read: one line for each hierarchy with paths of at most `PATH_MAX`.
const CGROUP_LIMIT: usize = 64 * 1024;

/// `Uid:` stands near the start of `/proc/PID/status`; only the name, 64 bytes escaped, and
/// nine short lines come before it.
const STATUS_LIMIT: usize = 4096;

/// What makes a process the one it is and the program it runs, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moment {
    stat: Stat,
    image: Image,
}

impl Moment {
    fn of(dir: &ProcDir) -> io::Result<Self> {
        Ok(Self {
            stat: Stat::of(dir)?,
            image: Image::of(dir)?,
        })
    }
}

/// Reads everything about a process that sent for `uid`.
///
/// `holds` says whether the process is still tied to what it is blamed for, such as a socket. It
/// is asked at the start and at the end, as are start time and executable; so what is in between
/// belongs together.
///
/// # Errors
/// [`UnknownReason::NoProcess`] if it is gone, [`UnknownReason::Changed`] if it executed another
/// program or let go meanwhile, [`UnknownReason::Unreadable`] if the kernel refuses.
pub fn read(
    proc: &ProcFs,
    pid: u32,
    uid: u32,
    evidence: Evidence,
    holds: &dyn Fn(&ProcDir) -> bool,
) -> Result<Process, UnknownReason> {
    let dir = proc.process(pid).map_err(|error| reason(&error))?;
    steady(&dir, holds, |moment| {
        describe(proc, &dir, moment, uid, evidence)
    })
}

/// The same about a process of which the kernel has told when it started and what it ran, and
/// where its stack and arguments lay; [`UnknownReason::Changed`] if it runs something else now.
pub(super) fn read_recorded(proc: &ProcFs, sender: &Sender) -> Result<Process, UnknownReason> {
    let dir = proc
        .process(sender.image.pid)
        .map_err(|error| reason(&error))?;
    let read = steady(&dir, &|_| true, |moment| {
        let layout = [sender.stack, sender.arguments_end];
        let start = process_key(&sender.image).start_time;
        let same =
            moment.stat.is_of(start, layout) && moment.image.is(&dir, sender.inode, sender.device);
        same.then(|| describe(proc, &dir, moment, sender.uid, Evidence::PacketPath))
            .transpose()
    })?;
    let process = read.ok_or(UnknownReason::Changed)?;
    Ok(Process {
        execs: Some(sender.image.execs),
        ..process
    })
}

/// A process that is still there, as it is now.
fn present(proc: &ProcFs, process: ProcessKey) -> Option<(ProcDir, Moment)> {
    let (dir, moment) = ancestor(proc, process.pid).ok()?;
    (key(&dir, moment.stat) == process).then_some((dir, moment))
}

/// What a process that is still there runs now.
pub(super) fn executable(proc: &ProcFs, process: ProcessKey) -> Option<Executable> {
    let (dir, moment) = present(proc, process)?;
    Some(moment.image.place(&dir, proc).ok()?.executable)
}

/// The ancestors of a process that is still there.
pub(super) fn line_of(proc: &ProcFs, process: ProcessKey) -> Option<Vec<Ancestor>> {
    let (dir, moment) = present(proc, process)?;
    Some(parents(proc, &dir, moment.stat))
}

/// The program a process runs, and for whom: enough to compare processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Program {
    key: ProcessKey,
    file: FileId,
    /// Its effective user.
    uid: Option<u32>,
}

impl Program {
    /// True if both run the same file for the same user.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.file == other.file && self.uid == other.uid
    }

    /// Smaller for an older process; never the same for two.
    pub(super) fn age(&self) -> (u64, u32) {
        (self.key.start_time, self.key.pid)
    }
}

/// What a process runs; arguments and errors as of [`read`].
pub(super) fn program(
    proc: &ProcFs,
    pid: u32,
    holds: &dyn Fn(&ProcDir) -> bool,
) -> Result<Program, UnknownReason> {
    let dir = proc.process(pid).map_err(|error| reason(&error))?;
    steady(&dir, holds, |moment| {
        Ok(Program {
            key: key(&dir, moment.stat),
            file: moment.image.file,
            uid: users(&dir.read("status", STATUS_LIMIT)?).map(|(_, effective)| effective),
        })
    })
}

/// The real and the effective user: the first two numbers of the line `Uid:`
/// (proc_pid_status(5)).
fn users(status: &[u8]) -> Option<(u32, u32)> {
    let line = status
        .split(|&b| b == b'\n')
        .find_map(|line| line.strip_prefix(b"Uid:"))?;
    let users = std::str::from_utf8(line).ok()?;
    let mut users = users.split_ascii_whitespace();
    let mut next = || users.next()?.parse().ok();
    Some((next()?, next()?))
}

/// The user who answers for a process: the effective one; but of a program that runs with root's
/// rights the one who started it, who may have given it any number of open files.
pub(super) fn user(dir: &ProcDir) -> Option<u32> {
    let status = dir.read("status", STATUS_LIMIT).ok()?;
    match users(&status)? {
        (real, 0) => Some(real),
        (_, effective) => Some(effective),
    }
}

/// True while a process lives: one that has ended is dead even if its parent has not taken note
/// of it yet, or if its pid is given to another. A process that can't be looked at is taken to
/// live.
#[must_use]
pub fn is_alive(key: ProcessKey) -> bool {
    let Ok(pid) = i32::try_from(key.pid) else {
        return false;
    };
    match procfs::process::Process::new(pid).and_then(|process| process.stat()) {
        // Z and X: a zombie, and one that is being taken away; proc_pid_stat(5).
        Ok(stat) => stat.starttime == key.start_time && !matches!(stat.state, 'Z' | 'X'),
        Err(procfs::ProcError::NotFound(_)) => false,
        Err(_) => true,
    }
}

/// Runs `look` and makes sure that the process was the same before and after.
fn steady<T>(
    dir: &ProcDir,
    holds: &dyn Fn(&ProcDir) -> bool,
    look: impl FnOnce(&Moment) -> io::Result<T>,
) -> Result<T, UnknownReason> {
    let moment = || Moment::of(dir).map_err(|error| reason(&error));
    let before = moment()?;
    let held = holds(dir);
    let seen = look(&before).map_err(|error| reason(&error))?;
    let held = held && holds(dir);
    let after = moment()?;
    let same = after.stat.same_program(&before.stat) && after.image == before.image;
    if held && same {
        Ok(seen)
    } else {
        Err(UnknownReason::Changed)
    }
}

/// What an error about a process's files says about it.
pub(super) fn reason(error: &io::Error) -> UnknownReason {
    let gone = error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(Errno::ESRCH as i32);
    if gone {
        UnknownReason::NoProcess
    } else {
        UnknownReason::Unreadable
    }
}

fn describe(
    proc: &ProcFs,
    dir: &ProcDir,
    moment: &Moment,
    uid: u32,
    evidence: Evidence,
) -> io::Result<Process> {
    let place = moment.image.place(dir, proc)?;
    let path = place.executable.path.as_str();
    // An app's directories have no characters that are escaped.
    let app = place.on_machine.then(|| AppId::owner_of(path)).flatten();
    Ok(Process {
        key: key(dir, moment.stat),
        uid,
        app,
        executable: place.executable,
        arguments: arguments(dir),
        working_directory: dir
            .link("cwd")
            .map_or_else(|_| String::new(), |p| escape::bytes(&p)),
        cgroup: cgroup(dir),
        parents: parents(proc, dir, moment.stat),
        evidence,
        execs: None,
    })
}

fn key(dir: &ProcDir, stat: Stat) -> ProcessKey {
    ProcessKey {
        pid: dir.pid(),
        start_time: stat.start_time,
    }
}

/// At most [`MAX_ARGUMENTS`] and [`MAX_ARGUMENT_BYTES`]; where some are missing, the last one
/// says so. A process that can't be read has none.
fn arguments(dir: &ProcDir) -> Vec<String> {
    let bytes = dir
        .read("cmdline", MAX_ARGUMENT_BYTES + 1)
        .unwrap_or_default();
    split_arguments(&bytes)
}

pub(super) fn split_arguments(bytes: &[u8]) -> Vec<String> {
    let cut = bytes.len() > MAX_ARGUMENT_BYTES;
    let bytes = bytes.get(..MAX_ARGUMENT_BYTES).unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut all = bytes.split(|&b| b == 0);
    let mut arguments: Vec<String> = all
        .by_ref()
        .take(MAX_ARGUMENTS)
        .map(escape::bytes)
        .collect();
    if cut || all.next().is_some() {
        arguments.push(CUT.to_owned());
    }
    arguments
}

/// The path in the cgroup2 hierarchy, which `/proc/PID/cgroup` numbers 0 (cgroups(7)).
fn cgroup(dir: &ProcDir) -> String {
    let table = dir.read("cgroup", CGROUP_LIMIT).unwrap_or_default();
    table
        .split(|&b| b == b'\n')
        .find_map(|line| line.strip_prefix(b"0::"))
        .map_or_else(String::new, escape::bytes)
}

/// The ancestors, nearest first, up to the first process of the system. One that is younger than
/// its child is another process that got the pid of one that exited: there the line ends.
fn parents(proc: &ProcFs, child: &ProcDir, mut stat: Stat) -> Vec<Ancestor> {
    let mut parents: Vec<Ancestor> = Vec::new();
    let mut child = child.pid();
    while parents.len() < MAX_PARENTS && child > 1 && stat.parent > 0 {
        let Ok((dir, moment)) = ancestor(proc, stat.parent) else {
            break;
        };
        let key = key(&dir, moment.stat);
        let seen = parents.iter().any(|parent| parent.key == key);
        if moment.stat.start_time > stat.start_time || seen {
            break;
        }
        let Ok(place) = moment.image.place(&dir, proc) else {
            break;
        };
        let path = place.executable.path;
        parents.push(Ancestor { key, path });
        child = dir.pid();
        stat = moment.stat;
    }
    parents
}

fn ancestor(proc: &ProcFs, pid: u32) -> io::Result<(ProcDir, Moment)> {
    let dir = proc.process(pid)?;
    let moment = Moment::of(&dir)?;
    Ok((dir, moment))
}
