//! Cells of tables.

use std::cell::RefCell;
use std::rc::Rc;

use gtk::prelude::*;
use gtk::{glib, pango};

use crate::model::verdict::Verdict;

use super::program;
use super::text_cell::TextCell;

/// What boxes and icons in cells of programs and destinations are called in styles. Theme and libadwaita have rules for `box` and
/// `image` that depend on what they are within: whenever the pointer is over another row, which it is
/// in each frame of a table that scrolls by under it, the styles of all of them would be made anew.
const CELL: &str = "cell-content";

/// A line of text that is cut at its end when there is no room.
#[must_use]
pub fn line() -> gtk::Label {
    gtk::Label::builder()
        .xalign(0.0)
        .ellipsize(pango::EllipsizeMode::End)
        .build()
}

/// A button in a row, with an icon alone; see [`name`].
#[must_use]
pub fn button(icon: &str) -> gtk::Button {
    gtk::Button::builder()
        .icon_name(icon)
        .valign(gtk::Align::Center)
        .css_classes(["flat", "circular"])
        .build()
}

/// Says what a button with an icon does.
pub fn name(button: &impl IsA<gtk::Button>, label: &str) {
    let button = button.upcast_ref::<gtk::Button>();
    button.set_tooltip_text(Some(label));
    button.update_property(&[gtk::accessible::Property::Label(label)]);
}

/// A button in a row of a table; what it does is said of each row anew.
#[derive(Debug)]
pub struct RowButton {
    button: gtk::Button,
    tip: Tip,
    clicked: Option<glib::SignalHandlerId>,
}

impl RowButton {
    /// The button and its cell.
    #[must_use]
    pub fn new(icon: &str) -> (gtk::Button, Self) {
        let button = button(icon);
        let cell = Self {
            button: button.clone(),
            tip: Tip::over(&button),
            clicked: None,
        };
        (button, cell)
    }

    /// Says what it does for the row that is shown, and has it done.
    pub fn show(&mut self, label: &str, click: impl Fn() + 'static) {
        self.clear();
        self.tip.set(label);
        let property = gtk::accessible::Property::Label(label);
        self.button.update_property(&[property]);
        self.clicked = Some(self.button.connect_clicked(move |_| click()));
    }

    /// Does nothing from now on.
    pub fn clear(&mut self) {
        if let Some(handler) = self.clicked.take() {
            self.button.disconnect(handler);
        }
    }
}

/// The tooltip of a cell. GTK's own asks the display where the pointer is whenever it is set, which
/// is too slow for rows that come by while somebody scrolls.
#[derive(Clone, Debug, Default)]
pub struct Tip(Rc<RefCell<String>>);

impl Tip {
    /// A tooltip without text, for a widget.
    #[must_use]
    pub fn over(widget: &impl IsA<gtk::Widget>) -> Self {
        let tip = Self::default();
        let text = tip.0.clone();
        widget.set_has_tooltip(true);
        widget.connect_query_tooltip(move |_, _, _, _, tooltip| {
            let text = text.borrow();
            tooltip.set_text(Some(&text));
            !text.is_empty()
        });
        tip
    }

    /// Says this from now on.
    pub fn set(&self, text: &str) {
        text.clone_into(&mut self.0.borrow_mut());
    }
}

/// An icon beside a line of text, as for programs.
#[derive(Clone, Debug)]
pub struct IconCell {
    icon: gtk::Image,
    name: TextCell,
}

impl IconCell {
    /// The cell and its root, with room for so many characters.
    #[must_use]
    pub fn new(chars: u32) -> (gtk::Box, Self) {
        let root = gtk::Box::builder().css_name(CELL).spacing(12).build();
        let icon = gtk::Image::builder()
            .css_name(CELL)
            .pixel_size(24)
            .accessible_role(gtk::AccessibleRole::Presentation)
            .build();
        let (line, name) = TextCell::new(chars);
        line.set_hexpand(true);
        root.append(&icon);
        root.append(&line);
        (root, Self { icon, name })
    }

    /// Shows the program at a path by its name, or by `name` where none is known.
    pub fn show(&self, path: &str, name: &str) {
        if path.is_empty() {
            self.icon.set_icon_name(Some("view-app-grid-symbolic"));
            self.name.show(name);
        } else {
            let look = program::look(path);
            // The same one would be looked for in the theme again.
            if !self
                .icon
                .gicon()
                .is_some_and(|icon| icon.equal(Some(&look.icon)))
            {
                self.icon.set_from_gicon(&look.icon);
            }
            self.name.text(&look.name);
            self.name.tip(path);
        }
    }
}

/// A line of text above a smaller one.
#[derive(Clone, Debug)]
pub struct TwoLines {
    first: TextCell,
    second: TextCell,
}

impl TwoLines {
    /// The cell and its root, with room for so many characters.
    #[must_use]
    pub fn new(chars: u32) -> (gtk::Box, Self) {
        let root = gtk::Box::builder()
            .css_name(CELL)
            .orientation(gtk::Orientation::Vertical)
            .valign(gtk::Align::Center)
            .build();
        let [(above, first), (below, second)] = [TextCell::new(chars), TextCell::new(chars)];
        below.add_css_class("caption");
        below.add_css_class("dim-label");
        root.append(&above);
        root.append(&below);
        (root, Self { first, second })
    }

    /// Shows both; an empty second line takes no room.
    pub fn show(&self, first: &str, second: &str) {
        self.first.show(first);
        self.second.show(second);
        self.second.line().set_visible(!second.is_empty());
    }
}

/// A word on a coloured ground.
#[must_use]
pub fn pill() -> gtk::Label {
    gtk::Label::builder()
        .halign(gtk::Align::Start)
        .valign(gtk::Align::Center)
        .css_classes(["pill-label", "caption"])
        .build()
}

/// Colours a pill by a verdict.
pub fn show_verdict(pill: &gtk::Label, verdict: Verdict, text: &str) {
    // Each change of a class has all styles looked at.
    let style = verdict.style();
    for class in ["allowed", "denied", "waiting"] {
        if class != style && pill.has_css_class(class) {
            pill.remove_css_class(class);
        }
    }
    pill.add_css_class(style);
    pill.set_label(text);
}
