//! Which programs there are to choose from, and what a rule has to name to mean one of them: the
//! file that the kernel runs, or the application that file belongs to.

use std::collections::BTreeSet;

use bastion_policy::escape;
use bastion_policy::matcher::{AppId, ExecutablePath};
use gtk::glib;

use super::names;
use crate::i18n::{gettext, gettext_f};

/// Most bytes of a file that are looked at to tell what it is.
pub const HEAD: usize = 256;

/// What of this computer has to be asked for.
pub trait Machine {
    /// The path, without links and escaped, of a program with this name or path.
    fn program(&self, name: &str) -> Option<String>;

    /// Where the user has installed this Flatpak; none where it is installed for everybody.
    fn own_flatpak(&self, id: &str) -> Option<String>;
}

/// What a rule has to name to mean the program that runs from this path: the text form of a
/// matcher.
#[must_use]
pub fn matcher(path: &str) -> String {
    AppId::owner_of(path).map_or_else(|| path.to_owned(), |app| app.to_string())
}

/// What a rule has to name to mean a Flatpak. One that the user has installed is theirs to change,
/// so that nothing but its place tells it.
#[must_use]
pub fn flatpak(id: &str, machine: &dyn Machine) -> Option<String> {
    let app: AppId = format!("flatpak:{id}").parse().ok()?;
    Some(match machine.own_flatpak(id) {
        Some(place) => format!("pattern:{place}/**"),
        None => app.to_string(),
    })
}

/// What a rule has to name to mean what a desktop entry's command line starts.
#[must_use]
pub fn launched(command: &str, machine: &dyn Machine) -> Option<String> {
    let words = glib::shell_parse_argv(command).ok()?;
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let (name, arguments) = without_env(&words)?;
    if names::program(name) == "flatpak" {
        let rest = arguments.strip_prefix(&["run"])?;
        let id = rest.iter().find(|word| !word.starts_with('-'))?;
        return flatpak(id, machine);
    }
    snap(name).or_else(|| machine.program(name).map(|path| matcher(&path)))
}

/// The program among the words of a command, without an `env` before it, and its arguments.
fn without_env<'a, 'w>(words: &'w [&'a str]) -> Option<(&'a str, &'w [&'a str])> {
    let (first, rest) = words.split_first()?;
    if names::program(first) != "env" {
        return Some((first, rest));
    }
    let skipped = rest
        .iter()
        .take_while(|word| word.starts_with('-') || word.contains('='))
        .count();
    let (name, arguments) = rest.get(skipped..)?.split_first()?;
    Some((name, arguments))
}

/// The Snap of a command that snapd made: `/snap/bin/NAME` or `/snap/bin/NAME.APP`.
#[must_use]
pub fn snap(command: &str) -> Option<String> {
    let dirs = ["/snap/bin/", "/var/lib/snapd/snap/bin/"];
    let name = dirs.iter().find_map(|dir| command.strip_prefix(dir))?;
    let name = name.split('.').next()?;
    let app: AppId = format!("snap:{name}").parse().ok()?;
    Some(app.to_string())
}

/// Programs to choose from, each as a rule names it: those that had connections lately, and the
/// others. What a rule can't name for good is left out.
#[must_use]
pub fn running<'a>(
    connected: impl Iterator<Item = &'a str>,
    running: impl Iterator<Item = String>,
) -> [Vec<String>; 2] {
    let connected: BTreeSet<String> = connected.filter(|path| lasts(path)).map(matcher).collect();
    let others: BTreeSet<String> = running
        .filter(|program| !program.starts_with('/') || lasts(program))
        .filter(|program| !connected.contains(program))
        .collect();
    [connected, others].map(|programs| {
        let mut programs: Vec<String> = programs.into_iter().collect();
        programs.sort_by_cached_key(|program| names::program(program).to_lowercase());
        programs
    })
}

fn lasts(path: &str) -> bool {
    let path: Result<ExecutablePath, _> = path.parse();
    path.is_ok_and(|path| path.is_lasting())
}

/// What stands in for a file that is no program of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// It is a script: this is what runs it.
    Interpreter(String),
    /// It is an AppImage: its programs run from places like this.
    Pattern(String),
}

