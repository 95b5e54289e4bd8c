//! What was decided: counted, kept for the list of connections, and logged.
//!
//! Each part has a lock of its own, held for no longer than it takes to change it; the log's,
//! which may wait for the disk, is held together with no other.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bastion_ipc::wire::{Connection, Event, LogPages, LogQuery, Suggestion};
use bastion_policy::flow::{Flow, Tuple};
use bastion_policy::matcher::HostName;
use bastion_policy::rule::{Action, RuleId};
use bastion_policy::ruleset::{Reason, RuleSet};
use bastion_policy::settings::Settings;
use bastion_policy::time::Timestamp;

use super::connections::Passed;
use super::core::lock;
use super::record;
use super::suggestions::suggested;
use crate::engine::{Decided, now};
use crate::store::log::{Hits, LogError};
use crate::store::{EventLog, LogReader};

/// How often what happened since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub allowed: AtomicU64,
    pub denied: AtomicU64,
    pub asked: AtomicU64,
}

/// See the module's documentation.
pub(super) struct Ledger {
    pub counters: Counters,
    passed: Mutex<Passed>,
    hits: Mutex<HashMap<RuleId, Hits>>,
    log: Mutex<EventLog>,
    reader: Mutex<LogReader>,
    /// Reads suggestions: neither writing nor a search is waited for.
    suggestions: Mutex<LogReader>,
    /// What does not work about the log; beside it, so that nobody waits for the disk to know.
    troubles: Mutex<Vec<String>>,
    /// Events logged since old ones were last removed.
    unpruned: AtomicU64,
}

impl Ledger {
    pub fn new(mut log: EventLog) -> Self {
        let hits = log.hits().unwrap_or_else(|error| {
            tracing::warn!(%error, "the hits of rules so far can't be read: {error}");
            HashMap::new()
        });
        Self {
            counters: Counters::default(),
            passed: Mutex::default(),
            hits: Mutex::new(hits),
            troubles: Mutex::new(log.troubles()),
            reader: Mutex::new(log.reader()),
            suggestions: Mutex::new(log.reader()),
            log: Mutex::new(log),
            unpruned: AtomicU64::new(0),
        }
    }

    /// Counts and logs decisions, and returns them as events. Decisions that differ in nothing
    /// but their time, such as about each datagram to a silent peer, become one event.
    pub fn record(&self, decided: &[Decided], rules: &RuleSet) -> Vec<Event> {
        let merged = merge(decided);
        let mut events: Vec<Event> = merged
            .iter()
            .map(|(made, count)| Event {
                count: *count,
                ..record::event(made, rules)
            })
            .collect();
        let mut hits: HashMap<RuleId, Hits> = HashMap::new();
        for ((made, _), event) in merged.iter().zip(&events) {
            let counter = if made.action.allows() {
                self.acquaint(&made.flow, event.clone());
                &self.counters.allowed
            } else {
                &self.counters.denied
            };
            counter.fetch_add(made.count, Ordering::Relaxed);
            if let Some(id) = made.reason.rule().filter(|id| rules.get(id).is_some()) {
                add_hits(&mut hits, id, made.count, made.time);
            }
        }
        let hits: Vec<_> = hits
            .into_iter()
            .map(|(id, hits)| (id, hits.count, hits.last))
            .collect();
        for (id, count, last) in &hits {
            add_hits(&mut lock(&self.hits), id, *count, *last);
        }
        self.write(&mut events, &hits);
        let seen = merged
            .iter()
            .filter_map(|(made, count)| suggested(made, *count));
        self.suggest(&seen.collect::<Vec<_>>());
        events
    }

    /// Keeps what learn mode suggests.
    fn suggest(&self, seen: &[Suggestion]) {
        if !seen.is_empty()
            && let Err(error) = lock(&self.log).suggest(seen)
        {
            tracing::debug!(%error, "suggestions can't be kept: {error}");
        }
    }

    /// The open suggestions, the latest first.
    pub fn suggestions(&self, seen_by: Option<u32>) -> Result<Vec<Suggestion>, LogError> {
        lock(&self.suggestions).suggestions(seen_by)
    }

