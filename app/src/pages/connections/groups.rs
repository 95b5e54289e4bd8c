//! Connections grouped by program: a heading above those of each.

use gtk::glib;
use gtk::prelude::*;

use super::row::Row;
use crate::i18n::ngettext_f;
use crate::model::connections::FlowRow;
use crate::model::names;
use crate::pages::flow_columns::HasFlow as _;
use crate::widgets::cells::IconCell;
use crate::widgets::sync::{Table, show_beginning, sorting};

/// What groups the rows of a table.
pub(super) struct Grouping {
    view: glib::WeakRef<gtk::ColumnView>,
    sorting: Option<gtk::SortListModel>,
    program: Option<gtk::ColumnViewColumn>,
}

impl Grouping {
    pub(super) fn of(table: &Table<Row>) -> Self {
        Self {
            view: table.view.downgrade(),
            sorting: sorting(table),
            program: table.get_columns().get("program").cloned(),
        }
    }

    /// Groups them, or no longer. The headings name the programs, so that the rows need not.
    pub(super) fn show(&self, grouped: bool) {
        let sorter = grouped.then(by_program);
        let factory = grouped.then(headings);
        if let Some(sorting) = &self.sorting {
            sorting.set_section_sorter(sorter.as_ref());
        }
        if let Some(view) = self.view.upgrade() {
            view.set_header_factory(factory.as_ref());
            // The row that was seen first is elsewhere now.
            if view.model().is_some_and(|model| model.n_items() > 0) {
                show_beginning(&view);
            }
        }
        if let Some(program) = &self.program {
            program.set_visible(!grouped);
        }
    }
}

fn by_program() -> gtk::CustomSorter {
    gtk::CustomSorter::new(|one, other| {
        with_flow(one, |one| {
            with_flow(other, |other| {
                let by_name = one.program_order.cmp(&other.program_order);
                by_name.then_with(|| one.program_path.cmp(&other.program_path))
            })
        })
        .flatten()
        .map_or(gtk::Ordering::Equal, Into::into)
    })
}

/// What `of` says of the flow of a row, if it is one.
fn with_flow<T>(item: &glib::Object, of: impl FnOnce(&FlowRow) -> T) -> Option<T> {
    let item = item.downcast_ref::<glib::BoxedAnyObject>()?;
    Some(of(item.try_borrow::<Row>().ok()?.flow()))
}

/// Icon and name of the program, and how many connections it has.
fn headings() -> gtk::SignalListItemFactory {
    let factory = gtk::SignalListItemFactory::new();
    factory.connect_setup(|_, header| {
        if let Some(header) = header.downcast_ref() {
            set_up(header);
        }
    });
    factory
}

/// Characters of a program's name that a heading asks room for; it gets what is left as well.
const NAME: u32 = 12;

fn set_up(header: &gtk::ListHeader) {
    let (root, cell) = IconCell::new(NAME);
    root.add_css_class("group-heading");
    let count = gtk::Label::builder()
        .css_classes(["caption", "dim-label", "numeric"])
        .build();
    root.append(&count);
    header.set_child(Some(&root));
    header.connect_item_notify(move |header| {
        if let Some(item) = header.item() {
            with_flow(&item, |flow| cell.show(&flow.program_path, &flow.program));
        }
    });
    header.connect_n_items_notify(move |header| {
        let n = header.n_items();
        let number = names::number(n.into());
        count.set_label(&ngettext_f(
            "{number} connection",
            "{number} connections",
            n.into(),
            &[("number", &number)],
        ));
    });
}
