//! The Flatpak or Snap a program belongs to.
//!
//! Only one thing about it can't be faked by any other program of the same user: the place of
//! the executable on the machine, in a directory that only root writes. Each of the usual signs
//! can be:
//! - the cgroup (`app-flatpak-ID-….scope`, `snap.NAME.….scope`): every user's service manager
//!   makes scopes of any name on request, `systemd-run --user --scope --unit=…`;
//! - `/.flatpak-info` below `/proc/PID/root`: anyone may make a namespace with such a file;
//! - the AppArmor label `snap.NAME.APP`: an unconfined program may take it on,
//!   `aa-exec -p …`;
//! - the mount `/tmp/.mount_NAME…` of an AppImage: anyone may make such a directory, and mount
//!   on it with fusermount. There is no other sign of an AppImage, so none is ever reported.
//!
//! So an app is named if its own file was executed: a Flatpak of the system-wide installation
//! (a user's own installation is the user's to write) or a Snap. A program of an app that is
//! run by an interpreter of its runtime is seen as that interpreter, by its path.

use super::AppId;

const FLATPAKS: &str = "/var/lib/flatpak/app/";
/// Where Snaps are mounted: Debian and Ubuntu, and distributions without `/snap`.
const SNAPS: [&str; 2] = ["/snap/", "/var/lib/snapd/snap/"];

impl AppId {
    /// The app that owns the executable with this path on the machine.
    #[must_use]
    pub fn owner_of(path: &str) -> Option<Self> {
        if let Some(below) = path.strip_prefix(FLATPAKS) {
            return app("flatpak", below);
        }
        let below = SNAPS.iter().find_map(|dir| path.strip_prefix(*dir))?;
        app("snap", below).filter(|app| !is_base(app.id()))
    }
}

fn app(kind: &str, below: &str) -> Option<AppId> {
    let (name, _file) = below.split_once('/')?;
    format!("{kind}:{name}").parse().ok()
}

/// Snaps that others run their programs from; a rule for one would be a rule for all.
fn is_base(name: &str) -> bool {
    let version = name.strip_prefix("core");
    version.is_some_and(|v| v.bytes().all(|b| b.is_ascii_digit()))
        || matches!(name, "bare" | "bin" | "snapd")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> Option<String> {
        AppId::owner_of(path).map(|app| app.to_string())
    }

    #[test]
    fn the_place_names_the_app() {
        for (path, app) in [
            (
                "/var/lib/flatpak/app/org.mozilla.firefox/x86_64/stable/ab/files/lib/firefox/firefox",
                "flatpak:org.mozilla.firefox",
            ),
            ("/snap/firefox/4848/usr/lib/firefox/firefox", "snap:firefox"),
            (
                "/var/lib/snapd/snap/hello-world/29/bin/echo",
                "snap:hello-world",
            ),
        ] {
            assert_eq!(text(path).as_deref(), Some(app));
        }
    }

    #[test]
    fn what_others_can_write_names_none() {
        for path in [
            "/home/u/.local/share/flatpak/app/org.mozilla.firefox/x/firefox",
            "/home/u/snap/firefox/1/firefox",
            "/tmp/.mount_Toolx0aB3/usr/bin/tool",
            "/var/lib/flatpak/runtime/org.gnome.Platform/x86_64/48/ab/files/bin/python3",
            "/snap/core22/1380/usr/bin/python3",
            "/snap/core/1/bin/sh",
            "/snap/bin/firefox",
            "/snap/firefox",
            "/var/lib/flatpak/app/a b/x",
        ] {
            assert_eq!(text(path), None, "{path}");
        }
    }
}
