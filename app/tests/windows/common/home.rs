//! A user's home, in which the app remembers, on a system where it is installed.

use std::path::PathBuf;
use std::process::Command;

use super::pictures;

const ENTRY: &str = "autostart/org.bastionfirewall.Bastion.desktop";
const SCHEMA: &str = "org.bastionfirewall.Bastion.gschema.xml";

/// The home of one user, new to the app.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let data = pictures::project().join("data");
        let system = home.place("system");
        let entry = system.join(ENTRY);
        std::fs::create_dir_all(entry.parent().unwrap()).unwrap();
        let shipped = data.join("org.bastionfirewall.Bastion.autostart.desktop");
        std::fs::copy(shipped, entry).unwrap();
        std::fs::copy(data.join(SCHEMA), system.join(SCHEMA)).unwrap();
        let compiled = Command::new("glib-compile-schemas").arg(&system).status();
        assert!(
            compiled
                .expect("glib-compile-schemas is installed")
                .success()
        );
        home
    }

    /// The home of one who has seen the assistant of the first run.
    pub fn used() -> Self {
        let home = Self::new();
        let kept = home.place("own/glib-2.0/settings");
        std::fs::create_dir_all(&kept).unwrap();
        let seen = "[org/bastionfirewall/Bastion]\nfirst-run-done=true\n";
        std::fs::write(kept.join("keyfile"), seen).unwrap();
        home
    }

    fn place(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The variables with which the app lives there.
    pub fn variables(&self) -> Vec<String> {
        let system = self.place("system").display().to_string();
        vec![
            "GSETTINGS_BACKEND=keyfile".into(),
            format!("GSETTINGS_SCHEMA_DIR={system}"),
            format!("XDG_CONFIG_DIRS={system}"),
            format!("XDG_CONFIG_HOME={}", self.place("own").display()),
            pictures::with_icons(),
        ]
    }

    /// The user's own entry of what starts with the session.
    pub fn autostart(&self) -> Option<String> {
        std::fs::read_to_string(self.place("own").join(ENTRY)).ok()
    }
}
