//! What the bus interfaces ask of the service.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bastion_ipc::Error;
use bastion_ipc::wire::{
    AnswerScope, CheckedAnswer, Connection, Event, ExplainQuery, Explanation, Guard, LadderStep,
    LogPages, LogQuery, Status, Suggestion, WireRule, rule_id,
};
use bastion_policy::matcher::UserMatcher;
use bastion_policy::pending::QuestionId;
use bastion_policy::rule::{Creator, Rule, RuleId, RuleSpec};
use bastion_policy::ruleset::{Decision, Outcome, Reason};
use bastion_policy::settings::{Mode, Settings};
use bastion_policy::time::Timestamp;

use super::acquaint::tuples;
use super::answer;
use super::core::{Core, Stored, policy};
use super::imagined;
use super::made::{self, new_id, not_stored};
use super::record;
use super::suggestions::unreadable;
use crate::bus::{Backend, Caller, Named};
use crate::engine::now;
use crate::queue;
use crate::sockets::{MAX_LISTED, SocketTables};

impl Backend for Core {
    fn status(&self) -> Status {
        let report = self.engine.report().unwrap_or_default();
        let lost = queue::stats::stats(self.queue).map_or(0, |stats| stats.lost());
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.ledger.counters;
        let mut status = self.stored_status();
        status.troubles.extend(self.feed_trouble());
        status.troubles.extend(self.ledger.troubles());
        status.troubles.extend(self.ending.trouble());
        if report.unreported > 0 {
            status.troubles.push(format!(
                "{} decisions were made faster than they could be logged.",
                report.unreported
            ));
        }
        Status {
            questions: u32::try_from(report.questions).unwrap_or(u32::MAX),
            waiting_packets: u32::try_from(report.waiting_packets).unwrap_or(u32::MAX),
            allowed: count(&counters.allowed),
            denied: count(&counters.denied),
            asked: count(&counters.asked),
            mended: count(&self.mended),
            queue_lost: lost,
            safeguard: record::guards(report.safeguard)
                .map(record::public)
                .collect(),
            ..status
        }
    }

    fn settings(&self) -> Settings {
        self.stored().settings.settings().clone()
    }

    fn set_settings(&self, settings: Settings) -> Result<(), Error> {
        self.change(|stored| stored.settings.set(&settings).map_err(not_stored))
    }

    fn set_mode(&self, mode: Mode) -> Result<(), Error> {
        self.change(|stored| {
            let settings = Settings {
                mode,
                ..stored.settings.settings().clone()
            };
            stored.settings.set(&settings).map_err(not_stored)?;
            pause_until(stored, None);
            Ok(())
        })
    }

    fn pause(&self, seconds: u32) {
        let Ok(()) = self.change(|stored| {
            let end = (seconds > 0).then(|| now().after_millis(u64::from(seconds) * 1000));
            pause_until(stored, end);
            Ok::<_, Infallible>(())
        });
    }

    fn safeguard(&self, seen_by: Option<u32>) -> Vec<Guard> {
        let report = self.engine.report().unwrap_or_default();
        record::guards(report.safeguard)
            .filter(|guard| seen_by.is_none_or(|uid| guard.user == uid))
            .collect()
    }

