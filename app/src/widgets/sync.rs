//! Makes a list show new rows in one change, in which those that stay are the same objects, so that
//! scrolling, selection and focus stay where they are.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use gtk::prelude::*;
use gtk::{gio, glib};
use relm4::typed_view::column::TypedColumnView;

/// A table of which one row can be selected.
pub type Table<T> = TypedColumnView<T, gtk::SingleSelection>;

/// A row that can be recognised.
pub trait Keyed: PartialEq + 'static {
    /// What stays the same when other things about the row change.
    type Key: Eq + std::hash::Hash;

    /// Its key.
    fn key(&self) -> Self::Key;
}

/// Makes `list` hold `rows`. A list that shows its beginning goes on showing it, though GTK would
/// rather keep the row at the top in place when others come before it.
pub fn sync<T: Keyed>(list: &mut Table<T>, rows: Vec<T>) {
    let Some(store) = store(list) else {
        tracing::error!("the rows of a table can't be reached");
        return;
    };
    let at_top = list.view.vadjustment().is_none_or(|at| at.value() <= 0.0);
    let selection = list.selection_model.clone();
    let selected = selection
        .selected_item()
        .and_then(|item| key_of::<T>(&item));
    replace(&store, rows);
    if let Some(key) = selected.filter(|_| selection.selected_item().is_none()) {
        // It shows something else now, and is another object.
        let is_it = |position| {
            let item = selection.item(position);
            item.and_then(|item| key_of::<T>(&item)).as_ref() == Some(&key)
        };
        if let Some(position) = (0..selection.n_items()).find(|position| is_it(*position)) {
            selection.set_selected(position);
        }
    }
    if at_top && selection.n_items() > 0 {
        show_beginning(&list.view);
    }
}

/// Shows the first row, and the heading above it where there is one.
pub(crate) fn show_beginning(view: &gtk::ColumnView) {
    view.scroll_to(0, None, gtk::ListScrollFlags::NONE, None);
    let clock = view
        .frame_clock()
        .filter(|_| view.header_factory().is_some());
    let (Some(clock), Some(at)) = (clock, view.vadjustment()) else {
        return;
    };
    // The row alone is scrolled to, and only when all rows have their places it is known where
    // that is; then they are given them once more before anything is drawn.
    let handler = Rc::new(Cell::new(None));
    let once = handler.clone();
    let connected = clock.connect_layout(move |clock| {
        if let Some(handler) = once.take() {
            clock.disconnect(handler);
        }
        at.set_value(0.0);
    });
    handler.set(Some(connected));
    clock.request_phase(gtk::gdk::FrameClockPhase::LAYOUT);
}

/// What sorts the rows of a table, and lies below its filters.
pub(crate) fn sorting<T: 'static>(list: &Table<T>) -> Option<gtk::SortListModel> {
    let mut model = list.selection_model.model()?;
    loop {
        model = match model.downcast::<gtk::FilterListModel>() {
            Ok(filtered) => filtered.model()?,
            Err(model) => return model.downcast().ok(),
        }
    }
}

/// What holds the rows of a table, in the order in which they came.
fn store<T: 'static>(list: &Table<T>) -> Option<gio::ListStore> {
    sorting(list)?.model()?.downcast().ok()
}

fn key_of<T: Keyed>(item: &glib::Object) -> Option<T::Key> {
    let item = item.downcast_ref::<glib::BoxedAnyObject>()?;
    Some(item.try_borrow::<T>().ok()?.key())
}

