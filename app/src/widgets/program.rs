//! Names and icons of programs, from the desktop files the system itself installed.
//!
//! A desktop file of the user's own is no evidence: any program of theirs can write one, and call
//! itself what it likes. Paths are always shown besides.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use bastion_ipc::names::APP_ID;
use bastion_ipc::wire::Event;
use bastion_policy::escape;
use gtk::prelude::*;
use gtk::{gio, glib};

use crate::model::details::Face;
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

/// What an entry of the menu says of a program. It can be read in one thread and shown in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    name: String,
    /// As `g_icon_to_string` writes it; none if it has none, or one that can't be written.
    icon: Option<String>,
}

impl Entry {
    fn of(app: &gio::AppInfo) -> Self {
        let icon = app.icon().and_then(|icon| IconExt::to_string(&icon));
        Self {
            name: escape::excerpt(&app.display_name()),
            icon: icon.map(Into::into),
        }
    }

    /// How to show it.
    #[must_use]
    pub fn look(&self) -> Look {
        Look {
            name: self.name.clone(),
            icon: self.icon().unwrap_or_else(|| themed(ANY_PROGRAM)),
        }
    }

    fn icon(&self) -> Option<gio::Icon> {
        gio::Icon::for_string(self.icon.as_ref()?).ok()
    }
}

/// What the system itself installed, by the file name of its program and by that of its entry.
static INSTALLED: OnceLock<HashMap<String, Entry>> = OnceLock::new();

/// Has what is installed read once a window has been drawn, so that nothing has to wait for it later.
/// Beside the first frame it would have that come later. The language must be set by then.
pub fn read_ahead(window: &impl IsA<gtk::Widget>) {
    window.connect_map(|window| {
        let before_frame = Cell::new(true);
        window.add_tick_callback(move |_, _| {
            if before_frame.replace(false) {
                return glib::ControlFlow::Continue;
            }
            read();
            glib::ControlFlow::Break
        });
    });
}

fn read() {
    let read = || {
        INSTALLED.get_or_init(installed_applications);
    };
    let thread = std::thread::Builder::new().name("applications".into());
    if let Err(error) = thread.spawn(read) {
        tracing::debug!(%error, "the applications are read when they are needed");
    }
}

/// How to show the program at a path, or `kernel`, `unknown`, `flatpak:ID`, and the like.
#[must_use]
pub fn look(path: &str) -> Look {
    let installed = INSTALLED.get_or_init(installed_applications);
    let found = key(path).and_then(|key| installed.get(&key));
    Look {
        name: found.map_or_else(|| names::program(path), |entry| entry.name.clone()),
        icon: found
            .and_then(Entry::icon)
            .unwrap_or_else(|| themed(fallback(path))),
    }
}

fn themed(name: &str) -> gio::Icon {
    gio::ThemedIcon::new(name).upcast()
}

/// How to show a program that the helper asks about. Only what is proven has a name other than
/// that of its file.
#[must_use]
pub fn look_as(face: &Face, path: &str) -> Look {
    match face {
        Face::Application { entry, name, icon } => Look {
            name: translated(entry, name).unwrap_or_else(|| name.clone()),
            icon: named_icon(icon),
        },
        // What it is called in the menu is another program's name, or may be.
        Face::Program | Face::Unknown => Look {
            name: names::program(path),
            icon: themed(fallback(path)),
        },
    }
}

/// The name of an application in the user's language, from the very entry that has this name.
fn translated(entry: &str, name: &str) -> Option<String> {
    if entry.is_empty() || entry.contains('/') {
        return None;
    }
    let group = glib::KEY_FILE_DESKTOP_GROUP;
    SYSTEM_DIRS.iter().find_map(|dir| {
        let file = glib::KeyFile::new();
        let flags = glib::KeyFileFlags::NONE;
        file.load_from_file(Path::new(dir).join(entry), flags)
            .ok()?;
        if file.string(group, "Name").ok()? != name {
            return None;
        }
        let translated = file.locale_string(group, "Name", None).ok()?;
        Some(escape::excerpt(&translated))
    })
}

