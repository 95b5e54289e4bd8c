//! Names and icons of programs, from the desktop files the system itself installed.
//!
//! A desktop file of the user's own is no evidence: any program of theirs can write one, and call
//! itself what it likes. Paths are always shown besides.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;

use gtk::gio;
use gtk::prelude::*;

use crate::model::names;

/// Where the system keeps desktop files.
const SYSTEM_DIRS: [&str; 4] = [
    "/usr/share/applications",
    "/usr/local/share/applications",
    "/var/lib/flatpak/exports/share/applications",
    "/var/lib/snapd/desktop/applications",
];
/// Where the system keeps programs. Elsewhere the same file name means nothing.
const PROGRAM_DIRS: [&str; 5] = ["/usr/", "/opt/", "/snap/", "/bin/", "/sbin/"];
/// Programs that run others' code; a desktop file that starts them names the other.
const INTERPRETERS: [&str; 12] = [
    "bash", "dash", "env", "flatpak", "gjs", "java", "node", "perl", "pkexec", "python3", "sh",
    "snap",
];

/// How to show a program.
#[derive(Clone, Debug)]
pub struct Look {
    /// Its name.
    pub name: String,
    /// Its icon.
    pub icon: gio::Icon,
}

/// How to show the program at a path, or `kernel`, `unknown`, `flatpak:ID`, and the like.
#[must_use]
pub fn look(path: &str) -> Look {
    thread_local! {
        static INSTALLED: OnceCell<HashMap<String, gio::AppInfo>> = const { OnceCell::new() };
    }
    let found = INSTALLED.with(|installed| {
        let installed = installed.get_or_init(installed_applications);
        installed.get(&key(path)?).cloned()
    });
    let icon = found.as_ref().and_then(gio::AppInfo::icon);
    Look {
        name: found.map_or_else(|| names::program(path), |app| app.display_name().into()),
        icon: icon.unwrap_or_else(|| gio::ThemedIcon::new(fallback(path)).upcast()),
    }
}

fn fallback(path: &str) -> &'static str {
    match path {
        "kernel" => "computer",
        "unknown" => "dialog-question-symbolic",
        _ => "application-x-executable",
    }
}

/// By which a program is found among the installed applications.
fn key(path: &str) -> Option<String> {
    if let Some((_, id)) = path.split_once(':') {
        return Some(format!("{id}.desktop"));
    }
    let in_system = PROGRAM_DIRS.iter().any(|dir| path.starts_with(dir));
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    (in_system && !INTERPRETERS.contains(&name)).then(|| name.to_owned())
}

fn installed_applications() -> HashMap<String, gio::AppInfo> {
    let own = gtk::glib::user_data_dir().join("applications");
    let mut found = HashMap::new();
    for app in gio::AppInfo::all() {
        let Some(id) = app.id() else { continue };
        let by_system = SYSTEM_DIRS
            .iter()
            .any(|dir| Path::new(dir).join(id.as_str()).exists());
        if !by_system || own.join(id.as_str()).exists() {
            continue;
        }
        let executable = app.executable();
        if let Some(name) = executable.file_name().and_then(|name| name.to_str()) {
            found.entry(name.to_owned()).or_insert_with(|| app.clone());
        }
        found.insert(id.into(), app);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_the_system_are_looked_up_by_name() {
        assert_eq!(key("/usr/bin/firefox").as_deref(), Some("firefox"));
        assert_eq!(key("/home/eve/firefox"), None);
        assert_eq!(key("/usr/bin/python3"), None);
        assert_eq!(key("flatpak:org.a.B").as_deref(), Some("org.a.B.desktop"));
    }
}
