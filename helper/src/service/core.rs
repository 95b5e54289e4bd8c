//! The service behind the bus interfaces: rules, settings, questions and the log, and the engine
//! that works by them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bastion_ipc::wire::Event;
use bastion_policy::pending::{Question, QuestionId};
use bastion_policy::rule::{Lifetime, Rule, RuleId};
use bastion_policy::ruleset::RuleSet;
use bastion_policy::settings::{ModeState, Settings, WhenDown};
use bastion_policy::time::Timestamp;
use tokio::sync::{Notify, watch};

use super::kernel::KernelSide;
use super::ledger::Ledger;
use super::live::Ending;
use super::record;
use crate::engine::{Command, EngineHandle, Policy, QuestionNotice, now};
use crate::netfilter::{Netfilter, NetfilterError, RulesetSpec};
use crate::store::{Reload, RuleStore, SettingsStore};

/// Rules, settings and what follows from them; changed under one lock, so that the engine gets
/// them in the order in which they were stored.
///
/// The lock is held while files are written, so nothing on the event loop may take it.
pub(super) struct Stored {
    pub rules: RuleStore,
    pub settings: SettingsStore,
    pub in_force: Arc<RuleSet>,
    /// Why the rules of the store are not in force, if they are not.
    pub trouble: Option<String>,
}

/// What ends by itself among the things in force; the event loop waits by it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passing {
    /// There are rules that end with a time, a process or a session.
    pub rules: bool,
    /// What happens to connections that no rule decides.
    pub mode: ModeState,
}

/// See the module's documentation.
pub struct Core {
    pub(super) started: Timestamp,
    pub(super) queue: u16,
    pub(super) engine: EngineHandle,
    pub(super) kernel: KernelSide,
    pub(super) ledger: Ledger,
    pub(super) ending: Ending,
    /// The engine's thread runs, and answers.
    pub(super) running: AtomicBool,
    stored: Mutex<Stored>,
    questions: Mutex<BTreeMap<QuestionId, Question>>,
    /// Changes whenever something else comes into force.
    pub(super) passing: watch::Sender<Passing>,
    /// What happens while the helper is down was changed.
    pub(super) feed_changed: Notify,
    /// Why the iptables rules are not as they should be, if they are not.
    feed_trouble: Mutex<Option<String>>,
    /// How many faults of them were mended.
    pub(super) mended: AtomicU64,
}

