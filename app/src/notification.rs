//! Notifications of the desktop.

use gtk::gio;
use gtk::gio::prelude::*;

use crate::model::safeguard::Change;

/// A later notification takes the place of the one before: only one of both can be true.
const SAFEGUARD: &str = "safeguard";

/// Tells the user that Safeguard has begun or ended, also where no window is open. A click on it
/// activates `action`.
pub fn of_safeguard(application: &impl IsA<gio::Application>, change: Change, action: &str) {
    let notification = gio::Notification::new(&change.title());
    notification.set_body(Some(&change.body()));
    notification.set_priority(match change {
        // Not urgent, which is for what must not wait at all: this ends by itself.
        Change::Entered => gio::NotificationPriority::High,
        Change::Left { .. } => gio::NotificationPriority::Normal,
    });
    notification.set_default_action(action);
    application.send_notification(Some(SAFEGUARD), &notification);
}
