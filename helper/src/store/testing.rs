//! What the store's tests share.

use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::Paths;

/// A directory that only this user can change.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// True for root. Otherwise the test can't run its real part: it says so, and fails where
/// `BASTION_REQUIRE_REAL=1` demands that every real part runs.
pub(crate) fn is_root(what: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        let required = std::env::var_os("BASTION_REQUIRE_REAL").is_some_and(|value| value == "1");
        assert!(!required, "{what} needs root");
        eprintln!("left out: {what} needs root");
    }
    root
}

/// Runs a test in a directory on a real file system of `size` bytes, which only the test's own
/// thread sees: the mount is made in a mount namespace of that thread.
pub(crate) fn on_a_small_disk(size: usize, test: impl FnOnce(&Path) + Send) {
    if !is_root("mounting a small disk") {
        return;
    }
    let directory = directory();
    let path = directory.path();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            let none = None::<&str>;
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(none, "/", none, private, none).unwrap();
            let options = format!("size={size},mode=0700");
            mount(
                Some("tmpfs"),
                path,
                Some("tmpfs"),
                MsFlags::empty(),
                Some(options.as_str()),
            )
            .unwrap();
            test(path);
        });
    });
}

/// The places of everything below a new directory that is gone when the first value is dropped.
pub(crate) fn paths() -> (tempfile::TempDir, Paths) {
    let root = directory();
    let paths = paths_under(root.path());
    (root, paths)
}

/// The places of everything below `root`, with the directories that systemd makes.
pub(crate) fn paths_under(root: &Path) -> Paths {
    let paths = Paths::under(root);
    for path in [&paths.rules, &paths.state, &paths.log] {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    }
    paths
}

/// Lets every write of a file fail, for root too, until it is dropped: a directory stands where
/// the temporary file belongs.
pub(crate) fn block_writes(path: &Path) -> impl Drop {
    struct Obstacle(std::path::PathBuf);
    impl Drop for Obstacle {
        fn drop(&mut self) {
            std::fs::remove_dir(&self.0).unwrap();
        }
    }
    let path = super::file::temporary_name(path);
    std::fs::create_dir(&path).unwrap();
    Obstacle(path)
}
