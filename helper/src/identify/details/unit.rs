//! The systemd unit a process belongs to, read from its path in the cgroup hierarchy.
//!
//! systemd makes a cgroup for each unit and names it after the unit, below the slices it is in
//! (systemd.slice(5)). The units of a user's own service manager are below that manager's,
//! `user@UID.service`; those of a login session are in `session-ID.scope`.

use std::fmt;

/// Longest name of a unit: `UNIT_NAME_MAX`, systemd.unit(5).
const LONGEST: usize = 255;

/// The kinds of units that have processes, without slices, which have none of their own.
const KINDS: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// A unit with processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name, such as `cron.service`; printable ASCII.
    pub name: String,
    /// True for a unit of the user's own service manager. Any program of the user can have one
    /// of any name made; a unit of the system takes an administrator.
    pub of_user: bool,
}

impl Unit {
    /// The id of the application this unit was started for, by the form of names that desktops
    /// agreed on: `app[-LAUNCHER]-ID-RANDOM.scope` and `app[-LAUNCHER]-ID[@RANDOM].service`.
    pub(super) fn application(&self) -> Option<String> {
        let name = self.name.strip_prefix("app-")?;
        let name = match name.strip_suffix(".service") {
            Some(name) => name.split_once('@').map_or(name, |(name, _)| name),
            None => name.strip_suffix(".scope")?.rsplit_once('-')?.0,
        };
        let id = name.rsplit('-').next()?;
        Some(id.replace("\\x2d", "-")).filter(|id| !id.is_empty())
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The unit that a cgroup with this path, escaped as in
/// [`Process::cgroup`](bastion_policy::process::Process::cgroup), belongs to.
pub(super) fn of(cgroup: &str) -> Option<Unit> {
    let mut inner = parts(cgroup).skip_while(|part| is_slice(part));
    let system = inner.next()?;
    let manager = is_manager(&system);
    let own = inner
        .by_ref()
        .find(|part| !is_slice(part))
        .filter(|_| manager)
        .and_then(|part| unit(&part, true));
    own.or_else(|| unit(&system, false))
}

/// The components of a cgroup's path as they are. One that has a character which no unit's name
/// has is given as nothing.
pub(super) fn parts(cgroup: &str) -> impl Iterator<Item = String> {
    cgroup
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| plain(part).unwrap_or_default())
}

/// A component without its escapes: the one of `bastion_policy::escape`, which doubles the
/// backslash, and systemd's, which puts an underscore before names that would clash with the
/// kernel's files.
fn plain(part: &str) -> Option<String> {
    let mut plain = String::with_capacity(part.len());
    for (index, piece) in part.split("\\\\").enumerate() {
        if index > 0 {
            plain.push('\\');
        }
        plain.push_str(piece);
        if piece.contains('\\') {
            return None;
        }
    }
    Some(
        plain
            .strip_prefix('_')
            .map_or_else(|| plain.clone(), str::to_owned),
    )
}

fn is_slice(part: &str) -> bool {
    part.ends_with(".slice") && is_name(part)
}

/// True for a user's service manager.
fn is_manager(part: &str) -> bool {
    part.strip_prefix("user@")
        .and_then(|rest| rest.strip_suffix(".service"))
        .is_some_and(|uid| uid.parse::<u32>().is_ok())
}

fn unit(part: &str, of_user: bool) -> Option<Unit> {
    let stem = KINDS.iter().find_map(|kind| part.strip_suffix(kind))?;
    (!stem.is_empty() && is_name(part)).then(|| Unit {
        name: part.to_owned(),
        of_user,
    })
}

/// The characters of a unit's name: systemd.unit(5).
fn is_name(part: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    part.len() <= LONGEST && part.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bastion_policy::escape;
    use proptest::prelude::*;

    fn named(path: &str) -> Option<(String, bool)> {
        of(&escape::printable(path)).map(|unit| (unit.name, unit.of_user))
    }

    #[test]
    fn services_scopes_and_sessions() {
        for (path, name, of_user) in [
            ("/system.slice/cron.service", "cron.service", false),
            (
                "/system.slice/system-getty.slice/getty@tty1.service",
                "getty@tty1.service",
                false,
            ),
            ("/init.scope", "init.scope", false),
            (
                "/user.slice/user-1000.slice/session-2.scope",
                "session-2.scope",
                false,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox\\x2desr-4242.scope",
                "app-gnome-firefox\\x2desr-4242.scope",
                true,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/session.slice/org.gnome.Shell@wayland.service",
                "org.gnome.Shell@wayland.service",
                true,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/init.scope",
                "init.scope",
                true,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service",
                "user@1000.service",
                false,
            ),
            // A service that makes cgroups of its own.
            (
                "/system.slice/docker.service/inner/a",
                "docker.service",
                false,
            ),
            // A name that would clash with a file of the kernel's.
            ("/system.slice/_cgroup.service", "cgroup.service", false),
        ] {
            assert_eq!(named(path), Some((name.into(), of_user)), "{path}");
        }
    }

    #[test]
    fn what_is_no_unit_has_none() {
        for path in [
            "",
            "/",
            "/../../system.slice",
            "/..",
            "/user.slice",
            "/docker/0123456789abcdef",
            "/system.slice/.service",
            "/system.slice/a b.service",
            "/system.slice/a\u{202e}b.service",
        ] {
            assert_eq!(named(path), None, "{path}");
        }
        assert_eq!(named(&format!("/{}.service", "a".repeat(300))), None);
    }

    #[test]
    fn a_users_service_is_not_taken_for_one_of_the_system() {
        let path = "/user.slice/user-1000.slice/user@1000.service/system.slice/cron.service";
        assert_eq!(named(path), Some(("cron.service".into(), true)));
    }

    #[test]
    fn the_application_of_a_unit() {
        for (name, id) in [
            ("app-gnome-firefox\\x2desr-4242.scope", Some("firefox-esr")),
            ("app-org.gnome.Maps-77.scope", Some("org.gnome.Maps")),
            ("app-gnome-org.gnome.Maps-77.scope", Some("org.gnome.Maps")),
            ("app-org.kde.kate@1f2e.service", Some("org.kde.kate")),
            ("app-nm\\x2dapplet@autostart.service", Some("nm-applet")),
            ("app-.scope", None),
            ("app--1.scope", None),
            ("cron.service", None),
            ("app-x.slice", None),
        ] {
            let unit = Unit {
                name: name.into(),
                of_user: true,
            };
            assert_eq!(unit.application().as_deref(), id, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_survived(path in "(/([a-z@.\\\\_-]{0,8}|user@1000.service|app.slice|app-.{0,9}.scope)){0,6}", bytes: Vec<u8>) {
            for text in [path.as_str(), &escape::bytes(&bytes)] {
                if let Some(unit) = of(text) {
                    prop_assert!(escape::is_printable(&unit.name));
                    prop_assert!(unit.name.len() <= LONGEST);
                    let _ = unit.application();
                }
            }
        }
    }
}
