//! Notifications of questions: which of them are told of, and whether a button of a notification
//! may answer.
//!
//! A notification can be pressed when it is no longer true: its question may be over, or mean
//! something else by now, and it stays on some desktops when the app that sent it is gone. So each
//! has a number of its own that can't be guessed, an answer names it, and only the newest of a
//! question counts, after the same half second as in the window.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use bastion_policy::rule::Action;

use super::guard::Guard;
use crate::i18n::gettext;

/// More than so many at once tell nobody anything.
const MOST: usize = 3;
/// In this time the window may come to the front, which makes a notification superfluous. It is
/// also the shortest time between two notifications of one question.
const PAUSE: Duration = Duration::from_secs(1);

/// When questions are notified of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Each.
    Always,
    /// Those that are not seen in the window: it is not in front, or another question is.
    #[default]
    Hidden,
    /// None.
    Never,
}

impl When {
    /// Reads the setting.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "always" => Self::Always,
            "never" => Self::Never,
            _ => Self::Hidden,
        }
    }
}

/// What a notification says, and which answers it offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    /// Who wants to connect.
    pub title: String,
    /// To what, and what else matters.
    pub body: String,
    /// Answers that need nothing but what it says.
    pub answers: Vec<Action>,
}

/// A question as it stands.
#[derive(Clone, Debug)]
pub struct Open {
    /// Which.
    pub id: u64,
    /// It is the one in the window, and the window has the focus.
    pub seen: bool,
    /// An answer is on its way.
    pub answering: bool,
    /// What its notification would say.
    pub wording: Wording,
}

/// What the desktop is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Show this, in the place of an earlier one of the same question.
    Notify {
        /// Which question.
        id: u64,
        /// Number of the notification.
        number: u64,
        /// What it says.
        wording: Wording,
    },
    /// Take it away.
    Withdraw(u64),
}

/// Why an answer from a notification counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The question is settled, or was another run's.
    Over,
    /// Something else is asked or known by now.
    Changed,
    /// Nobody can have read it.
    TooSoon,
}

impl Refusal {
    /// A sentence for the user.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Over => gettext("This question needs no answer any more."),
            Self::Changed => gettext(
                "The question has changed since the notification was shown. It is still open.",
            ),
            Self::TooSoon => gettext(
                "The answer came before anybody could have read the question. It is still open.",
            ),
        }
    }
}

#[derive(Debug, Default)]
struct Known {
    arrived: Duration,
    seen: bool,
    standing: Option<Standing>,
    /// When it was told of last.
    told: Option<Duration>,
}

#[derive(Debug)]
struct Standing {
    number: u64,
    wording: Wording,
    guard: Guard,
}

/// Which questions the desktop was told of.
#[derive(Debug)]
pub struct Notices {
    number: fn() -> u64,
    known: BTreeMap<u64, Known>,
}

/// A number that nobody guesses, and that comes only once.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            number: random,
            known: BTreeMap::new(),
        }
    }
}

impl Notices {
    /// What has to change for these questions, which are all there are, oldest first.
    pub fn update(&mut self, when: When, open: &[Open], now: Duration) -> Vec<News> {
        let mut news = Vec::new();
        self.known.retain(|id, known| {
            let is_open = open.iter().any(|question| question.id == *id);
            if !is_open && known.standing.is_some() {
                news.push(News::Withdraw(*id));
            }
            is_open
        });
        let mut standing = 0;
        for question in open {
            let known = self.known.entry(question.id).or_insert_with(|| Known {
                arrived: now,
                ..Known::default()
            });
            known.seen |= question.seen;
            let wanted = standing < MOST && known.is_wanted(when, question, now);
            standing += usize::from(wanted);
            match &known.standing {
                Some(_) if !wanted => {
                    known.standing = None;
                    news.push(News::Withdraw(question.id));
                }
                Some(old) if old.wording == question.wording => {}
                _ if wanted && known.may_tell(now) => {
                    news.push(known.tell((self.number)(), question, now));
                }
                _ => {}
            }
        }
        news
    }

