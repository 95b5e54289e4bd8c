//! Suggestions from learn mode while they are reviewed: grouped by program, and which are chosen.

use std::collections::HashSet;

use bastion_ipc::wire::{AnswerScope, Suggestion};

use super::names::{self, Directory};
use crate::i18n::{gettext, gettext_f, ngettext_f};

/// Destinations named in the line of a program.
const NAMED: usize = 2;
/// Scopes offered, narrowest first.
pub const SCOPES: [AnswerScope; 3] = [AnswerScope::Flow, AnswerScope::Port, AnswerScope::Program];

/// One destination of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Names the suggestion.
    pub id: u64,
    /// Where to.
    pub destination: String,
    /// How, and how often.
    pub detail: String,
    /// When it was last seen.
    pub last: u64,
}

/// A program with its destinations, the latest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path, or `flatpak:ID` and the like: what its name and icon are found by.
    pub path: String,
    /// Some of its destinations.
    pub summary: String,
    /// Its destinations.
    pub rows: Vec<Row>,
}

/// How many of several are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// None.
    None,
    /// Some, and not all.
    Some,
    /// All.
    All,
}

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// Programs, the latest first.
    pub programs: Vec<Program>,
    chosen: HashSet<u64>,
}

impl Review {
    /// Shows these. What was chosen stays so; `with_users` says whose each is.
    pub fn show(&mut self, found: Vec<Suggestion>, directory: &Directory, with_users: bool) {
        let mut programs: Vec<Program> = Vec::new();
        for suggestion in found {
            let row = row(&suggestion, directory, with_users);
            let path = match suggestion.app.is_empty() {
                true => suggestion.program,
                false => suggestion.app,
            };
            match programs.iter_mut().find(|program| program.path == path) {
                Some(program) => program.rows.push(row),
                None => programs.push(Program {
                    path,
                    summary: String::new(),
                    rows: vec![row],
                }),
            }
        }
        for program in &mut programs {
            program.summary = summary(&program.rows);
        }
        self.programs = programs;
        let ids: HashSet<u64> = self.ids().collect();
        self.chosen.retain(|id| ids.contains(id));
    }

