//! Cells of tables.

use std::cell::RefCell;
use std::rc::Rc;

use gtk::prelude::*;
use gtk::{glib, pango};

use crate::model::verdict::Verdict;

use super::program;

/// Characters of a line that is kept short.
const SHORT: i32 = 18;

/// A line of text that is cut at its end when there is no room.
#[must_use]
pub fn line() -> gtk::Label {
    gtk::Label::builder()
        .xalign(0.0)
        .ellipsize(pango::EllipsizeMode::End)
        .build()
}

/// A line of text in a column that should not take the room of others.
#[must_use]
pub fn short_line() -> gtk::Label {
    let label = line();
    label.set_max_width_chars(SHORT);
    label
}

/// A number.
#[must_use]
pub fn number() -> gtk::Label {
    let label = line();
    label.add_css_class("numeric");
    label
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

/// Text with a tooltip, as for a line that is cut.
#[must_use]
pub fn with_tip(label: gtk::Label) -> (gtk::Label, Tip) {
    let tip = Tip::over(&label);
    (label, tip)
}

/// An icon beside a line of text, as for programs.
#[derive(Clone, Debug)]
pub struct IconCell {
    icon: gtk::Image,
    label: gtk::Label,
    tip: Tip,
}

impl IconCell {
    /// The cell and its root.
    #[must_use]
    pub fn new() -> (gtk::Box, Self) {
        let root = gtk::Box::builder().spacing(12).build();
        let icon = gtk::Image::builder()
            .pixel_size(24)
            .accessible_role(gtk::AccessibleRole::Presentation)
            .build();
        let (label, tip) = with_tip(line());
        root.append(&icon);
        root.append(&label);
        (root, Self { icon, label, tip })
    }

    /// The same, for a column that should not take the room of others.
    #[must_use]
    pub fn short() -> (gtk::Box, Self) {
        let (root, cell) = Self::new();
        cell.label.set_max_width_chars(SHORT);
        (root, cell)
    }

    /// Shows the program at a path by its name, or by `name` where none is known.
    pub fn show(&self, path: &str, name: &str) {
        if path.is_empty() {
            self.icon.set_icon_name(Some("view-app-grid-symbolic"));
            self.label.set_label(name);
            self.tip.set(name);
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
            self.label.set_label(&look.name);
            self.tip.set(path);
        }
    }
}

/// A line of text above a smaller one.
#[derive(Clone, Debug)]
pub struct TwoLines {
    first: gtk::Label,
    second: gtk::Label,
    tips: [Tip; 2],
}

impl TwoLines {
    /// The cell and its root.
    #[must_use]
    pub fn new() -> (gtk::Box, Self) {
        let root = gtk::Box::builder()
            .orientation(gtk::Orientation::Vertical)
            .valign(gtk::Align::Center)
            .build();
        let [(first, above), (second, below)] = [with_tip(line()), with_tip(line())];
        let tips = [above, below];
        second.add_css_class("caption");
        second.add_css_class("dim-label");
        root.append(&first);
        root.append(&second);
        // As high as when it shows something: a list takes the height of rows that have not come
        // for that of all.
        first.set_label(" ");
        second.set_label(" ");
        let cell = Self {
            first,
            second,
            tips,
        };
        (root, cell)
    }

    /// Shows both; an empty second line takes no room.
    pub fn show(&self, first: &str, second: &str) {
        let [above, below] = &self.tips;
        self.first.set_label(first);
        above.set(first);
        self.second.set_label(second);
        below.set(second);
        self.second.set_visible(!second.is_empty());
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
