//! What is said for a moment.

use std::cell::Cell;

use crate::i18n::gettext;

/// Seconds in which something can be undone: twice the usual, since who regrets it reads first.
const UNDO: u32 = 10;

/// Says something. The text may be others', and is no markup.
#[must_use]
pub fn plain(text: &str) -> adw::Toast {
    adw::Toast::builder().title(text).use_markup(false).build()
}

/// Says what was done, and offers to undo it.
#[must_use]
pub fn undoable(text: &str, undo: impl FnOnce() + 'static) -> adw::Toast {
    let toast = plain(text);
    toast.set_timeout(UNDO);
    toast.set_button_label(Some(&gettext("_Undo")));
    // What can be undone is shown at once, not after what was said before.
    toast.set_priority(adw::ToastPriority::High);
    let undo = Cell::new(Some(undo));
    toast.connect_button_clicked(move |_| {
        if let Some(undo) = undo.take() {
            undo();
        }
    });
    toast
}
