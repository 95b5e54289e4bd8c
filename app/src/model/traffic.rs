//! What happened lately: decisions and questions over the last minutes, and who was in it most.

use std::collections::{HashMap, VecDeque};

use bastion_ipc::wire::Event;

use super::names;
use crate::i18n::ngettext_f;

/// Milliseconds of one bar of the chart.
pub const STEP: u64 = 10_000;
/// Bars.
pub const BARS: usize = 60;
/// Most programs, and most destinations, that are counted in one bar: a storm must not grow memory.
/// What comes beside them counts in the bar, and for nobody.
const MOST_NAMES: usize = 64;

/// How much of each there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flows allowed.
    pub allowed: u64,
    /// Flows denied or dropped.
    pub denied: u64,
    /// Questions.
    pub asked: u64,
}

impl Counts {
    /// All of it.
    #[must_use]
    pub fn sum(self) -> u64 {
        self.allowed + self.denied + self.asked
    }
}

/// A program or a destination, with how many flows it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The path of a program, or the name or address of a destination.
    pub name: String,
    /// How many flows.
    pub flows: u64,
}

#[derive(Clone, Debug, Default)]
struct Bar {
    counts: Counts,
    programs: HashMap<String, u64>,
    destinations: HashMap<String, u64>,
}

/// The last [`BARS`] times [`STEP`] milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Oldest first; each by the number of its step since the epoch.
    bars: VecDeque<(u64, Bar)>,
}

impl Traffic {
    /// Takes decisions in, in any order; those of times that are over are left out.
    pub fn decided(&mut self, events: &[Event], now: u64) {
        for event in events {
            // Not every event is about a flow.
            let allowed = match event.verdict.as_str() {
                "allow" => true,
                "deny" | "drop" => false,
                _ => continue,
            };
            let Some(bar) = self.bar(event.time, now) else {
                continue;
            };
            let flows = u64::from(event.count.max(1));
            match allowed {
                true => bar.counts.allowed += flows,
                false => bar.counts.denied += flows,
            }
            let destination = names::host(&event.host, &event.destination);
            add(&mut bar.programs, &event.program, flows);
            add(&mut bar.destinations, destination, flows);
        }
    }

    /// Takes in that the user was asked now.
    pub fn asked(&mut self, now: u64) {
        if let Some(bar) = self.bar(now, now) {
            bar.counts.asked += 1;
        }
    }

    /// The same without decisions, which are to be counted anew; the log has no questions.
    #[must_use]
    pub fn questions_alone(&self) -> Self {
        let asked = |bar: &Bar| Counts {
            asked: bar.counts.asked,
            ..Counts::default()
        };
        let bars = self.bars.iter().map(|(step, bar)| {
            let counts = asked(bar);
            let bar = Bar {
                counts,
                ..Bar::default()
            };
            (*step, bar)
        });
        Self {
            bars: bars.collect(),
        }
    }

    /// The bar of a time; none if that is over, or to come.
    fn bar(&mut self, time: u64, now: u64) -> Option<&mut Bar> {
        let (step, newest) = (time / STEP, now / STEP);
        self.forget(newest);
        // Clocks of two programs read one after the other can differ by a step.
        if step > newest + 1 || step + BARS as u64 <= newest {
            return None;
        }
        let at = self.bars.partition_point(|(other, _)| *other < step);
        if self.bars.get(at).is_none_or(|(other, _)| *other != step) {
            self.bars.insert(at, (step, Bar::default()));
        }
        self.bars.get_mut(at).map(|(_, bar)| bar)
    }

    fn forget(&mut self, newest: u64) {
        let over = |step: u64| step + BARS as u64 <= newest;
        while self.bars.front().is_some_and(|(step, _)| over(*step)) {
            self.bars.pop_front();
        }
        // A clock that was set back.
        while self.bars.back().is_some_and(|(step, _)| *step > newest + 1) {
            self.bars.pop_back();
        }
    }

    /// The counts of each bar up to now, oldest first.
    #[must_use]
    pub fn counts(&self, now: u64) -> [Counts; BARS] {
        let mut counts = [Counts::default(); BARS];
        let newest = now / STEP;
        for (step, bar) in &self.bars {
            let back = usize::try_from(newest.saturating_sub(*step)).unwrap_or(BARS);
            if let Some(slot) = (BARS - 1)
                .checked_sub(back)
                .and_then(|at| counts.get_mut(at))
            {
                slot.allowed += bar.counts.allowed;
                slot.denied += bar.counts.denied;
                slot.asked += bar.counts.asked;
            }
        }
        counts
    }

    /// The programs with the most flows, at most so many, most first.
    #[must_use]
    pub fn programs(&self, most: usize) -> Vec<Share> {
        most_of(self.bars.iter().map(|(_, bar)| &bar.programs), most)
    }

    /// Likewise the destinations.
    #[must_use]
    pub fn destinations(&self, most: usize) -> Vec<Share> {
        most_of(self.bars.iter().map(|(_, bar)| &bar.destinations), most)
    }

    /// What the chart shows, in words.
    #[must_use]
    pub fn sentence(&self, now: u64) -> String {
        let all = self
            .counts(now)
            .iter()
            .fold(Counts::default(), |sum, bar| Counts {
                allowed: sum.allowed + bar.allowed,
                denied: sum.denied + bar.denied,
                asked: sum.asked + bar.asked,
            });
        [
            ngettext_f(
                "{n} connection allowed",
                "{n} connections allowed",
                all.allowed,
                &[],
            ),
            ngettext_f("{n} denied", "{n} denied", all.denied, &[]),
            ngettext_f("{n} question asked", "{n} questions asked", all.asked, &[]),
        ]
        .join(", ")
    }
}

