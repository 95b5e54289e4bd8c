//! Where on the machine a file is that a process sees elsewhere.
//!
//! Any user may make a mount namespace of their own (user_namespaces(7)) and mount anything
//! anywhere in it; the path in `/proc/PID/exe` is then whatever they like, `/usr/bin/curl` say.
//! What can't be made up is which mount the file was opened on and which directory of which file
//! system that mount shows: `/proc/PID/mountinfo`, proc_pid_mountinfo(5).

/// One line of `mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub id: u64,
    /// `major:minor` of the file system.
    device: Vec<u8>,
    /// The directory of the file system that is mounted.
    root: Vec<u8>,
    /// Where it is mounted.
    point: Vec<u8>,
}

/// The lines that can be read.
pub(super) fn parse(table: &[u8]) -> Vec<Mount> {
    table.split(|&b| b == b'\n').filter_map(line).collect()
}

fn line(text: &[u8]) -> Option<Mount> {
    let mut words = text.split(|&b| b == b' ');
    let id = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let device = words.nth(1)?.to_vec();
    let root = unescape(words.next()?);
    let point = unescape(words.next()?);
    Some(Mount {
        id,
        device,
        root,
        point,
    })
}

/// `\040` and the like (`mangle_path`: space, tab, newline, backslash, number sign).
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let code = after.first_chunk().filter(|_| first == b'\\');
        match code.and_then(octal) {
            Some(byte) => {
                out.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

fn octal(digits: &[u8; 3]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

/// The path on the machine of the file with this path on mount `id` of the table `seen`; `machine`
/// has the machine's own table. Several, where the machine has it mounted several times.
pub(super) fn on_machine(path: &[u8], id: u64, seen: &[Mount], machine: &[Mount]) -> Vec<Vec<u8>> {
    if machine.iter().any(|mount| mount.id == id) {
        return vec![path.to_vec()];
    }
    let Some(mount) = seen.iter().find(|mount| mount.id == id) else {
        // Not attached anywhere any more.
        return Vec::new();
    };
    let Some(below) = strip(path, &mount.point) else {
        return Vec::new();
    };
    of_file(&mount.device, &join(&mount.root, below), machine)
}

/// The device (`major:minor`) of the file system on mount `id`.
pub(super) fn device(id: u64, mounts: &[Mount]) -> Option<Vec<u8>> {
    let mount = mounts.iter().find(|mount| mount.id == id)?;
    Some(mount.device.clone())
}

/// The paths on the machine of the file with this path within the file system on this device
/// (`major:minor`), whose own table `machine` is; the smallest mounted part of the file system
/// first.
pub(super) fn of_file(device: &[u8], inside: &[u8], machine: &[Mount]) -> Vec<Vec<u8>> {
    let mut found: Vec<&Mount> = machine
        .iter()
        .filter(|own| own.device == device && strip(inside, &own.root).is_some())
        .collect();
    found.sort_by_key(|own| std::cmp::Reverse(own.root.len()));
    found
        .iter()
        .filter_map(|own| Some(join(&own.point, strip(inside, &own.root)?)))
        .collect()
}

/// What is left of an absolute path below a directory: empty, or starting with a slash.
fn strip<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    path.strip_prefix(directory)
        .filter(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

fn join(directory: &[u8], below: &[u8]) -> Vec<u8> {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    [directory, below].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MACHINE: &[u8] = b"28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
        90 28 8:2 / /home rw,relatime shared:40 - ext4 /dev/sda2 rw\n\
        95 28 7:3 / /snap/firefox/4848 ro,nodev shared:50 - squashfs /dev/loop3 ro\n\
        96 28 8:3 /@home\\040x /data rw - btrfs /dev/sda3 rw\n";
    /// A Flatpak, and a bind mount of a user's file onto another's name.
    const SEEN: &[u8] = b"410 400 8:1 /var/lib/flatpak/runtime/org.gnome.Platform/x86_64/48/abc/files /usr ro - ext4 /dev/sda1 rw\n\
        411 400 8:1 /var/lib/flatpak/app/org.mozilla.firefox/x86_64/stable/def/files /app ro - ext4 /dev/sda1 rw\n\
        412 400 8:2 /mallory/firefox /usr/bin/firefox rw - ext4 /dev/sda2 rw\n\
        413 400 0:99 / /tmp rw - tmpfs tmpfs rw\n\
        414 400 8:3 /@home\\040x/y /z rw - btrfs /dev/sda3 rw\n";

    fn machine_path(path: &str, id: u64) -> Vec<String> {
        on_machine(path.as_bytes(), id, &parse(SEEN), &parse(MACHINE))
            .into_iter()
            .map(|p| String::from_utf8(p).unwrap())
            .collect()
    }

    #[test]
    fn a_sandbox_is_seen_through() {
        assert_eq!(
            machine_path("/app/bin/firefox", 411),
            ["/var/lib/flatpak/app/org.mozilla.firefox/x86_64/stable/def/files/bin/firefox"]
        );
        assert_eq!(machine_path("/z/q", 414), ["/data/y/q"]);
    }

    #[test]
    fn a_false_name_is_seen_through() {
        assert_eq!(
            machine_path("/usr/bin/firefox", 412),
            ["/home/mallory/firefox"]
        );
    }

    #[test]
    fn what_the_machine_does_not_see_has_no_path() {
        assert!(machine_path("/tmp/x", 413).is_empty());
        assert!(machine_path("/usr/bin/firefox", 999).is_empty(), "detached");
        assert!(
            machine_path("/usrx/bin", 410).is_empty(),
            "no such directory"
        );
    }

    #[test]
    fn the_machines_own_mounts_need_no_translation() {
        assert_eq!(machine_path("/usr/bin/curl", 28), ["/usr/bin/curl"]);
    }

    #[test]
    fn a_file_is_found_wherever_its_file_system_is_mounted() {
        let at = |device: &str, inside: &str| {
            of_file(device.as_bytes(), inside.as_bytes(), &parse(MACHINE))
                .into_iter()
                .map(|path| String::from_utf8(path).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(at("8:1", "/usr/bin/curl"), ["/usr/bin/curl"]);
        assert_eq!(at("8:3", "/@home x/y"), ["/data/y"]);
        assert!(at("8:3", "/elsewhere").is_empty());
        assert!(at("0:99", "/usr/bin/curl").is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(table: Vec<u8>, path: Vec<u8>, id: u64) {
            let mounts = parse(&table);
            let _ = on_machine(&path, id, &mounts, &mounts);
            let _ = unescape(&table);
        }
    }
}
