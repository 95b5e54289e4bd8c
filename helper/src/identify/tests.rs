//! Processes read from made-up copies of `/proc`, where what can't be arranged for real can be.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bastion_policy::process::{Evidence, Process, ProcessKey, UnknownReason};
use tempfile::TempDir;

use super::holders::Holders;
use super::proc_dir::{ProcDir, ProcFs, Stat};
use super::process::{self, MAX_ARGUMENT_BYTES, MAX_ARGUMENTS, MAX_PARENTS};

mod limits;

/// A `/proc` whose first process sees the files of this machine.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.process(1, 0, 1);
        symlink("/", tree.path(1, "root")).unwrap();
        tree
    }

    fn proc(&self) -> ProcFs {
        ProcFs::at(self.0.path().join("proc"))
    }

    fn path(&self, pid: u32, name: &str) -> PathBuf {
        self.0.path().join("proc").join(pid.to_string()).join(name)
    }

    fn put(&self, pid: u32, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(pid, name), bytes).unwrap();
    }

    fn stat(&self, pid: u32, parent: u32, start: u64) {
        let zeros = "0 ".repeat(17);
        let stat = format!("{pid} (x) S {parent} {zeros}{start} 1 2 3 4 5 6 7 8 9 {zeros}99 0 0");
        self.put(pid, "stat", stat);
    }

    /// A process that runs a file of its own.
    fn process(&self, pid: u32, parent: u32, start: u64) {
        fs::create_dir_all(self.path(pid, "fd")).unwrap();
        self.stat(pid, parent, start);
        let file = self.program(&format!("program-{pid}"));
        symlink(file, self.path(pid, "exe")).unwrap();
    }

    fn program(&self, name: &str) -> PathBuf {
        let path = self.0.path().canonicalize().unwrap().join(name);
        fs::write(&path, name).unwrap();
        path
    }

    fn runs(&self, pid: u32, file: &Path) {
        fs::remove_file(self.path(pid, "exe")).unwrap();
        symlink(file, self.path(pid, "exe")).unwrap();
    }

    fn opens(&self, pid: u32, link: &str, inode: u64) {
        symlink(format!("socket:[{inode}]"), self.path(pid, link)).unwrap();
    }

    fn read(&self, pid: u32) -> Result<Process, UnknownReason> {
        self.read_while(pid, &|_| true)
    }

    fn read_while(
        &self,
        pid: u32,
        holds: &dyn Fn(&ProcDir) -> bool,
    ) -> Result<Process, UnknownReason> {
        process::read(&self.proc(), pid, 1000, Evidence::SocketTable, holds)
    }

    fn holders(&self, holders: &mut Holders, now: Instant) -> Result<Vec<u32>, UnknownReason> {
        self.holders_of(7, holders, now)
    }

    fn holders_of(
        &self,
        inode: u64,
        holders: &mut Holders,
        now: Instant,
    ) -> Result<Vec<u32>, UnknownReason> {
        let found = holders.of(&self.proc(), &[inode], 1000, now)?;
        let mut pids: Vec<u32> = found.iter().map(|(_, holder)| holder.pid).collect();
        pids.sort_unstable();
        Ok(pids)
    }
}

fn key(pid: u32, start_time: u64) -> ProcessKey {
    ProcessKey { pid, start_time }
}

#[test]
fn a_process_is_read_whole() {
    let tree = Tree::new();
    tree.process(50, 1, 5);
    tree.process(60, 50, 6);
    tree.put(60, "cmdline", b"tool\0a\nb\0\xff\0\0");
    tree.put(
        60,
        "cgroup",
        b"1:name=systemd:/x\n0::/user.slice/a\\x2db.scope\n",
    );
    symlink("/home/u/\u{202e}", tree.path(60, "cwd")).unwrap();
    let process = tree.read(60).unwrap();
    assert_eq!(process.key, key(60, 6));
    assert_eq!(
        (process.uid, process.evidence),
        (1000, Evidence::SocketTable)
    );
    assert_eq!(process.executable.path.file_name(), "program-60");
    assert!(process.executable.file.is_some());
    assert!(!process.executable.replaced);
    assert_eq!(process.arguments, ["tool", "a\\x0ab", "\\xff", ""]);
    assert_eq!(process.cgroup, "/user.slice/a\\\\x2db.scope");
    assert_eq!(process.working_directory, "/home/u/\\u{202e}");
    let parents: Vec<_> = process.parents.iter().map(|parent| parent.key).collect();
    assert_eq!(parents, [key(50, 5), key(1, 1)]);
    assert_eq!(process.parents[0].path.file_name(), "program-50");
}