/// Locks a mutex. A thread that panicked while holding it is no reason to stop deciding.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    /// The service over these stores, this engine, and the kernel programs it works with.
    #[must_use]
    pub(super) fn new(
        engine: EngineHandle,
        kernel: KernelSide,
        queue: u16,
        rules: RuleStore,
        settings: SettingsStore,
        ledger: Ledger,
        ending: Ending,
    ) -> Self {
        Self {
            started: now(),
            queue,
            engine,
            kernel,
            ledger,
            ending,
            running: AtomicBool::new(false),
            stored: Mutex::new(Stored {
                rules,
                settings,
                in_force: Arc::new(RuleSet::default()),
                trouble: None,
            }),
            questions: Mutex::default(),
            passing: watch::Sender::new(Passing::default()),
            feed_changed: Notify::new(),
            feed_trouble: Mutex::default(),
            mended: AtomicU64::new(0),
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

    /// Tells the journal what is wrong with the files that were read at the start; what comes later
    /// is told as it comes.
    pub(super) fn tell_troubles(&self) {
        let stored = self.stored();
        let rules = stored.rules.troubles().into_iter();
        for trouble in rules.chain(stored.settings.troubles()) {
            tracing::error!("{trouble}");
        }
    }

    /// The rules in force, and the mode.
    pub(super) fn judging(&self) -> (Arc<RuleSet>, ModeState) {
        let stored = self.stored();
        (Arc::clone(&stored.in_force), policy(&stored).mode)
    }

    /// Puts what is stored into force.
    pub fn apply(&self) {
        let mut stored = self.stored();
        let before = InForce::of(&stored);
        self.apply_stored(&mut stored);
        self.finish(stored, &before);
    }

    /// Forgets what there was about rules that are gone since `before`, has open connections ended
    /// that are denied now, and the iptables rules changed if need be.
    fn finish(&self, stored: MutexGuard<'_, Stored>, before: &InForce) {
        let after = InForce::of(&stored);
        drop(stored);
        let (old, new) = (&before.rules, &after.rules);
        self.ending.changed(!old.rules().eq(new.rules()));
        if before.when_down != after.when_down {
            self.feed_changed.notify_one();
        }
        let ids = old.rules().map(Rule::id);
        let gone: Vec<_> = ids.filter(|id| new.get(id).is_none()).cloned().collect();
        if !gone.is_empty() {
            self.ledger.forget_hits(&gone);
        }
    }

    fn apply_stored(&self, stored: &mut Stored) {
        match RuleSet::new(stored.rules.rules()) {
            Ok(rules) => {
                stored.in_force = Arc::new(rules);
                stored.trouble = None;
            }
            Err(error) => {
                tracing::error!(
                    %error,
                    "the stored rules can't be put into force; the last ones stay: {error}"
                );
                stored.trouble = Some(format!("The rules can't be put into force: {error}."));
            }
        }
        let policy = policy(stored);
        self.passing.send_replace(Passing {
            rules: stored.in_force.rules().any(ends_by_itself),
            mode: policy.mode,
        });
        let told = match self.running.load(Ordering::Acquire) {
            true => self.engine.apply(policy),
            // It reads this before the first packet.
            false => self.engine.send(Command::Apply { policy, done: None }),
        };
        if told.is_err() {
            tracing::error!("the engine does not answer and can't be told of new rules");
        }
    }

    /// Changes rules or settings and puts them into force, or leaves everything as it was. What was
    /// edited by hand, and is not in force yet, comes into force first: so the change is made to what
    /// the files say, and undoes no edit.
    pub(super) fn change<T, E>(
        &self,
        change: impl FnOnce(&mut Stored) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut stored = self.stored();
        let before = InForce::of(&stored);
        let edited = stored.reload().iter().any(is_change);
        if edited {
            self.apply_stored(&mut stored);
        }
        let done = change(&mut stored);
        if done.is_ok() {
            self.apply_stored(&mut stored);
        }
        if edited || done.is_ok() {
            self.finish(stored, &before);
        }
        done
    }

    /// Takes note of what became of a question.
    pub fn note(&self, notice: &QuestionNotice) {
        let mut questions = lock(&self.questions);
        match notice {
            QuestionNotice::Opened(question) => {
                self.ledger.counters.asked.fetch_add(1, Ordering::Relaxed);
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
        let over = |stored: &Stored| -> Vec<RuleId> {
            let rules = stored.rules.rules().into_iter();
            rules
                .filter(|rule| ended(&rule.spec().lifetime))
                .map(|rule| rule.id().clone())
                .collect()
        };
        if over(&self.stored()).is_empty() {
            return;
        }
        // An edit may have given them more time.
        let removed = self.change(|stored| match over(stored) {
            over if over.is_empty() => Ok(()),
            over => stored.rules.remove(&over),
        });
        if let Err(error) = removed {
            // They decide nothing any more; the next round tries again.
            tracing::warn!(%error, "rules whose time is over can't be removed: {error}");
        }
    }

    /// Reads the stores again, because files were edited.
    pub(super) fn reload(&self) {
        let mut stored = self.stored();
        let before = InForce::of(&stored);
        let outcomes = stored.reload();
        for outcome in &outcomes {
            if let Reload::Kept(problem) = outcome {
                tracing::error!(%problem, "an edit changes nothing: {problem}");
            }
        }
        if outcomes.iter().any(is_change) {
            self.apply_stored(&mut stored);
            self.finish(stored, &before);
        } else {
            // The helper's own writes come by here too. Only the troubles may be others.
            self.passing.send_modify(|_| {});
        }
    }

    fn feed_spec(&self) -> RulesetSpec {
        let when_down = self.stored().settings.settings().when_down;
        RulesetSpec {
            queue: self.queue,
            fail_open: when_down == WhenDown::Open,
            kernel_bypass: self.kernel.bypass(),
        }
    }

    /// Has the kernel queue new connections to the engine, for the first time. Where iptables
    /// can't ask our programs, it does without.
    pub(super) fn first_feed(&self) -> Result<(), NetfilterError> {
        match self.feed() {
            Err(error) if self.kernel.do_without_iptables(&error) => self.feed(),
            fed => fed,
        }
    }

    /// Has the kernel queue new connections to the engine.
    pub(super) fn feed(&self) -> Result<(), NetfilterError> {
        let fed = Netfilter::system().apply(&self.feed_spec());
        self.note_feed(fed.as_ref().err());
        fed
    }

    fn note_feed(&self, error: Option<&NetfilterError>) {
        *lock(&self.feed_trouble) = error.map(|error| {
            format!("New connections may pass unjudged: {error}. It is tried again and again.")
        });
    }

    /// Looks whether the kernel still queues new connections to the engine, and mends it if not.
    /// Says whether all is well now, and gives the events of what was mended.
    pub(super) fn check_feed(&self) -> (bool, Vec<Event>) {
        let mut events = Vec::new();
        let mended = match Netfilter::system().check(&self.feed_spec()) {
            Ok(health) if health.is_sound() && lock(&self.feed_trouble).is_none() => {
                return (true, events);
            }
            Ok(health) => {
                for fault in &health.faults {
                    tracing::warn!("{fault}; it is being mended");
                }
                let mended = self.feed();
                if mended.is_ok() {
                    let faults = u64::try_from(health.faults.len()).unwrap_or(u64::MAX);
                    self.mended.fetch_add(faults, Ordering::Relaxed);
                    tracing::info!(faults, "the iptables rules are as they should be again");
                    let faults = health.faults.iter();
                    events = faults.map(|fault| record::mended(fault, now())).collect();
                    self.ledger.note(&mut events);
                }
                mended
            }
            Err(error) => {
                self.note_feed(Some(&error));
                Err(error)
            }
        };
        if let Err(error) = &mended {
            tracing::error!(%error, "the iptables rules are not as they should be: {error}");
        }
        // Clients are told of the trouble, or that it is over.
        self.passing.send_modify(|_| {});
        (mended.is_ok(), events)
    }

    pub(super) fn feed_trouble(&self) -> Option<String> {
        lock(&self.feed_trouble).clone()
    }
}

impl Stored {
    /// Takes over what was edited by hand: rules, those that don't last, settings.
    fn reload(&mut self) -> [Reload; 3] {
        let [lasting, passing] = self.rules.reload();
        let outcomes = [lasting, passing, self.settings.reload()];
        for _ in outcomes.iter().filter(|outcome| is_change(outcome)) {
            tracing::info!("an edit takes effect");
        }
        outcomes
    }
}

fn is_change(outcome: &Reload) -> bool {
    matches!(outcome, Reload::Changed)
}

/// What a change may put others in the place of.
struct InForce {
    rules: Arc<RuleSet>,
    when_down: WhenDown,
}

impl InForce {
    fn of(stored: &Stored) -> Self {
        Self {
            rules: Arc::clone(&stored.in_force),
            when_down: stored.settings.settings().when_down,
        }
    }
}

fn ends_by_itself(rule: &Rule) -> bool {
    !matches!(rule.spec().lifetime, Lifetime::Forever | Lifetime::Restart)
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
        prompt_default: settings.prompt_default,
        safeguard: settings.thresholds(),
    }
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;
