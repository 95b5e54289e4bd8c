//! What the rows of the editor are made of.

use adw::prelude::*;
use gtk::accessible::{Property, Relation, State};

use super::Input;
use crate::i18n::gettext;
use crate::model::form::{Kind, UserKind};
use crate::widgets::choice;

/// Tells the editor.
pub(super) type Tell = std::rc::Rc<dyn Fn(Input)>;

/// An entry that saves the rule with Enter, if there is nothing wrong with it.
pub(super) fn entry(title: &str, text: &str) -> adw::EntryRow {
    adw::EntryRow::builder()
        .title(title)
        .use_underline(true)
        .use_markup(false)
        .activates_default(true)
        .text(text)
        .build()
}

fn combo(title: &str, labels: &[String]) -> adw::ComboRow {
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let row = choice::row(title, &labels);
    row.set_use_underline(true);
    row
}

/// A combo row, and the entry that some of its choices need.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) choice: adw::ComboRow,
    pub(super) entry: adw::EntryRow,
}

impl Pair {
    pub(super) fn new<K: Kind>(title: &str, offered: &[K], value: &(K, String)) -> Self {
        let labels: Vec<String> = offered.iter().map(|kind| kind.label()).collect();
        let pair = Self {
            choice: combo(title, &labels),
            entry: entry("", ""),
        };
        pair.set(value);
        pair
    }

    pub(super) fn set<K: Kind>(&self, value: &(K, String)) {
        self.entry.set_text(&value.1);
        self.choice.set_selected(value.0.position());
    }

    pub(super) fn value<K: Kind>(&self, before: &K) -> (K, String) {
        let kind = K::at(self.choice.selected()).unwrap_or(*before);
        (kind, self.entry.text().into())
    }

    pub(super) fn show<K: Kind>(&self, kind: K) {
        let title = kind.entry();
        self.entry.set_visible(title.is_some());
        if let Some(title) = title.filter(|title| *title != self.entry.title()) {
            self.entry.set_title(&title);
        }
    }
}

/// Everybody, one of the people on this computer, or another user by name or number.
#[derive(Debug)]
pub(super) struct UserRows {
    pub(super) choice: adw::ComboRow,
    pub(super) entry: adw::EntryRow,
    people: Vec<String>,
}

impl UserRows {
    pub(super) fn new(people: &[String], value: &(UserKind, String)) -> Self {
        let mut labels = vec![UserKind::Any.label()];
        labels.extend_from_slice(people);
        labels.push(gettext("Another user"));
        let title = UserKind::One.entry().unwrap_or_default();
        let rows = Self {
            choice: combo(&gettext("_User"), &labels),
            entry: entry(&title, ""),
            people: people.to_vec(),
        };
        let known = people.iter().position(|name| *name == value.1);
        let position = match (value.0, known) {
            (UserKind::Any, _) => 0,
            (UserKind::One, Some(known)) => known + 1,
            (UserKind::One, None) => {
                rows.entry.set_text(&value.1);
                people.len() + 1
            }
        };
        rows.choice
            .set_selected(u32::try_from(position).unwrap_or(0));
        rows
    }

    pub(super) fn value(&self) -> (UserKind, String) {
        let position = usize::try_from(self.choice.selected()).unwrap_or(0);
        match position.checked_sub(1) {
            None => (UserKind::Any, String::new()),
            Some(person) => {
                let known = self.people.get(person).cloned();
                (
                    UserKind::One,
                    known.unwrap_or_else(|| self.entry.text().into()),
                )
            }
        }
    }

    /// Shows the entry where it is needed.
    pub(super) fn show(&self) {
        let another = usize::try_from(self.choice.selected());
        self.entry
            .set_visible(another.is_ok_and(|position| position > self.people.len()));
    }
}

/// Where it is said what is wrong with a field, or good to know about it; hidden while nothing is.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) row: adw::PreferencesRow,
    label: gtk::Label,
    of: Vec<gtk::Widget>,
}

impl Message {
    /// The place for what is said of a field: of the first of these widgets that is there.
    pub(super) fn new(of: &[&gtk::Widget]) -> Self {
        let label = gtk::Label::builder()
            .wrap(true)
            .wrap_mode(gtk::pango::WrapMode::WordChar)
            .xalign(0.0)
            .margin_top(9)
            .margin_bottom(9)
            .margin_start(12)
            .margin_end(12)
            .css_classes(["caption"])
            .build();
        let row = adw::PreferencesRow::builder()
            .child(&label)
            .activatable(false)
            .focusable(false)
            // A list passes by rows that are insensitive; at others that take no focus Tab ends.
            .sensitive(false)
            .css_classes(["message"])
            .visible(false)
            .build();
        let of: Vec<_> = of.iter().map(|widget| (*widget).clone()).collect();
        for widget in of.iter().flat_map(spoken) {
            widget.update_relation(&[Relation::ErrorMessage(&[label.upcast_ref()])]);
        }
        Self { row, label, of }
    }

    /// Says what is wrong, or else what is good to know.
    pub(super) fn say(&self, problem: Option<&str>, hint: Option<&str>) {
        let said = problem.or(hint);
        self.row.set_visible(said.is_some());
        self.label.set_label(said.unwrap_or_default());
        mark(&self.label, "error", problem.is_some());
        mark(&self.label, "dim-label", problem.is_none());
        let mut there = self.of.iter().filter(|widget| widget.get_visible());
        let meant = there.next();
        for widget in &self.of {
            let said = said.filter(|_| Some(widget) == meant);
            let wrong = said.is_some() && problem.is_some();
            mark(widget, "error", wrong);
            for widget in spoken(widget) {
                describe(&widget, said, wrong);
            }
        }
    }
}

/// A widget, and the one inside that has the focus in its place.
fn spoken(widget: &gtk::Widget) -> impl Iterator<Item = gtk::Widget> {
    let editable = widget.dynamic_cast_ref::<gtk::Editable>();
    let inner = editable.and_then(EditableExt::delegate);
    let inner = inner.and_then(|inner| inner.dynamic_cast::<gtk::Widget>().ok());
    [widget.clone()].into_iter().chain(inner)
}

fn describe(widget: &gtk::Widget, said: Option<&str>, wrong: bool) {
    let invalid = match wrong {
        true => gtk::AccessibleInvalidState::True,
        false => gtk::AccessibleInvalidState::False,
    };
    widget.update_state(&[State::Invalid(invalid)]);
    match said {
        Some(said) => widget.update_property(&[Property::Description(said)]),
        None => widget.reset_property(gtk::AccessibleProperty::Description),
    }
}

fn mark(widget: &impl IsA<gtk::Widget>, class: &str, on: bool) {
    match on {
        true => widget.add_css_class(class),
        false => widget.remove_css_class(class),
    }
}