#[test]
fn what_is_missing_is_left_empty() {
    let tree = Tree::new();
    tree.process(60, 59, 6);
    let process = tree.read(60).unwrap();
    assert!(process.arguments.is_empty() && process.parents.is_empty());
    assert_eq!(
        (process.cgroup.as_str(), process.working_directory.as_str()),
        ("", "")
    );
}

#[test]
fn arguments_are_bounded() {
    let tree = Tree::new();
    tree.process(60, 1, 6);
    tree.put(60, "cmdline", b"x\0".repeat(MAX_ARGUMENTS));
    assert_eq!(tree.read(60).unwrap().arguments.len(), MAX_ARGUMENTS);
    tree.put(60, "cmdline", b"x\0".repeat(MAX_ARGUMENTS + 1));
    let arguments = tree.read(60).unwrap().arguments;
    assert_eq!(arguments.len(), MAX_ARGUMENTS + 1);
    assert_eq!(arguments.last().map(String::as_str), Some("…"));
    tree.put(60, "cmdline", vec![b'x'; MAX_ARGUMENT_BYTES * 2]);
    let arguments = tree.read(60).unwrap().arguments;
    assert_eq!(arguments, ["x".repeat(MAX_ARGUMENT_BYTES), "…".to_owned()]);
}

#[test]
fn ancestors_are_bounded_and_never_younger() {
    let tree = Tree::new();
    for pid in 100..130 {
        tree.process(pid, pid - 1, pid.into());
    }
    let parents = tree.read(129).unwrap().parents;
    assert_eq!(parents.len(), MAX_PARENTS);
    assert_eq!(parents[0].key, key(128, 128));
    // 110 exited, and its pid went to another process.
    tree.stat(110, 1, 500);
    let parents = tree.read(112).unwrap().parents;
    assert_eq!(parents.len(), 1);
    // A circle can't be; it ends all the same.
    tree.stat(120, 121, 1);
    tree.stat(121, 120, 1);
    assert_eq!(tree.read(121).unwrap().parents.len(), 2);
}

#[test]
fn a_process_that_is_gone_is_no_process() {
    let tree = Tree::new();
    assert_eq!(tree.read(60), Err(UnknownReason::NoProcess));
    tree.process(60, 1, 6);
    fs::remove_file(tree.path(60, "exe")).unwrap();
    assert_eq!(tree.read(60), Err(UnknownReason::NoProcess));
    tree.process(61, 1, 6);
    let gone = tree.read_while(61, &|_| {
        let _ = fs::remove_dir_all(tree.path(61, ""));
        true
    });
    assert_eq!(gone, Err(UnknownReason::NoProcess));
}

#[test]
fn nonsense_is_unreadable() {
    let tree = Tree::new();
    tree.process(60, 1, 6);
    tree.put(60, "stat", b"60 (x) S one two three");
    assert_eq!(tree.read(60), Err(UnknownReason::Unreadable));
}

/// Each of these happens between the first look and the last.
#[test]
fn what_changes_meanwhile_is_noticed() {
    let tree = Tree::new();
    let other = tree.program("other");
    let changed = |change: &dyn Fn()| {
        tree.process(60, 1, 6);
        let found = tree.read_while(60, &|_| {
            change();
            true
        });
        fs::remove_dir_all(tree.path(60, "")).unwrap();
        found
    };
    assert!(changed(&|| ()).is_ok());
    assert!(
        changed(&|| tree.stat(60, 2, 6)).is_ok(),
        "its parent exited"
    );
    assert_eq!(
        changed(&|| tree.stat(60, 1, 7)),
        Err(UnknownReason::Changed)
    );
    assert_eq!(
        changed(&|| tree.runs(60, &other)),
        Err(UnknownReason::Changed)
    );
    assert_eq!(tree.process_that_lets_go(), Err(UnknownReason::Changed));
}

impl Tree {
    fn process_that_lets_go(&self) -> Result<Process, UnknownReason> {
        self.process(61, 1, 6);
        let asked = std::cell::Cell::new(false);
        self.read_while(61, &|_| !asked.replace(true))
    }
}

#[test]
fn every_holder_is_found_once() {
    let tree = Tree::new();
    for pid in [60, 61, 62] {
        tree.process(pid, 1, pid.into());
    }
    tree.opens(60, "fd/3", 7);
    tree.opens(60, "fd/4", 7);
    tree.opens(61, "fd/3", 8);
    tree.opens(62, "fd/9", 7);
    symlink("socket:[7", tree.path(61, "fd/5")).unwrap();
    symlink("pipe:[7]", tree.path(61, "fd/6")).unwrap();
    let found = tree.holders(&mut Holders::default(), Instant::now());
    assert_eq!(found, Ok(vec![60, 62]));
}