    /// Takes an answer from a notification, whose question is now as `open` says. The desktop has
    /// taken the notification away by then.
    ///
    /// # Errors
    /// If it counts for nothing.
    pub fn take(
        &mut self,
        id: u64,
        number: u64,
        answer: Action,
        open: Option<&Open>,
        now: Duration,
    ) -> Result<(), Refusal> {
        let open = open.filter(|open| !open.answering).ok_or(Refusal::Over)?;
        let known = self.known.get_mut(&id).ok_or(Refusal::Over)?;
        let standing = match &known.standing {
            Some(standing) if standing.number == number => standing,
            _ => return Err(Refusal::Changed),
        };
        let is_same = standing.wording == open.wording && open.wording.answers.contains(&answer);
        let refusal = match (is_same, standing.guard.is_open(now)) {
            (false, _) => Some(Refusal::Changed),
            (true, false) => Some(Refusal::TooSoon),
            (true, true) => None,
        };
        known.standing = None;
        refusal.map_or(Ok(()), Err)
    }
}

impl Known {
    fn is_wanted(&self, when: When, question: &Open, now: Duration) -> bool {
        let hidden = !self.seen && now.saturating_sub(self.arrived) >= PAUSE;
        !question.answering
            && match when {
                When::Always => true,
                When::Hidden => hidden,
                When::Never => false,
            }
    }

    fn may_tell(&self, now: Duration) -> bool {
        self.told
            .is_none_or(|told| now.saturating_sub(told) >= PAUSE)
    }

