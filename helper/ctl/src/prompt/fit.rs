//! Text that programs chose, within the room it has on the terminal.
//!
//! Paths and arguments can have thousands of characters. With blanks up to the end of each row,
//! they could paint a whole question of their own. So each has few rows, blanks in a row are
//! marked, and rows after the first are indented: what stands at the edge is Bastion's own.

use unicode_width::UnicodeWidthChar as _;

use crate::output::{View, clean};

/// Columns where the terminal does not tell how many it has.
pub(super) const COLUMNS: usize = 80;
/// In fewer columns nothing can be read.
const FEWEST: usize = 40;
/// Most rows of a fact.
const ROWS: usize = 2;
/// Stands for what was left out.
const CUT: &str = "…";
/// Stands for one of several blanks in a row.
const BLANK: char = '·';

/// How many columns a row may have.
pub(super) fn columns(view: &View) -> usize {
    // Some terminals go to the next row once the last column is filled.
    view.width
        .map_or(COLUMNS, usize::from)
        .saturating_sub(1)
        .max(FEWEST)
}

/// Text that others chose, on part of a row.
pub(super) fn short(text: &str, columns: usize) -> String {
    cut(&marked(&clean(text)), columns)
}

/// A fact and its name, on a row or two.
pub(super) fn fact(name: &str, text: &str, columns: usize) -> String {
    let start = format!("  {name:<13}");
    let room = columns.saturating_sub(width(&start)).max(2);
    // Where a wide character does not fit any more, a column stays empty.
    let text = cut(&marked(text), ROWS * (room - 1));
    wrap(&start, &text, columns)
}

/// The text on as many rows as it needs. The first begins with `start`, and the others with as
/// many blanks.
pub(super) fn wrap(start: &str, text: &str, columns: usize) -> String {
    let indent = width(start).max(2);
    let mut rows = start.to_owned();
    let mut used = width(start);
    for c in text.chars() {
        let next = char_width(c);
        if used + next > columns {
            rows.push('\n');
            rows.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        }
        rows.push(c);
        used += next;
    }
    rows.push('\n');
    rows
}

/// Makes several blanks in a row visible.
fn marked(text: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut after_blank = false;
    while let Some(c) = chars.next() {
        let blank = c.is_whitespace();
        let next = chars.peek().is_some_and(|next| next.is_whitespace());
        marked.push(if blank && (after_blank || next) {
            BLANK
        } else {
            c
        });
        after_blank = blank;
    }
    marked
}

/// Leaves out the middle of what needs more columns: paths say most at their ends.
fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let columns = columns.saturating_sub(width(CUT));
    let tail = columns / 2;
    let head: String = within(text.chars(), columns - tail).collect();
    let tail: Vec<char> = within(text.chars().rev(), tail).collect();
    head + CUT + &tail.into_iter().rev().collect::<String>()
}

/// As many of the characters as these columns hold.
fn within(chars: impl Iterator<Item = char>, columns: usize) -> impl Iterator<Item = char> {
    let mut used = 0;
    chars.take_while(move |c| {
        used += char_width(*c);
        used <= columns
    })
}

/// How many columns the text takes at most.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// Marks upon other characters count as well, so that there can't be endlessly many.
fn char_width(c: char) -> usize {
    c.width().unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn several_blanks_in_a_row_are_marked() {
        assert_eq!(marked("curl -s x"), "curl -s x");
        assert_eq!(marked("a  b   "), "a··b···");
        assert_eq!(marked("a \u{3000}\u{a0}b"), "a···b");
    }

    #[test]
    fn the_middle_of_what_is_long_is_left_out() {
        assert_eq!(cut("/usr/bin/curl", 13), "/usr/bin/curl");
        assert_eq!(cut("/usr/bin/curl", 9), "/usr…curl");
        assert_eq!(cut("漢漢漢漢", 6), "漢…漢");
        assert_eq!(cut("ab", 1), CUT);
    }

    #[test]
    fn rows_after_the_first_are_indented() {
        let text = "x".repeat(40);
        let expected = format!(
            "  Script       {}\n               {}\n",
            "x".repeat(25),
            "x".repeat(15)
        );
        assert_eq!(fact("Script", &text, 40), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_fact_has_two_rows_at_most(text: String, count in 1..50_usize, columns in 40..200_usize) {
            let text = clean(&text.repeat(count)).into_owned();
            let rows = fact("Arguments", &text, columns);
            prop_assert!(rows.lines().count() <= ROWS);
            prop_assert!(rows.lines().all(|row| width(row) <= columns));
            prop_assert!(rows.lines().skip(1).all(|row| row.starts_with("               ")));
        }
    }
}
