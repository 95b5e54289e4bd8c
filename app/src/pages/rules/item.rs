//! The rows of the list.

use std::cell::RefCell;
use std::rc::Rc;

use super::Input;
use crate::i18n::gettext;
use crate::model::rules::{Ends, RuleRow};
use crate::model::time;
use crate::widgets::sync::Keyed;

/// What the rows have of their page.
pub(crate) struct Page {
    told: Box<dyn Fn(Input)>,
    /// Labels on screen that change with time.
    live: RefCell<Vec<(gtk::Label, Live)>>,
}

/// What a label says about a time.
pub(crate) enum Live {
    /// How long ago it was.
    Passed(u64),
    /// How long it is until then.
    Left(Ends),
}

impl Live {
    fn show(&self, label: &gtk::Label, now: u64) {
        let text = match self {
            Self::Passed(0) => gettext("Never"),
            Self::Passed(then) => time::age(*then, now),
            Self::Left(ends) => ends.left(now),
        };
        if label.label() != text {
            label.set_label(&text);
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
        for (label, live) in self.live.borrow().iter() {
            live.show(label, now);
        }
    }

    /// Keeps a label up to date until [`Self::end`].
    pub(crate) fn begin(&self, label: &gtk::Label, live: Live) {
        live.show(label, time::now());
        self.live.borrow_mut().push((label.clone(), live));
    }

    /// The label shows something else from now on.
    pub(crate) fn end(&self, label: &gtk::Label) {
        self.live.borrow_mut().retain(|(live, _)| live != label);
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
