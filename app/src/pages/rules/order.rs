//! By which column the list is sorted, which is remembered.

use gtk::prelude::*;

use super::item::Item;
use crate::settings::AppSettings;
use crate::widgets::sync::Table;

/// Under which the order is remembered, as `column:ascending` or `column:descending`.
const KEY: &str = "rules-order";

const DIRECTIONS: [(gtk::SortType, &str); 2] = [
    (gtk::SortType::Ascending, "ascending"),
    (gtk::SortType::Descending, "descending"),
];

/// Sorts as it was last, and remembers how it is from now on.
pub(super) fn remember(table: &Table<Item>, settings: AppSettings) {
    let columns: Vec<_> = table
        .get_columns()
        .iter()
        .map(|(name, column)| (*name, column.clone()))
        .collect();
    let text = settings.text(KEY);
    let last = text.split_once(':').and_then(|(name, direction)| {
        let column = columns.iter().find(|(known, _)| *known == name);
        let direction = DIRECTIONS.iter().find(|(_, known)| *known == direction);
        Some((column?, direction?))
    });
    if let Some(((_, column), (direction, _))) = last {
        table.view.sort_by_column(Some(column), *direction);
    }
    let Some(sorter) = table.view.sorter().and_downcast::<gtk::ColumnViewSorter>() else {
        return;
    };
    sorter.connect_changed(move |sorter, _| {
        let by = sorter.primary_sort_column();
        let column = columns
            .iter()
            .find(|(_, column)| Some(column) == by.as_ref());
        let order = sorter.primary_sort_order();
        let direction = DIRECTIONS.iter().find(|(known, _)| *known == order);
        let text = match (column, direction) {
            (Some((name, _)), Some((_, direction))) => format!("{name}:{direction}"),
            _ => String::new(),
        };
        settings.set_text(KEY, &text);
    });
}
