//! What the app remembers for its user.

use gtk::gio;
use gtk::prelude::*;

/// Whether the user has seen the assistant of the first run.
pub const FIRST_RUN_DONE: &str = "first-run-done";
/// When the desktop notifies of questions.
pub const QUESTION_NOTIFICATIONS: &str = "question-notifications";
/// Whether the desktop notifies of Safeguard.
pub const SAFEGUARD_NOTIFICATIONS: &str = "safeguard-notifications";

/// The user's settings of the app, where its schema is installed; without it nothing is
/// remembered.
#[derive(Clone, Debug)]
pub struct AppSettings(Option<gio::Settings>);

impl AppSettings {
    /// The settings of this user.
    #[must_use]
    pub fn load() -> Self {
        // gio::Settings::new ends the program when the schema is missing.
        let source = gio::SettingsSchemaSource::default();
        let schema = source.and_then(|source| source.lookup(bastion_ipc::names::APP_ID, true));
        if schema.is_none() {
            tracing::warn!("the settings schema is not installed; nothing will be remembered");
        }
        Self(schema.map(|_| gio::Settings::new(bastion_ipc::names::APP_ID)))
    }

    /// Settings that forget.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// A remembered text, or an empty one.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        // An older schema may be installed, and what it does not have ends the program.
        let settings = self.0.as_ref().filter(|_| self.has(key));
        settings.map_or_else(String::new, |settings| settings.string(key).into())
    }

    /// Remembers a text.
    pub fn set_text(&self, key: &str, value: &str) {
        if let Some(settings) = self.0.as_ref().filter(|_| self.has(key))
            && let Err(error) = settings.set_string(key, value)
        {
            tracing::warn!(key, %error, "a setting could not be remembered");
        }
    }

    /// Whether there is such a setting; what is not there can't be remembered.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        let schema = self.0.as_ref().and_then(gio::Settings::settings_schema);
        schema.is_some_and(|schema| schema.has_key(key))
    }

    /// Whether a setting is on; `None` where it can't be remembered.
    #[must_use]
    pub fn flag(&self, key: &str) -> Option<bool> {
        let settings = self.0.as_ref().filter(|_| self.has(key))?;
        Some(settings.boolean(key))
    }

    /// Remembers whether a setting is on.
    pub fn set_flag(&self, key: &str, value: bool) {
        if let Some(settings) = self.0.as_ref().filter(|_| self.has(key))
            && let Err(error) = settings.set_boolean(key, value)
        {
            tracing::warn!(key, %error, "a setting could not be remembered");
        }
    }

    /// Keeps a switch as a setting is, and the setting as the switch.
    pub fn bind_flag(&self, key: &str, switch: &adw::SwitchRow) {
        if let Some(settings) = self.0.as_ref().filter(|_| self.has(key)) {
            settings.bind(key, switch, "active").build();
        }
    }

    /// Keeps a window's size and state.
    pub fn bind_window(&self, window: &impl IsA<gtk::Window>) {
        if let Some(settings) = &self.0 {
            let window = window.as_ref();
            settings
                .bind("window-width", window, "default-width")
                .build();
            settings
                .bind("window-height", window, "default-height")
                .build();
            settings
                .bind("window-maximized", window, "maximized")
                .build();
        }
    }
}
