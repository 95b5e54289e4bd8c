//! The AppImage a program says it is from.
//!
//! An AppImage mounts itself below `/tmp` and runs a program from there. Anybody can make such a
//! directory, mount on it, and set the variable that names the AppImage, so this is no more than
//! what the program says.

use bastion_policy::escape;

/// Most bytes read of a program's environment.
pub(super) const LIMIT: usize = 128 * 1024;

const MOUNTS: &str = "/tmp/.mount_";
/// Characters at random after the beginning of the AppImage's name.
const RANDOM: usize = 6;

/// The AppImage of an executable with this path: the path of its file as the environment has it,
/// or else the beginning of its name. Escaped and shortened for display.
pub(super) fn of(path: &str, environment: impl FnOnce() -> Option<Vec<u8>>) -> Option<String> {
    // The path of a file that only the process itself sees leads through it.
    let seen = match path.strip_prefix("/proc/") {
        Some(rest) => rest.split_once("/root").map_or(path, |(_, seen)| seen),
        None => path,
    };
    let (mount, _) = seen.strip_prefix(MOUNTS)?.split_once('/')?;
    if let Some(file) = environment().as_deref().and_then(variable) {
        return Some(file);
    }
    let end = mount.char_indices().rev().nth(RANDOM - 1)?.0;
    mount
        .get(..end)
        .filter(|name| !name.is_empty())
        .map(escape::excerpt)
}

fn variable(environment: &[u8]) -> Option<String> {
    environment
        .split(|&b| b == 0)
        .find_map(|variable| variable.strip_prefix(b"APPIMAGE="))
        .filter(|value| value.starts_with(b"/"))
        .map(|value| {
            let cut = value.get(..4096).unwrap_or(value);
            escape::bytes(cut)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATH: &str = "/tmp/.mount_Toolx0aB3cd/usr/bin/tool";

    #[test]
    fn it_is_what_the_program_says() {
        let environment = b"HOME=/home/u\0APPIMAGE=/home/u/Tool x\n.AppImage\0A=b".to_vec();
        for path in [PATH, &format!("/proc/42/root{PATH}")] {
            assert_eq!(
                of(path, || Some(environment.clone())).as_deref(),
                Some("/home/u/Tool x\\x0a.AppImage")
            );
            assert_eq!(of(path, || None).as_deref(), Some("Toolx"));
        }
        let relative = b"APPIMAGE=x".to_vec();
        assert_eq!(of(PATH, || Some(relative)).as_deref(), Some("Toolx"));
    }

    #[test]
    fn other_programs_are_not_even_asked() {
        for path in [
            "/usr/bin/tool",
            "/tmp/.mount_x",
            "/proc/42/exe",
            "/home/.mount_Toolx0aB3/a",
        ] {
            assert_eq!(of(path, || panic!("asked")), None, "{path}");
        }
        assert_eq!(of("/tmp/.mount_0aB3cd/x", || None), None);
    }

    proptest! {
        #[test]
        fn anything_is_survived(mount in ".{0,9}", environment: Vec<u8>) {
            if let Some(text) = of(&format!("/tmp/.mount_{mount}/x"), || Some(environment)) {
                prop_assert!(escape::is_printable(&text));
            }
        }
    }
}
