//! Widgets and helpers that several pages share.

pub mod cells;
pub mod chart;
pub mod choice;
pub mod outage;
pub mod program;
pub mod radio;
pub mod sorted;
pub mod sync;
pub mod text_cell;
pub mod toast;

use gtk::prelude::*;

/// Has a screen reader say something at once. The window says it: screen readers know that from
/// the beginning, and what is in it only once they have looked.
pub(crate) fn announce(widget: &impl IsA<gtk::Widget>, text: &str) {
    let window = widget.root().and_downcast::<gtk::Window>();
    if let Some(window) = window {
        window.announce(text, gtk::AccessibleAnnouncementPriority::High);
    }
}
