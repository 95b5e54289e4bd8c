//! Bytes that others chose (paths, arguments, names) as text that is safe to show, log and compare.

use std::fmt::Write as _;

/// Turns bytes into printable text without losing anything: two different inputs never give the
/// same output. Control characters and bytes that are no UTF-8 become `\xHH`; a backslash
/// becomes `\\`; bidirectional controls, which can make a name read as another, become `\u{…}`.
#[must_use]
pub fn bytes(input: &[u8]) -> String {
    let mut out = String::with_capacity(input.len());
    for chunk in input.utf8_chunks() {
        for c in chunk.valid().chars() {
            push(&mut out, c);
        }
        for byte in chunk.invalid() {
            // Writing to a String can't fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// [`bytes`] for text.
#[must_use]
pub fn printable(input: &str) -> String {
    bytes(input.as_bytes())
}

/// The beginning of a text that others chose, escaped, for an error message: at most
/// [`EXCERPT`] characters of it, and “…” where there are more.
#[must_use]
pub fn excerpt(input: &str) -> String {
    match input.char_indices().nth(EXCERPT) {
        Some((end, _)) => printable(input.get(..end).unwrap_or_default()) + "…",
        None => printable(input),
    }
}

/// Most characters that [`excerpt`] takes from a text.
pub const EXCERPT: usize = 120;

/// True when the text is what [`bytes`] could have produced, or plain text that needs no escape.
#[must_use]
pub fn is_printable(input: &str) -> bool {
    !input.chars().any(is_hidden)
}

fn push(out: &mut String, c: char) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c.is_ascii_control() => {
            let _ = write!(out, "\\x{:02x}", c as u32);
        }
        c if is_hidden(c) => {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        }
        c => out.push(c),
    }
}

/// Control characters, and the marks of Unicode's bidirectional algorithm (UAX #9), line and
/// paragraph separators, and whatever else shows as nothing: the code points that Unicode calls
/// `Default_Ignorable_Code_Point`, marks of annotations, and the blank pattern of Braille.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hides_nothing() {
        assert_eq!(bytes(b"/tmp/a\nb\xff\\"), "/tmp/a\\x0ab\\xff\\\\");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn what_shows_as_nothing_is_escaped() {
        let ranges = [
            (0xad, 0xad),
            (0x34f, 0x34f),
            (0x115f, 0x1160),
            (0x17b4, 0x17b5),
            (0x180b, 0x180f),
            (0x200b, 0x200f),
            (0x2060, 0x206f),
            (0x2800, 0x2800),
            (0x3164, 0x3164),
            (0xfe00, 0xfe0f),
            (0xfeff, 0xfeff),
            (0xffa0, 0xffa0),
            (0xfff0, 0xfffb),
            (0x1bca0, 0x1bca3),
            (0x1d173, 0x1d17a),
            (0xe0000, 0xe0fff),
        ];
        for (first, last) in ranges {
            for c in (first..=last).filter_map(char::from_u32) {
                let text = format!("fire{c}fox");
                assert!(!is_printable(&text), "{:x}", u32::from(c));
                assert_eq!(
                    printable(&text),
                    format!("fire\\u{{{:x}}}fox", u32::from(c))
                );
            }
        }
        let seen = "ä\u{301} Ж 漢 ㅎ ⠿ 🦊 🏴";
        assert_eq!(printable(seen), seen);
    }

    #[test]
    fn an_excerpt_is_bounded() {
        assert_eq!(excerpt("a\nb"), "a\\x0ab");
        assert_eq!(excerpt(&"ä".repeat(EXCERPT)), "ä".repeat(EXCERPT));
        assert_eq!(excerpt(&"ä".repeat(1_000_000)), "ä".repeat(EXCERPT) + "…");
    }

    proptest! {
        #[test]
        fn different_bytes_give_different_text(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(a == b, bytes(&a) == bytes(&b));
            prop_assert!(is_printable(&bytes(&a)));
        }
    }
}
