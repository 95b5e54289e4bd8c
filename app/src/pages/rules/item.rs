//! The rows of the list.

use std::cell::RefCell;
use std::rc::Rc;

use gtk::prelude::*;

use super::Input;
use crate::i18n::gettext;
use crate::model::rules::{Ends, RuleRow};
use crate::model::time;
use crate::widgets::cells;
use crate::widgets::sync::Keyed;

/// What the rows have of their page.
pub(crate) struct Page {
    told: Box<dyn Fn(Input)>,
    /// Texts on screen that change with time, by the widgets that show them.
    live: RefCell<Vec<(gtk::Widget, Live)>>,
}

/// What a widget says about a time.
pub(crate) enum Live {
    /// How long ago it was.
    Passed(u64),
    /// How long it is until then.
    Left(Ends),
}

impl Live {
    fn show(&self, widget: &gtk::Widget, now: u64) {
        let text = match self {
            Self::Passed(0) => gettext("Never"),
            Self::Passed(then) => time::age(*then, now),
            Self::Left(ends) => ends.left(now),
        };
        if let Some(label) = widget.downcast_ref::<gtk::Label>() {
            if label.label() != text {
                label.set_label(&text);
            }
        } else if let Some(cell) = widget.downcast_ref::<gtk::Inscription>() {
            cells::show_text(cell, &text);
        }
    }
}

impl Page {
    /// `told` hears what the user does in a row.
    pub(crate) fn new(told: impl Fn(Input) + 'static) -> Self {
        Self {
            told: Box::new(told),
            live: RefCell::default(),
        }
    }

    /// Tells the page what the user does.
    pub(crate) fn act(&self, message: Input) {
        (self.told)(message);
    }

    /// Shows what time it is.
    pub(crate) fn tick(&self) {
        let now = time::now();
        for (widget, live) in self.live.borrow().iter() {
            live.show(widget, now);
        }
    }

    /// Keeps a label or an inscription up to date until [`Self::end`].
    pub(crate) fn begin(&self, widget: &impl IsA<gtk::Widget>, live: Live) {
        let widget = widget.upcast_ref();
        live.show(widget, time::now());
        self.live.borrow_mut().push((widget.clone(), live));
    }

    /// It shows something else from now on.
    pub(crate) fn end(&self, widget: &impl IsA<gtk::Widget>) {
        let widget = widget.upcast_ref();
        self.live.borrow_mut().retain(|(live, _)| live != widget);
    }
}

/// A row, and the page it is on.
pub(crate) struct Item {
    pub(crate) row: RuleRow,
    pub(crate) page: Rc<Page>,
}

impl Item {
    pub(crate) fn new(row: RuleRow, page: Rc<Page>) -> Self {
        Self { row, page }
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.row == other.row
    }
}

impl Keyed for Item {
    type Key = String;
    fn key(&self) -> String {
        self.row.id.clone()
    }
}