    fn leave_safeguard(&self, whose: Option<u32>) -> Result<(), Error> {
        match self.engine.leave_safeguard(whose.map(Some)) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::Unavailable(error.to_string())),
        }
    }

    fn rules(&self, seen_by: Option<u32>) -> Vec<WireRule> {
        let rules = self.in_force();
        let hits = self.ledger.hits();
        rules
            .rules()
            .filter(|rule| match (seen_by, rule.spec().user) {
                (None, _) | (_, UserMatcher::Any) => true,
                (Some(user), UserMatcher::Uid(uid)) => user == uid,
            })
            .map(|rule| {
                let hits = hits.get(rule.id()).copied().unwrap_or_default();
                WireRule {
                    hits: Some(hits.count),
                    last_hit: Some(hits.last.as_millis()),
                    ..WireRule::from(rule)
                }
            })
            .collect()
    }

    fn add_rule(&self, wire: &WireRule, caller: &Caller) -> Result<RuleId, Error> {
        self.change(|stored| {
            let id = new_id(stored)?;
            let creator = match wire.is_imported() {
                true => Creator::Import,
                false => Creator::User(caller.uid),
            };
            let wire = WireRule {
                id: Some(id.to_string()),
                creator: Some(creator.to_string()),
                created: Some(now().to_string()),
                ..wire.clone()
            };
            let rule = Rule::try_from(&wire)?;
            stored.rules.upsert(&[rule]).map_err(not_stored)?;
            Ok(id)
        })
    }

    fn replace_rule(&self, wire: &WireRule) -> Result<(), Error> {
        self.change(|stored| {
            let id = rule_id(wire.id.as_deref().unwrap_or_default())?;
            let old = stored
                .in_force
                .get(&id)
                .ok_or_else(|| Error::NotFound(format!("There is no rule “{id}” any more.")))?;
            let wire = WireRule {
                creator: Some(old.spec().creator.to_string()),
                created: Some(old.spec().created.to_string()),
                ..wire.clone()
            };
            let rule = Rule::try_from(&wire)?;
            stored.rules.replace(&rule).map_err(not_stored)
        })
    }

    fn enable_rule(&self, id: &RuleId, enabled: bool) -> Result<(), Error> {
        self.change(|stored| {
            let rules = stored.rules.rules();
            let rule = rules.iter().find(|rule| rule.id() == id);
            let rule = rule.ok_or_else(|| Error::NotFound(format!("There is no rule “{id}”.")))?;
            if rule.spec().enabled == enabled {
                return Ok(());
            }
            let spec = RuleSpec {
                enabled,
                ..rule.spec().clone()
            };
            let rule = Rule::new(id.clone(), spec)
                .map_err(|error| Error::InvalidArgument(error.to_string()))?;
            stored.rules.replace(&rule).map_err(not_stored)
        })
    }

    fn remove_rules(&self, ids: &[RuleId]) -> Result<(), Error> {
        self.change(|stored| {
            if let Some(id) = ids.iter().find(|id| stored.in_force.get(id).is_none()) {
                return Err(Error::NotFound(format!(
                    "There is no rule “{id}”; nothing was removed."
                )));
            }
            stored.rules.remove(ids).map_err(not_stored)
        })
    }

    fn explain(&self, query: &ExplainQuery, uid: u32) -> Result<Explanation, Error> {
        let flow = query.flow()?;
        let identity = imagined::sender(&query.program, query.uid.unwrap_or(uid))?;
        let (rules, mode) = self.judging();
        let explained = rules.explain(&flow, &identity, mode, now());
        Ok(Explanation {
            outcome: outcome(&explained.decision),
            reason: explained.decision.reason.to_string(),
            without_winner: match explained.ladder.is_empty() {
                true => String::new(),
                false => outcome(&explained.without_winner),
            },
            ladder: explained
                .ladder
                .iter()
                .map(|rung| LadderStep {
                    rule: rung.rule.id().to_string(),
                    name: rung.rule.spec().name.clone(),
                    action: rung.rule.spec().action.to_string(),
                    loses_by: rung.loses_by.map(|c| c.to_string()).unwrap_or_default(),
                })
                .collect(),
        })
    }

    fn suggestions(&self, seen_by: Option<u32>) -> Result<Vec<Suggestion>, Error> {
        self.undecided(seen_by)
    }

    fn accept_suggestions(
        &self,
        ids: &[u64],
        scope: AnswerScope,
        whose: Option<u32>,
    ) -> Result<Vec<RuleId>, Error> {
        self.accept(ids, scope, whose)
    }

    fn set_dropped(&self, ids: &[u64], whose: Option<u32>, dropped: bool) -> Result<(), Error> {
        self.drop_or_restore(ids, whose, dropped)
    }

    fn log(&self, query: &LogQuery, seen_by: Option<u32>) -> Result<Vec<Event>, Error> {
        self.ledger.query(query, seen_by).map_err(unreadable)
    }

    fn log_pages(&self, query: &LogQuery, seen_by: Option<u32>) -> Result<LogPages, Error> {
        self.ledger.pages(query, seen_by).map_err(unreadable)
    }

    fn connections(&self, seen_by: Option<u32>) -> Vec<Connection> {
        let listed = Instant::now();
        // Without what they have carried: for that the kernel waits for the lock of each TCP socket,
        // which its program can hold for as long as it likes.
        let open = SocketTables::open().and_then(|mut tables| tables.list());
        let complete = open.as_ref().is_ok_and(|open| open.len() < MAX_LISTED);
        let open = open.unwrap_or_else(|error| {
            tracing::warn!(%error, "the socket tables can't be read: {error}");
            Vec::new()
        });
        self.acquaint(&open);
        let sockets = tuples(&open);
        let waiting = self.questions().into_iter().map(|question| {
            let mut event = record::describe(&question.flow, &question.identity);
            event.time = question.opened.as_millis();
            event.verdict = "ask".into();
            event.reason = Reason::NoRule.to_string();
            Connection {
                event,
                state: "waiting".into(),
            }
        });
        let mut connections: Vec<Connection> = waiting.collect();
        connections.extend(self.ledger.open(sockets, listed, complete));
        connections.retain(|c| seen_by.is_none_or(|uid| c.event.uid == uid));
        connections
    }

    fn end_connection(&self, named: Named, whose: Option<u32>, by: u32) -> Result<(), Error> {
        self.end_by_hand(named, whose, by)
    }

    fn answer(&self, id: QuestionId, answer: CheckedAnswer, caller: &Caller) -> Result<(), Error> {
        let settled = || Error::NotFound("The question is settled already.".into());
        let question = self.question(id).ok_or_else(settled)?;
        let made = answer::rule_for(&question, answer, caller, now())?;
        let lasting = made.is_some();
        if let Some(spec) = made {
            self.change(|stored| {
                // Rules can't change meanwhile, so none can have settled it after this.
                match self.engine.is_open(id) {
                    Ok(true) => made::add_answered(stored, spec),
                    Ok(false) => Err(settled()),
                    Err(error) => Err(Error::Unavailable(error.to_string())),
                }
            })?;
        }
        let reason = Reason::Answer(caller.uid);
        match self.engine.answer(id, answer.action, reason) {
            Ok(true) => Ok(()),
            // The new rule has settled it.
            Ok(false) if lasting => Ok(()),
            Ok(false) => Err(settled()),
            Err(error) => Err(Error::Unavailable(error.to_string())),
        }
    }
}

