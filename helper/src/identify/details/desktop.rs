//! Desktop entries: which application a program is, for people.
//!
//! Read by the desktop entry specification, as far as is needed here: a few keys of one group.

use bastion_policy::escape;

/// Longest icon, in bytes.
const MAX_ICON: usize = 1024;

/// What of a desktop entry counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name, untranslated, escaped and shortened.
    pub name: String,
    /// Its icon, a name or a path; empty when it has none that can be shown.
    pub icon: String,
    /// The program it starts, a path or a name.
    pub program: Option<String>,
    /// True if it is not meant to be seen in menus.
    pub hidden: bool,
    /// The Flatpak it is from.
    pub flatpak: Option<String>,
    /// The Snap it is from.
    pub snap: Option<String>,
}

/// Reads an entry; `None` if it is none of an application's.
pub(super) fn parse(text: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(text).ok()?;
    let mut entry = Entry::default();
    let mut application = false;
    let group = text
        .lines()
        .skip_while(|line| line.trim_end() != "[Desktop Entry]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    for line in group {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        match key.trim_end() {
            "Type" => application = value == "Application",
            "Name" => entry.name = escape::excerpt(unescaped(value).trim()),
            "Icon" => entry.icon = icon(unescaped(value)),
            "Exec" => entry.program = program(&unescaped(value)),
            "NoDisplay" | "Hidden" => entry.hidden |= value == "true",
            "X-Flatpak" => entry.flatpak = Some(value.to_owned()),
            "X-SnapInstanceName" => entry.snap = Some(value.to_owned()),
            _ => {}
        }
    }
    (application && !entry.name.is_empty()).then_some(entry)
}

fn icon(text: String) -> String {
    if text.len() <= MAX_ICON && escape::is_printable(&text) {
        text
    } else {
        String::new()
    }
}

/// A value without the escapes that every text has.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('s') => text.push(' '),
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('\\') | None => text.push('\\'),
            // It stands for itself, with its backslash: the key may have escapes of its own.
            Some(other) => text.extend(['\\', other]),
        }
    }
    text
}

/// The program that a command line starts; what `env` starts, if it is that.
fn program(command: &str) -> Option<String> {
    let (mut program, mut rest) = word(command)?;
    if matches!(program.as_str(), "env" | "/usr/bin/env" | "/bin/env") {
        loop {
            (program, rest) = word(rest)?;
            // Options with an argument of their own, and variables.
            if matches!(program.as_str(), "-u" | "--unset" | "-C" | "--chdir") {
                (_, rest) = word(rest)?;
            } else if !program.starts_with('-')
                && (program.starts_with('/') || !program.contains('='))
            {
                break;
            }
        }
    }
    Some(program)
}

/// The first word of a command line, and what comes after it. A word in quotes has a backslash
/// before each character that would mean something to a shell.
fn word(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        return (!word.is_empty()).then(|| (word.to_owned(), rest));
    };
    let mut word = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((word, quoted.get(at + 1..).unwrap_or_default())),
            '\\' => word.push(characters.next()?.1),
            other => word.push(other),
        }
    }
    None
}

/// Where a program's name is looked for that is no path.
const PATH: [&str; 9] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/games",
    "/usr/games",
    "/snap/bin",
];

/// The paths at which a program may be, the first that exists being it.
pub(super) fn places(program: &str) -> Vec<String> {
    match program {
        path if path.starts_with('/') => vec![path.to_owned()],
        path if path.contains('/') => Vec::new(),
        name => PATH
            .iter()
            .map(|directory| format!("{directory}/{name}"))
            .collect(),
    }
}

#[cfg(test)]
#[path = "desktop_tests.rs"]
mod tests;