/// The icon of a desktop entry: a name in the theme or an absolute path.
fn named_icon(icon: &str) -> gio::Icon {
    let path = Path::new(icon);
    if path.is_absolute() && path.exists() {
        return gio::FileIcon::new(&gio::File::for_path(path)).upcast();
    }
    let names = [icon, ANY_PROGRAM];
    let names: Vec<_> = names
        .into_iter()
        .filter(|name| !name.is_empty() && !name.contains('/'))
        .collect();
    gio::ThemedIcon::from_names(&names).upcast()
}

/// The icon of programs that have none of their own.
const ANY_PROGRAM: &str = "application-x-executable";

fn fallback(path: &str) -> &'static str {
    match path {
        "kernel" => "computer",
        "unknown" => "dialog-question-symbolic",
        Event::BASTION => APP_ID,
        _ => ANY_PROGRAM,
    }
}

/// By which a program is found among the installed applications.
fn key(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        let (_, id) = path.split_once(':')?;
        return Some(format!("{id}.desktop"));
    }
    let in_system = PROGRAM_DIRS.iter().any(|dir| path.starts_with(dir));
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    (in_system && !INTERPRETERS.contains(&name)).then(|| name.to_owned())
}

/// An application of the menu.
#[derive(Clone, Debug)]
pub struct Application {
    /// The command line that starts it.
    pub command: String,
    /// How to show it; none where its entry is not the system's own, and may say what it likes.
    pub entry: Option<Entry>,
}

/// What the menu has, by name. Reads many files: it is not for the thread that draws.
#[must_use]
pub fn applications() -> Vec<Application> {
    let shown = gio::AppInfo::all()
        .into_iter()
        .filter(gio::AppInfo::should_show);
    let of_menu = |app: gio::AppInfo| {
        let command = app.commandline()?;
        Some(Application {
            command: command.to_str()?.to_owned(),
            entry: by_system(&app).then(|| Entry::of(&app)),
        })
    };
    let mut all: Vec<Application> = shown.filter_map(of_menu).collect();
    all.sort_by_cached_key(|app| app.entry.as_ref().map(|entry| entry.name.to_lowercase()));
    all
}

/// True if the system itself installed this entry, and nobody put another over it.
fn by_system(app: &gio::AppInfo) -> bool {
    let Some(id) = app.id() else { return false };
    let own = glib::user_data_dir().join("applications");
    let has = |dir: &str| Path::new(dir).join(id.as_str()).exists();
    SYSTEM_DIRS.into_iter().any(has) && !own.join(id.as_str()).exists()
}

fn installed_applications() -> HashMap<String, Entry> {
    let mut found = HashMap::new();
    for app in gio::AppInfo::all().into_iter().filter(by_system) {
        let Some(id) = app.id() else { continue };
        let entry = Entry::of(&app);
        let executable = app.executable();
        if let Some(name) = executable.file_name().and_then(|name| name.to_str()) {
            found
                .entry(name.to_owned())
                .or_insert_with(|| entry.clone());
        }
        found.insert(id.into(), entry);
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
        assert_eq!(key("kernel"), None);
    }

    #[test]
    fn no_path_is_the_id_of_an_application() {
        for path in ["/home/eve/x:org.a.B", "/tmp/flatpak:org.a.B", "/:org.a.B"] {
            assert_eq!(key(path), None);
        }
        let odd = key("/usr/bin/x:org.a.B");
        assert_eq!(odd.as_deref(), Some("x:org.a.B"));
    }

    #[test]
    fn what_is_not_known_yet_has_the_name_of_its_file() {
        // Whatever is installed here.
        let names = installed_applications().into_keys();
        for name in names.chain(["firefox".into()]) {
            let shown = look_as(&Face::Unknown, &format!("/usr/bin/{name}"));
            assert_eq!(shown.name, name);
            assert_eq!(
                shown.icon.to_string(),
                gio::ThemedIcon::new(ANY_PROGRAM).to_string()
            );
        }
    }
}
