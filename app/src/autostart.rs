//! Whether the app starts with the session, so that questions can be asked from the beginning: by
//! the system's entry, before which an entry of the user's goes (the Desktop Application Autostart
//! Specification).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bastion_ipc::names;
use gtk::glib;

use crate::flatpak;

/// What the system's entry says, for where there is none.
const SHIPPED: &str = include_str!("../../data/org.bastionfirewall.Bastion.autostart.desktop");
/// The user's entry that keeps the system's from doing anything.
const OFF: &str = "[Desktop Entry]\nType=Application\nName=Bastion\nHidden=true\n";
const GROUP: &str = "Desktop Entry";
const HIDDEN: &str = "Hidden";
/// GNOME's own way to say the same.
const ENABLED: &str = "X-GNOME-Autostart-enabled";

/// Why it could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user's entry could not be written or removed.
    #[error("{}: {source}", .path.display())]
    NotWritten {
        /// The entry.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The user's entry is not one.
    #[error("{}: {source}", .path.display())]
    NotRead {
        /// The entry.
        path: PathBuf,
        /// What is wrong with it.
        source: glib::Error,
    },
}

/// The entries of one user.
#[derive(Clone, Debug)]
pub struct Autostart {
    own: PathBuf,
    /// The first that is there counts.
    system: Vec<PathBuf>,
}

impl Autostart {
    /// Those of the user of this session. `None` in a Flatpak, where no entry of the session can be
    /// seen.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        if flatpak::is_here() {
            return None;
        }
        Some(Self::within(
            &glib::user_config_dir(),
            &glib::system_config_dirs(),
        ))
    }

    fn within(own: &Path, system: &[PathBuf]) -> Self {
        let file = format!("autostart/{}.desktop", names::APP_ID);
        Self {
            own: own.join(&file),
            system: system.iter().map(|place| place.join(&file)).collect(),
        }
    }

    /// Whether the app starts with the session.
    #[must_use]
    pub fn is_on(&self) -> bool {
        let entry = std::iter::once(&self.own)
            .chain(&self.system)
            .find(|entry| entry.exists());
        entry.is_some_and(|entry| starts(entry))
    }

    /// Has the app start with the session, or not. What else a user wrote into an entry stays.
    ///
    /// # Errors
    /// If the user's entry can't be read or written; it is then as it was.
    pub fn set(&self, on: bool) -> Result<(), Error> {
        if on == self.is_on() {
            return Ok(());
        }
        if !on {
            return match self.own.exists() {
                true => self.amend(false),
                false => self.write(OFF),
            };
        }
        if std::fs::read_to_string(&self.own).is_ok_and(|entry| entry == OFF) {
            self.remove()?;
        } else if self.own.exists() {
            self.amend(true)?;
        }
        match self.is_on() {
            true => Ok(()),
            // There is no other entry, or it does nothing.
            false => self.write(SHIPPED),
        }
    }

    fn amend(&self, on: bool) -> Result<(), Error> {
        let entry = read(&self.own).map_err(|source| Error::NotRead {
            path: self.own.clone(),
            source,
        })?;
        entry.set_boolean(GROUP, HIDDEN, !on);
        if on {
            entry.set_boolean(GROUP, ENABLED, true);
        }
        self.write(&entry.to_data())
    }

    /// Writes the user's entry as a whole: whoever reads meanwhile sees the one before.
    fn write(&self, entry: &str) -> Result<(), Error> {
        let directory = self.own.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = directory.and_then(|()| {
            glib::file_set_contents(&self.own, entry.as_bytes()).map_err(std::io::Error::other)
        });
        written.map_err(|source| self.not_written(source))
    }

    fn remove(&self) -> Result<(), Error> {
        match std::fs::remove_file(&self.own) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.not_written(error)),
            _ => Ok(()),
        }
    }

    fn not_written(&self, source: std::io::Error) -> Error {
        Error::NotWritten {
            path: self.own.clone(),
            source,
        }
    }
}

fn read(entry: &Path) -> Result<glib::KeyFile, glib::Error> {
    let file = glib::KeyFile::new();
    let all = glib::KeyFileFlags::KEEP_COMMENTS | glib::KeyFileFlags::KEEP_TRANSLATIONS;
    file.load_from_file(entry, all)?;
    Ok(file)
}

fn starts(entry: &Path) -> bool {
    let Ok(entry) = read(entry) else {
        return false;
    };
    let says = |key, value| entry.boolean(GROUP, key) == Ok(value);
    !says(HIDDEN, true) && !says(ENABLED, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Home {
        directory: tempfile::TempDir,
        autostart: Autostart,
    }

    impl Home {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let place = |name: &str| directory.path().join(name);
            let autostart = Autostart::within(&place("own"), &[place("first"), place("second")]);
            Self {
                autostart,
                directory,
            }
        }

        fn put(&self, place: &str, entry: &str) {
            let at = self.entry(place);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, entry).unwrap();
        }

        fn entry(&self, place: &str) -> PathBuf {
            let place = self.directory.path().join(place).join("autostart");
            place.join("org.bastionfirewall.Bastion.desktop")
        }

        fn own(&self) -> Option<String> {
            std::fs::read_to_string(self.entry("own")).ok()
        }

        fn switch(&self, on: bool) {
            self.autostart.set(on).unwrap();
            assert_eq!(self.autostart.is_on(), on);
        }
    }

    #[test]
    fn the_entry_of_the_system_is_overridden_and_heard_again() {
        let home = Home::new();
        home.put("second", SHIPPED);
        assert!(home.autostart.is_on());
        home.switch(true);
        assert_eq!(home.own(), None, "nothing had to be written");
        home.switch(false);
        assert_eq!(home.own().as_deref(), Some(OFF));
        home.switch(true);
        assert_eq!(home.own(), None);
    }

    #[test]
    fn without_an_entry_of_the_system_there_is_one_of_the_users() {
        let home = Home::new();
        assert!(!home.autostart.is_on());
        home.switch(true);
        assert_eq!(home.own().as_deref(), Some(SHIPPED));
        home.switch(false);
        home.switch(true);
        // As good as none: an administrator switched it off.
        let home = Home::new();
        home.put("first", OFF);
        home.put("second", SHIPPED);
        assert!(!home.autostart.is_on());
        home.switch(true);
        assert_eq!(home.own().as_deref(), Some(SHIPPED));
    }

    #[test]
    fn what_a_user_wrote_stays() {
        let home = Home::new();
        home.put("second", SHIPPED);
        let own = "# mine\n[Desktop Entry]\nType=Application\nName[nl]=Bastion\nExec=slowly bastion\nX-GNOME-Autostart-enabled=false\n";
        home.put("own", own);
        assert!(!home.autostart.is_on());
        home.switch(true);
        let kept = home.own().unwrap();
        for line in ["# mine", "Exec=slowly bastion", "Name[nl]=Bastion"] {
            assert!(kept.contains(line), "{kept}");
        }
        home.switch(false);
        assert!(home.own().unwrap().contains("Exec=slowly bastion"));
    }

    #[test]
    fn an_entry_that_is_none_is_left_alone() {
        let home = Home::new();
        home.put("own", "no entry");
        assert!(!home.autostart.is_on());
        assert!(matches!(
            home.autostart.set(true),
            Err(Error::NotRead { .. })
        ));
        assert_eq!(home.own().as_deref(), Some("no entry"));
        // A file where the directory should be.
        let home = Home::new();
        std::fs::write(home.directory.path().join("own"), "").unwrap();
        assert!(matches!(
            home.autostart.set(true),
            Err(Error::NotWritten { .. })
        ));
    }
}
