//! Safeguard in words: for whom it is on, why, since when, and what it has dropped.

use bastion_ipc::wire::{Guard, LoudProgram, Status};

use super::names::{self, Directory};
use super::status::{Banner, Health, Resume};
use super::time;
use crate::i18n::{gettext, gettext_f, ngettext_f};

/// Programs the banner has room for.
const NAMED: usize = 3;

/// For whom Safeguard is on, as the user of this session sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Safeguard {
    user: u32,
    own: Option<Guard>,
    others: Vec<Guard>,
    /// Something was heard before.
    known: bool,
}

/// What a change of the helper's state means to the user of this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Their undecided connections are dropped from now on.
    Entered,
    /// Safeguard has ended.
    Left {
        /// Connections dropped, as far as the helper said so before.
        dropped: u64,
        /// True if undecided connections are asked about again, and not allowed.
        asks: bool,
    },
}

impl Safeguard {
    /// Nothing is known yet; the user of this session is the one with this number.
    #[must_use]
    pub fn of(user: u32) -> Self {
        Self {
            user,
            ..Self::default()
        }
    }

    /// Takes in the helper's state. Tells what has changed since the state before, even where the
    /// helper was away between; the first state changes nothing.
    pub fn hear(&mut self, status: &Status, now: u64) -> Option<Change> {
        let guards = status.safeguard.iter().cloned();
        let (own, others): (Vec<_>, Vec<_>) = guards.partition(|guard| guard.user == self.user);
        let own = own.into_iter().next();
        self.others = others;
        let before = std::mem::replace(&mut self.own, own);
        let is_first = !std::mem::replace(&mut self.known, true);
        match (before, &mut self.own) {
            (Some(before), Some(own)) => {
                own.programs = before.programs;
                None
            }
            (None, Some(_)) => (!is_first).then_some(Change::Entered),
            (Some(before), None) => Some(Change::Left {
                dropped: before.dropped,
                asks: status.mode == "ask" && status.paused_until <= now,
            }),
            (None, None) => None,
        }
    }

    /// Takes in what the helper tells of the user's own Safeguard alone, while it is on.
    pub fn learn(&mut self, guards: &[Guard]) {
        let told = guards.iter().find(|guard| guard.user == self.user);
        if let (Some(own), Some(told)) = (&mut self.own, told) {
            own.clone_from(told);
        }
    }

    /// True while the user's own undecided connections are dropped.
    #[must_use]
    pub fn is_mine(&self) -> bool {
        self.own.is_some()
    }

    /// What stands above every page while it is on for anybody.
    #[must_use]
    pub fn banner(&self, directory: &Directory) -> Option<Banner> {
        let (sentences, details, everybody) = match (&self.own, self.others.as_slice()) {
            (Some(own), _) => {
                let mut sentences = vec![gettext("Safeguard is on."), cause(own)];
                sentences.extend(loudest(&own.programs));
                (sentences, programs(own), false)
            }
            (None, []) => return None,
            (None, [other]) => {
                let sentences = vec![headline(other, directory), cause(other)];
                (sentences, String::new(), true)
            }
            (None, others) => {
                let headline = ngettext_f(
                    "Safeguard is on for {n} other user.",
                    "Safeguard is on for {n} other users.",
                    others.len() as u64,
                    &[],
                );
                (vec![headline], String::new(), true)
            }
        };
        Some(Banner {
            text: sentences.join(" "),
            details,
            resume: Some(Resume::Asking { everybody }),
        })
    }

    /// Lines of the health list, as of `now`.
    #[must_use]
    pub fn health(&self, directory: &Directory, now: u64) -> Vec<Health> {
        let guards = self.own.iter().chain(&self.others);
        let line = |guard: &Guard| Health {
            title: self.title(guard, directory),
            state: state(guard, now),
            good: false,
        };
        guards.map(line).collect()
    }

    fn title(&self, guard: &Guard, directory: &Directory) -> String {
        match guard.user {
            user if user == self.user => gettext("Safeguard"),
            u32::MAX => gettext("Safeguard for No Known User"),
            user => {
                let user = directory.user(user);
                gettext_f("Safeguard for {user}", &[("user", &user)])
            }
        }
    }
}

