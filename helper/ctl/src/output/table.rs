//! Aligned columns without lines between them.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement};

use super::{View, clean};

/// A table that fits the terminal: long cells are wrapped, never cut off.
pub(crate) struct Table {
    table: comfy_table::Table,
    colour: bool,
}

impl Table {
    /// A table with these column headings.
    pub(crate) fn new(view: &View, headings: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        if let Some(width) = view.width {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                // Narrower than this, wrapping makes columns of single letters.
                .set_width(width.max(40));
        }
        if view.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(headings.iter().map(|heading| {
            let cell = Cell::new(heading);
            if view.colour {
                cell.add_attribute(comfy_table::Attribute::Bold)
            } else {
                cell
            }
        }));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self {
            table,
            colour: view.colour,
        }
    }

    /// Numbers stand at the right of their column.
    pub(crate) fn align_right(mut self, column: usize) -> Self {
        if let Some(column) = self.table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    /// Adds a row; a cell that is a verdict has its colour.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let colour = self.colour;
        self.table.add_row(cells.into_iter().map(|cell| {
            let text = clean(cell.as_ref());
            match text.as_ref() {
                "allow" if colour => Cell::new(text).fg(comfy_table::Color::DarkGreen),
                "deny" | "drop" if colour => Cell::new(text).fg(comfy_table::Color::DarkRed),
                _ => Cell::new(text),
            }
        }));
    }

    /// The finished table, without spaces at the ends of lines.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for line in self.table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&test_view(None), &["ID", "HITS"]).align_right(1);
        table.row(["a", "5"]);
        table.row(["longer", "12345"]);
        assert_eq!(
            table.render(),
            "ID       HITS\na           5\nlonger  12345\n"
        );
    }

    #[test]
    fn wide_cells_are_wrapped_and_complete() {
        let mut table = Table::new(&test_view(Some(40)), &["A", "B"]);
        let long = "x".repeat(100);
        table.row(["a", &long]);
        let text = table.render();
        assert!(text.lines().all(|line| line.len() <= 40), "{text}");
        assert_eq!(text.matches('x').count(), 100);
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let mut table = Table::new(&test_view(None), &["A"]);
        table.row(["a\u{1b}[31m\nb"]);
        assert_eq!(table.render(), "A\na\\x1b[31m\\x0ab\n");
    }
}
