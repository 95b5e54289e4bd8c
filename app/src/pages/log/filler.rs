//! Fills the cells of the log's table: those in sight at once, the others a few rows at a time.
//!
//! GTK keeps some two hundred rows around those in sight. After a jump all of them show other events,
//! and to lay out the text of all their cells takes longer than a frame may.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use gtk::glib;
use gtk::prelude::*;

/// Rows out of sight that are filled between two frames.
const AHEAD: usize = 4;

/// Shows in a cell what it is bound to.
pub(super) type Fill = Rc<dyn Fn(&gtk::ListItem)>;

type Cells = Vec<(gtk::ListItem, Fill)>;

/// The cells of a table that wait to be filled.
pub(super) struct Filler {
    view: glib::WeakRef<gtk::ColumnView>,
    waiting: RefCell<HashMap<gtk::ListItem, Fill>>,
    ticking: Cell<bool>,
}

impl Filler {
    pub(super) fn new(view: &gtk::ColumnView) -> Rc<Self> {
        Rc::new(Self {
            view: view.downgrade(),
            waiting: RefCell::default(),
            ticking: Cell::new(false),
        })
    }

    /// Has a cell filled: before the next frame if it is in sight by then.
    pub(super) fn wait(self: &Rc<Self>, item: &gtk::ListItem, fill: &Fill) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.insert(item.clone(), fill.clone());
        drop(waiting);
        if let Some(view) = self.view.upgrade()
            && !self.ticking.replace(true)
        {
            let filler = Rc::downgrade(self);
            view.add_tick_callback(move |view, _| match filler.upgrade() {
                Some(filler) => filler.fill(view),
                None => glib::ControlFlow::Break,
            });
        }
    }

    /// Fills a cell that shows nothing any more off the list.
    pub(super) fn forget(&self, item: &gtk::ListItem) {
        self.waiting.borrow_mut().remove(item);
    }

    fn fill(&self, view: &gtk::ColumnView) -> glib::ControlFlow {
        let (now, later) = self.turns(view);
        for (item, fill) in now {
            fill(&item);
        }
        let more = !later.is_empty();
        self.waiting.borrow_mut().extend(later);
        self.ticking.set(more);
        more.into()
    }

    /// The cells whose turn it is, and the others.
    fn turns(&self, view: &gtk::ColumnView) -> (Cells, Cells) {
        let mut rows: BTreeMap<u32, Cells> = BTreeMap::new();
        for (item, fill) in self.waiting.take() {
            rows.entry(item.position()).or_default().push((item, fill));
        }
        let seen = in_sight(view);
        let distance = |row: &u32| match *row {
            row if row < seen.start => seen.start - row,
            row if row < seen.end => 0,
            row => row - seen.end + 1,
        };
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(|(row, _)| distance(row));
        let in_sight = rows.partition_point(|(row, _)| distance(row) == 0);
        let later = rows.split_off(rows.len().min(in_sight + AHEAD));
        let cells = |rows: Vec<(u32, Cells)>| rows.into_iter().flat_map(|(_, cells)| cells);
        (cells(rows).collect(), cells(later).collect())
    }
}

/// The rows in sight, by where the table is scrolled to: all rows are of about the same height.
fn in_sight(view: &gtk::ColumnView) -> std::ops::Range<u32> {
    let rows = view.model().map_or(0, |model| model.n_items());
    let Some(at) = view.vadjustment().filter(|at| at.upper() > 0.0) else {
        return 0..rows;
    };
    let row = |place: f64| place / at.upper() * f64::from(rows);
    // Bounded by the number of rows.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = |row: f64| row.clamp(0.0, f64::from(rows)) as u32;
    whole(row(at.value()).floor() - 1.0)..whole(row(at.value() + at.page_size()).ceil() + 1.0)
}
