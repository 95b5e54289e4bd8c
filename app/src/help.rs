//! The manual: pages for the desktop's help viewer.

use gtk::gio;
use gtk::prelude::*;

use crate::flatpak;
use crate::i18n::gettext;

/// The manual's first page, where programs for help look for it.
const MANUAL: &str = "help:bastion";
/// Who opens the pages where nothing else is there.
const SCHEME: &str = "help";

/// Opens the manual above a window. `told` is called with a sentence where nothing can show it.
pub fn open(parent: &impl IsA<gtk::Window>, told: impl FnOnce(&str) + 'static) {
    // Else a desktop would offer to look for a program in ways that lead nowhere. From a Flatpak
    // nobody sees which programs there are.
    if !flatpak::is_here() && gio::AppInfo::default_for_uri_scheme(SCHEME).is_none() {
        told(&gettext(
            "There is no program to show help. Install the package “yelp”.",
        ));
        return;
    }
    gtk::UriLauncher::new(MANUAL).launch(Some(parent), gio::Cancellable::NONE, move |launched| {
        if let Err(error) = launched {
            tracing::warn!(%error, "the manual could not be opened");
            told(&gettext(
                "The help could not be opened. Is the package “yelp” installed?",
            ));
        }
    });
}
