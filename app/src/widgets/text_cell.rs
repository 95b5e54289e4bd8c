//! Text in a cell of a table.

use std::borrow::Cow;

use gtk::prelude::*;

use super::cells::Tip;

/// The least room that text asks for, in characters.
const FEWEST: u32 = 5;
/// Unicode's marks that begin a paragraph from left to right or from right to left, and those around
/// a part with a direction of its own (Unicode Standard Annex 9: LRM, RLM, FSI, PDI).
const LEFT_TO_RIGHT: char = '\u{200e}';
const RIGHT_TO_LEFT: char = '\u{200f}';
const ISOLATED: [char; 2] = ['\u{2068}', '\u{2069}'];

/// A line of text with a tooltip. What has no room is cut at its end. Its size does not depend on what
/// it says, so that a table lays nothing out anew when other rows come by, and its columns keep their
/// widths.
#[derive(Clone, Debug)]
pub struct TextCell {
    line: gtk::Inscription,
    tip: Tip,
}

impl TextCell {
    /// The cell and its widget, with room for so many characters.
    #[must_use]
    pub fn new(chars: u32) -> (gtk::Inscription, Self) {
        let line = gtk::Inscription::builder()
            .valign(gtk::Align::Center)
            .min_chars(FEWEST.min(chars))
            .nat_chars(chars)
            .text_overflow(gtk::InscriptionOverflow::EllipsizeEnd)
            .build();
        let tip = Tip::over(&line);
        (line.clone(), Self { line, tip })
    }

    /// The same for numbers: all digits are of one width.
    #[must_use]
    pub fn number(digits: u32) -> (gtk::Inscription, Self) {
        let (line, cell) = Self::new(digits);
        line.add_css_class("numeric");
        (line, cell)
    }

    /// Its widget.
    #[must_use]
    pub fn line(&self) -> &gtk::Inscription {
        &self.line
    }

    /// Shows a text, also as its tooltip.
    pub fn show(&self, text: &str) {
        self.text(text);
        self.tip(text);
    }

    /// Shows a text. The tooltip stays as it is.
    pub fn text(&self, text: &str) {
        let shown = paragraph(self.line.direction(), text);
        if self.line.text().is_none_or(|before| before != *shown) {
            self.line.set_text(Some(&shown));
            // The marks are no part of its name.
            if let Cow::Owned(_) = shown {
                self.line
                    .update_property(&[gtk::accessible::Property::Label(text)]);
            }
        }
    }

    /// Says this in the tooltip; without text there is none.
    pub fn tip(&self, tip: &str) {
        self.tip.set(tip);
    }
}

impl PartialEq for TextCell {
    fn eq(&self, other: &Self) -> bool {
        self.line == other.line
    }
}

/// Text as a paragraph in the direction of the window's language. By itself an inscription begins text
/// at the side at which its script begins; a label does at that at which the language does.
fn paragraph(direction: gtk::TextDirection, text: &str) -> Cow<'_, str> {
    let mark = match direction {
        gtk::TextDirection::Rtl if !text.is_empty() => RIGHT_TO_LEFT,
        gtk::TextDirection::Ltr if text.chars().any(is_right_to_left) => LEFT_TO_RIGHT,
        _ => return text.into(),
    };
    let [begin, end] = ISOLATED;
    format!("{mark}{begin}{text}{end}").into()
}

/// True for what Unicode sets aside for scripts from right to left (`DerivedBidiClass.txt`).
fn is_right_to_left(character: char) -> bool {
    matches!(character,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}' | RIGHT_TO_LEFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_begins_where_the_language_of_the_window_does() {
        let left = |text| paragraph(gtk::TextDirection::Ltr, text).into_owned();
        let right = |text| paragraph(gtk::TextDirection::Rtl, text).into_owned();
        for text in ["443 (https)", "Übersicht", "浏览器"] {
            assert_eq!(left(text), text);
            assert_eq!(right(text), format!("\u{200f}\u{2068}{text}\u{2069}"));
        }
        let browser = "متصفح";
        assert_eq!(left(browser), format!("\u{200e}\u{2068}{browser}\u{2069}"));
        assert_eq!(right(browser), format!("\u{200f}\u{2068}{browser}\u{2069}"));
        assert_eq!([left(""), right("")], ["", ""]);
    }
}
