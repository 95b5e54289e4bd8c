//! What commands print: for people, adapted to the terminal, or as JSON for scripts.

mod json;
mod table;
mod text;

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::error::Error;

pub(crate) use table::Table;
pub(crate) use text::{clean, destination, duration, endpoint, fault, program, reason};

/// How text for people is to look. Formatting depends on nothing else, so it can be tested.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Columns of the terminal; `None` when the output is no terminal: nothing is wrapped then.
    pub(crate) width: Option<u16>,
    /// Whether colours may be used.
    pub(crate) colour: bool,
    /// Where the reader is.
    pub(crate) zone: TimeZone,
    /// Login names of users.
    pub(crate) users: fn(u32) -> Option<String>,
}

impl View {
    /// That of standard output.
    pub(crate) fn of_stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        // https://no-color.org: any value that is not empty switches colours off.
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            width: terminal.then(width).flatten(),
            colour: terminal && !no_colour && !dumb,
            zone: TimeZone::system(),
            users: crate::users::name,
        }
    }

    /// The same in the width that the terminal has by now.
    pub(crate) fn now(&self) -> Self {
        Self {
            width: self.width.and_then(|before| width().or(Some(before))),
            ..self.clone()
        }
    }

    /// The text in this style, where colours may be used.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// A heading.
    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// A verdict, an action or an outcome in its colour.
    pub(crate) fn verdict(&self, verdict: &str) -> String {
        self.paint(verdict_style(verdict), &clean(verdict))
    }

    /// A point in time, in the reader's time zone; `never` for 0.
    pub(crate) fn time(&self, millis: u64) -> String {
        self.format_time(millis, "%Y-%m-%d %H:%M:%S")
    }

    /// A point in time today.
    pub(crate) fn clock(&self, millis: u64) -> String {
        self.format_time(millis, "%H:%M:%S")
    }

    fn format_time(&self, millis: u64, format: &str) -> String {
        let time = i64::try_from(millis).ok().filter(|millis| *millis > 0);
        match time.map(jiff::Timestamp::from_millisecond) {
            Some(Ok(time)) => time
                .to_zoned_datetime(self.zone.clone())
                .strftime(format)
                .to_string(),
            _ => "never".to_owned(),
        }
    }

    /// A user by name where they have one: `alice`, else the uid; `unknown` for nobody.
    pub(crate) fn user(&self, uid: u32) -> String {
        match uid {
            u32::MAX => "unknown".to_owned(),
            uid => (self.users)(uid).map_or_else(|| uid.to_string(), |name| clean(&name).into()),
        }
    }
}

fn width() -> Option<u16> {
    terminal_size::terminal_size().map(|(width, _)| width.0)
}

/// Green for what goes through, red for what does not, yellow for what is open.
pub(crate) fn verdict_style(verdict: &str) -> Style {
    let colour = match verdict {
        "allow" => AnsiColor::Green,
        "deny" | "drop" => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    Style::new().fg_color(Some(colour.into()))
}

/// Where the output goes, and in which form.
pub(crate) struct Output {
    /// True for JSON.
    pub(crate) json: bool,
    /// How text looks.
    pub(crate) view: View,
}

impl Output {
    /// Standard output.
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            view: View::of_stdout(),
        }
    }

    /// Prints the record as JSON, or what `human` makes of it.
    ///
    /// # Errors
    /// When standard output can't be written.
    pub(crate) fn print<T: Serialize + ?Sized>(
        &self,
        record: &T,
        human: impl FnOnce(&View) -> String,
    ) -> Result<(), Error> {
        if self.json {
            self.write(&json::pretty(record)?)
        } else {
            self.write(&human(&self.view))
        }
    }

    /// Prints one record as one line: of JSON, or what `human` makes of it.
    ///
    /// # Errors
    /// When standard output can't be written.
    pub(crate) fn print_line<T: Serialize + ?Sized>(
        &self,
        record: &T,
        human: impl FnOnce(&View) -> String,
    ) -> Result<(), Error> {
        if self.json {
            self.write(&json::line(record)?)
        } else {
            self.write(&human(&self.view))
        }
    }

    /// Tells a person that something was done; scripts have the exit code.
    ///
    /// # Errors
    /// When standard output can't be written.
    pub(crate) fn done(&self, text: &str) -> Result<(), Error> {
        if self.json { Ok(()) } else { self.write(text) }
    }

    /// Writes text, and a newline if it does not end in one.
    ///
    /// # Errors
    /// When standard output can't be written.
    pub(crate) fn write(&self, text: &str) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        write!(out, "{text}{end}")
            .and_then(|()| out.flush())
            .map_err(Error::Output)
    }
}

/// Says something beside the output, on standard error.
pub(crate) fn note(text: &str) {
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
pub(crate) fn test_view(width: Option<u16>) -> View {
    View {
        width,
        colour: false,
        zone: TimeZone::UTC,
        users: |uid| match uid {
            0 => Some("root".into()),
            1000 => Some("alice".into()),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_users_are_for_people() {
        let view = test_view(None);
        assert_eq!(view.time(1_795_514_403_000), "2026-11-24 10:00:03");
        assert_eq!(view.clock(1_795_514_403_999), "10:00:03");
        assert_eq!(view.time(0), "never");
        assert_eq!(view.time(u64::MAX), "never");
        assert_eq!(view.user(1000), "alice");
        assert_eq!(view.user(77), "77");
        assert_eq!(view.user(u32::MAX), "unknown");
    }

    #[test]
    fn colours_appear_only_where_they_may() {
        let mut view = test_view(None);
        assert_eq!(view.verdict("deny"), "deny");
        view.colour = true;
        assert_eq!(view.verdict("deny"), "\u{1b}[31mdeny\u{1b}[0m");
    }
}
