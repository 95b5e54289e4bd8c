//! What the bus interfaces ask of the service.

use std::sync::atomic::Ordering;

use bastion_ipc::Error;
use bastion_ipc::wire::{
    CheckedAnswer, Connection, Event, ExplainQuery, Explanation, LadderStep, LogQuery, Status,
    WireRule,
};
use bastion_policy::flow::Tuple;
use bastion_policy::matcher::{ProgramMatcher, UserMatcher};
use bastion_policy::pending::QuestionId;
use bastion_policy::process::{Evidence, Executable, Identity, Process, ProcessKey, UnknownReason};
use bastion_policy::rule::{Creator, Rule, RuleId, RuleSpec};
use bastion_policy::ruleset::{Decision, Outcome, Reason};
use bastion_policy::settings::{Mode, Settings};
use std::sync::Arc;

use super::answer;
use super::core::{Core, Stored, lock, policy};
use super::record;
use crate::bus::{Backend, Caller};
use crate::engine::now;
use crate::queue;
use crate::sockets::SocketTables;

impl Backend for Core {
    fn status(&self) -> Status {
        let report = self.engine.report().unwrap_or_default();
        let stored = self.stored();
        let mode = policy(&stored).mode;
        let paused = mode.paused_until.filter(|_| mode.is_paused(now()));
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            started: self.started.as_millis(),
            mode: mode.mode.to_string(),
            paused_until: paused.map_or(0, |end| end.as_millis()),
            when_down: stored.settings.settings().when_down.to_string(),
            identification: "socket-table".into(),
            questions: u32::try_from(report.questions).unwrap_or(u32::MAX),
            waiting_packets: u32::try_from(report.waiting_packets).unwrap_or(u32::MAX),
            agents: 0,
            rules: u32::try_from(stored.in_force.len()).unwrap_or(u32::MAX),
            allowed: self.counters.allowed.load(Ordering::Relaxed),
            denied: self.counters.denied.load(Ordering::Relaxed),
            asked: self.counters.asked.load(Ordering::Relaxed),
            queue_lost: queue::stats::stats(self.queue).map_or(0, |stats| stats.lost()),
            troubles: self.troubles(&stored),
        }
    }

    fn settings(&self) -> Settings {
        self.stored().settings.settings().clone()
    }

    fn set_settings(&self, settings: Settings) -> Result<(), Error> {
        let mut stored = self.stored();
        let before = stored.settings.settings().when_down;
        let after = settings.when_down;
        stored.settings.set(&settings).map_err(not_stored)?;
        self.apply_stored(&mut stored);
        if before != after {
            self.feed_changed.notify_one();
        }
        Ok(())
    }

    fn set_mode(&self, mode: Mode) -> Result<(), Error> {
        let mut stored = self.stored();
        let settings = Settings {
            mode,
            ..stored.settings.settings().clone()
        };
        stored.settings.set(&settings).map_err(not_stored)?;
        stored.settings.set_paused_until(None).map_err(not_stored)?;
        self.apply_stored(&mut stored);
        Ok(())
    }

    fn pause(&self, seconds: u32) {
        let mut stored = self.stored();
        let end = (seconds > 0).then(|| now().after_millis(u64::from(seconds) * 1000));
        if let Err(error) = stored.settings.set_paused_until(end) {
            // It holds all the same, but a restart of the helper ends it.
            tracing::warn!(%error, "the pause could not be stored: {error}");
        }
        self.apply_stored(&mut stored);
    }

    fn rules(&self, seen_by: Option<u32>) -> Vec<WireRule> {
        let rules = self.in_force();
        let hits = lock(&self.hits);
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
        self.change_rules(|stored| {
            let id = new_id(stored)?;
            let wire = WireRule {
                id: Some(id.to_string()),
                creator: Some(Creator::User(caller.uid).to_string()),
                created: Some(now().to_string()),
                ..wire.clone()
            };
            let rule = Rule::try_from(&wire)?;
            stored.rules.upsert(&[rule]).map_err(not_stored)?;
            Ok(id)
        })
    }

    fn replace_rule(&self, wire: &WireRule) -> Result<(), Error> {
        self.change_rules(|stored| {
            let id: RuleId = wire.id.as_deref().unwrap_or_default().parse().map_err(
                |e: bastion_policy::rule::RuleError| Error::InvalidArgument(e.to_string()),
            )?;
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

    fn remove_rules(&self, ids: &[RuleId]) -> Result<(), Error> {
        self.change_rules(|stored| {
            if let Some(id) = ids.iter().find(|id| stored.in_force.get(id).is_none()) {
                return Err(Error::NotFound(format!(
                    "There is no rule “{id}”; nothing was removed."
                )));
            }
            stored.rules.remove(ids).map_err(not_stored)
        })?;
        self.forget_hits(ids);
        Ok(())
    }

    fn rule(&self, id: &RuleId) -> Option<Rule> {
        self.in_force().get(id).cloned()
    }

    fn explain(&self, query: &ExplainQuery, uid: u32) -> Result<Explanation, Error> {
        let flow = query.flow()?;
        let identity = imagined(&query.program, query.uid.unwrap_or(uid))?;
        let (rules, mode) = {
            let stored = self.stored();
            (Arc::clone(&stored.in_force), policy(&stored).mode)
        };
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

    fn log(&self, query: &LogQuery, seen_by: Option<u32>) -> Result<Vec<Event>, Error> {
        lock(&self.log)
            .query(query, seen_by)
            .map_err(|error| Error::Unavailable(format!("The log can't be read: {error}.")))
    }

    fn connections(&self, seen_by: Option<u32>) -> Vec<Connection> {
        let open = SocketTables::open().and_then(|mut tables| tables.list());
        let open = open.unwrap_or_else(|error| {
            tracing::warn!(%error, "the socket tables can't be read: {error}");
            Vec::new()
        });
        let tuples = open.iter().filter_map(|socket| {
            Some(Tuple {
                protocol: socket.protocol,
                source: socket.local,
                destination: socket.remote?,
            })
        });
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
        connections.extend(lock(&self.passed).open(tuples));
        connections.retain(|c| seen_by.is_none_or(|uid| c.event.uid == uid));
        connections
    }

    fn answer(&self, id: QuestionId, answer: CheckedAnswer, caller: &Caller) -> Result<(), Error> {
        let settled = || Error::NotFound("The question is settled already.".into());
        let question = self.question(id).ok_or_else(settled)?;
        let made = answer::rule_for(&question, answer, caller, now())?;
        let lasting = made.is_some();
        if let Some(spec) = made {
            self.change_rules(|stored| add_spec(stored, spec))?;
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
    fn troubles(&self, stored: &Stored) -> Vec<String> {
        let mut troubles = Vec::new();
        troubles.extend(stored.trouble.clone());
        troubles.extend(stored.rules.troubles());
        troubles.extend(stored.settings.troubles());
        troubles.extend(lock(&self.log).troubles());
        troubles
    }
}

/// Adds the rule, or changes the one that says the same about the same flows: answering a
/// question twice does not pile up rules.
fn add_spec(stored: &mut Stored, spec: RuleSpec) -> Result<(), Error> {
    let same = stored
        .in_force
        .rules()
        .find(|rule| same_flows(rule.spec(), &spec))
        .map(|rule| rule.id().clone());
    let id = match same {
        Some(id) => id,
        None => new_id(stored)?,
    };
    let rule = Rule::new(id, spec).map_err(|e| Error::InvalidArgument(e.to_string()))?;
    stored.rules.upsert(&[rule]).map_err(not_stored)
}

fn same_flows(a: &RuleSpec, b: &RuleSpec) -> bool {
    let key = |s: &RuleSpec| (s.user, s.protocol, s.priority);
    key(a) == key(b)
        && a.program == b.program
        && a.destination == b.destination
        && a.ports == b.ports
        && a.lifetime == b.lifetime
        && a.started_by == b.started_by
}

/// An id no rule has: the time in milliseconds, and a number where several are made within one.
fn new_id(stored: &Stored) -> Result<RuleId, Error> {
    let now = now().as_millis();
    (0..10_000_u32)
        .filter_map(|n| match n {
            0 => format!("r{now:x}").parse().ok(),
            n => format!("r{now:x}-{n}").parse().ok(),
        })
        .find(|id| stored.in_force.get(id).is_none())
        .ok_or_else(|| Error::LimitReached("Too many rules are being made at once.".into()))
}

fn not_stored(error: impl std::fmt::Display) -> Error {
    Error::NotStored(format!("{error}. Nothing was changed."))
}

fn outcome(decision: &Decision) -> String {
    match decision.outcome {
        Outcome::Decided(action) => action.to_string(),
        Outcome::Ask => "ask".into(),
    }
}

/// A sender that need not exist, for `explain`.
fn imagined(program: &str, uid: u32) -> Result<Identity, Error> {
    let wrong = |e: bastion_policy::matcher::ProgramError| Error::InvalidArgument(e.to_string());
    let (path, app) = match program.parse::<ProgramMatcher>().map_err(wrong)? {
        ProgramMatcher::Kernel => return Ok(Identity::Kernel),
        ProgramMatcher::Unknown => {
            return Ok(Identity::Unknown {
                uid: Some(uid),
                reason: UnknownReason::NoProcess,
            });
        }
        ProgramMatcher::Path(path) => (path, None),
        // Where an application's files lie does not matter to a rule for the application.
        ProgramMatcher::App(app) => ("/app".parse().map_err(wrong)?, Some(app)),
        ProgramMatcher::Any | ProgramMatcher::Pattern(_) => {
            return Err(Error::InvalidArgument(
                "program: name one program, such as /usr/bin/curl".into(),
            ));
        }
    };
    Ok(Identity::Process(Arc::new(Process {
        key: ProcessKey {
            pid: 0,
            start_time: 0,
        },
        uid,
        executable: Executable {
            path,
            file: None,
            replaced: false,
        },
        arguments: Vec::new(),
        working_directory: String::new(),
        cgroup: String::new(),
        app,
        parents: Vec::new(),
        evidence: Evidence::SocketTable,
    })))
}