fn replace<T: Keyed>(store: &gio::ListStore, rows: Vec<T>) {
    let before: Vec<glib::BoxedAnyObject> = store.iter().filter_map(Result::ok).collect();
    let mut known = HashMap::with_capacity(before.len());
    for item in &before {
        known.insert(item.borrow::<T>().key(), item.clone());
    }
    let after: Vec<glib::BoxedAnyObject> = rows
        .into_iter()
        .map(|row| match known.remove(&row.key()) {
            Some(item) if *item.borrow::<T>() == row => item,
            _ => glib::BoxedAnyObject::new(row),
        })
        .collect();
    let same = |(one, other): &(&glib::BoxedAnyObject, &glib::BoxedAnyObject)| one == other;
    let head = before.iter().zip(&after).take_while(same).count();
    let rest = |items: &[glib::BoxedAnyObject]| items.get(head..).unwrap_or_default().to_vec();
    let (gone, mut come) = (rest(&before), rest(&after));
    let tail = gone
        .iter()
        .rev()
        .zip(come.iter().rev())
        .take_while(same)
        .count();
    come.truncate(come.len() - tail);
    let gone = gone.len() - tail;
    if gone > 0 || !come.is_empty() {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        store.splice(number(head), number(gone), &come);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::ops::Range;

    use relm4::typed_view::column::LabelColumn;

    use super::*;
    use crate::testing::all;

    impl Keyed for (u32, &'static str) {
        type Key = u32;
        fn key(&self) -> u32 {
            self.0
        }
    }

    type Rows = Table<(u32, &'static str)>;

    fn filled(rows: &[(u32, &'static str)]) -> Rows {
        let mut list = Rows::new();
        list.selection_model.set_autoselect(false);
        list.selection_model.set_can_unselect(true);
        list.add_filter(|row| row.1 != "hidden");
        sync(&mut list, rows.to_vec());
        list
    }

    fn selected(list: &Rows) -> Option<(u32, &'static str)> {
        let item = list.selection_model.selected_item()?;
        let item = item.downcast::<glib::BoxedAnyObject>().unwrap();
        Some(*item.borrow())
    }

    #[gtk::test]
    fn what_is_selected_stays_so_while_others_come_and_go() {
        let mut list = filled(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
        list.selection_model.set_selected(1);
        let steps: [&[(u32, &'static str)]; 5] = [
            &[(9, "z"), (1, "a"), (2, "b")],
            &[(2, "b"), (9, "z"), (8, "y"), (7, "x"), (6, "w"), (5, "v")],
            // All others are new.
            &[(10, "k"), (11, "l"), (12, "hidden"), (2, "b"), (13, "m")],
            &[(13, "m"), (2, "changed")],
            &[(2, "changed")],
        ];
        for rows in steps {
            sync(&mut list, rows.to_vec());
            assert_eq!(selected(&list).map(|row| row.0), Some(2), "{rows:?}");
        }
        assert_eq!(selected(&list), Some((2, "changed")));
        sync(&mut list, vec![(3, "c")]);
        assert_eq!(selected(&list), None);
    }

    struct Number;

    impl LabelColumn for Number {
        type Item = (u32, &'static str);
        type Value = u32;
        const COLUMN_NAME: &'static str = "number";
        const ENABLE_SORT: bool = true;

        fn get_cell_value(item: &Self::Item) -> u32 {
            item.0
        }
    }

    /// Lets some frames be drawn.
    fn draw(view: &gtk::ColumnView) {
        let drawn = Rc::new(Cell::new(0));
        let count = drawn.clone();
        view.add_tick_callback(move |_, _| {
            count.set(count.get() + 1);
            glib::ControlFlow::Continue
        });
        while drawn.get() < 5 {
            glib::MainContext::default().iteration(true);
        }
    }

    /// The newest first.
    fn newest(numbers: Range<u32>) -> Vec<(u32, &'static str)> {
        numbers.rev().map(|number| (number, "")).collect()
    }

    #[gtk::test]
    fn what_is_looked_at_stays_in_its_place_while_others_come_and_go() {
        let mut list = filled(&newest(0..400));
        list.append_column::<Number>();
        let scrolled = gtk::ScrolledWindow::builder().child(&list.view).build();
        let window = gtk::Window::builder()
            .child(&scrolled)
            .default_width(300)
            .default_height(300)
            .build();
        window.present();
        draw(&list.view);
        let flags = gtk::ListScrollFlags::SELECT | gtk::ListScrollFlags::FOCUS;
        list.view.scroll_to(200, None, flags, None);
        draw(&list.view);
        // The row with the focus, and how far below the top of the list that is seen.
        let seen = || {
            let focus = GtkWindowExt::focus(&window).unwrap();
            let bounds = focus.compute_bounds(&scrolled).unwrap();
            let [label, ..] = &all::<gtk::Label>(&focus)[..] else {
                panic!("the row is empty");
            };
            (label.label().to_string(), bounds.y())
        };
        let before = seen();
        assert_eq!(before.0, "199");
        assert!(list.view.vadjustment().unwrap().value() > 1_000.0);
        for step in 1..5 {
            sync(&mut list, newest(10 * step..400 + 100 * step));
            draw(&list.view);
            assert_eq!(seen(), before);
            assert_eq!(selected(&list), Some((199, "")));
        }
        // Sorted by what does not change, likewise.
        let column = list.get_columns()["number"].clone();
        list.view
            .sort_by_column(Some(&column), gtk::SortType::Ascending);
        list.view.scroll_to(100, None, flags, None);
        draw(&list.view);
        let before = seen();
        assert_eq!(before.0, "140");
        for step in 5..9 {
            sync(&mut list, newest(10 * step..400 + 100 * step));
            draw(&list.view);
            assert_eq!(seen(), before);
        }
        window.destroy();
    }

    #[gtk::test]
    fn a_refresh_is_one_change_of_what_is_not_the_same() {
        let mut list = filled(&[(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
        let changes: Rc<RefCell<Vec<(u32, u32, u32)>>> = Rc::default();
        let seen = changes.clone();
        store(&list)
            .unwrap()
            .connect_items_changed(move |_, at, gone, come| {
                seen.borrow_mut().push((at, gone, come))
            });
        sync(&mut list, vec![(1, "a"), (5, "e"), (3, "c"), (4, "d")]);
        assert_eq!(changes.take(), [(1, 1, 1)]);
        sync(&mut list, vec![(1, "a"), (5, "e"), (3, "c"), (4, "d")]);
        assert_eq!(changes.take(), []);
        sync(
            &mut list,
            vec![(6, "f"), (7, "g"), (1, "a"), (5, "e"), (3, "c")],
        );
        assert_eq!(changes.take(), [(0, 4, 5)]);
    }

    #[gtk::test]
    fn ends_with_exactly_the_rows_wanted() {
        let mut list = Table::<(u32, &'static str)>::new();
        let steps: [&[(u32, &'static str)]; 6] = [
            &[(1, "a"), (2, "b"), (3, "c")],
            &[(4, "d"), (1, "a"), (3, "changed")],
            &[(3, "changed"), (4, "d"), (1, "a")],
            &[(1, "a")],
            &[],
            &[(9, "z"), (1, "a")],
        ];
        for rows in steps {
            sync(&mut list, rows.to_vec());
            let shown: Vec<_> = (0..list.len())
                .map(|position| *list.get(position).unwrap().borrow())
                .collect();
            assert_eq!(shown, rows);
        }
    }
}
