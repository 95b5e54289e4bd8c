//! What a path leads to below a directory, as for a process that has this directory as its root.
//!
//! openat2(2) with `RESOLVE_IN_ROOT` does the same, but where a unit has `RestrictSUIDSGID=` on,
//! as the helper's has, systemd lets nobody call it: its filters can't see the mode that is in it.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

/// Most links that are followed, as many as the kernel does: path_resolution(7).
const MAX_LINKS: usize = 40;
/// Most directories that the walk is below the root; each is open meanwhile.
const MAX_LEVELS: usize = 64;
/// Most names on the way, those in links included.
const MAX_STEPS: usize = 512;

/// As what to open what a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whatever it is, but not for reading.
    Anything,
    /// An ordinary file, for reading.
    File,
    /// A directory, for reading.
    Directory,
}

/// Opens what an absolute path leads to below `root`. Links are followed by their text, those to
/// absolute paths from `root`, and `..` never leads out of it. Nothing is opened for reading
/// before it is known to be what is wanted: with devices, opening alone can have effects.
///
/// # Errors
/// As open(2), also for paths much deeper or longer than those of programs; `InvalidInput` where
/// an ordinary file is wanted and something else is there.
pub(super) fn open(root: BorrowedFd<'_>, path: &[u8], wanted: Wanted) -> io::Result<OwnedFd> {
    let mut walk = Walk::from(root);
    walk.add(path)?;
    while let Some(name) = walk.ahead.pop() {
        match name.as_slice() {
            b"." => continue,
            b".." => {
                walk.above.pop();
                continue;
            }
            _ => {}
        }
        let there = walk.look_at(&name)?;
        match file_type(&there)? {
            FileType::Symlink => walk.follow(&there)?,
            _ if walk.ahead.is_empty() => return open_anew(there, wanted),
            FileType::Directory => walk.descend(there)?,
            _ => return Err(Errno::NOTDIR.into()),
        }
    }
    open_anew(walk.look_at(b".")?, wanted)
}

/// Where the way along a path has come to.
struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// The directories from the root down to here.
    above: Vec<OwnedFd>,
    /// The names yet to go, the next one last.
    ahead: Vec<Vec<u8>>,
    links: usize,
    steps: usize,
}

impl<'a> Walk<'a> {
    fn from(root: BorrowedFd<'a>) -> Self {
        Self {
            root,
            above: Vec::new(),
            ahead: Vec::new(),
            links: 0,
            steps: 0,
        }
    }

    /// Puts the names of a path before those that are ahead. A slash at its end stands for the
    /// directory itself, so that what comes before has to be one.
    fn add(&mut self, path: &[u8]) -> io::Result<()> {
        if path.ends_with(b"/") {
            self.ahead.push(b".".to_vec());
        }
        for name in path.rsplit(|&b| b == b'/').filter(|name| !name.is_empty()) {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(Errno::NAMETOOLONG.into());
            }
            self.ahead.push(name.to_vec());
        }
        Ok(())
    }

    /// Opens what has this name here, but for looking at only.
    fn look_at(&self, name: &[u8]) -> io::Result<OwnedFd> {
        let here = self
            .above
            .last()
            .map_or(self.root, |directory| directory.as_fd());
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(here, name, flags, Mode::empty())?)
    }

    fn follow(&mut self, link: &OwnedFd) -> io::Result<()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        // An empty name means the link itself.
        let target = readlinkat(link, "", Vec::new())?.into_bytes();
        if target.starts_with(b"/") {
            self.above.clear();
        }
        self.add(&target)
    }

    fn descend(&mut self, directory: OwnedFd) -> io::Result<()> {
        if self.above.len() >= MAX_LEVELS {
            return Err(Errno::NAMETOOLONG.into());
        }
        self.above.push(directory);
        Ok(())
    }
}

fn file_type(there: &OwnedFd) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(there)?.st_mode))
}

