//! The service behind the bus interfaces: rules, settings, questions and the log, and the engine
//! that works by them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bastion_ipc::Error;
use bastion_ipc::wire::Event;
use bastion_policy::pending::{Question, QuestionId};
use bastion_policy::rule::{Lifetime, Rule, RuleId};
use bastion_policy::ruleset::RuleSet;
use bastion_policy::settings::{ModeState, Settings, WhenDown};
use bastion_policy::time::Timestamp;

use tokio::sync::Notify;

use super::record::{self, Passed};
use crate::engine::{Command, Decided, EngineHandle, Policy, QuestionNotice, now};
use crate::netfilter::{KernelBypass, Netfilter, NetfilterError, RulesetSpec};
use crate::store::log::Hits;
use crate::store::{EventLog, Reload, RuleStore, SettingsStore};

/// Rules, settings and what follows from them; changed under one lock, so that the engine gets
/// them in the order in which they were stored.
pub(super) struct Stored {
    pub rules: RuleStore,
    pub settings: SettingsStore,
    pub in_force: Arc<RuleSet>,
    /// Why the rules of the store are not in force, if they are not.
    pub trouble: Option<String>,
}

/// How often what happened since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub allowed: AtomicU64,
    pub denied: AtomicU64,
    pub asked: AtomicU64,
}

/// See the module's documentation.
pub struct Core {
    pub(super) started: Timestamp,
    pub(super) queue: u16,
    pub(super) engine: EngineHandle,
    pub(super) counters: Counters,
    stored: Mutex<Stored>,
    questions: Mutex<BTreeMap<QuestionId, Question>>,
    pub(super) passed: Mutex<Passed>,
    pub(super) hits: Mutex<HashMap<RuleId, Hits>>,
    pub(super) log: Mutex<EventLog>,
    /// What happens while the helper is down was changed.
    pub(super) feed_changed: Notify,
    /// What is in force may have changed: rules, mode or settings.
    pub(super) changed: Notify,
    /// There may be rules that end by themselves.
    temporary: Notify,
}

