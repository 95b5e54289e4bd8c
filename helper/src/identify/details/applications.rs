//! Which of the installed applications a program is.
//!
//! Only entries that root installed count: a user's own are the user's programs' to write. And an
//! entry names a program only if it starts that very file, if it is of the Flatpak or Snap the
//! program is proven to belong to, or if both are of one package and the file is in a directory
//! of the application's own. What else points to an entry, such as the name of the systemd unit,
//! is a program's own word and only chooses among these.

use bastion_policy::process::{FileId, Process};

use super::desktop::{self, Entry};
use super::interpreters;
use super::machine::{Machine, Stamp};

const DIRECTORIES: [&str; 4] = [
    "/usr/local/share/applications",
    "/usr/share/applications",
    FLATPAKS,
    "/var/lib/snapd/desktop/applications",
];
const FLATPAKS: &str = "/var/lib/flatpak/exports/share/applications";
const PACKAGES: &str = "/usr/share/applications";

/// Directories in which each file is a program of its own.
const SHARED: [&str; 12] = [
    "/usr/bin",
    "/usr/sbin",
    "/bin",
    "/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/games",
    "/usr/local/games",
    "/usr/libexec",
    "/usr/lib",
    "/lib",
    "/opt",
];

/// Largest entry, in bytes; those with all translations have some 50 KiB.
const MAX_ENTRY: u64 = 1024 * 1024;
/// Most entries of a directory.
const MAX_ENTRIES: usize = 4096;

/// The entry of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// File name of the entry, `org.mozilla.firefox.desktop`; escaped for display.
    pub desktop_entry: String,
    /// Its name, untranslated; escaped for display.
    pub name: String,
    /// Its icon: a name in the icon theme or an absolute path; empty when it has none.
    pub icon: String,
}

/// An entry that is there.
#[derive(Debug)]
struct Installed {
    directory: &'static str,
    /// File name without `.desktop`.
    stem: String,
    entry: Entry,
}

impl Installed {
    /// True if it starts this file.
    fn starts(&self, machine: &Machine, file: FileId) -> bool {
        let places = self.entry.program.as_deref().map(desktop::places);
        let mut found = places
            .iter()
            .flatten()
            .filter_map(|place| machine.file(place.as_bytes()));
        found.next() == Some(file)
    }
}

/// The applications that are installed, as long as their directories are the same.
#[derive(Debug, Default)]
pub(super) struct Applications {
    read: Option<[Option<Stamp>; DIRECTORIES.len()]>,
    installed: Vec<Installed>,
}

impl Applications {
    /// The application that a process is. `owned` are the file names of entries that are of one
    /// package with its executable; `unit` is the id of an application that its unit names.
    pub(super) fn of(
        &mut self,
        machine: &Machine,
        process: &Process,
        owned: &[String],
        unit: Option<&str>,
    ) -> Option<Application> {
        self.read_if_changed(machine);
        let found = self.proven(machine, process, owned);
        let chosen = choose(&found, unit, process.executable.path.file_name())?;
        Some(Application {
            desktop_entry: bastion_policy::escape::printable(&format!("{}.desktop", chosen.stem)),
            name: chosen.entry.name.clone(),
            icon: chosen.entry.icon.clone(),
        })
    }

    fn read_if_changed(&mut self, machine: &Machine) {
        let now = DIRECTORIES.map(|directory| machine.stamp(directory.as_bytes()));
        if self.read == Some(now) {
            return;
        }
        let settled = now.iter().flatten().all(Stamp::is_settled);
        self.read = settled.then_some(now);
        self.installed = DIRECTORIES
            .iter()
            .flat_map(|directory| entries(machine, directory))
            .collect();
    }

    /// Those that this process may be, by what it can't have arranged itself.
    fn proven(&self, machine: &Machine, process: &Process, owned: &[String]) -> Vec<&Installed> {
        let all = |is: &dyn Fn(&Installed) -> bool| -> Vec<&Installed> {
            self.installed.iter().filter(|entry| is(entry)).collect()
        };
        if let Some(app) = &process.app {
            let app = app.to_string();
            return match app.split_once(':') {
                Some(("flatpak", id)) => {
                    all(&|of| of.directory == FLATPAKS && is_of_flatpak(of, id))
                }
                Some(("snap", name)) => all(&|of| of.entry.snap.as_deref() == Some(name)),
                _ => Vec::new(),
            };
        }
        let executable = &process.executable;
        let (Some(file), false) = (
            executable.file,
            interpreters::runs_others(executable.path.file_name()),
        ) else {
            return Vec::new();
        };
        let started = match executable.replaced {
            // What they start now is another file.
            true => Vec::new(),
            false => all(&|of| of.starts(machine, file)),
        };
        let directory = executable
            .path
            .as_str()
            .rsplit_once('/')
            .map_or("", |(at, _)| at);
        if !started.is_empty() || SHARED.contains(&directory) {
            return started;
        }
        all(&|of| {
            let name = of.stem.as_str();
            of.directory == PACKAGES
                && owned
                    .iter()
                    .any(|owned| owned.strip_suffix(".desktop") == Some(name))
        })
    }
}

fn is_of_flatpak(of: &Installed, id: &str) -> bool {
    of.stem == id || of.entry.flatpak.as_deref() == Some(id)
}

/// Of several entries the one that is meant; none where that would be a guess.
fn choose<'a>(
    found: &[&'a Installed],
    unit: Option<&str>,
    file_name: &str,
) -> Option<&'a Installed> {
    let only = |is: &dyn Fn(&Installed) -> bool| {
        let mut fitting = found.iter().filter(|entry| is(entry));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Some(*one),
            _ => None,
        }
    };
    let shown = |of: &Installed| !of.entry.hidden;
    only(&|of| Some(of.stem.as_str()) == unit)
        .or_else(|| only(&shown))
        .or_else(|| only(&|of| of.stem == file_name))
        .or_else(|| only(&|of| shown(of) && of.entry.flatpak.as_deref() == Some(of.stem.as_str())))
        .or_else(|| only(&|_| true))
}

fn entries(machine: &Machine, directory: &'static str) -> Vec<Installed> {
    let mut stems = machine
        .names(directory.as_bytes(), b".desktop")
        .unwrap_or_default();
    stems.sort();
    stems.truncate(MAX_ENTRIES);
    let entry = |stem: String| {
        let path = format!("{directory}/{stem}.desktop");
        let text = machine.read(path.as_bytes(), MAX_ENTRY).ok()?;
        Some(Installed {
            directory,
            stem,
            entry: desktop::parse(&text)?,
        })
    };
    stems.into_iter().filter_map(entry).collect()
}

#[cfg(test)]
#[path = "applications_tests.rs"]
mod tests;
