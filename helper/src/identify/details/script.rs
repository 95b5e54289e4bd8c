//! The script that an interpreter runs, by the interpreter's own arguments.
//!
//! That a program is an interpreter is known from its file. Which script it runs is not: a
//! process can change its arguments at any time, and a relative path is one of the directory it
//! was in when it started. So this is shown as what the program says, and decides nothing.

use std::fmt;

use super::interpreters::{Bare, Interpreter, interpreter};

/// What stands at the end of arguments that were cut.
const CUT: &str = "…";

/// What an interpreter runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// A file: its path, escaped for display.
    File(String),
    /// A module or class that the interpreter looks for itself: its name, escaped for display.
    Module(String),
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(text) | Self::Module(text) => f.write_str(text),
        }
    }
}

/// What the program whose file has this name says it runs. Arguments and directory are escaped,
/// as in [`Process`](bastion_policy::process::Process).
pub(super) fn of(file_name: &str, arguments: &[String], directory: &str) -> Option<Script> {
    let mut words = arguments.iter().map(String::as_str);
    let first = words.next()?;
    let interpreter = match file_name {
        // It is what it is called by, or what its first argument says.
        "busybox" | "toybox" => {
            let called = base(first);
            let applet = if called == file_name {
                words.next()?
            } else {
                called
            };
            interpreter(applet)?
        }
        name => interpreter(name)?,
    };
    match interpreter.read(words)? {
        Script::File(path) => Some(Script::File(absolute(&path, directory))),
        module => Some(module),
    }
}

/// The name by which a program was called, without the dash of a login shell.
fn base(called: &str) -> &str {
    let name = called.rsplit('/').next().unwrap_or(called);
    name.strip_prefix('-').unwrap_or(name)
}

impl Interpreter {
    fn read<'a>(&self, mut words: impl Iterator<Item = &'a str>) -> Option<Script> {
        while let Some(word) = words.next() {
            if word == "--" {
                return self.bare(words.next()?);
            }
            let Some(option) = word.strip_prefix(['-', '+']) else {
                return self.bare(word);
            };
            match self.option(option) {
                Step::Flag => {}
                Step::Skip => {
                    words.next()?;
                }
                Step::Stop => return None,
                Step::File("") => return file(words.next()?),
                Step::File(path) => return file(path),
                Step::Module("") => return module(words.next()?),
                Step::Module(name) => return module(name),
            }
        }
        None
    }

    fn bare(&self, word: &str) -> Option<Script> {
        match self.bare {
            Bare::Script => file(word),
            Bare::Module => module(word),
            Bare::Code => None,
        }
    }

    /// What an option, without its first dash, means for what follows it.
    fn option<'a>(&self, option: &'a str) -> Step<'a> {
        if option.is_empty() {
            return Step::Stop;
        }
        if (option.starts_with('-') || self.single_dash)
            && let Some(step) = self.long(option)
        {
            return step;
        }
        self.letters(option)
    }

    fn long<'a>(&self, option: &'a str) -> Option<Step<'a>> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let is = |names: &[&str]| {
            names
                .iter()
                .any(|known| known.strip_prefix('-').unwrap_or(known) == name)
        };
        if is(self.long_code) {
            return Some(Step::Stop);
        }
        if is(self.long_file) {
            return Some(Step::File(value));
        }
        if is(self.long_module) {
            return Some(Step::Module(value));
        }
        if is(self.long_argument) {
            return Some(if value.is_empty() {
                Step::Skip
            } else {
                Step::Flag
            });
        }
        // With a single dash there are letters too; one with a value is none.
        let letter = !option.starts_with('-') && option.chars().nth(1).is_none();
        (!letter).then_some(Step::Flag)
    }

    /// Options of one letter, put together in a word.
    fn letters<'a>(&self, option: &'a str) -> Step<'a> {
        for (at, letter) in option.char_indices() {
            let rest = option.get(at + letter.len_utf8()..).unwrap_or_default();
            if self.code.contains(letter) {
                return Step::Stop;
            }
            if self.file.contains(letter) {
                return Step::File(rest);
            }
            if self.module.contains(letter) {
                return Step::Module(rest);
            }
            if self.argument.contains(letter) {
                return if rest.is_empty() {
                    Step::Skip
                } else {
                    Step::Flag
                };
            }
            if self.rest.contains(letter) {
                return Step::Flag;
            }
        }
        Step::Flag
    }
}

/// What an option means; texts are empty where the next word is meant.
#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Flag,
    Skip,
    Stop,
    File(&'a str),
    Module(&'a str),
}

fn file(word: &str) -> Option<Script> {
    (!word.is_empty() && word != CUT).then(|| Script::File(word.to_owned()))
}

fn module(word: &str) -> Option<Script> {
    (!word.is_empty() && word != CUT).then(|| Script::Module(word.to_owned()))
}

/// A path as seen from a directory; as it is where the directory is not known. Only what stands
/// at its beginning is resolved: `a/../b` is no other name for `b` if `a` is a link.
fn absolute(path: &str, directory: &str) -> String {
    if path.starts_with('/') || !directory.starts_with('/') {
        return path.to_owned();
    }
    let (mut directory, mut below) = (directory.trim_end_matches('/'), path);
    loop {
        if let Some(rest) = below.strip_prefix("./") {
            below = rest.trim_start_matches('/');
        } else if let Some(rest) = below.strip_prefix("../") {
            directory = directory.rsplit_once('/').map_or("", |(above, _)| above);
            below = rest.trim_start_matches('/');
        } else {
            return format!("{directory}/{below}");
        }
    }
}

#[cfg(test)]
#[path = "script_tests.rs"]
mod tests;
