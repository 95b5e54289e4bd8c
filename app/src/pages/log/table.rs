//! The table of the log.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use adw::prelude::*;
use gtk::glib;
use relm4::typed_view::column::RelmColumn;

use super::list::{LogItem, LogList, Logged};
use crate::pages::flow_columns::{Destination, Port, Program, Protocol, Reason, State, Time, User};

/// Columns by their names.
pub(super) type Columns = HashMap<&'static str, gtk::ColumnViewColumn>;

/// The table that shows a list, and its columns.
pub(super) fn table(list: &LogList) -> (gtk::ColumnView, Columns) {
    let selection = gtk::SingleSelection::builder()
        .model(list)
        .autoselect(false)
        .can_unselect(true)
        .build();
    let view = gtk::ColumnView::new(Some(selection));
    let mut columns = Columns::new();
    append::<Time<Logged>>(&view, &mut columns);
    append::<Program<Logged>>(&view, &mut columns);
    append::<Destination<Logged>>(&view, &mut columns);
    append::<Port<Logged>>(&view, &mut columns);
    append::<Protocol<Logged>>(&view, &mut columns);
    append::<User<Logged>>(&view, &mut columns);
    append::<State<Logged>>(&view, &mut columns);
    append::<Reason<Logged>>(&view, &mut columns);
    (view, columns)
}

/// A cell: its widgets, and the row it shows.
struct Cell<C: RelmColumn> {
    root: C::Root,
    widgets: C::Widgets,
    shown: Option<(LogItem, glib::SignalHandlerId)>,
    /// Whether its row had come when it was shown last.
    filled: Option<bool>,
}

type Cells<C> = Rc<RefCell<HashMap<gtk::ListItem, Cell<C>>>>;

/// Appends a column. Its cells are filled when the row has come.
fn append<C: RelmColumn<Item = Logged>>(view: &gtk::ColumnView, columns: &mut Columns) {
    let cells: Cells<C> = Rc::default();
    let factory = gtk::SignalListItemFactory::new();
    let of = cells.clone();
    factory.connect_setup(move |_, object| {
        if let Some(item) = object.downcast_ref::<gtk::ListItem>() {
            let (root, widgets) = C::setup(item);
            item.set_child(Some(&root));
            let shown = None;
            let cell = Cell {
                root,
                widgets,
                shown,
                filled: None,
            };
            of.borrow_mut().insert(item.clone(), cell);
        }
    });
    let of = cells.clone();
    factory.connect_bind(move |_, object| {
        if let Some(item) = object.downcast_ref::<gtk::ListItem>() {
            bind(&of, item);
        }
    });
    let of = cells.clone();
    factory.connect_unbind(move |_, object| {
        let mut cells = of.borrow_mut();
        let cell = object
            .downcast_ref::<gtk::ListItem>()
            .and_then(|item| cells.get_mut(item));
        if let Some((item, handler)) = cell.and_then(|cell| cell.shown.take()) {
            item.disconnect(handler);
        }
    });
    let of = cells;
    factory.connect_teardown(move |_, object| {
        if let Some(item) = object.downcast_ref::<gtk::ListItem>() {
            of.borrow_mut().remove(item);
        }
    });
    let column = gtk::ColumnViewColumn::builder()
        .title(C::header_title())
        .factory(&factory)
        .resizable(C::ENABLE_RESIZE)
        .expand(C::ENABLE_EXPAND)
        .build();
    view.append_column(&column);
    columns.insert(C::COLUMN_NAME, column);
}

fn bind<C: RelmColumn<Item = Logged>>(cells: &Cells<C>, item: &gtk::ListItem) {
    let Some(row) = item.item().and_downcast::<LogItem>() else {
        return;
    };
    let mut all = cells.borrow_mut();
    let Some(cell) = all.get_mut(item) else {
        return;
    };
    show(cell, &row);
    if !row.filled() {
        let (of, key) = (Rc::downgrade(cells), item.downgrade());
        let handler = row.connect_filled_notify(move |row| {
            if let (Some(cells), Some(item)) = (of.upgrade(), key.upgrade())
                && let Some(cell) = cells.borrow_mut().get_mut(&item)
            {
                show(cell, row);
            }
        });
        cell.shown = Some((row, handler));
    }
}

/// A cell whose row has not come keeps what it showed, so that columns keep their widths, but out of
/// sight.
fn show<C: RelmColumn<Item = Logged>>(cell: &mut Cell<C>, row: &LogItem) {
    let is_filled = match &mut *row.row() {
        Some(row) => {
            C::bind(row, &mut cell.widgets, &mut cell.root);
            true
        }
        None => false,
    };
    if cell.filled != Some(is_filled) {
        cell.filled = Some(is_filled);
        let root = cell.root.upcast_ref::<gtk::Widget>();
        root.set_opacity(f64::from(u8::from(is_filled)));
        root.update_state(&[gtk::accessible::State::Hidden(!is_filled)]);
    }
}
