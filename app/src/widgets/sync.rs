//! Makes a list show new rows with as few changes as possible, so that scrolling, selection and
//! focus stay where they are.

use std::collections::HashSet;

use gtk::prelude::*;
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
    let at_top = list.view.vadjustment().is_none_or(|at| at.value() <= 0.0);
    replace(list, rows);
    if at_top && !list.is_empty() {
        list.view
            .scroll_to(0, None, gtk::ListScrollFlags::NONE, None);
    }
}

fn replace<T: Keyed>(list: &mut Table<T>, rows: Vec<T>) {
    let wanted: HashSet<T::Key> = rows.iter().map(Keyed::key).collect();
    let keep = |list: &Table<T>, position| {
        list.get(position)
            .is_some_and(|item| wanted.contains(&item.borrow().key()))
    };
    let kept = (0..list.len())
        .filter(|position| keep(list, *position))
        .count();
    if kept == 0 || rows.len() > 2 * kept {
        list.clear();
        list.extend_from_iter(rows);
        return;
    }
    for position in (0..list.len()).rev() {
        if !keep(list, position) {
            list.remove(position);
        }
    }
    let mut position = 0;
    for row in rows {
        let shown = list.get(position).map(|item| {
            let item = item.borrow();
            (item.key() == row.key(), *item == row)
        });
        match shown {
            Some((true, true)) => {}
            Some((true, false)) => {
                list.remove(position);
                list.insert(position, row);
            }
            _ => list.insert(position, row),
        }
        position += 1;
    }
    // What was moved up still stands where it was, behind everything else.
    while list.len() > position {
        list.remove(list.len() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Keyed for (u32, &'static str) {
        type Key = u32;
        fn key(&self) -> u32 {
            self.0
        }
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
