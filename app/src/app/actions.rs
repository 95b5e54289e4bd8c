//! What the menus, keys and notifications of the whole app can do.

use adw::prelude::*;
use bastion_ipc::names;
use gtk::gio;
use relm4::ComponentSender;

use super::{App, Input, SHOW};
use crate::i18n::gettext;
use crate::shortcuts;

/// Adds the actions, and their keys.
pub(super) fn add(application: &gtk::Application, sender: &ComponentSender<App>) {
    let act = |name: &str, input: fn() -> Input| {
        let action = gio::SimpleAction::new(name, None);
        let sender = sender.clone();
        action.connect_activate(move |_, _| sender.input(input()));
        application.add_action(&action);
    };
    act(SHOW, || Input::Activate);
    act("preferences", || Input::Preferences);
    act("help", || Input::Help);
    act("about", || Input::About);
    act("quit", || Input::Quit);
    act("shortcuts", || Input::Shortcuts);
    for (action, key) in shortcuts::OF_ACTIONS {
        application.set_accels_for_action(action, &[key]);
    }
    let activated = sender.input_sender().clone();
    application.connect_activate(move |_| {
        if activated.send(Input::Activate).is_err() {
            tracing::debug!("the app is ending");
        }
    });
}

/// The dialog that tells of the app.
pub(super) fn about() -> adw::AboutDialog {
    adw::AboutDialog::builder()
        .application_name(gettext("Bastion"))
        .application_icon(names::APP_ID)
        .version(env!("CARGO_PKG_VERSION"))
        .developer_name(gettext("The Bastion Firewall developers"))
        .website(env!("CARGO_PKG_HOMEPAGE"))
        .license_type(gtk::License::Gpl30)
        .comments(gettext("Decide which programs may use the network."))
        .build()
}
