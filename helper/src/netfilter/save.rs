//! Reads what `iptables-save` prints. Total on any input: what makes no sense is left out.
//!
//! A rule is kept as it was printed, since that is the form in which `iptables-restore` can
//! delete it again, and as words, for looking at it.

/// All tables of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// In the order printed.
    pub(super) tables: Vec<Table>,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) chains: Vec<String>,
    /// Of all chains, each chain's own in their order.
    pub(super) rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) chain: String,
    /// Matches and target, quotes and escapes resolved.
    pub(super) words: Vec<String>,
    /// Chain, matches and target as printed.
    pub(super) printed: Vec<u8>,
}

impl Dump {
    /// Reads the output of `iptables-save` or `ip6tables-save`.
    #[must_use]
    pub fn parse(save: &[u8]) -> Self {
        let mut dump = Self::default();
        let mut rest = save;
        while !rest.is_empty() {
            let line;
            (line, rest) = logical_line(rest);
            if let Some(name) = line.strip_prefix(b"*") {
                dump.tables.push(Table {
                    name: text(name),
                    ..Table::default()
                });
            } else if let Some(table) = dump.tables.last_mut() {
                table.read(line);
            }
        }
        dump
    }

    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }
}

impl Table {
    fn read(&mut self, line: &[u8]) {
        if let Some(chain) = line.strip_prefix(b":") {
            let name = chain.split(|byte| *byte == b' ').next();
            self.chains.push(text(name.unwrap_or_default()));
        } else if let Some(printed) = line.strip_prefix(b"-A ") {
            let (chain, matches) = split_at_space(printed);
            self.rules.push(Rule {
                chain: text(chain),
                words: words(matches),
                printed: printed.to_vec(),
            });
        }
    }

    pub(super) fn chain(&self, name: &str) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.chain == name)
    }
}

/// The next line and what follows it. The line of a rule goes on behind a line break that stands
/// in quotes, so that a comment can't pretend to be a rule of its own.
fn logical_line(input: &[u8]) -> (&[u8], &[u8]) {
    let end = if input.starts_with(b"-A ") {
        let mut scanner = Scanner::default();
        input
            .iter()
            .position(|byte| scanner.step(*byte) == Step::Line)
    } else {
        input.iter().position(|byte| *byte == b'\n')
    };
    match end.and_then(|end| input.split_at_checked(end)) {
        Some((line, rest)) => (line, rest.get(1..).unwrap_or_default()),
        None => (input, &[]),
    }
}

fn split_at_space(input: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = input.splitn(2, |byte| *byte == b' ');
    (
        halves.next().unwrap_or_default(),
        halves.next().unwrap_or_default(),
    )
}

fn words(input: &[u8]) -> Vec<String> {
    let mut scanner = Scanner::default();
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    for byte in input {
        match scanner.step(*byte) {
            Step::Byte => word.get_or_insert_default().push(*byte),
            Step::Syntax => drop(word.get_or_insert_default()),
            Step::Space | Step::Line => words.extend(word.take()),
        }
    }
    words.extend(word);
    words.iter().map(|word| text(word)).collect()
}

/// Bytes that are no UTF-8 are replaced; no name of ours has any.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a byte is.
#[derive(PartialEq, Eq)]
enum Step {
    /// Part of a word.
    Byte,
    /// A quote or a backslash: part of a word's spelling.
    Syntax,
    /// Between words.
    Space,
    /// The end of the line.
    Line,
}

/// The quoting of `xtables_save_string`: a word with special characters stands in double quotes,
/// and in them a backslash precedes each quote and backslash. A quote within a bare word, which
/// a chain's name may have, is an ordinary byte.
#[derive(Default)]
struct Scanner {
    within: Within,
}

#[derive(Default)]
enum Within {
    #[default]
    Nothing,
    Word,
    Quotes,
    Escape,
}

