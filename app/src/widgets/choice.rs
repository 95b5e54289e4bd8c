//! Combo rows whose choices can be read in full; those of libadwaita cut each after twenty
//! characters.

use adw::prelude::*;
use gtk::pango;

/// Characters of the choice made that stay, however little room the row has.
const SHORTEST: usize = 8;

/// A combo row that offers these.
#[must_use]
pub fn row(title: &str, labels: &[&str]) -> adw::ComboRow {
    let row = adw::ComboRow::builder()
        .title(title)
        .use_markup(false)
        .build();
    row.set_factory(Some(&shown()));
    row.set_list_factory(Some(&listed(&row)));
    offer(&row, labels, 0);
    row
}

/// Replaces what a combo row offers.
pub fn offer(row: &adw::ComboRow, labels: &[&str], selected: u32) {
    row.set_model(Some(&gtk::StringList::new(labels)));
    row.set_selected(selected);
}

/// How the choice made is shown in the row.
fn shown() -> gtk::SignalListItemFactory {
    let factory = gtk::SignalListItemFactory::new();
    factory.connect_setup(|_, item| {
        let label = gtk::Label::builder()
            .xalign(1.0)
            .ellipsize(pango::EllipsizeMode::End)
            .build();
        if let Some(item) = item.downcast_ref::<gtk::ListItem>() {
            item.set_child(Some(&label));
        }
    });
    factory.connect_bind(|_, item| {
        let item = item.downcast_ref::<gtk::ListItem>();
        let label = item.and_then(gtk::ListItem::child);
        if let (Some(item), Some(label)) = (item, label.and_downcast::<gtk::Label>()) {
            let text = text(item);
            let shortest = text.chars().count().min(SHORTEST);
            label.set_width_chars(i32::try_from(shortest).unwrap_or(-1));
            label.set_label(&text);
        }
    });
    factory
}

/// How the choices are shown in the list that opens: with a mark at the one made.
fn listed(row: &adw::ComboRow) -> gtk::SignalListItemFactory {
    let factory = gtk::SignalListItemFactory::new();
    let of = row.downgrade();
    factory.connect_setup(move |_, item| {
        let (Some(item), Some(row)) = (item.downcast_ref::<gtk::ListItem>(), of.upgrade()) else {
            return;
        };
        let line = gtk::Box::builder().spacing(6).build();
        line.append(&gtk::Label::builder().xalign(0.0).hexpand(true).build());
        let check = gtk::Image::builder()
            .icon_name("object-select-symbolic")
            .accessible_role(gtk::AccessibleRole::Presentation)
            .build();
        line.append(&check);
        item.set_child(Some(&line));
        let item = item.downgrade();
        row.connect_selected_item_notify(move |row| {
            if let Some(item) = item.upgrade() {
                mark(row, &item);
            }
        });
    });
    let of = row.downgrade();
    factory.connect_bind(move |_, item| {
        let (Some(item), Some(row)) = (item.downcast_ref::<gtk::ListItem>(), of.upgrade()) else {
            return;
        };
        let line = item.child();
        let label = line.and_then(|line| line.first_child());
        if let Some(label) = label.and_downcast::<gtk::Label>() {
            label.set_label(&text(item));
        }
        mark(&row, item);
    });
    factory
}

fn text(item: &gtk::ListItem) -> String {
    let text = item.item().and_downcast::<gtk::StringObject>();
    text.map_or_else(String::new, |text| text.string().into())
}

fn mark(row: &adw::ComboRow, item: &gtk::ListItem) {
    let chosen = item.item().is_some() && item.item() == row.selected_item();
    if let Some(check) = item.child().and_then(|line| line.last_child()) {
        check.set_opacity(f64::from(u8::from(chosen)));
    }
}