impl Core {
    /// The part of the status that the stores know.
    fn stored_status(&self) -> Status {
        let stored = self.stored();
        let mode = policy(&stored).mode;
        let paused = mode.paused_until.filter(|_| mode.is_paused(now()));
        let troubles = stored.trouble.iter().cloned();
        let troubles = troubles.chain(stored.rules.troubles());
        let hooks = self.kernel.hooks();
        let troubles = troubles.chain(self.kernel.troubles());
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            started: self.started.as_millis(),
            mode: mode.mode.to_string(),
            paused_until: paused.map_or(0, |end| end.as_millis()),
            when_down: stored.settings.settings().when_down.to_string(),
            identification: hooks.identification().into(),
            hooks: hooks.words(),
            rules: u32::try_from(stored.in_force.len()).unwrap_or(u32::MAX),
            troubles: troubles.chain(stored.settings.troubles()).collect(),
            ..Status::default()
        }
    }
}

/// Begins or ends a pause. One that can't be stored holds all the same, but a restart of the
/// helper ends it.
fn pause_until(stored: &mut Stored, end: Option<Timestamp>) {
    if let Err(error) = stored.settings.set_paused_until(end) {
        tracing::warn!(%error, "the pause could not be stored: {error}");
    }
}

fn outcome(decision: &Decision) -> String {
    match decision.outcome {
        Outcome::Decided(action) => action.to_string(),
        Outcome::Ask => "ask".into(),
    }
}
