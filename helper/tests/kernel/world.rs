//! A network, and a BPF file system, of a test's own.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod support;

use nix::sched::{CloneFlags, unshare};

pub use support::{FAR, NEAR, Peer, arrived, run};

/// Runs a test on a thread of its own in a new network namespace, with a BPF file system that
/// nobody else sees.
pub fn in_world(test: impl FnOnce() + Send + 'static) {
    support::in_namespace(move || {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        run("mount", "--make-rprivate /");
        run("mount", "-t bpf bpf /sys/fs/bpf");
        run("mount", "-t cgroup2 cgroup2 /sys/fs/cgroup");
        test();
    });
}
