//! In which order a table has its rows: chosen by the headers of its columns or, where there is no
//! room for them, from a menu, and remembered.

use std::fmt;

use gtk::gio;
use gtk::glib::VariantTy;
use gtk::prelude::*;

use super::sync::Table;
use crate::i18n::gettext;
use crate::settings::AppSettings;

/// Name of the group of actions that [`keep`] gives.
pub const GROUP: &str = "order";
const COLUMN: &str = "column";
const REVERSED: &str = "reversed";

/// An order of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The name of the column by which they are sorted; empty for the order in which they come.
    pub column: String,
    /// The last comes first.
    pub reversed: bool,
}

impl Order {
    /// The order with this text form.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let reversed = text.strip_prefix('-');
        Self {
            column: reversed.unwrap_or(text).to_owned(),
            reversed: reversed.is_some(),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.reversed { "-" } else { "" };
        write!(f, "{sign}{}", self.column)
    }
}

/// The columns of a table by their names.
#[derive(Clone)]
struct Columns(Vec<(&'static str, gtk::ColumnViewColumn)>);

impl Columns {
    fn of<T: 'static>(table: &Table<T>) -> Self {
        let columns = table.get_columns().iter();
        Self(columns.map(|(name, it)| (*name, it.clone())).collect())
    }

    fn sort(&self, view: &gtk::ColumnView, order: &Order) {
        let column = self.0.iter().find(|(name, _)| *name == order.column);
        let direction = match order.reversed {
            true => gtk::SortType::Descending,
            false => gtk::SortType::Ascending,
        };
        view.sort_by_column(column.map(|(_, column)| column), direction);
    }

    fn order(&self, sorter: &gtk::ColumnViewSorter) -> Order {
        let primary = sorter.primary_sort_column();
        let is_it = |(_, column): &&(_, gtk::ColumnViewColumn)| Some(column) == primary.as_ref();
        match self.0.iter().find(is_it) {
            Some((name, _)) => Order {
                column: (*name).to_owned(),
                reversed: sorter.primary_sort_order() == gtk::SortType::Descending,
            },
            None => Order::default(),
        }
    }
}

/// Sorts a table as it was when it was last shown, and remembers under `key` how it is sorted from
/// now on. The actions, for [`menu`], sort it too.
pub fn keep<T: 'static>(
    table: &Table<T>,
    settings: &AppSettings,
    key: &'static str,
) -> gio::SimpleActionGroup {
    let columns = Columns::of(table);
    columns.sort(&table.view, &Order::parse(&settings.text(key)));
    let actions = gio::SimpleActionGroup::new();
    let sorter = table.view.sorter().and_downcast::<gtk::ColumnViewSorter>();
    let Some(sorter) = sorter else {
        return actions;
    };
    let order = columns.order(&sorter);
    let string = Some(VariantTy::STRING);
    let by = gio::SimpleAction::new_stateful(COLUMN, string, &order.column.to_variant());
    let reversed = gio::SimpleAction::new_stateful(REVERSED, None, &order.reversed.to_variant());
    reversed.set_enabled(!order.column.is_empty());

    let change = {
        let (view, columns) = (table.view.downgrade(), columns.clone());
        move |change: &dyn Fn(&mut Order)| {
            let view = view.upgrade();
            let sorter = view.as_ref().and_then(gtk::ColumnView::sorter);
            if let (Some(view), Some(sorter)) = (view, sorter.and_downcast()) {
                let mut order = columns.order(&sorter);
                change(&mut order);
                columns.sort(&view, &order);
            }
        }
    };
    let by_column = change.clone();
    by.connect_activate(move |_, name| {
        let name = name.and_then(|name| name.str()).unwrap_or_default();
        by_column(&|order| order.column = name.to_owned());
    });
    reversed.connect_activate(move |_, _| change(&|order| order.reversed = !order.reversed));
    actions.add_action(&by);
    actions.add_action(&reversed);

    let settings = settings.clone();
    sorter.connect_changed(move |sorter, _| {
        let Some(sorter) = sorter.downcast_ref() else {
            return;
        };
        let order = columns.order(sorter);
        by.set_state(&order.column.to_variant());
        reversed.set_state(&order.reversed.to_variant());
        reversed.set_enabled(!order.column.is_empty());
        let text = order.to_string();
        if settings.text(key) != text {
            settings.set_text(key, &text);
        }
    });
    actions
}

/// A section of a menu to sort a table: `first` is what the order is called in which the rows come,
/// `names` are the columns by which they can be sorted.
#[must_use]
pub fn menu<T: 'static>(table: &Table<T>, first: &str, names: &[&str]) -> gio::Menu {
    let menu = gio::Menu::new();
    let append = |title: &str, name: &str| {
        let item = gio::MenuItem::new(Some(title), None);
        let action = format!("{GROUP}.{COLUMN}");
        item.set_action_and_target_value(Some(&action), Some(&name.to_variant()));
        menu.append_item(&item);
    };
    append(first, "");
    for name in names {
        let title = table.get_columns().get(name).and_then(|it| it.title());
        append(&title.unwrap_or_default(), name);
    }
    let reversed = format!("{GROUP}.{REVERSED}");
    menu.append(Some(&gettext("_Reversed")), Some(&reversed));
    menu
}

#[cfg(test)]
mod tests {
    use relm4::typed_view::column::LabelColumn;

    use super::*;

    struct Number;

    impl LabelColumn for Number {
        type Item = u32;
        type Value = u32;
        const COLUMN_NAME: &'static str = "number";
        const ENABLE_SORT: bool = true;

        fn get_cell_value(item: &u32) -> u32 {
            *item
        }
    }

    #[gtk::test]
    fn rows_are_sorted_by_what_is_chosen() {
        let mut table = Table::<u32>::new();
        table.append_column::<Number>();
        table.extend_from_iter([10, 9, 11]);
        let actions = keep(&table, &AppSettings::none(), "order");
        let rows = || [0, 1, 2].map(|at| *table.get_visible(at).unwrap().borrow());
        let state = |name| actions.action_state(name).unwrap();
        assert_eq!(rows(), [10, 9, 11]);
        assert!(!actions.is_action_enabled(REVERSED));
        actions.activate_action(COLUMN, Some(&"number".to_variant()));
        assert_eq!(rows(), [9, 10, 11]);
        actions.activate_action(REVERSED, None);
        assert_eq!(rows(), [11, 10, 9]);
        assert_eq!(state(COLUMN).str(), Some("number"));
        // The header says it too.
        let column = table.get_columns()["number"].clone();
        table
            .view
            .sort_by_column(Some(&column), gtk::SortType::Ascending);
        assert_eq!(state(REVERSED).get(), Some(false));
        actions.activate_action(COLUMN, Some(&"".to_variant()));
        assert_eq!(rows(), [10, 9, 11]);
    }

    #[test]
    fn orders_are_read_as_they_are_written() {
        for text in ["", "age", "-age"] {
            assert_eq!(Order::parse(text).to_string(), text);
        }
        assert!(Order::parse("-age").reversed);
    }
}
