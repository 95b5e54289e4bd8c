//! The rows of the list.

use std::cell::RefCell;
use std::rc::Rc;

use super::Input;
use crate::i18n::gettext;
use crate::model::rules::{Ends, RuleRow};
use crate::model::time;
use crate::widgets::sync::Keyed;
use crate::widgets::text_cell::TextCell;

/// What the rows have of their page.
pub(crate) struct Page {
    told: Box<dyn Fn(Input)>,
    /// What on screen changes with time.
    live: RefCell<Vec<(Place, Live)>>,
}

/// Where a row says something about a time.
#[derive(Clone, PartialEq)]
pub(crate) enum Place {
    Label(gtk::Label),
    Cell(TextCell),
}

impl From<gtk::Label> for Place {
    fn from(label: gtk::Label) -> Self {
        Self::Label(label)
    }
}

impl From<TextCell> for Place {
    fn from(cell: TextCell) -> Self {
        Self::Cell(cell)
    }
}

impl Place {
    fn text(&self, text: &str) {
        match self {
            Self::Label(label) if label.label() == text => {}
            Self::Label(label) => label.set_label(text),
            Self::Cell(cell) => cell.text(text),
        }
    }
}

/// What is said about a time.
pub(crate) enum Live {
    /// How long ago it was.
    Passed(u64),
    /// How long it is until then.
    Left(Ends),
}

impl Live {
    fn text(&self, now: u64) -> String {
        match self {
            Self::Passed(0) => gettext("Never"),
            Self::Passed(then) => time::age(*then, now),
            Self::Left(ends) => ends.left(now),
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
        for (place, live) in self.live.borrow().iter() {
            place.text(&live.text(now));
        }
    }

    /// Keeps a text up to date until [`Self::end`].
    pub(crate) fn begin(&self, place: Place, live: Live) {
        place.text(&live.text(time::now()));
        self.live.borrow_mut().push((place, live));
    }

    /// It is something else's from now on.
    pub(crate) fn end(&self, place: &Place) {
        self.live.borrow_mut().retain(|(live, _)| live != place);
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
