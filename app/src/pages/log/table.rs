//! The table of the log.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use adw::prelude::*;
use gtk::glib;
use relm4::typed_view::column::RelmColumn;

use super::filler::{Fill, Filler};
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
    let filler = Filler::new(&view);
    let mut columns = Columns::new();
    append::<Time<Logged>>(&view, &filler, &mut columns);
    append::<Program<Logged>>(&view, &filler, &mut columns);
    append::<Destination<Logged>>(&view, &filler, &mut columns);
    append::<Port<Logged>>(&view, &filler, &mut columns);
    append::<Protocol<Logged>>(&view, &filler, &mut columns);
    append::<User<Logged>>(&view, &filler, &mut columns);
    append::<State<Logged>>(&view, &filler, &mut columns);
    append::<Reason<Logged>>(&view, &filler, &mut columns);
    (view, columns)
}

/// A cell: its widgets, and the row it shows.
struct Cell<C: RelmColumn> {
    root: C::Root,
    widgets: C::Widgets,
    shown: Option<(LogItem, glib::SignalHandlerId)>,
    /// Whether it shows the row it is bound to.
    filled: bool,
}

type Cells<C> = Rc<RefCell<HashMap<gtk::ListItem, Cell<C>>>>;

/// Appends a column. Its cells are filled when the row has come and it is their turn.
fn append<C: RelmColumn<Item = Logged>>(
    view: &gtk::ColumnView,
    filler: &Rc<Filler>,
    columns: &mut Columns,
) {
    let cells: Cells<C> = Rc::default();
    let of = cells.clone();
    let fill: Fill = Rc::new(move |item| fill(&of, item));
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
                filled: true,
            };
            of.borrow_mut().insert(item.clone(), cell);
        }
    });
    let (of, turns) = (cells.clone(), filler.clone());
    factory.connect_bind(move |_, object| {
        if let Some(item) = object.downcast_ref::<gtk::ListItem>() {
            bind(&of, item, &turns, &fill);
        }
    });
    let (of, turns) = (cells.clone(), filler.clone());
    factory.connect_unbind(move |_, object| {
        let Some(item) = object.downcast_ref::<gtk::ListItem>() else {
            return;
        };
        turns.forget(item);
        let mut cells = of.borrow_mut();
        if let Some((row, handler)) = cells.get_mut(item).and_then(|cell| cell.shown.take()) {
            row.disconnect(handler);
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

fn bind<C: RelmColumn<Item = Logged>>(
    cells: &Cells<C>,
    item: &gtk::ListItem,
    filler: &Rc<Filler>,
    fill: &Fill,
) {
    let row = item.item().and_downcast::<LogItem>();
    let mut all = cells.borrow_mut();
    let (Some(row), Some(cell)) = (row, all.get_mut(item)) else {
        return;
    };
    reveal(cell, false);
    if row.filled() {
        filler.wait(item, fill);
        return;
    }
    let (turns, fill, key) = (filler.clone(), fill.clone(), item.downgrade());
    let handler = row.connect_filled_notify(move |_| {
        if let Some(item) = key.upgrade() {
            turns.wait(&item, &fill);
        }
    });
    cell.shown = Some((row, handler));
}

fn fill<C: RelmColumn<Item = Logged>>(cells: &Cells<C>, item: &gtk::ListItem) {
    let row = item.item().and_downcast::<LogItem>();
    let mut all = cells.borrow_mut();
    if let (Some(row), Some(cell)) = (row, all.get_mut(item))
        && let Some(row) = &mut *row.row()
    {
        C::bind(row, &mut cell.widgets, &mut cell.root);
        reveal(cell, true);
    }
}

/// A cell that is not filled keeps what it showed, so that the column of states keeps its width, but
/// out of sight.
fn reveal<C: RelmColumn>(cell: &mut Cell<C>, is_filled: bool) {
    if cell.filled != is_filled {
        cell.filled = is_filled;
        let root = cell.root.upcast_ref::<gtk::Widget>();
        root.set_opacity(f64::from(u8::from(is_filled)));
        root.update_state(&[gtk::accessible::State::Hidden(!is_filled)]);
    }
}
