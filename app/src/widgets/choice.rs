//! Combo rows whose choices can be read in full.

use adw::prelude::*;
use gtk::pango;

/// Replaces what a combo row offers. Its own labels would be cut after twenty characters.
pub fn offer(row: &adw::ComboRow, labels: &[&str], selected: u32) {
    if row.factory().is_none() {
        row.set_factory(Some(&factory(1.0)));
        row.set_list_factory(Some(&factory(0.0)));
    }
    row.set_model(Some(&gtk::StringList::new(labels)));
    row.set_selected(selected);
}

/// A combo row that offers these.
#[must_use]
pub fn row(title: &str, labels: &[&str]) -> adw::ComboRow {
    let row = adw::ComboRow::builder()
        .title(title)
        .use_markup(false)
        .build();
    offer(&row, labels, 0);
    row
}

fn factory(xalign: f32) -> gtk::SignalListItemFactory {
    let factory = gtk::SignalListItemFactory::new();
    factory.connect_setup(move |_, item| {
        let label = gtk::Label::builder()
            .xalign(xalign)
            .ellipsize(pango::EllipsizeMode::End)
            .build();
        if let Some(item) = item.downcast_ref::<gtk::ListItem>() {
            item.set_child(Some(&label));
        }
    });
    factory.connect_bind(|_, item| {
        let Some(item) = item.downcast_ref::<gtk::ListItem>() else {
            return;
        };
        let text = item.item().and_downcast::<gtk::StringObject>();
        if let (Some(label), Some(text)) = (item.child().and_downcast::<gtk::Label>(), text) {
            label.set_label(&text.string());
        }
    });
    factory
}