/// Opens the very thing that was looked at as what it is wanted to be, whatever has its name by
/// now.
fn open_anew(there: OwnedFd, wanted: Wanted) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    match wanted {
        Wanted::Anything => Ok(there),
        Wanted::Directory => Ok(openat(&there, ".", flags, Mode::empty())?),
        Wanted::File if file_type(&there)? == FileType::RegularFile => {
            let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
            let path = format!("/proc/self/fd/{}", there.as_raw_fd());
            Ok(rustix::fs::open(path, flags, Mode::empty())?)
        }
        Wanted::File => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::mem::MaybeUninit;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use rustix::fs::inotify;

    use super::*;

    /// A root with a file, a directory of files beside it, and links.
    fn made() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        fs::create_dir_all(at("root/usr/bin")).unwrap();
        fs::create_dir_all(at("root/etc")).unwrap();
        fs::write(at("root/usr/bin/tool"), "inside").unwrap();
        fs::write(at("outside"), "outside").unwrap();
        fs::write(at("root/outside"), "inside, too").unwrap();
        for (link, to) in [
            ("bin", "usr/bin"),
            ("etc/absolute", "/bin/tool"),
            ("etc/relative", "../usr/./bin//tool"),
            ("etc/out", "../../../outside"),
            ("etc/twice", "absolute"),
            ("etc/up", ".."),
            ("etc/loop", "loop"),
            ("etc/slash", "/bin/tool/"),
            ("etc/nowhere", "/nothing"),
        ] {
            symlink(to, at("root").join(link)).unwrap();
        }
        directory
    }

    fn read(directory: &Path, path: &str) -> io::Result<String> {
        let root = fs::File::open(directory.join("root"))?;
        let found = open(root.as_fd(), path.as_bytes(), Wanted::File)?;
        let mut text = String::new();
        fs::File::from(found).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn paths_and_links_stay_below_the_root() {
        let made = made();
        for (path, text) in [
            ("/usr/bin/tool", "inside"),
            ("/bin/tool", "inside"),
            ("//usr/./bin/../bin//tool", "inside"),
            ("/etc/absolute", "inside"),
            ("/etc/relative", "inside"),
            ("/etc/twice", "inside"),
            ("/etc/up/usr/bin/tool", "inside"),
            ("/etc/out", "inside, too"),
            ("/../../outside", "inside, too"),
        ] {
            assert_eq!(read(made.path(), path).unwrap(), text, "{path}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_an_error() {
        let made = made();
        for (path, error) in [
            ("/usr/bin/none", Errno::NOENT),
            ("/etc/nowhere", Errno::NOENT),
            ("/etc/loop", Errno::LOOP),
            ("/usr/bin/tool/more", Errno::NOTDIR),
            ("/usr/bin/tool/", Errno::NOTDIR),
            ("/usr/bin/tool/.", Errno::NOTDIR),
            ("/usr/bin/tool/..", Errno::NOTDIR),
            ("/usr/bin/tool/../tool", Errno::NOTDIR),
            ("/etc/absolute/", Errno::NOTDIR),
            ("/etc/absolute/.", Errno::NOTDIR),
            ("/etc/slash", Errno::NOTDIR),
        ] {
            let said = read(made.path(), path).unwrap_err();
            assert_eq!(said.raw_os_error(), Some(error.raw_os_error()), "{path}");
        }
    }

    #[test]
    fn directories_are_opened_by_every_spelling() {
        let made = made();
        let root = fs::File::open(made.path().join("root")).unwrap();
        let inode = |path: &str, wanted| {
            let found = open(root.as_fd(), path.as_bytes(), wanted).unwrap();
            fstat(&found).unwrap().st_ino
        };
        let same = |one: &str, other: &str, wanted| {
            assert_eq!(inode(one, wanted), inode(other, wanted), "{one} {other}");
        };
        for wanted in [Wanted::Anything, Wanted::Directory] {
            same("/", "/etc/up", wanted);
            same("/usr/bin", "/bin", wanted);
            same("/usr/bin", "/bin/", wanted);
            same("/usr/bin", "/usr/bin/", wanted);
            same("/usr/bin", "/usr/bin/.", wanted);
            same("/usr", "/usr/bin/..", wanted);
        }
    }

    /// The number of descriptors in a walk is bounded, and so is the work.
    #[test]
    fn deep_and_endless_paths_are_refused() {
        let made = made();
        let deepest = "root".to_owned() + &"/d".repeat(MAX_LEVELS + 1);
        fs::create_dir_all(made.path().join(&deepest)).unwrap();
        symlink("d/..//".repeat(200), made.path().join("root/long")).unwrap();
        let at = |levels: usize| "/d".repeat(levels) + "/none";
        for (path, error) in [
            (at(MAX_LEVELS), Errno::NOENT),
            (at(MAX_LEVELS + 1), Errno::NAMETOOLONG),
            ("/usr/..".repeat(MAX_STEPS / 2 + 1), Errno::NAMETOOLONG),
            ("/long/long".to_owned(), Errno::NAMETOOLONG),
        ] {
            let said = read(made.path(), &path).unwrap_err();
            assert_eq!(said.raw_os_error(), Some(error.raw_os_error()), "{path}");
        }
    }

    /// Opening a device can have effects, and a FIFO's other end sees it.
    #[test]
    fn what_is_no_file_is_not_even_opened() {
        let made = made();
        let fifo = made.path().join("root/fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let opened = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
        for path in [&fifo, &made.path().join("root/usr/bin/tool")] {
            inotify::add_watch(&opened, path, inotify::WatchFlags::OPEN).unwrap();
        }
        let mut buffer = [MaybeUninit::uninit(); 512];
        let mut events = inotify::Reader::new(&opened, &mut buffer);
        let said = read(made.path(), "/fifo").unwrap_err();
        assert_eq!(said.kind(), io::ErrorKind::InvalidInput);
        assert!(events.next().is_err(), "the FIFO was opened");
        let root = fs::File::open(made.path().join("root")).unwrap();
        let said = open(root.as_fd(), b"/fifo", Wanted::Directory).unwrap_err();
        assert_eq!(said.raw_os_error(), Some(Errno::NOTDIR.raw_os_error()));
        assert!(events.next().is_err(), "the FIFO was opened");
        read(made.path(), "/usr/bin/tool").unwrap();
        assert!(events.next().is_ok(), "openings are seen");
    }
}
