//! What a path leads to below a directory, as for a process that has this directory as its root.
//!
//! openat2(2) with `RESOLVE_IN_ROOT` does the same, but where a unit has `RestrictSUIDSGID=` on,
//! as the helper's has, systemd lets nobody call it: its filters can't see the mode that is in it.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

/// Most links that are followed, as many as the kernel does: path_resolution(7).
const MAX_LINKS: usize = 40;

/// Opens what an absolute path leads to below `root`. Links are followed by their text, those to
/// absolute paths from `root`, and `..` never leads out of it.
///
/// # Errors
/// As open(2).
pub(super) fn open(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let looked_at = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // The directories from the root down to where the walk is, and the names yet to go, the next
    // one last.
    let mut above: Vec<OwnedFd> = Vec::new();
    let mut ahead = Vec::new();
    add(&mut ahead, path);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        if name == b".." {
            above.pop();
            continue;
        }
        let here = above.last().map_or(root, |directory| directory.as_fd());
        let there = openat(here, name.as_slice(), looked_at, Mode::empty())?;
        if FileType::from_raw_mode(fstat(&there)?.st_mode) == FileType::Symlink {
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::LOOP.into());
            }
            // An empty name means the link itself.
            let target = readlinkat(&there, "", Vec::new())?.into_bytes();
            if target.starts_with(b"/") {
                above.clear();
            }
            add(&mut ahead, &target);
        } else if !ahead.is_empty() {
            above.push(there);
        } else if flags.contains(OFlags::PATH) {
            return Ok(there);
        } else {
            // Should a link be there by now, it is not followed.
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            return Ok(openat(here, name.as_slice(), flags, Mode::empty())?);
        }
    }
    let here = above.last().map_or(root, |directory| directory.as_fd());
    Ok(openat(here, ".", flags | OFlags::CLOEXEC, Mode::empty())?)
}

/// Puts the names of a path before those that are ahead.
fn add(ahead: &mut Vec<Vec<u8>>, path: &[u8]) {
    let names = path.rsplit(|&b| b == b'/');
    let names = names.filter(|name| !name.is_empty() && *name != b".");
    ahead.extend(names.map(<[u8]>::to_vec));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;
    use std::path::Path;

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
            ("etc/nowhere", "/nothing"),
        ] {
            symlink(to, at("root").join(link)).unwrap();
        }
        directory
    }

    fn read(directory: &Path, path: &str) -> io::Result<String> {
        let root = fs::File::open(directory.join("root"))?;
        let found = open(root.as_fd(), path.as_bytes(), OFlags::RDONLY)?;
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
        ] {
            let said = read(made.path(), path).unwrap_err();
            assert_eq!(said.raw_os_error(), Some(error.raw_os_error()), "{path}");
        }
    }

    #[test]
    fn directories_are_opened_by_every_spelling() {
        let made = made();
        let root = fs::File::open(made.path().join("root")).unwrap();
        let inode = |path: &str, flags| {
            let found = open(root.as_fd(), path.as_bytes(), flags).unwrap();
            fstat(&found).unwrap().st_ino
        };
        let same = |one: &str, other: &str, flags| {
            assert_eq!(inode(one, flags), inode(other, flags), "{one} {other}");
        };
        for flags in [OFlags::PATH, OFlags::RDONLY | OFlags::DIRECTORY] {
            same("/", "/etc/up", flags);
            same("/usr/bin", "/bin", flags);
            same("/usr/bin", "/usr/bin/", flags);
            same("/usr", "/usr/bin/..", flags);
        }
    }
}
