//! Rules, settings and the event log on disk.
//!
//! - [`file`]: careful reading and atomic writing, shared by all.
//! - [`edited`]: text files that people edit by hand and Bastion rewrites: a broken one changes
//!   nothing, and comments survive.
//! - [`rules`], [`settings`]: the two kinds of such files.
//! - [`log`]: decisions and hits in SQLite.
//! - [`watch`]: tells when somebody edited a file.
//!
//! Nothing here panics or gives up on what it finds on the disk. What does not work is told in
//! sentences that name the file and the remedy: the `troubles()` of each store.

pub mod edited;
pub mod error;
pub mod file;
pub mod log;
pub mod rules;
pub mod settings;
#[cfg(test)]
pub(crate) mod testing;
pub mod watch;

use std::path::{Path, PathBuf};

use bastion_policy::file::toml;
pub use bastion_policy::file::toml::TextError;
pub use edited::Reload;
pub use error::StoreError;
pub use log::{EventLog, LogReader};
pub use rules::RuleStore;
pub use settings::SettingsStore;
pub use watch::Watch;

/// Where everything lies. The directories are made by systemd (`ConfigurationDirectory=`,
/// `StateDirectory=`, and `RuntimeDirectory=` with `RuntimeDirectoryPreserve=yes`, so that
/// temporary rules outlive the helper but not the boot).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Rules that survive a restart of the computer.
    pub rules: PathBuf,
    /// Rules that don't.
    pub runtime_rules: PathBuf,
    /// The rules file as it was when it last made sense.
    pub rules_last_good: PathBuf,
    /// Settings.
    pub settings: PathBuf,
    /// The settings file as it was when it last made sense.
    pub settings_last_good: PathBuf,
    /// What a restart of the helper must not forget.
    pub state: PathBuf,
    /// Why the helper could not go on; see [`bastion_ipc::failure`].
    pub failure: PathBuf,
    /// The event log.
    pub log: PathBuf,
}

impl Paths {
    /// The places of an installed Bastion.
    #[must_use]
    pub fn system() -> Self {
        Self::under(Path::new("/"))
    }

    /// The same places below another root directory.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        let etc = root.join("etc/bastion");
        let run = root.join("run/bastion");
        let var = root.join("var/lib/bastion");
        Self {
            rules: etc.join("rules.toml"),
            runtime_rules: run.join("rules.toml"),
            rules_last_good: var.join("rules.last-good.toml"),
            settings: etc.join("settings.toml"),
            settings_last_good: var.join("settings.last-good.toml"),
            state: run.join("state.toml"),
            failure: run.join("failure"),
            log: var.join("events.db"),
        }
    }

    /// The files people may edit, for [`Watch`].
    #[must_use]
    pub fn edited(&self) -> Vec<PathBuf> {
        vec![
            self.rules.clone(),
            self.runtime_rules.clone(),
            self.settings.clone(),
        ]
    }
}