impl Scanner {
    fn step(&mut self, byte: u8) -> Step {
        let (within, step) = match (&self.within, byte) {
            (Within::Escape, _) => (Within::Quotes, Step::Byte),
            (Within::Quotes, b'\\') => (Within::Escape, Step::Syntax),
            (Within::Quotes, b'"') => (Within::Word, Step::Syntax),
            (Within::Quotes, _) => (Within::Quotes, Step::Byte),
            (_, b'\n') => (Within::Nothing, Step::Line),
            (_, b' ') => (Within::Nothing, Step::Space),
            (Within::Nothing, b'"') => (Within::Quotes, Step::Syntax),
            (Within::Nothing | Within::Word, _) => (Within::Word, Step::Byte),
        };
        self.within = within;
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Quotes a word as iptables does.
    fn quoted(word: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/,!".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            return word.to_owned();
        }
        let escaped: String = word
            .chars()
            .flat_map(|c| {
                let escape = matches!(c, '"' | '\\' | '\'').then_some('\\');
                escape.into_iter().chain([c])
            })
            .collect();
        format!("\"{escaped}\"")
    }

    #[test]
    fn reads_tables_chains_and_quoted_words() {
        let dump = Dump::parse(
            br#"# Generated by iptables-save
*mangle
:OUTPUT ACCEPT [1:2]
:x"y - [0:0]
-A OUTPUT -m comment --comment "it\'s a \"quoted\" \\back rule" -j ACCEPT
-A OUTPUT -m comment --comment "" -j ACCEPT
-A x"y -m comment --comment a"b -j DROP
COMMIT
# Completed
*filter
:INPUT DROP [0:0]
COMMIT
"#,
        );
        let mangle = dump.table("mangle").unwrap();
        assert_eq!(mangle.chains, ["OUTPUT", "x\"y"]);
        assert_eq!(mangle.rules[0].words[3], r#"it's a "quoted" \back rule"#);
        assert_eq!(mangle.rules[1].words[3], "");
        assert_eq!(mangle.rules[2].chain, "x\"y");
        assert_eq!(mangle.rules[2].words[3], "a\"b");
        assert_eq!(mangle.chain("OUTPUT").count(), 2);
        assert_eq!(dump.tables.len(), 2);
        assert_eq!(dump.table("nat"), None);
    }

    #[test]
    fn a_comment_with_a_line_break_is_no_rule() {
        let dump = Dump::parse(
            b"*filter\n-A INPUT -m comment --comment \"a\n-A INPUT -j DROP\n\" -j ACCEPT\n-A INPUT -j LOG\n",
        );
        let rules = &dump.tables[0].rules;
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].words[3], "a\n-A INPUT -j DROP\n");
        assert_eq!(rules[1].words, ["-j", "LOG"]);
    }

    proptest! {
        #[test]
        fn words_survive_iptables_quoting(input in prop::collection::vec(any::<String>(), 0..8)) {
            let printed: Vec<String> = input.iter().map(|word| quoted(word)).collect();
            let save = format!("*raw\n-A OUTPUT {}\nCOMMIT\n", printed.join(" "));
            let dump = Dump::parse(save.as_bytes());
            prop_assert_eq!(&dump.tables[0].rules[0].words, &input);
            prop_assert_eq!(dump.tables[0].rules.len(), 1);
        }

        #[test]
        fn total_on_any_bytes(bytes: Vec<u8>) {
            let _ = Dump::parse(&bytes);
        }

        #[test]
        fn total_on_lines_that_look_right(
            lines in prop::collection::vec("(\\*|:|-A |# |-A OUTPUT )[ -~\\n\"\\\\]{0,30}", 0..8),
        ) {
            let save = lines.join("\n");
            let dump = Dump::parse(save.as_bytes());
            let printed = dump.tables.iter().flat_map(|table| &table.rules);
            for rule in printed {
                // What is printed for deletion is a piece of the input, nothing made up.
                let printed = String::from_utf8(rule.printed.clone()).unwrap();
                prop_assert!(save.contains(&printed));
            }
        }
    }
}