impl Change {
    /// Title of the notification.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::Entered => gettext("Safeguard"),
            Self::Left { .. } => gettext("Safeguard Has Ended"),
        }
    }

    /// Text of the notification.
    #[must_use]
    pub fn body(self) -> String {
        match self {
            Self::Entered => gettext(
                "Bastion Firewall detected abnormal network activity and has temporarily paused connections to protect your system.",
            ),
            Self::Left {
                dropped,
                asks: true,
            } => ngettext_f(
                "You are asked about connections again. {n} connection was dropped meanwhile.",
                "You are asked about connections again. {n} connections were dropped meanwhile.",
                dropped,
                &[],
            ),
            Self::Left {
                dropped,
                asks: false,
            } => dropped_sentence(dropped),
        }
    }
}

/// For whom it is on; not the user of this session.
fn headline(guard: &Guard, directory: &Directory) -> String {
    match guard.user {
        u32::MAX => gettext("Safeguard is on for connections of no known user."),
        user => {
            let user = directory.user(user);
            gettext_f("Safeguard is on for {user}.", &[("user", &user)])
        }
    }
}

fn cause(guard: &Guard) -> String {
    match guard.cause.as_str() {
        "packets" => gettext("Too many packets waited for answers."),
        "queue" => gettext("The packet queue was nearly full."),
        // “questions”, and whatever a newer helper may have.
        _ => gettext("Too many undecided connections came at once."),
    }
}

/// The loudest programs by their short names.
fn loudest(programs: &[LoudProgram]) -> Option<String> {
    let named = programs.iter().take(NAMED);
    let named: Vec<_> = named.map(|loud| names::program(&loud.program)).collect();
    let list = named.join(", ");
    match programs.len() - named.len() {
        _ if named.is_empty() => None,
        0 => Some(gettext_f("Loudest: {programs}.", &[("programs", &list)])),
        more => Some(ngettext_f(
            "Loudest: {programs} and {n} more.",
            "Loudest: {programs} and {n} more.",
            more as u64,
            &[("programs", &list)],
        )),
    }
}

/// Every program with its path and numbers, each on a line.
fn programs(guard: &Guard) -> String {
    let line = |loud: &LoudProgram| {
        let program = match loud.program.starts_with('/') {
            true => loud.program.clone(),
            false => names::program(&loud.program),
        };
        gettext_f(
            "{program}: {undecided} undecided, {dropped} dropped",
            &[
                ("program", &program),
                ("undecided", &names::number(loud.undecided)),
                ("dropped", &names::number(loud.dropped)),
            ],
        )
    };
    let lines: Vec<_> = guard.programs.iter().map(line).collect();
    lines.join("\n")
}

fn state(guard: &Guard, now: u64) -> String {
    let span = gettext_f(
        "On for {span}.",
        &[("span", &time::passed(guard.since, now))],
    );
    let first = [cause(guard), span, dropped_sentence(guard.dropped)].join(" ");
    match programs(guard) {
        none if none.is_empty() => first,
        programs => format!("{first}\n{programs}"),
    }
}

