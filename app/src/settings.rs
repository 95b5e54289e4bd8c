//! What the app remembers for its user.

use gtk::gio;
use gtk::prelude::*;

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
        self.0
            .as_ref()
            .map_or_else(String::new, |settings| settings.string(key).into())
    }

    /// Remembers a text.
    pub fn set_text(&self, key: &str, value: &str) {
        if let Some(settings) = &self.0
            && let Err(error) = settings.set_string(key, value)
        {
            tracing::warn!(key, %error, "a setting could not be remembered");
        }
    }

    /// A remembered yes or no; no where nothing is remembered.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.0
            .as_ref()
            .is_some_and(|settings| settings.boolean(key))
    }

    /// Remembers a yes or no.
    pub fn set_flag(&self, key: &str, value: bool) {
        if let Some(settings) = &self.0
            && let Err(error) = settings.set_boolean(key, value)
        {
            tracing::warn!(key, %error, "a setting could not be remembered");
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