    /// Drops suggestions, or takes that back. False, and nothing is changed, if one of them does
    /// not exist.
    pub fn set_dropped(
        &self,
        ids: &[u64],
        whose: Option<u32>,
        dropped: bool,
    ) -> Result<bool, LogError> {
        lock(&self.log).set_dropped(ids, whose, dropped)
    }

    /// Forgets suggestions that have become rules.
    pub fn forget_suggestions(&self, ids: &[u64]) {
        if let Err(error) = lock(&self.log).forget_suggestions(ids) {
            tracing::debug!(%error, "accepted suggestions can't be forgotten: {error}");
        }
    }

    /// Logs what is no decision, and gives it the numbers that it has in the log.
    pub fn note(&self, events: &mut [Event]) {
        if !events.is_empty() {
            self.write(events, &[]);
        }
    }

    /// Logs events, and gives them the numbers they have in the log.
    fn write(&self, events: &mut [Event], hits: &[(RuleId, u64, Timestamp)]) {
        let mut log = lock(&self.log);
        // What could not be written is counted and told by the log itself, as a trouble and once
        // in the journal: each batch would add to what fills the disk.
        match log.append(events) {
            Ok(last) => {
                for (event, id) in events.iter_mut().rev().zip((1..=last).rev()) {
                    event.id = id;
                }
            }
            Err(error) => tracing::debug!(%error, "decisions can't be logged: {error}"),
        }
        if !hits.is_empty()
            && let Err(error) = log.add_hits(hits)
        {
            tracing::debug!(%error, "hits of rules can't be counted: {error}");
        }
        *lock(&self.troubles) = log.troubles();
        drop(log);
        let written = u64::try_from(events.len()).unwrap_or(u64::MAX);
        self.unpruned.fetch_add(written, Ordering::Relaxed);
    }

    /// True when so much was logged that old events should be removed before their hour.
    pub fn is_due(&self, settings: &Settings) -> bool {
        self.unpruned.load(Ordering::Relaxed) > u64::from(settings.log_events / 10)
    }

    /// Removes events that are too old or too many, a part at a time, so that what is decided
    /// meanwhile can be logged.
    pub fn prune(&self, settings: &Settings) {
        self.unpruned.store(0, Ordering::Relaxed);
        loop {
            let pruned = lock(&self.log).prune(settings.log_days, settings.log_events, now());
            match pruned {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(%error, "old events can't be removed from the log: {error}");
                    return;
                }
            }
        }
    }

    pub fn query(&self, query: &LogQuery, seen_by: Option<u32>) -> Result<Vec<Event>, LogError> {
        lock(&self.reader).query(query, seen_by)
    }

    pub fn pages(&self, query: &LogQuery, seen_by: Option<u32>) -> Result<LogPages, LogError> {
        lock(&self.reader).pages(query, seen_by)
    }

    pub fn hits(&self) -> HashMap<RuleId, Hits> {
        lock(&self.hits).clone()
    }

    /// Forgets the hits of rules that are gone.
    pub fn forget_hits(&self, rules: &[RuleId]) {
        lock(&self.hits).retain(|id, _| !rules.contains(id));
        if let Err(error) = lock(&self.log).forget_hits(rules) {
            tracing::debug!(%error, "the hits of removed rules can't be forgotten: {error}");
        }
    }

    /// True if it is known which decision let this connection through.
    pub fn knows(&self, tuple: &Tuple) -> bool {
        lock(&self.passed).knows(tuple)
    }

    /// True if decisions about open connections may have to make room for others soon.
    pub fn is_crowded(&self) -> bool {
        lock(&self.passed).is_crowded()
    }

    /// When this connection was let through, as the list of connections has it.
    pub fn time(&self, tuple: &Tuple) -> Option<u64> {
        lock(&self.passed).time(tuple)
    }

    /// The names of a connection's destination that were known when it was let through.
    pub fn hosts(&self, tuple: &Tuple) -> Vec<HostName> {
        lock(&self.passed).hosts(tuple).to_vec()
    }

    /// Takes note of what let a connection through.
    pub fn acquaint(&self, flow: &Flow, event: Event) {
        lock(&self.passed).add(flow.into(), event, flow.hosts.clone());
    }

    /// The connections of these sockets, which were listed at `listed`; `complete` if no other
    /// socket is open.
    pub fn open(
        &self,
        sockets: impl IntoIterator<Item = Tuple>,
        listed: Instant,
        complete: bool,
    ) -> Vec<Connection> {
        lock(&self.passed).open(sockets, listed, complete)
    }

    pub fn troubles(&self) -> Vec<String> {
        lock(&self.troubles).clone()
    }
}