impl Instead {
    /// What stands in for the file at this path, which begins like this; none where it is a
    /// program itself.
    #[must_use]
    pub fn of(path: &str, head: &[u8], machine: &dyn Machine) -> Option<Self> {
        if let Some(line) = head.strip_prefix(b"#!") {
            return interpreter(line, machine).map(Self::Interpreter);
        }
        // The AppImage specification, types 1 and 2.
        let appimage =
            head.starts_with(b"\x7fELF") && matches!(head.get(8..11), Some(b"AI\x01" | b"AI\x02"));
        appimage.then(|| mounts(path)).flatten().map(Self::Pattern)
    }

    /// What a rule names: the text form of a matcher.
    #[must_use]
    pub fn matcher(&self) -> String {
        match self {
            Self::Interpreter(path) => matcher(path),
            Self::Pattern(pattern) => format!("pattern:{pattern}"),
        }
    }

    /// What the user is asked when they chose such a file.
    #[must_use]
    pub fn explanation(&self, chosen: &str) -> String {
        let chosen = names::program(chosen);
        match self {
            Self::Interpreter(path) => gettext_f(
                "“{file}” is a script, which {interpreter} runs. The system knows the connections of scripts by what runs them: the rule would be for everything that {interpreter} runs.",
                &[("file", &chosen), ("interpreter", path)],
            ),
            Self::Pattern(pattern) => gettext_f(
                "“{file}” is an AppImage, which runs from another place each time. The rule would be for all programs in places like {pattern}, where any program can put itself.",
                &[("file", &chosen), ("pattern", pattern)],
            ),
        }
    }
}

/// What runs a script with this first line, after its `#!`.
fn interpreter(line: &[u8], machine: &dyn Machine) -> Option<String> {
    let line = line.split(|&byte| byte == b'\n').next()?;
    let words: Vec<&str> = std::str::from_utf8(line).ok()?.split_whitespace().collect();
    let (name, _) = without_env(&words)?;
    machine.program(name)
}

/// Where an AppImage mounts itself: the beginning of its name, and six characters at random.
fn mounts(path: &str) -> Option<String> {
    let name: String = names::program(path).chars().take(6).collect();
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-+ ".contains(c));
    plain.then(|| format!("/tmp/.mount_{name}??????/**"))
}

/// What is to be said of a path that somebody wrote down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// There is no such file.
    Missing,
    /// It is no file that could be run.
    NoProgram,
    /// It is a link to a program, or something stands in for it, which a rule names so.
    Other(String),
}

impl Fact {
    /// For people.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Missing => gettext("There is no such file at the moment."),
            Self::NoProgram => gettext("This is no program."),
            Self::Other(matcher) => gettext_f(
                "Connections of this program are known by {program}.",
                &[("program", matcher)],
            ),
        }
    }
}

/// True if every word of a query occurs in the name or the text form of a program.
#[must_use]
pub fn is_found(query: &str, name: &str, matcher: &str) -> bool {
    let (name, matcher) = (name.to_lowercase(), matcher.to_lowercase());
    let mut words = query.split_whitespace().map(str::to_lowercase);
    words.all(|word| name.contains(&word) || matcher.contains(&word))
}