    fn tell(&mut self, number: u64, question: &Open, now: Duration) -> News {
        let mut guard = Guard::default();
        guard.restart(now);
        self.told = Some(now);
        self.standing = Some(Standing {
            number,
            wording: question.wording.clone(),
            guard,
        });
        News::Notify {
            id: question.id,
            number,
            wording: question.wording.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from 101 on.
    fn counting() -> Notices {
        use std::cell::Cell;
        thread_local! { static LAST: Cell<u64> = const { Cell::new(100) }; }
        LAST.set(100);
        Notices {
            number: || {
                LAST.set(LAST.get() + 1);
                LAST.get()
            },
            ..Notices::default()
        }
    }

    fn allow(
        notices: &mut Notices,
        id: u64,
        number: u64,
        open: Option<&Open>,
        now: Duration,
    ) -> Result<(), Refusal> {
        notices.take(id, number, Action::Allow, open, now)
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(10_000 + millis)
    }

    fn open(id: u64) -> Open {
        Open {
            id,
            seen: false,
            answering: false,
            wording: Wording {
                title: format!("program{id}"),
                body: String::new(),
                answers: vec![Action::Allow],
            },
        }
    }

    /// Number and question of each that is shown; 0 where it is taken away.
    fn told(news: &[News]) -> Vec<(u64, u64)> {
        let told = |news: &News| match news {
            News::Notify { id, number, .. } => (*id, *number),
            News::Withdraw(id) => (*id, 0),
        };
        news.iter().map(told).collect()
    }

    #[test]
    fn what_is_not_seen_is_told_of_and_taken_away_once_it_is() {
        let mut notices = counting();
        let mut update = |open: &[Open], now| told(&notices.update(When::Hidden, open, now));
        assert_eq!(update(&[open(1)], at(0)), []);
        assert_eq!(update(&[open(1)], at(999)), []);
        assert_eq!(update(&[open(1)], at(1_000)), [(1, 101)]);
        assert_eq!(update(&[open(1)], at(9_000)), []);
        let mut seen = open(1);
        seen.seen = true;
        assert_eq!(update(&[seen], at(9_100)), [(1, 0)]);
        assert_eq!(update(&[open(1)], at(99_000)), [], "it was seen");
        // One that waits behind it, until it is settled elsewhere.
        assert_eq!(update(&[open(1), open(2)], at(99_100)), []);
        assert_eq!(update(&[open(1), open(2)], at(100_100)), [(2, 102)]);
        assert_eq!(update(&[open(1)], at(100_200)), [(2, 0)]);
    }

    #[test]
    fn the_setting_is_heeded_and_there_are_never_many() {
        let mut notices = counting();
        let all: Vec<_> = (1..=9).map(open).collect();
        assert_eq!(notices.update(When::Never, &all, at(5_000)), []);
        let news = notices.update(When::Always, &all, at(5_000));
        assert_eq!(told(&news), [(1, 101), (2, 102), (3, 103)]);
        let news = notices.update(When::Always, &all[1..], at(5_001));
        assert_eq!(told(&news), [(1, 0), (4, 104)]);
        let news = notices.update(When::Never, &all[1..], at(5_002));
        assert_eq!(told(&news), [(2, 0), (3, 0), (4, 0)]);
        for (text, when) in [
            ("always", When::Always),
            ("hidden", When::Hidden),
            ("never", When::Never),
            ("", When::Hidden),
        ] {
            assert_eq!(When::parse(text), when);
        }
    }

    #[test]
    fn an_answer_counts_once_and_after_half_a_second() {
        let mut notices = counting();
        notices.update(When::Always, &[open(1)], at(0));
        let early = allow(&mut notices, 1, 101, Some(&open(1)), at(499));
        assert_eq!(early, Err(Refusal::TooSoon));
        // The desktop has taken it away; it comes again, with a number of its own.
        assert_eq!(notices.update(When::Always, &[open(1)], at(600)), []);
        let again = notices.update(When::Always, &[open(1)], at(1_000));
        assert_eq!(told(&again), [(1, 102)]);
        let old = allow(&mut notices, 1, 101, Some(&open(1)), at(9_000));
        assert_eq!(old, Err(Refusal::Changed));
        assert_eq!(
            allow(&mut notices, 1, 102, Some(&open(1)), at(9_000)),
            Ok(())
        );
        let twice = allow(&mut notices, 1, 102, Some(&open(1)), at(9_000));
        assert_eq!(twice, Err(Refusal::Changed));
    }

    #[test]
    fn an_answer_never_goes_to_another_question_than_was_told_of() {
        let mut notices = counting();
        notices.update(When::Always, &[open(1), open(2)], at(0));
        let now = at(5_000);
        assert_eq!(allow(&mut notices, 1, 101, None, now), Err(Refusal::Over));
        let other = allow(&mut notices, 2, 101, Some(&open(2)), now);
        assert_eq!(other, Err(Refusal::Changed));
        let mut changed = open(2);
        changed.wording.body = "elsewhere".into();
        let stale = allow(&mut notices, 2, 102, Some(&changed), now);
        assert_eq!(stale, Err(Refusal::Changed));
        let mut answered = open(1);
        answered.answering = true;
        let late = allow(&mut notices, 1, 101, Some(&answered), now);
        assert_eq!(late, Err(Refusal::Over));
        // One that is not offered.
        let denied = notices.take(1, 101, Action::Deny, Some(&open(1)), now);
        assert_eq!(denied, Err(Refusal::Changed));
    }

    #[test]
    fn what_another_run_has_told_of_counts_for_nothing() {
        let mut notices = counting();
        notices.update(When::Always, &[open(1)], at(0));
        let now = at(5_000);
        for number in [0, 99, 4_000] {
            assert!(allow(&mut notices, 1, number, Some(&open(1)), now).is_err());
        }
        assert_eq!(allow(&mut notices, 1, 101, Some(&open(1)), now), Ok(()));
    }

    #[test]
    fn numbers_are_never_the_same() {
        assert_ne!(random(), random());
    }

    #[test]
    fn a_question_that_changes_all_the_time_is_told_of_once_a_second() {
        let mut notices = counting();
        let mut told = 0;
        for change in 0..50 {
            let mut question = open(1);
            question.wording.body = change.to_string();
            told += notices
                .update(When::Always, &[question], at(change * 100))
                .len();
        }
        assert_eq!(told, 5);
    }
}
