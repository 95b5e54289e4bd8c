use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use super::{ExecutablePath, ProgramError};
use crate::escape;

/// A pattern over whole executable paths.
///
/// `*` stands for any characters of one component, `**` as a whole component for any components,
/// also none; `?` for one ASCII character; `[ab0-9]` for one of those ASCII characters; `{a,b}`
/// for one of those texts, which may hold everything but further braces. None but `**` and a `/`
/// written out stands for a `/`. Everything else stands for itself; there is no escape character,
/// as paths are in the form of [`escape::bytes`].
#[derive(Clone, Debug)]
pub struct PathPattern {
    text: Arc<str>,
    matcher: GlobMatcher,
}

/// Characters that may not stand for themselves.
const SPECIAL: [char; 6] = ['*', '?', '[', ']', '{', '}'];

impl PathPattern {
    /// Longest pattern accepted, in bytes; bounds what one rule can cost.
    pub const MAX: usize = 1024;

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True if the whole path matches.
    #[must_use]
    pub fn matches(&self, path: &ExecutablePath) -> bool {
        self.matcher.is_match(path.as_str())
    }

    /// Characters that stand for themselves: the more, the more specific.
    #[must_use]
    pub fn literal_len(&self) -> usize {
        self.text
            .chars()
            .filter(|c| !SPECIAL.contains(c) && *c != ',')
            .count()
    }

    /// The directory that every path that matches begins with, with its `/` at the end.
    pub(crate) fn literal_dir(&self) -> &str {
        let literal = self.text.split(SPECIAL).next().unwrap_or_default();
        literal
            .rfind('/')
            .map_or("", |slash| literal.split_at(slash.saturating_add(1)).0)
    }

    /// The last component of every path that matches, if they all have the same.
    pub(crate) fn literal_file_name(&self) -> Option<&str> {
        // Where the text after the last `/` has nothing special, that `/` is within no brackets
        // or braces, so it is part of every path.
        self.text
            .rsplit('/')
            .next()
            .filter(|name| !name.contains(SPECIAL))
    }
}

/// Why the pattern is not one that [`GlobBuilder`] reads as documented above: it would take
/// non-ASCII characters in brackets for single bytes, let brackets match a `/`, and fail on braces
/// nested too deep.
fn trap(text: &str) -> Option<&'static str> {
    let mut rest = text.chars().peekable();
    let mut in_braces = false;
    while let Some(c) = rest.next() {
        match c {
            '{' if in_braces => return Some("braces can't hold braces"),
            '{' => in_braces = true,
            '}' => in_braces = false,
            '[' => {
                if matches!(rest.peek(), Some('!' | '^')) {
                    return Some("brackets say which characters are meant, not which are not");
                }
                let first = rest.next();
                // A `]` right at the beginning stands for itself.
                let mut class = first
                    .into_iter()
                    .chain(rest.by_ref().take_while(|c| *c != ']'));
                if !class.all(|c| c.is_ascii() && c != '/') {
                    return Some("brackets hold ASCII characters other than “/”");
                }
            }
            _ => {}
        }
    }
    None
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PathPattern {}

impl Hash for PathPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl FromStr for PathPattern {
    type Err = ProgramError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: &str| ProgramError::Pattern {
            pattern: escape::excerpt(text),
            reason: reason.to_owned(),
        };
        if !text.starts_with('/') {
            return Err(wrong("it must start with “/”"));
        }
        if text.len() > Self::MAX || !escape::is_printable(text) {
            return Err(wrong("it is too long or has control characters"));
        }
        if let Some(reason) = trap(text) {
            return Err(wrong(reason));
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .backslash_escape(false)
            // `{,3}` is nothing or 3, as in a shell.
            .empty_alternates(true)
            .build()
            .map_err(|error| wrong(&error.kind().to_string()))?;
        Ok(Self {
            text: text.into(),
            matcher: glob.compile_matcher(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let pattern: PathPattern = pattern.parse().unwrap();
        pattern.matches(&path.parse().unwrap())
    }

    #[test]
    fn means_what_its_documentation_says() {
        for (pattern, path, expected) in [
            ("/opt/*/bin/x", "/opt/a/bin/x", true),
            ("/opt/*/bin/x", "/opt/a/b/bin/x", false),
            ("/opt/*/bin/x", "/home/u/opt/a/bin/x", false),
            ("/opt/*/bin/x", "/opt/a/bin/xy", false),
            ("/opt/**/x", "/opt/x", true),
            ("/opt/**/x", "/opt/a/b/x", true),
            ("/opt/**/x", "/opt/a/bx", false),
            ("/opt/**", "/opt/a/b", true),
            ("/opt/**", "/optional", false),
            ("/usr/bin/python3.?", "/usr/bin/python3.9", true),
            ("/usr/bin/python3.?", "/usr/bin/python3./", false),
            ("/usr/bin/python3.[0-9]", "/usr/bin/python3.9", true),
            ("/usr/bin/python3.[0-9]", "/usr/bin/python3.x", false),
            ("/usr/bin/python{,3}", "/usr/bin/python", true),
            ("/usr/bin/python{,3}", "/usr/bin/python3", true),
            ("/{opt,home/u}/x", "/home/u/x", true),
            ("/a\\*", "/a\\\\b", true),
            ("/a\\*", "/a*", false),
            ("/é*", "/éa", true),
            ("/[]]", "/]", true),
        ] {
            let path_ok = path.parse::<ExecutablePath>().is_ok();
            assert_eq!(
                path_ok && matches(pattern, path),
                expected,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn what_would_be_misread_is_refused() {
        let deep = format!("/{}{}", "{".repeat(500), "}".repeat(500));
        for pattern in [
            "/[!a]", "/[^a]", "/[é]", "/a[/]b", "/{a,{b}}", "/[", "/{a", "/a}", "x", "", &deep,
        ] {
            assert!(pattern.parse::<PathPattern>().is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn parsing_is_total(text: String, special in "/[a/*?{},!^\\]\\[é-]{0,40}") {
            let _ = text.parse::<PathPattern>();
            let _ = special.parse::<PathPattern>();
        }

        #[test]
        fn every_match_has_the_literal_parts(
            pattern in "/[ab/*?{},\\]\\[]{0,12}",
            path in "(/[ab,]{1,3}){1,4}",
        ) {
            if let Ok(pattern) = pattern.parse::<PathPattern>() {
                let path: ExecutablePath = path.parse().unwrap();
                if pattern.matches(&path) {
                    prop_assert!(path.as_str().starts_with(pattern.literal_dir()));
                    if let Some(name) = pattern.literal_file_name() {
                        prop_assert_eq!(path.file_name(), name);
                    }
                }
            }
        }
    }
}
