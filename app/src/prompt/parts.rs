//! The kinds of widgets that the prompt is made of.

use adw::prelude::*;
use gtk::pango;

use crate::shortcuts;
use crate::widgets::choice as choices;

pub(super) fn column(spacing: i32) -> gtk::Box {
    gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .spacing(spacing)
        .build()
}

pub(super) fn heading(style: &str) -> gtk::Label {
    let label = gtk::Label::builder()
        .css_classes([style])
        .justify(gtk::Justification::Center)
        .wrap(true)
        .wrap_mode(pango::WrapMode::WordChar)
        .lines(3)
        .ellipsize(pango::EllipsizeMode::End)
        .build();
    unhyphenated(label.upcast_ref());
    label
}

/// Has nothing added where lines end: with a hyphen in it, a name or a path is another one.
fn unhyphenated(widget: &gtk::Widget) {
    if let Some(label) = widget.downcast_ref::<gtk::Label>() {
        let attributes = pango::AttrList::new();
        attributes.insert(pango::AttrInt::new_insert_hyphens(false));
        label.set_attributes(Some(&attributes));
    }
    let mut child = widget.first_child();
    while let Some(inner) = child {
        unhyphenated(&inner);
        child = inner.next_sibling();
    }
}

pub(super) fn note(style: &str) -> gtk::Label {
    gtk::Label::builder()
        .css_classes([style])
        .wrap(true)
        .xalign(0.0)
        .visible(false)
        .build()
}

/// A warning, which colour alone would not make one.
pub(super) fn sign(warning: &str) -> gtk::Box {
    let label = note("warning");
    label.set_label(warning);
    label.set_hexpand(true);
    label.set_visible(true);
    let icon = gtk::Image::builder()
        .icon_name("dialog-warning-symbolic")
        .valign(gtk::Align::Start)
        .css_classes(["warning"])
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    let sign = gtk::Box::builder().spacing(12).build();
    sign.append(&icon);
    sign.append(&label);
    sign
}

pub(super) fn fact(title: &str) -> adw::ActionRow {
    let row = adw::ActionRow::builder()
        .title(title)
        .use_markup(false)
        .subtitle_lines(3)
        .subtitle_selectable(true)
        .css_classes(["property"])
        .build();
    unhyphenated(row.upcast_ref());
    row
}

pub(super) fn choice(title: &str) -> adw::ComboRow {
    let row = choices::row(title, &[]);
    // Below the title there is room for long names.
    row.set_use_subtitle(true);
    unhyphenated(row.upcast_ref());
    row
}

pub(super) fn button(label: &str, style: &str) -> gtk::Button {
    let button = gtk::Button::builder()
        .label(label)
        .use_underline(true)
        .height_request(42)
        .css_classes([style])
        .sensitive(false)
        .build();
    if let Some(key) = shortcuts::of_label(label) {
        button.set_tooltip_text(Some(&shortcuts::spoken(&key)));
        button.update_property(&[gtk::accessible::Property::KeyShortcuts(&key)]);
    }
    button
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[gtk::test]
    fn nothing_is_added_to_names_where_lines_end() {
        adw::init().unwrap();
        let fact = fact("Program");
        fact.set_subtitle("/usr/bin/program");
        let choice = choice("Applies To");
        let heading = heading("title-2");
        heading.set_label("example.org");
        for widget in [
            fact.upcast_ref::<gtk::Widget>(),
            choice.upcast_ref(),
            heading.upcast_ref(),
        ] {
            let labels = testing::all::<gtk::Label>(widget);
            assert!(!labels.is_empty());
            for label in labels {
                let attributes = label.attributes().unwrap().to_string();
                assert!(attributes.contains("insert-hyphens false"), "{attributes}");
            }
        }
    }
}