#[test]
fn a_thread_may_be_the_holder() {
    let tree = Tree::new();
    tree.process(60, 1, 60);
    let mut holders = Holders::default();
    let now = Instant::now();
    assert_eq!(
        tree.holders(&mut holders, now),
        Err(UnknownReason::NoProcess)
    );
    fs::create_dir_all(tree.path(60, "task/60/fd")).unwrap();
    fs::create_dir_all(tree.path(60, "task/65/fd")).unwrap();
    tree.opens(60, "task/65/fd/3", 7);
    let later = now + Duration::from_secs(1);
    assert_eq!(tree.holders(&mut holders, later), Ok(vec![60]));
}

#[test]
fn a_look_is_believed_for_a_short_time_only() {
    let tree = Tree::new();
    tree.process(60, 1, 60);
    tree.process(61, 1, 61);
    tree.opens(60, "fd/3", 7);
    let mut holders = Holders::default();
    let start = Instant::now();
    assert_eq!(tree.holders(&mut holders, start), Ok(vec![60]));
    tree.opens(61, "fd/3", 7);
    let soon = start + Duration::from_millis(100);
    assert_eq!(tree.holders(&mut holders, soon), Ok(vec![60]));
    let later = start + Duration::from_secs(1);
    assert_eq!(tree.holders(&mut holders, later), Ok(vec![60, 61]));
    holders.forget();
    assert_eq!(tree.holders(&mut holders, later), Ok(vec![60, 61]));
}

/// What was made since the last look is looked for where it can be: at the last holders and at
/// new processes.
#[test]
fn a_new_socket_costs_no_whole_look() {
    let tree = Tree::new();
    tree.process(60, 1, 60);
    tree.process(61, 1, 61);
    tree.opens(60, "fd/3", 7);
    let mut holders = Holders::default();
    let start = Instant::now();
    assert_eq!(tree.holders(&mut holders, start), Ok(vec![60]));
    tree.opens(60, "fd/4", 8);
    tree.opens(61, "fd/4", 8);
    tree.process(62, 60, 62);
    tree.opens(62, "fd/4", 8);
    let soon = start + Duration::from_millis(100);
    assert_eq!(tree.holders_of(8, &mut holders, soon), Ok(vec![60, 62]));
    // In neither: everybody is looked at.
    tree.opens(61, "fd/5", 9);
    assert_eq!(tree.holders_of(9, &mut holders, soon), Ok(vec![61]));
    assert_eq!(tree.holders_of(8, &mut holders, soon), Ok(vec![60, 61, 62]));
}

#[test]
fn a_holder_may_move_the_socket_but_not_let_go() {
    let tree = Tree::new();
    tree.process(60, 1, 60);
    tree.opens(60, "fd/3", 7);
    let found = Holders::default()
        .of(&tree.proc(), &[7], 1000, Instant::now())
        .unwrap();
    let (_, holder) = &found[0];
    let dir = tree.proc().process(60).unwrap();
    assert!(holder.holds(&dir, 7));
    fs::rename(tree.path(60, "fd/3"), tree.path(60, "fd/4")).unwrap();
    assert!(holder.holds(&dir, 7));
    assert!(!holder.holds(&dir, 8));
    fs::remove_file(tree.path(60, "fd/4")).unwrap();
    assert!(!holder.holds(&dir, 7));
}

#[test]
fn a_process_lives_until_it_ends() {
    let this = ProcFs::default().process(std::process::id()).unwrap();
    let start_time = Stat::of(&this).unwrap().start_time;
    assert!(process::is_alive(key(this.pid(), start_time)));
    assert!(!process::is_alive(key(this.pid(), start_time + 1)));
    assert!(!process::is_alive(key(u32::MAX, start_time)));
    assert!(!process::is_alive(key(0, start_time)));
}

/// As long as its parent has not waited for it, it still has its pid.
#[test]
fn a_zombie_is_dead() {
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let dir = ProcFs::default().process(child.id()).unwrap();
    let key = key(child.id(), Stat::of(&dir).unwrap().start_time);
    assert!(process::is_alive(key));
    drop(child.stdin.take());
    let begun = Instant::now();
    while process::is_alive(key) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never ended");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Stat::of(&dir).is_ok(), "it is still there");
    child.wait().unwrap();
    assert!(!process::is_alive(key));
}