fn add(names: &mut HashMap<String, u64>, name: &str, flows: u64) {
    if let Some(count) = names.get_mut(name) {
        *count += flows;
    } else if names.len() < MOST_NAMES {
        names.insert(name.to_owned(), flows);
    }
}

fn most_of<'a>(bars: impl Iterator<Item = &'a HashMap<String, u64>>, most: usize) -> Vec<Share> {
    let mut sums: HashMap<&str, u64> = HashMap::new();
    for (name, flows) in bars.flatten() {
        *sums.entry(name).or_default() += flows;
    }
    let mut shares: Vec<Share> = sums
        .into_iter()
        .map(|(name, flows)| Share {
            name: name.to_owned(),
            flows,
        })
        .collect();
    // Of equal ones always the same come first, or rows would jump.
    shares.sort_by(|a, b| b.flows.cmp(&a.flows).then_with(|| a.name.cmp(&b.name)));
    shares.truncate(most);
    shares
}

/// The least "round" number (1, 2 or 5 with zeros) that is not below the greatest bar: where the
/// chart ends at the top.
#[must_use]
pub fn ceiling(counts: &[Counts]) -> u64 {
    let most = counts.iter().map(|bar| bar.sum()).max().unwrap_or(0).max(5);
    let mut unit = 1;
    loop {
        for factor in [1, 2, 5] {
            if unit * factor >= most {
                return unit * factor;
            }
        }
        match unit
            .checked_mul(10)
            .filter(|next| next.checked_mul(5).is_some())
        {
            Some(next) => unit = next,
            None => return most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000 * STEP;

    fn event(time: u64, verdict: &str, program: &str, count: u32) -> Event {
        Event {
            time,
            verdict: verdict.into(),
            program: program.into(),
            destination: "192.0.2.1".into(),
            host: if program == "/a" {
                "a.example".into()
            } else {
                String::new()
            },
            count,
            ..Event::default()
        }
    }

    #[test]
    fn each_decision_counts_in_the_bar_of_its_time() {
        let mut traffic = Traffic::default();
        let events = [
            event(NOW, "allow", "/a", 3),
            event(NOW - STEP, "deny", "/b", 0),
            event(NOW - STEP, "drop", "/b", 2),
            event(NOW - 59 * STEP, "allow", "/a", 1),
            event(NOW, "mended", "", 1),
        ];
        traffic.decided(&events, NOW);
        traffic.asked(NOW);
        let counts = traffic.counts(NOW);
        let of = |allowed, denied, asked| Counts {
            allowed,
            denied,
            asked,
        };
        assert_eq!(counts[BARS - 1], of(3, 0, 1));
        assert_eq!(counts[BARS - 2], of(0, 3, 0));
        assert_eq!(counts[0], of(1, 0, 0));
        let asked = traffic.questions_alone().counts(NOW);
        assert_eq!((asked[BARS - 1], asked[0]), (of(0, 0, 1), of(0, 0, 0)));
        // A step later each bar has moved, and the oldest is gone.
        let later = traffic.counts(NOW + STEP);
        assert_eq!(later[BARS - 2], of(3, 0, 1));
        assert_eq!(later[0], of(0, 0, 0));
    }

    #[test]
    fn what_is_over_or_to_come_is_left_out() {
        let mut traffic = Traffic::default();
        let events = [NOW - 60 * STEP, NOW + 2 * STEP, 0, u64::MAX]
            .map(|time| event(time, "allow", "/a", 1));
        traffic.decided(&events, NOW);
        assert!(traffic.bars.is_empty());
        // What was kept goes with time, and with a clock that is set back.
        traffic.asked(NOW);
        traffic.asked(NOW + 60 * STEP);
        assert_eq!(traffic.bars.len(), 1);
        traffic.asked(NOW);
        assert_eq!(traffic.bars.len(), 1);
    }

    #[test]
    fn the_busiest_come_first_by_path_and_by_name() {
        let mut traffic = Traffic::default();
        let events = [
            event(NOW, "allow", "/b", 2),
            event(NOW, "allow", "/a", 1),
            event(NOW - STEP, "deny", "/a", 3),
        ];
        traffic.decided(&events, NOW);
        let share = |name: &str, flows| Share {
            name: name.into(),
            flows,
        };
        assert_eq!(traffic.programs(5), [share("/a", 4), share("/b", 2)]);
        assert_eq!(traffic.programs(1), [share("/a", 4)]);
        assert_eq!(
            traffic.destinations(5),
            [share("a.example", 4), share("192.0.2.1", 2)]
        );
    }

    #[test]
    fn a_storm_of_names_is_bounded() {
        let mut traffic = Traffic::default();
        for number in 0..10_000 {
            traffic.decided(&[event(NOW, "deny", &format!("/{number}"), 1)], NOW);
        }
        assert_eq!(traffic.counts(NOW)[BARS - 1].denied, 10_000);
        assert_eq!(traffic.programs(usize::MAX).len(), MOST_NAMES);
    }

    #[test]
    fn the_top_of_the_chart_is_a_round_number() {
        let top = |allowed| {
            ceiling(&[Counts {
                allowed,
                ..Counts::default()
            }])
        };
        assert_eq!(
            [0, 5, 6, 11, 21, 100, 101].map(top),
            [5, 5, 10, 20, 50, 100, 200]
        );
        assert!(top(u64::MAX / 2) >= u64::MAX / 2);
    }

    #[test]
    fn the_chart_in_words() {
        let mut traffic = Traffic::default();
        traffic.decided(&[event(NOW, "allow", "/a", 2)], NOW);
        assert_eq!(
            traffic.sentence(NOW),
            "2 connections allowed, 0 denied, 0 questions asked"
        );
    }
}
