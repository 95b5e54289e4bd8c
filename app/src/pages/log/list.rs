//! The log as a list of any length, of which only what is looked at is held: rows are empty until
//! the page they are on has come.

use adw::prelude::*;
use adw::subclass::prelude::*;
use bastion_ipc::wire::{Event, LogPages};
use gtk::{gio, glib};

use crate::model::connections::FlowRow;
use crate::model::log::pages::{PAGE, Page, Pages};
use crate::pages::flow_columns::HasFlow;

/// What a row shows, with the event it is of.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) event: Event,
    pub(crate) flow: FlowRow,
}

impl HasFlow for Logged {
    fn flow(&self) -> &FlowRow {
        &self.flow
    }
}

mod imp {
    use std::cell::{Cell, RefCell};

    use super::{Logged, Pages};
    use crate::model::log::cache::Cache;
    use adw::prelude::*;
    use adw::subclass::prelude::*;
    use gtk::{gio, glib};

    #[derive(Debug, Default, glib::Properties)]
    #[properties(wrapper_type = super::LogItem)]
    pub struct LogItem {
        /// True once the row has come.
        #[property(get)]
        pub(super) filled: Cell<bool>,
        pub(super) row: RefCell<Option<Logged>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for LogItem {
        const NAME: &'static str = "BastionLogItem";
        type Type = super::LogItem;
    }

    #[glib::derived_properties]
    impl ObjectImpl for LogItem {}

    type Wants = Box<dyn Fn()>;

    #[derive(Default)]
    pub struct LogList {
        pub(super) pages: RefCell<Pages>,
        pub(super) cache: RefCell<Cache<super::LogItem>>,
        pub(super) wants: RefCell<Option<Wants>>,
        /// That something is wanted was told, and nobody has asked what yet.
        pub(super) told: Cell<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for LogList {
        const NAME: &'static str = "BastionLogList";
        type Type = super::LogList;
        type Interfaces = (gio::ListModel,);
    }

    impl ObjectImpl for LogList {}

    impl ListModelImpl for LogList {
        fn item_type(&self) -> glib::Type {
            super::LogItem::static_type()
        }

        fn n_items(&self) -> u32 {
            self.pages.borrow().rows()
        }

        fn item(&self, position: u32) -> Option<glib::Object> {
            let page = self.pages.borrow().of_row(position)?;
            let place = position - page.start;
            let mut cache = self.cache.borrow_mut();
            let row = cache.row(page.newest, page.rows, place, super::LogItem::empty)?;
            let wants = !row.filled();
            drop(cache);
            if wants
                && !self.told.replace(true)
                && let Some(wants) = &*self.wants.borrow()
            {
                wants();
            }
            Some(row.upcast())
        }
    }
}

glib::wrapper! {
    /// A row; it notifies of `filled` when it has come.
    pub struct LogItem(ObjectSubclass<imp::LogItem>);
}

impl LogItem {
    fn empty() -> Self {
        glib::Object::new()
    }

    fn of(row: Logged) -> Self {
        let item = Self::empty();
        item.fill(row);
        item
    }

    fn fill(&self, row: Logged) {
        let imp = self.imp();
        imp.row.replace(Some(row));
        if !imp.filled.replace(true) {
            self.notify_filled();
        }
    }

    /// What it shows, if that has come.
    pub(crate) fn row(&self) -> std::cell::RefMut<'_, Option<Logged>> {
        self.imp().row.borrow_mut()
    }
}

glib::wrapper! {
    /// The list.
    pub struct LogList(ObjectSubclass<imp::LogList>)
        @implements gio::ListModel;
}

impl LogList {
    /// A list of nothing. `wants` is called when there are pages to ask for; see [`Self::wanted`].
    pub(crate) fn new(wants: impl Fn() + 'static) -> Self {
        let list: Self = glib::Object::new();
        list.imp().wants.replace(Some(Box::new(wants)));
        list
    }

    /// The number of the newest event; 0 if there is none.
    pub(crate) fn newest(&self) -> u64 {
        self.imp().pages.borrow().newest()
    }

    /// Begins anew with these pages, and the rows of the first of them.
    pub(crate) fn restart(&self, pages: &LogPages, first: Vec<Logged>) {
        let before = self.n_items();
        let imp = self.imp();
        imp.pages.take();
        imp.cache.take();
        imp.pages.borrow_mut().extend(&pages.pages);
        let head = imp.pages.borrow().of_row(0);
        if let Some(head) = head.filter(|head| first.len() == head.rows as usize) {
            let rows = first.into_iter().map(LogItem::of).collect();
            imp.cache.borrow_mut().insert(head.newest, rows);
        }
        self.items_changed(0, before, self.n_items());
    }

    /// Adds pages of older events.
    pub(crate) fn extend(&self, more: &LogPages) {
        let before = self.n_items();
        self.imp().pages.borrow_mut().extend(&more.pages);
        self.items_changed(before, 0, self.n_items() - before);
    }

    /// Adds new events at the beginning; they come with the newest first.
    pub(crate) fn prepend(&self, fresh: Vec<Logged>) {
        let before = self.n_items();
        for row in fresh.into_iter().rev() {
            self.prepend_one(row);
        }
        self.items_changed(0, 0, self.n_items() - before);
    }

    fn prepend_one(&self, row: Logged) {
        let imp = self.imp();
        let (mut pages, mut cache) = (imp.pages.borrow_mut(), imp.cache.borrow_mut());
        let id = row.event.id;
        if id <= pages.newest() {
            return;
        }
        let head = pages.of_row(0).filter(|head| head.rows < PAGE);
        let known = head.and_then(|head| cache.take(head.newest));
        pages.prepend(id, known.is_some());
        let mut rows = known.unwrap_or_default();
        rows.insert(0, LogItem::of(row));
        cache.insert(id, rows);
    }

    /// The page to ask for next, if any.
    pub(crate) fn wanted(&self) -> Option<Page> {
        let imp = self.imp();
        imp.told.set(false);
        loop {
            let newest = imp.cache.borrow_mut().wanted()?;
            match imp.pages.borrow().named(newest) {
                Some(page) => return Some(page),
                None => imp.cache.borrow_mut().failed(newest),
            }
        }
    }

    /// Fills the rows of a page that came. Where some are missing, they were removed from the log,
    /// and so was all that is older.
    pub(crate) fn fill(&self, page: Page, rows: Vec<Logged>) {
        let imp = self.imp();
        let empty = imp.cache.borrow_mut().answered(page.newest);
        let come = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        for (item, row) in empty.iter().zip(rows) {
            item.fill(row);
        }
        if come < page.rows {
            let before = self.n_items();
            imp.pages.borrow_mut().cut(page.newest, come);
            let left = self.n_items();
            self.items_changed(left, before - left, 0);
        }
    }

    /// A page could not be had.
    pub(crate) fn failed(&self, page: Page) {
        self.imp().cache.borrow_mut().failed(page.newest);
    }
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
