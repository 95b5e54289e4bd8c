//! What a user sets for themselves, which no administrator has to allow.

use adw::prelude::*;

use super::rows::{chosen, combo, position, switch};
use super::say;
use crate::autostart::Autostart;
use crate::i18n::{gettext, gettext_f};
use crate::settings::{AppSettings, QUESTION_NOTIFICATIONS, SAFEGUARD_NOTIFICATIONS};

/// When the desktop notifies of questions, in the order of the row.
const WHEN: [&str; 3] = ["always", "hidden", "never"];

/// Whether the app starts with the session. `None` where it can't tell, as in a Flatpak.
pub(super) fn start(root: &adw::PreferencesDialog) -> Option<adw::SwitchRow> {
    let autostart = Autostart::of_user()?;
    let row = switch(
        &gettext("Start When I Log In"),
        &gettext(
            "So that you can be asked from the beginning. The firewall service starts with the computer.",
        ),
    );
    row.set_active(autostart.is_on());
    let dialog = root.downgrade();
    row.connect_active_notify(move |row| {
        let wanted = row.is_active();
        let Err(error) = autostart.set(wanted) else {
            return;
        };
        if let Some(root) = dialog.upgrade() {
            let why = error.to_string();
            say(
                &root,
                &gettext_f("This could not be changed: {why}", &[("why", &why)]),
            );
        }
        if autostart.is_on() != wanted {
            row.set_active(!wanted);
        }
    });
    Some(row)
}

/// When the desktop notifies of questions. `None` where nothing is remembered.
pub(super) fn question_notifications(own: &AppSettings) -> Option<adw::ComboRow> {
    own.has(QUESTION_NOTIFICATIONS).then(|| {
        let choices = [
            gettext("Always"),
            gettext("If the Prompt Is Hidden"),
            gettext("Never"),
        ];
        let row = combo(
            &gettext("Notifications of Questions"),
            &gettext("Besides the prompt, which is always shown"),
            &choices,
        );
        let before = own.text(QUESTION_NOTIFICATIONS);
        row.set_selected(position(&WHEN, &before));
        let own = own.clone();
        row.connect_selected_notify(move |row| {
            let before = own.text(QUESTION_NOTIFICATIONS);
            own.set_text(QUESTION_NOTIFICATIONS, &chosen(&WHEN, row, &before));
        });
        row
    })
}

/// Whether the desktop notifies of Safeguard. `None` where nothing is remembered.
pub(super) fn safeguard_notifications(own: &AppSettings) -> Option<adw::SwitchRow> {
    own.has(SAFEGUARD_NOTIFICATIONS).then(|| {
        let row = switch(
            &gettext("Notify Me"),
            &gettext("When Safeguard begins and ends, also while no window is open"),
        );
        own.bind_flag(SAFEGUARD_NOTIFICATIONS, &row);
        row
    })
}