fn dropped_sentence(dropped: u64) -> String {
    ngettext_f(
        "{n} connection was dropped.",
        "{n} connections were dropped.",
        dropped,
        &[],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: u32 = 1000;
    const BOB: u32 = 1001;

    fn directory() -> Directory {
        Directory::fixed(&[(ALICE, "alice"), (BOB, "bob")], "")
    }

    fn loud(program: &str, undecided: u64, dropped: u64) -> LoudProgram {
        LoudProgram {
            program: program.into(),
            undecided,
            dropped,
        }
    }

    fn guard(user: u32, dropped: u64) -> Guard {
        Guard {
            user,
            since: 1_000,
            cause: "questions".into(),
            dropped,
            programs: Vec::new(),
        }
    }

    fn status(guards: &[Guard]) -> Status {
        Status {
            mode: "ask".into(),
            safeguard: guards.to_vec(),
            ..Status::default()
        }
    }

    fn heard(guards: &[Guard]) -> Safeguard {
        let mut safeguard = Safeguard::of(ALICE);
        assert_eq!(safeguard.hear(&status(guards), 0), None, "the first state");
        safeguard
    }

    #[test]
    fn only_what_begins_or_ends_for_the_user_is_a_change() {
        let mut safeguard = heard(&[]);
        let mut hear = |guards: &[Guard]| safeguard.hear(&status(guards), 0);
        assert_eq!(hear(&[guard(BOB, 1), guard(u32::MAX, 0)]), None);
        assert_eq!(
            hear(&[guard(BOB, 2), guard(ALICE, 0)]),
            Some(Change::Entered)
        );
        // Also after the helper was away.
        assert_eq!(hear(&[guard(ALICE, 7)]), None);
        let left = Change::Left {
            dropped: 7,
            asks: true,
        };
        assert_eq!(hear(&[]), Some(left));
        assert_eq!(hear(&[]), None);
    }

    #[test]
    fn an_app_that_starts_while_it_is_on_notifies_of_its_end_alone() {
        let mut safeguard = heard(&[guard(ALICE, 3)]);
        assert!(safeguard.is_mine());
        let learning = Status {
            mode: "learn".into(),
            ..Status::default()
        };
        let left = safeguard.hear(&learning, 0).unwrap();
        assert_eq!(left.body(), "3 connections were dropped.");
    }

    #[test]
    fn notifications_say_what_happened() {
        assert_eq!(
            Change::Entered.body(),
            "Bastion Firewall detected abnormal network activity and has temporarily paused connections to protect your system."
        );
        let left = Change::Left {
            dropped: 1,
            asks: true,
        };
        assert_eq!(
            left.body(),
            "You are asked about connections again. 1 connection was dropped meanwhile."
        );
    }

    #[test]
    fn the_banner_names_the_loudest_and_its_details_their_paths() {
        let mut safeguard = heard(&[guard(ALICE, 3)]);
        let banner = safeguard.banner(&directory()).unwrap();
        assert_eq!(
            banner.text,
            "Safeguard is on. Too many undecided connections came at once."
        );
        let told = Guard {
            cause: "queue".into(),
            programs: vec![
                loud("/usr/bin/curl", 1200, 1100),
                loud("/home/alice/game", 5, 4),
                loud("kernel", 3, 2),
                loud("/usr/bin/wget", 2, 1),
            ],
            ..guard(ALICE, 9)
        };
        safeguard.learn(&[guard(BOB, 0), told]);
        // What everybody is told names no programs; those known stay.
        safeguard.hear(
            &status(&[Guard {
                cause: "queue".into(),
                ..guard(ALICE, 10)
            }]),
            0,
        );
        let banner = safeguard.banner(&directory()).unwrap();
        assert_eq!(
            banner.text,
            "Safeguard is on. The packet queue was nearly full. Loudest: curl, game, The system kernel and 1 more."
        );
        assert!(
            banner
                .details
                .starts_with("/usr/bin/curl: 1\u{202f}200 undecided, 1\u{202f}100 dropped\n"),
            "{}",
            banner.details
        );
        assert_eq!(banner.resume, Some(Resume::Asking { everybody: false }));
    }

    #[test]
    fn what_is_on_for_others_says_so_and_ends_for_everybody() {
        let safeguard = heard(&[guard(BOB, 3)]);
        let banner = safeguard.banner(&directory()).unwrap();
        assert_eq!(
            banner.text,
            "Safeguard is on for bob. Too many undecided connections came at once."
        );
        assert_eq!(banner.resume, Some(Resume::Asking { everybody: true }));
        let system = heard(&[guard(u32::MAX, 3)]);
        let banner = system.banner(&directory()).unwrap();
        assert!(
            banner
                .text
                .starts_with("Safeguard is on for connections of no known user.")
        );
        let both = heard(&[guard(BOB, 3), guard(u32::MAX, 3)]);
        let banner = both.banner(&directory()).unwrap();
        assert_eq!(banner.text, "Safeguard is on for 2 other users.");
        assert_eq!(heard(&[]).banner(&directory()), None);
    }

    #[test]
    fn what_was_told_late_brings_nothing_back() {
        let mut safeguard = heard(&[]);
        safeguard.learn(&[guard(ALICE, 1)]);
        assert!(!safeguard.is_mine());
        assert_eq!(safeguard.health(&directory(), 0), []);
    }

    #[test]
    fn health_tells_cause_span_and_programs_of_each() {
        let mut safeguard = heard(&[guard(BOB, 1), guard(ALICE, 2)]);
        safeguard.learn(&[Guard {
            programs: vec![loud("/usr/bin/curl", 3, 2)],
            ..guard(ALICE, 2)
        }]);
        let lines = safeguard.health(&directory(), 13_000);
        let titles: Vec<_> = lines.iter().map(|line| line.title.as_str()).collect();
        assert_eq!(titles, ["Safeguard", "Safeguard for bob"]);
        assert_eq!(
            lines[0].state,
            "Too many undecided connections came at once. On for 12 seconds. 2 connections were dropped.\n/usr/bin/curl: 3 undecided, 2 dropped"
        );
        assert!(lines.iter().all(|line| !line.good));
    }
}