/// Decisions without those that repeat an earlier one, each with how many it stands for.
fn merge(decided: &[Decided]) -> Vec<(&Decided, u32)> {
    let mut places: HashMap<(Tuple, u32, Action, &Reason), usize> = HashMap::new();
    let mut merged: Vec<(&Decided, u32)> = Vec::new();
    for made in decided {
        let pid = made.identity.process().map_or(0, |process| process.key.pid);
        let key = (Tuple::from(&made.flow), pid, made.action, &made.reason);
        let place = *places.entry(key).or_insert(merged.len());
        let more = u32::try_from(made.count).unwrap_or(u32::MAX);
        match merged.get_mut(place) {
            Some((_, count)) => *count = count.saturating_add(more),
            None => merged.push((made, more)),
        }
    }
    merged
}

/// Adds flows to the hits of a rule.
fn add_hits(all: &mut HashMap<RuleId, Hits>, rule: &RuleId, count: u64, last: Timestamp) {
    let hits = all.entry(rule.clone()).or_default();
    hits.count = hits.count.saturating_add(count);
    hits.last = hits.last.max(last);
}

#[cfg(test)]
mod tests {
    use super::*;
    use bastion_policy::flow::Protocol;
    use bastion_policy::process::Identity;
    use std::time::Duration;

    /// How long something is waited for that should come at once.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn decided(port: u16, action: Action) -> Decided {
        Decided {
            time: Timestamp::from_millis(u64::from(port)),
            flow: Flow {
                protocol: Protocol::Udp,
                source: "192.0.2.1".parse().unwrap(),
                source_port: port,
                destination: "192.0.2.2".parse().unwrap(),
                destination_port: 53,
                hosts: vec![],
            },
            identity: Identity::Kernel,
            action,
            reason: Reason::TimedOut,
            count: 1,
        }
    }

    #[test]
    fn repeated_decisions_are_one_event_and_others_are_not() {
        let made = [
            decided(1, Action::Deny),
            decided(2, Action::Deny),
            decided(1, Action::Deny),
            decided(1, Action::Allow),
        ];
        let counts: Vec<_> = merge(&made)
            .into_iter()
            .map(|(made, count)| (made.flow.source_port, made.action, count))
            .collect();
        assert_eq!(
            counts,
            [
                (1, Action::Deny, 2),
                (2, Action::Deny, 1),
                (1, Action::Allow, 1)
            ]
        );
    }

    #[test]
    fn suggestions_are_read_while_the_log_is_written_and_searched() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(EventLog::open(&directory.path().join("events.db")));
        let seen = Suggestion {
            program: "/usr/bin/curl".into(),
            uid: 1000,
            ..Suggestion::default()
        };
        ledger.suggest(&[seen]);
        let (found_in, found) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let (writer, reader) = (lock(&ledger.log), lock(&ledger.reader));
            scope.spawn(|| found_in.send(ledger.suggestions(Some(1000))));
            let found = found.recv_timeout(PATIENCE);
            drop((writer, reader));
            assert_eq!(found.unwrap().unwrap().len(), 1);
        });
    }

    #[test]
    fn decisions_are_counted_logged_and_their_hits_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("events.db");
        let ledger = Ledger::new(EventLog::open(&file));
        let events = ledger.record(
            &[
                decided(1, Action::Deny),
                decided(1, Action::Deny),
                decided(2, Action::Allow),
            ],
            &RuleSet::default(),
        );
        assert_eq!(
            events.iter().map(|e| (e.id, e.count)).collect::<Vec<_>>(),
            [(1, 2), (2, 1)]
        );
        assert_eq!(ledger.counters.denied.load(Ordering::Relaxed), 1);
        assert_eq!(ledger.counters.allowed.load(Ordering::Relaxed), 1);
        let query = LogQuery::default().checked().unwrap();
        let logged = ledger.query(&query, None).unwrap();
        assert_eq!(logged.iter().map(|e| e.id).collect::<Vec<_>>(), [2, 1]);
    }
}