/// Locks a mutex. A thread that panicked while holding it is no reason to stop deciding: every
/// value here is replaced as a whole, so it is never half-changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    /// The service over these stores and this engine.
    #[must_use]
    pub fn new(
        engine: EngineHandle,
        queue: u16,
        rules: RuleStore,
        settings: SettingsStore,
        mut log: EventLog,
    ) -> Self {
        let hits = log.hits().unwrap_or_else(|error| {
            tracing::warn!(%error, "the hits of rules so far can't be read: {error}");
            HashMap::new()
        });
        Self {
            started: now(),
            queue,
            engine,
            counters: Counters::default(),
            stored: Mutex::new(Stored {
                rules,
                settings,
                in_force: Arc::new(RuleSet::default()),
                trouble: None,
            }),
            questions: Mutex::default(),
            passed: Mutex::default(),
            hits: Mutex::new(hits),
            log: Mutex::new(log),
            feed_changed: Notify::new(),
            changed: Notify::new(),
            temporary: Notify::new(),
        }
    }

    pub(super) fn stored(&self) -> MutexGuard<'_, Stored> {
        lock(&self.stored)
    }

    /// The rules in force.
    #[must_use]
    pub fn in_force(&self) -> Arc<RuleSet> {
        Arc::clone(&self.stored().in_force)
    }

    /// Puts what is stored into force. Returns the troubles there are with it.
    pub fn apply(&self) {
        self.apply_stored(&mut self.stored());
    }

    pub(super) fn apply_stored(&self, stored: &mut Stored) {
        match RuleSet::new(stored.rules.rules()) {
            Ok(rules) => {
                stored.in_force = Arc::new(rules);
                stored.trouble = None;
            }
            Err(error) => {
                tracing::error!(%error, "the stored rules can't be put into force; the last ones stay: {error}");
                stored.trouble = Some(format!("The rules can't be put into force: {error}."));
            }
        }
        let policy = policy(stored);
        self.temporary.notify_one();
        self.changed.notify_one();
        if self.engine.send(Command::Apply(policy)).is_err() {
            tracing::error!("the engine has stopped and can't be told of new rules");
        }
    }

    /// Changes the rules and puts them into force, or leaves everything as it was.
    pub(super) fn change_rules<T>(
        &self,
        change: impl FnOnce(&mut Stored) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut stored = self.stored();
        let done = change(&mut stored)?;
        self.apply_stored(&mut stored);
        Ok(done)
    }

    /// Takes note of what became of a question.
    pub fn note(&self, notice: &QuestionNotice) {
        let mut questions = lock(&self.questions);
        match notice {
            QuestionNotice::Opened(question) => {
                self.counters.asked.fetch_add(1, Ordering::Relaxed);
                questions.insert(question.id, question.clone());
            }
            QuestionNotice::Changed(question) => {
                questions.insert(question.id, question.clone());
            }
            QuestionNotice::Closed(id, _) => {
                questions.remove(id);
            }
        }
    }

    pub(super) fn questions(&self) -> Vec<Question> {
        lock(&self.questions).values().cloned().collect()
    }

    pub(super) fn question(&self, id: QuestionId) -> Option<Question> {
        lock(&self.questions).get(&id).cloned()
    }

    /// Removes rules whose time, process or session is over.
    pub fn expire(&self, ended: impl Fn(&Lifetime) -> bool) {
        let mut stored = self.stored();
        let over: Vec<RuleId> = stored
            .rules
            .rules()
            .iter()
            .filter(|rule| ended(&rule.spec().lifetime))
            .map(|rule| rule.id().clone())
            .collect();
        if over.is_empty() {
            return;
        }
        if let Err(error) = stored.rules.remove(&over) {
            // They decide nothing any more; the next round tries again.
            tracing::warn!(%error, "rules whose time is over can't be removed: {error}");
            return;
        }
        self.apply_stored(&mut stored);
        drop(stored);
        self.forget_hits(&over);
    }

    /// Forgets the hits of rules that are gone.
    pub(super) fn forget_hits(&self, rules: &[RuleId]) {
        lock(&self.hits).retain(|id, _| !rules.contains(id));
        if let Err(error) = lock(&self.log).forget_hits(rules) {
            tracing::warn!(%error, "the hits of removed rules can't be forgotten: {error}");
        }
    }

    /// Returns at once while some rule may end by itself, else when there may be one again.
    pub(super) async fn wait_for_temporary_rules(&self) {
        let lasting =
            |rule: &Rule| matches!(rule.spec().lifetime, Lifetime::Forever | Lifetime::Restart);
        if self.in_force().rules().all(lasting) {
            self.temporary.notified().await;
        }
    }

    /// Reads the stores again, because files were edited.
    pub(super) fn reload(&self) {
        let mut stored = self.stored();
        let before = stored.settings.settings().when_down;
        let rules = stored.rules.reload();
        let settings = stored.settings.reload();
        for outcome in rules.iter().chain([&settings]) {
            match outcome {
                Reload::Kept(problem) => {
                    tracing::error!(%problem, "an edit changes nothing: {problem}")
                }
                Reload::Changed => tracing::info!("an edit takes effect"),
                Reload::Unchanged => {}
            }
        }
        self.apply_stored(&mut stored);
        if stored.settings.settings().when_down != before {
            self.feed_changed.notify_one();
        }
    }

    /// How long everything is still allowed; `None` if it is not, or no more.
    pub(super) fn pause_left(&self) -> Option<Duration> {
        let end = self.stored().settings.paused_until()?;
        let left = end.as_millis().checked_sub(now().as_millis())?;
        // Not 0: a pause that ends this very millisecond has ended when this has passed.
        Some(Duration::from_millis(left + 1))
    }

    /// Has the kernel queue new connections to the engine.
    pub(super) fn feed(&self) -> Result<(), NetfilterError> {
        let when_down = self.stored().settings.settings().when_down;
        Netfilter::system().apply(&RulesetSpec {
            queue: self.queue,
            fail_open: when_down == WhenDown::Open,
            kernel_bypass: KernelBypass::StandIn,
        })
    }

    /// Logs and counts decisions, and returns them as events.
    pub(super) fn record(&self, decided: &[Decided]) -> Vec<Event> {
        let rules = self.in_force();
        let mut events: Vec<Event> = decided
            .iter()
            .map(|made| record::event(made, &rules))
            .collect();
        let mut hits: HashMap<RuleId, Hits> = HashMap::new();
        {
            let mut passed = lock(&self.passed);
            for (made, event) in decided.iter().zip(&events) {
                let counter = if made.action.allows() {
                    passed.add((&made.flow).into(), event.clone());
                    &self.counters.allowed
                } else {
                    &self.counters.denied
                };
                counter.fetch_add(1, Ordering::Relaxed);
                if let Some(id) = made.reason.rule() {
                    add_hits(&mut hits, id, 1, made.time);
                }
            }
        }
        let hits: Vec<_> = hits
            .into_iter()
            .map(|(id, h)| (id, h.count, h.last))
            .collect();
        for (id, count, last) in &hits {
            add_hits(&mut lock(&self.hits), id, *count, *last);
        }
        self.write_log(&mut events, &hits);
        events
    }

    /// Logs events, and gives them the numbers they have in the log.
    fn write_log(&self, events: &mut [Event], hits: &[(RuleId, u64, Timestamp)]) {
        let mut log = lock(&self.log);
        // What could not be written is counted and told by the log itself, as a trouble.
        match log.append(events) {
            Ok(last) => {
                for (event, id) in events.iter_mut().rev().zip((1..=last).rev()) {
                    event.id = id;
                }
            }
            Err(error) => tracing::warn!(%error, "decisions can't be logged: {error}"),
        }
        if !hits.is_empty()
            && let Err(error) = log.add_hits(hits)
        {
            tracing::warn!(%error, "hits of rules can't be counted: {error}");
        }
    }

    /// Removes events that are too old or too many.
    pub(super) fn prune_log(&self) {
        let settings = self.stored().settings.settings().clone();
        if let Err(error) = lock(&self.log).prune(settings.log_days, settings.log_events, now()) {
            tracing::warn!(%error, "old events can't be removed from the log: {error}");
        }
    }
}

/// Adds flows to the hits of a rule.
fn add_hits(all: &mut HashMap<RuleId, Hits>, rule: &RuleId, count: u64, last: Timestamp) {
    let hits = all.entry(rule.clone()).or_default();
    hits.count = hits.count.saturating_add(count);
    hits.last = hits.last.max(last);
}

/// What the engine shall work by.
pub(super) fn policy(stored: &Stored) -> Policy {
    let settings: &Settings = stored.settings.settings();
    Policy {
        rules: Arc::clone(&stored.in_force),
        mode: ModeState {
            mode: settings.mode,
            paused_until: stored.settings.paused_until(),
        },
        prompt_timeout: u64::from(settings.prompt_timeout) * 1000,
    }
}
