//! What is looked at, and for whom, when there is more than anybody can look at.

use std::fs;
use std::time::{Duration, Instant};

use bastion_policy::process::UnknownReason;

use super::Tree;
use crate::identify::holders::{Holders, Limits};

/// A user whose packets are asked about, and another who floods.
const OWN: u32 = 1000;
const OTHER: u32 = 2000;

const LINKS: usize = 20;

impl Tree {
    /// A process with these real and effective users and so many open files that are no sockets.
    fn process_of(&self, pid: u32, users: [u32; 2], files: usize) {
        self.process(pid, 1, pid.into());
        let [real, effective] = users;
        self.put(
            pid,
            "status",
            format!("Name:\tx\nUid:\t{real}\t{effective}\t0\t0\n"),
        );
        for number in 0..files {
            let link = self.path(pid, &format!("fd/{}", 100 + number));
            std::os::unix::fs::symlink("/dev/null", link).unwrap();
        }
    }

    fn holders_for(
        &self,
        user: u32,
        inode: u64,
        holders: &mut Holders,
        now: Instant,
    ) -> Result<usize, UnknownReason> {
        let found = holders.of(&self.proc(), &[inode], user, now)?;
        Ok(found.len())
    }
}

fn few_links() -> Holders {
    Holders::with_limits(Limits {
        links: LINKS,
        time: Duration::from_secs(3600),
    })
}

#[test]
fn too_many_files_hide_their_own_user_only() {
    let tree = Tree::new();
    tree.process_of(50, [OTHER, OTHER], 10 * LINKS);
    tree.process_of(60, [OWN, OWN], 3);
    tree.process_of(70, [0, 0], 3);
    tree.opens(50, "fd/3", 5);
    tree.opens(60, "fd/3", 6);
    tree.opens(70, "fd/3", 7);
    let now = Instant::now();
    for (user, inode, expected) in [
        (OWN, 6, Ok(1)),
        (0, 7, Ok(1)),
        (OTHER, 5, Err(UnknownReason::Unreadable)),
        // Where others are not all seen, nobody is said not to be.
        (OWN, 9, Err(UnknownReason::Unreadable)),
    ] {
        let found = tree.holders_for(user, inode, &mut few_links(), now);
        assert_eq!(found, expected, "{user}");
    }
    // One after the other they disturb each other no more.
    let mut holders = few_links();
    for _ in 0..2 {
        assert!(tree.holders_for(OTHER, 5, &mut holders, now).is_err());
        assert_eq!(tree.holders_for(OWN, 6, &mut holders, now), Ok(1));
        assert_eq!(tree.holders_for(0, 7, &mut holders, now), Ok(1));
    }
}

/// A user can start a program with root's rights and any number of open files.
#[test]
fn who_started_a_program_answers_for_its_files() {
    let tree = Tree::new();
    tree.process_of(50, [OTHER, 0], 10 * LINKS);
    tree.process_of(70, [0, 0], 3);
    tree.opens(70, "fd/3", 7);
    let found = tree.holders_for(0, 7, &mut few_links(), Instant::now());
    assert_eq!(found, Ok(1));
}

#[test]
fn files_within_the_limit_are_all_seen() {
    let tree = Tree::new();
    // Process 1 is nobody's; each directory costs as much as a link.
    tree.process_of(60, [OWN, OWN], LINKS - 2);
    tree.opens(60, "fd/3", 6);
    let now = Instant::now();
    assert_eq!(tree.holders_for(OWN, 6, &mut few_links(), now), Ok(1));
    tree.opens(60, "fd/4", 6);
    let found = tree.holders_for(OWN, 6, &mut few_links(), now);
    assert_eq!(found, Err(UnknownReason::Unreadable));
}

#[test]
fn time_is_limited_too() {
    let tree = Tree::new();
    tree.process_of(60, [OWN, OWN], 1);
    tree.opens(60, "fd/3", 6);
    let mut holders = Holders::with_limits(Limits {
        links: LINKS,
        time: Duration::ZERO,
    });
    let found = tree.holders_for(OWN, 6, &mut holders, Instant::now());
    assert_eq!(found, Err(UnknownReason::Unreadable));
}

/// Only the threads are too many: what processes hold is known all the same.
#[test]
fn too_many_threads_hide_only_what_they_hold() {
    let tree = Tree::new();
    tree.process_of(60, [OWN, OWN], 1);
    tree.opens(60, "fd/3", 6);
    for thread in 100..100 + 2 * LINKS {
        fs::create_dir_all(tree.path(60, &format!("task/{thread}/fd"))).unwrap();
    }
    let mut holders = few_links();
    let now = Instant::now();
    assert_eq!(
        tree.holders_for(OWN, 9, &mut holders, now),
        Err(UnknownReason::Unreadable)
    );
    assert_eq!(tree.holders_for(OWN, 6, &mut holders, now), Ok(1));
}

/// Also if another socket was looked for in between.
#[test]
fn a_socket_without_holder_is_looked_for_once() {
    let tree = Tree::new();
    tree.process_of(60, [OWN, OWN], 0);
    let mut holders = Holders::default();
    let now = Instant::now();
    for inode in [8, 9] {
        assert_eq!(
            tree.holders_for(OWN, inode, &mut holders, now),
            Err(UnknownReason::NoProcess)
        );
    }
    // Whoever looked again would find it.
    tree.opens(60, "fd/3", 8);
    let soon = now + Duration::from_millis(100);
    assert_eq!(
        tree.holders_for(OWN, 8, &mut holders, soon),
        Err(UnknownReason::NoProcess)
    );
    assert!(holders.is_missing(&[8], soon));
    let later = now + Duration::from_secs(1);
    assert!(!holders.is_missing(&[8], later));
    assert_eq!(tree.holders_for(OWN, 8, &mut holders, later), Ok(1));
}

/// Anybody can make a namespace with any number of mounts.
#[test]
fn a_long_table_of_mounts_is_read_so_far_only() {
    let tree = Tree::new();
    let file = tree.program("real");
    let directory = file.parent().unwrap().to_owned();
    tree.process(60, 1, 6);
    tree.runs(60, &file);
    let (_, mount) = tree.proc().process(60).unwrap().file("exe").unwrap();
    let id = mount.expect("the kernel tells the mount");
    // The machine sees the file in another place than the process does.
    fs::create_dir_all(directory.join("machine/y")).unwrap();
    fs::hard_link(&file, directory.join("machine/y/real")).unwrap();
    fs::remove_file(tree.path(1, "root")).unwrap();
    std::os::unix::fs::symlink(directory.join("machine"), tree.path(1, "root")).unwrap();
    tree.put(
        1,
        "mountinfo",
        format!("{} 1 9:9 / /y rw - x x rw\n", id + 1),
    );
    let path_behind = |bytes: usize| {
        let filler = "1 1 0:1 / /x rw - x x rw\n".repeat(bytes / 25);
        let at = directory.display();
        tree.put(
            60,
            "mountinfo",
            format!("{filler}{id} 1 9:9 / {at} rw - x x rw\n"),
        );
        tree.read(60).unwrap().executable.path.as_str().to_owned()
    };
    assert_eq!(path_behind(60 * 1024), "/y/real");
    assert_eq!(path_behind(64 * 1024 + 25), "/proc/60/exe");
}