    fn ids(&self) -> impl Iterator<Item = u64> {
        let rows = self.programs.iter().flat_map(|program| &program.rows);
        rows.map(|row| row.id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids().count()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.programs.is_empty()
    }

    /// The numbers of those chosen, in the order in which they are shown.
    #[must_use]
    pub fn chosen(&self) -> Vec<u64> {
        self.ids().filter(|id| self.chosen.contains(id)).collect()
    }

    /// True if this one is.
    #[must_use]
    pub fn is_chosen(&self, id: u64) -> bool {
        self.chosen.contains(&id)
    }

    /// How many of a program are chosen.
    #[must_use]
    pub fn chosen_of(&self, program: &Program) -> Chosen {
        self.share(program.rows.iter().map(|row| row.id))
    }

    /// How many of all are chosen.
    #[must_use]
    pub fn chosen_of_all(&self) -> Chosen {
        self.share(self.ids())
    }

    fn share(&self, ids: impl Iterator<Item = u64>) -> Chosen {
        let (yes, no): (Vec<u64>, Vec<u64>) = ids.partition(|id| self.chosen.contains(id));
        match (yes.is_empty(), no.is_empty()) {
            (true, _) => Chosen::None,
            (false, true) => Chosen::All,
            (false, false) => Chosen::Some,
        }
    }

    /// Chooses one, or not.
    pub fn choose(&mut self, id: u64, chosen: bool) {
        self.choose_each(vec![id], chosen);
    }

    /// Chooses all of the program at this path, or none.
    pub fn choose_program(&mut self, path: &str, chosen: bool) {
        let program = self.programs.iter().find(|program| program.path == path);
        let ids = program.map(|program| program.rows.iter().map(|row| row.id).collect());
        self.choose_each(ids.unwrap_or_default(), chosen);
    }

    /// Chooses all, or none.
    pub fn choose_all(&mut self, chosen: bool) {
        self.choose_each(self.ids().collect(), chosen);
    }

    fn choose_each(&mut self, ids: Vec<u64>, chosen: bool) {
        for id in ids {
            match chosen {
                true => self.chosen.insert(id),
                false => self.chosen.remove(&id),
            };
        }
    }
}

/// Names of [`SCOPES`].
#[must_use]
pub fn scopes() -> [String; 3] {
    [
        gettext("This destination"),
        gettext("Any destination on this port"),
        gettext("Everything the program does"),
    ]
}

/// So many suggestions, in words, for where nothing else tells where they come from.
#[must_use]
pub fn from_learn_mode(suggestions: usize) -> String {
    ngettext_f(
        "{n} suggestion from learn mode",
        "{n} suggestions from learn mode",
        suggestions as u64,
        &[],
    )
}

/// So many suggestions, in words.
#[must_use]
pub fn count(suggestions: usize) -> String {
    match suggestions as u64 {
        0 => gettext("No Suggestions"),
        n => ngettext_f("{n} suggestion", "{n} suggestions", n, &[]),
    }
}

fn row(suggestion: &Suggestion, directory: &Directory, with_users: bool) -> Row {
    let (port, protocol) = (suggestion.destination_port, &suggestion.protocol);
    let service = directory.service(port, protocol);
    let port = match names::port(port, service) {
        none if none.is_empty() => none,
        port => gettext_f("Port {port}", &[("port", &port)]),
    };
    let user = match with_users {
        true => directory.user(suggestion.uid),
        false => String::new(),
    };
    let count = ngettext_f("{n} time", "{n} times", suggestion.count, &[]);
    let parts = [port, names::protocol(protocol), count, user];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Row {
        id: suggestion.id,
        destination: names::host(&suggestion.host, &suggestion.destination).to_owned(),
        detail: parts.join(" · "),
        last: suggestion.last,
    }
}

/// The first destinations, each once, and how many more there are.
fn summary(rows: &[Row]) -> String {
    let mut places: Vec<&str> = Vec::new();
    for row in rows {
        if !places.contains(&row.destination.as_str()) {
            places.push(&row.destination);
        }
    }
    let more = places.len().saturating_sub(NAMED);
    places.truncate(NAMED);
    let named = places.join(", ");
    match more {
        0 => named,
        more => ngettext_f(
            "{places} and {n} more",
            "{places} and {n} more",
            more as u64,
            &[("places", &named)],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggestion(id: u64, program: &str, host: &str) -> Suggestion {
        Suggestion {
            id,
            program: program.into(),
            uid: 1000,
            protocol: "tcp".into(),
            host: host.into(),
            destination: "192.0.2.1".into(),
            destination_port: 443,
            count: 12,
            ..Suggestion::default()
        }
    }

    fn directory() -> Directory {
        Directory::fixed(&[(1000, "alice")], "https 443/tcp")
    }

    fn review() -> Review {
        let mut review = Review::default();
        let found = vec![
            suggestion(9, "/usr/bin/git", "a.example"),
            suggestion(8, "/usr/bin/curl", "b.example"),
            suggestion(7, "/usr/bin/git", ""),
            suggestion(6, "/usr/bin/git", "a.example"),
            suggestion(5, "/usr/bin/git", "c.example"),
            suggestion(4, "/usr/bin/git", "d.example"),
        ];
        review.show(found, &directory(), false);
        review
    }

    #[test]
    fn suggestions_are_grouped_by_program() {
        let mut review = review();
        let paths: Vec<_> = review.programs.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["/usr/bin/git", "/usr/bin/curl"]);
        assert_eq!(review.len(), 6);
        let git = &review.programs[0];
        assert_eq!(git.summary, "a.example, 192.0.2.1 and 2 more");
        assert_eq!(git.rows[0].detail, "Port 443 (https) · TCP · 12 times");
        assert_eq!(review.programs[1].summary, "b.example");

        let ping = Suggestion {
            app: "flatpak:org.a.Ping".into(),
            protocol: "icmp".into(),
            destination_port: 0,
            count: 1,
            ..suggestion(1, "/app/bin/ping", "")
        };
        review.show(vec![ping], &directory(), true);
        assert_eq!(review.programs[0].path, "flatpak:org.a.Ping");
        assert_eq!(review.programs[0].rows[0].detail, "ICMP · 1 time · alice");
    }

    #[test]
    fn one_a_program_or_all_are_chosen() {
        let mut review = review();
        assert_eq!(review.chosen_of_all(), Chosen::None);
        review.choose(7, true);
        assert_eq!(review.chosen_of(&review.programs[0]), Chosen::Some);
        assert_eq!(review.chosen_of(&review.programs[1]), Chosen::None);
        review.choose_program("/usr/bin/git", true);
        assert_eq!(review.chosen(), [9, 7, 6, 5, 4]);
        assert_eq!(review.chosen_of(&review.programs[0]), Chosen::All);
        assert_eq!(review.chosen_of_all(), Chosen::Some);
        review.choose_program("/usr/bin/git", false);
        review.choose_program("/usr/bin/nothing", true);
        assert_eq!(review.chosen(), [0; 0]);
        review.choose_all(true);
        assert_eq!(review.chosen_of_all(), Chosen::All);
        review.choose_all(false);
        assert_eq!(review.chosen_of_all(), Chosen::None);
    }

    #[test]
    fn what_is_chosen_stays_so_as_long_as_it_is_there() {
        let mut review = review();
        review.choose_all(true);
        let found = vec![
            suggestion(8, "/usr/bin/curl", "b.example"),
            suggestion(10, "/usr/bin/curl", "e.example"),
        ];
        review.show(found, &directory(), false);
        assert_eq!(review.chosen(), [8]);
        assert!(!review.is_chosen(9));
        review.show(Vec::new(), &directory(), false);
        assert!(review.is_empty());
        assert_eq!(review.chosen_of_all(), Chosen::None);
    }
}
