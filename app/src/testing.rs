//! For tests of components: letting messages arrive, and finding widgets.

use std::time::Duration;

use gtk::glib;
use gtk::prelude::*;

/// Lets every message that is under way arrive.
pub(crate) fn settle() {
    let context = glib::MainContext::default();
    // A message may bring about another: what is there after three rounds is all there is.
    for _ in 0..3 {
        while context.iteration(false) {}
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every widget of a kind, in tree order.
pub(crate) fn all<W: IsA<gtk::Widget>>(root: &gtk::Widget) -> Vec<W> {
    let mut found: Vec<W> = root.downcast_ref::<W>().cloned().into_iter().collect();
    let mut child = root.first_child();
    while let Some(widget) = child {
        found.extend(all(&widget));
        child = widget.next_sibling();
    }
    found
}

/// The first widget of a kind that is wanted.
pub(crate) fn find<W: IsA<gtk::Widget>>(root: &gtk::Widget, wanted: &dyn Fn(&W) -> bool) -> W {
    let mut found = all(root).into_iter().filter(|widget| wanted(widget));
    found.next().expect("there is such a widget")
}

/// True if some label holds this text.
pub(crate) fn shows(root: &gtk::Widget, text: &str) -> bool {
    all::<gtk::Label>(root)
        .iter()
        .any(|label| label.label().contains(text))
}