/// A path as rules name it.
#[must_use]
pub fn escaped(path: &std::path::Path) -> String {
    escape::bytes(path.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A computer on which `/usr/bin` has what is asked for, and one Flatpak is the user's own.
    struct Usual;

    impl Machine for Usual {
        fn program(&self, name: &str) -> Option<String> {
            match name {
                "python3" | "/usr/bin/python3" => Some("/usr/bin/python3.13".into()),
                "nothing" => None,
                path if path.starts_with('/') => Some(path.into()),
                name => Some(format!("/usr/bin/{name}")),
            }
        }

        fn own_flatpak(&self, id: &str) -> Option<String> {
            (id == "org.own.App").then(|| "/home/u/.local/share/flatpak/app/org.own.App".into())
        }
    }

    fn of(command: &str) -> Option<String> {
        launched(command, &Usual)
    }

    #[test]
    fn a_desktop_entry_leads_to_what_a_rule_names() {
        for (command, expected) in [
            ("curl %U", "/usr/bin/curl"),
            ("\"/opt/My App/app\" --x", "/opt/My App/app"),
            ("env LANG=C A=b python3 x.py", "/usr/bin/python3.13"),
            (
                "/usr/bin/flatpak run --branch=stable --command=b --file-forwarding org.a.B @@u %U @@",
                "flatpak:org.a.B",
            ),
            (
                "flatpak run org.own.App",
                "pattern:/home/u/.local/share/flatpak/app/org.own.App/**",
            ),
            (
                "env BAMF_DESKTOP_FILE_HINT=/x.desktop /snap/bin/firefox.geckodriver %u",
                "snap:firefox",
            ),
            ("/snap/firefox/1/firefox", "snap:firefox"),
        ] {
            assert_eq!(of(command).as_deref(), Some(expected), "{command}");
        }
        for command in [
            "",
            "nothing",
            "\"open",
            "env",
            "flatpak install x",
            "flatpak run 'a b'",
        ] {
            assert_eq!(of(command), None, "{command}");
        }
    }

    #[test]
    fn what_is_chosen_from_makes_a_rule() {
        use bastion_policy::matcher::ProgramMatcher;
        for command in [
            "curl",
            "flatpak run org.own.App",
            "/snap/bin/x",
            "flatpak run a.B",
        ] {
            let text = of(command).unwrap();
            assert!(text.parse::<ProgramMatcher>().is_ok(), "{text}");
        }
        let pattern = mounts("/home/u/Tool-x86_64.AppImage").unwrap();
        assert!(
            format!("pattern:{pattern}")
                .parse::<ProgramMatcher>()
                .is_ok()
        );
    }

    #[test]
    fn programs_come_once_and_by_name() {
        let connected = [
            "/usr/bin/curl",
            "kernel",
            "unknown",
            "bastion",
            "/usr/bin/curl",
            "/bin/Awk",
        ];
        let running_now = [
            "/usr/bin/zsh",
            "/usr/bin/curl",
            "/proc/4/root/x",
            "flatpak:org.a.B",
            "/opt/a",
        ];
        let [recent, others] = running(
            connected.into_iter(),
            running_now.into_iter().map(str::to_owned),
        );
        assert_eq!(recent, ["/bin/Awk", "/usr/bin/curl"]);
        assert_eq!(others, ["/opt/a", "flatpak:org.a.B", "/usr/bin/zsh"]);
    }

    #[test]
    fn scripts_are_known_by_what_runs_them() {
        let script = |head: &str| Instead::of("/home/u/x.sh", head.as_bytes(), &Usual);
        let by = |path: &str| Some(Instead::Interpreter(path.into()));
        assert_eq!(script("#!/bin/bash -e\necho"), by("/bin/bash"));
        assert_eq!(
            script("#! /usr/bin/env python3\n"),
            by("/usr/bin/python3.13")
        );
        assert_eq!(
            script("#!/usr/bin/env -S python3 -u"),
            by("/usr/bin/python3.13")
        );
        assert_eq!(script("#!"), None);
        assert_eq!(script("#!/usr/bin/env nothing"), None);
        assert_eq!(script("\x7fELF"), None);
        let text = by("/bin/bash").unwrap().explanation("/home/u/x.sh");
        assert!(
            text.starts_with("“x.sh” is a script, which /bin/bash runs."),
            "{text}"
        );
    }

    #[test]
    fn an_appimage_has_but_a_pattern() {
        let head = b"\x7fELF\x02\x01\x01\0AI\x02\0\0";
        let found = Instead::of("/home/u/Racer-1.2.AppImage", head, &Usual).unwrap();
        assert_eq!(found.matcher(), "pattern:/tmp/.mount_Racer-??????/**");
        assert_eq!(Instead::of("/home/u/{x}.AppImage", head, &Usual), None);
        assert_eq!(
            Instead::of("/usr/bin/x", b"\x7fELF\x02\x01\x01\0\0\0\0", &Usual),
            None
        );
    }

    #[test]
    fn a_search_regards_name_and_path() {
        assert!(is_found("FIRE lib", "Firefox", "/usr/lib/firefox/firefox"));
        assert!(is_found("", "x", "y"));
        assert!(!is_found("fire bin", "Firefox", "/usr/lib/firefox/firefox"));
    }
}
