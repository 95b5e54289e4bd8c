//! What stands in for parts that have tests of their own: the service behind the interfaces, and
//! polkit, which needs the whole system.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bastion_helper::bus::{Authorizer, Backend, Caller, Named, OpenQuestion};
use bastion_ipc::Error;
use bastion_ipc::names::action;
use bastion_ipc::wire::{
    AnswerScope, CheckedAnswer, Connection, Event, ExplainQuery, Explanation, Guard, LogPages,
    LogQuery, Status, Suggestion, WireRule,
};
use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::pending::{QuestionId, QuestionKey};
use bastion_policy::process::{Evidence, Executable, Identity, Process, ProcessKey};
use bastion_policy::rule::Action;
use bastion_policy::rule::{Rule, RuleId};
use bastion_policy::settings::{Mode, Settings};
use bastion_policy::time::Timestamp;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use zbus::message::Header;

/// A question about a process of this user (`None`: the kernel).
pub(crate) fn question(id: u64, uid: Option<u32>) -> OpenQuestion {
    let identity = uid.map_or(Identity::Kernel, |uid| {
        Identity::Process(Arc::new(Process {
            key: ProcessKey {
                pid: 77,
                start_time: 1,
            },
            uid,
            executable: Executable {
                path: "/usr/bin/curl".parse().unwrap(),
                file: None,
                replaced: false,
            },
            arguments: vec!["curl".into()],
            working_directory: "/".into(),
            cgroup: String::new(),
            app: None,
            parents: Vec::new(),
            evidence: Evidence::PacketPath,
            execs: None,
        }))
    });
    let flow = Flow {
        protocol: Protocol::Tcp,
        source: IpAddr::from([192, 0, 2, 1]),
        source_port: 40_000,
        destination: IpAddr::from([192, 0, 2, 2]),
        destination_port: 443,
        hosts: vec!["www.example.org".parse().unwrap()],
    };
    OpenQuestion {
        id: QuestionId(id),
        key: QuestionKey::new(&flow, &identity),
        flow,
        identity,
        opened: Timestamp::from_millis(1_000),
        deadline: Timestamp::from_millis(61_000),
        otherwise: Action::Deny,
    }
}

/// A rule with this id, as it comes from a file.
pub(crate) fn rule(id: &str, user: &str) -> WireRule {
    WireRule {
        id: Some(id.into()),
        name: "A rule".into(),
        action: "deny".into(),
        user: Some(user.into()),
        ..WireRule::default()
    }
}

/// Keeps everything in memory, and notes every change.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) rules: Mutex<BTreeMap<RuleId, WireRule>>,
    pub(crate) changes: Mutex<Vec<String>>,
    pub(crate) answers: Mutex<Vec<(QuestionId, CheckedAnswer, Caller)>>,
    settled: Mutex<BTreeSet<QuestionId>>,
    pub(crate) log: Mutex<Vec<Event>>,
    /// For whom the log was searched.
    pub(crate) searches: Mutex<Vec<Option<u32>>>,
}

impl Memory {
    pub(crate) fn changes(&self) -> Vec<String> {
        self.changes.lock().unwrap().clone()
    }

    /// Everything that gets here makes sense.
    fn note_rule(&self, change: String, rule: &WireRule) {
        match Rule::try_from(rule) {
            Ok(_) => self.note(change),
            Err(error) => self.note(format!("NONSENSE {change}: {error}")),
        }
    }

    fn note(&self, change: String) {
        self.changes.lock().unwrap().push(change);
    }
}

impl Backend for Memory {
    fn status(&self) -> Status {
        Status {
            version: "test".into(),
            mode: "ask".into(),
            ..Status::default()
        }
    }

    fn settings(&self) -> Settings {
        Settings::default()
    }

    fn set_settings(&self, settings: Settings) -> Result<(), Error> {
        self.note(format!("settings {}", settings.prompt_timeout));
        Ok(())
    }

    fn set_mode(&self, mode: Mode) -> Result<(), Error> {
        self.note(format!("mode {mode}"));
        Ok(())
    }

    fn pause(&self, seconds: u32) {
        self.note(format!("pause {seconds}"));
    }

    fn safeguard(&self, seen_by: Option<u32>) -> Vec<Guard> {
        let on = [1000, 1001].map(|user| Guard {
            user,
            cause: "questions".into(),
            ..Guard::default()
        });
        let seen = on.into_iter();
        seen.filter(|guard| seen_by.is_none_or(|uid| guard.user == uid))
            .collect()
    }

    fn leave_safeguard(&self, whose: Option<u32>) -> Result<(), Error> {
        self.note(format!("leave safeguard {whose:?}"));
        Ok(())
    }

    fn rules(&self, seen_by: Option<u32>) -> Vec<WireRule> {
        let own = seen_by.map(|uid| uid.to_string());
        let rules = self.rules.lock().unwrap();
        let sees = |rule: &&WireRule| {
            let user = rule.user.as_deref();
            own.is_none() || user == Some("any") || user == own.as_deref()
        };
        rules.values().filter(sees).cloned().collect()
    }

    fn add_rule(&self, rule: &WireRule, caller: &Caller) -> Result<RuleId, Error> {
        assert_eq!((&rule.id, &rule.created), (&None, &None));
        assert!(rule.creator.is_none() || rule.is_imported());
        let mut rules = self.rules.lock().unwrap();
        let id: RuleId = format!("r{}", rules.len()).parse().unwrap();
        let mut rule = rule.clone();
        rule.id = Some(id.to_string());
        let said = rule.creator.as_ref().map(|creator| format!(", {creator}"));
        let said = said.unwrap_or_default();
        rule.creator = Some(caller.uid.to_string());
        self.note_rule(format!("add {id} by {}{said}", caller.uid), &rule);
        rules.insert(id.clone(), rule);
        Ok(id)
    }

    fn replace_rule(&self, rule: &WireRule) -> Result<(), Error> {
        assert_eq!((&rule.creator, &rule.created), (&None, &None));
        let id: RuleId = rule.id.as_deref().unwrap_or_default().parse().unwrap();
        match self.rules.lock().unwrap().get_mut(&id) {
            Some(old) => *old = rule.clone(),
            None => return Err(Error::NotFound(format!("there is no rule “{id}”"))),
        }
        self.note_rule(format!("replace {id} enabled {:?}", rule.enabled), rule);
        Ok(())
    }

    fn remove_rules(&self, ids: &[RuleId]) -> Result<(), Error> {
        let mut rules = self.rules.lock().unwrap();
        if let Some(id) = ids.iter().find(|id| !rules.contains_key(id)) {
            return Err(Error::NotFound(format!("there is no rule “{id}”")));
        }
        rules.retain(|id, _| !ids.contains(id));
        self.note(format!("remove {}", ids.len()));
        Ok(())
    }

    fn enable_rule(&self, id: &RuleId, enabled: bool) -> Result<(), Error> {
        match self.rules.lock().unwrap().get_mut(id) {
            Some(rule) => rule.enabled = Some(enabled),
            None => return Err(Error::NotFound(format!("there is no rule “{id}”"))),
        }
        self.note(format!("enable {id} {enabled}"));
        Ok(())
    }

    fn explain(&self, query: &ExplainQuery, uid: u32) -> Result<Explanation, Error> {
        Ok(Explanation {
            outcome: "ask".into(),
            reason: format!("{} as {uid}", query.program),
            ..Explanation::default()
        })
    }

    fn suggestions(&self, seen_by: Option<u32>) -> Result<Vec<Suggestion>, Error> {
        let open = [(1, 1000), (2, 1001)].map(|(id, uid)| Suggestion {
            id,
            uid,
            ..Suggestion::default()
        });
        let seen = open.into_iter();
        let own = |uid| seen_by.is_none_or(|user| user == uid);
        Ok(seen.filter(|found| own(found.uid)).collect())
    }

    fn accept_suggestions(
        &self,
        ids: &[u64],
        scope: AnswerScope,
        whose: Option<u32>,
    ) -> Result<Vec<RuleId>, Error> {
        self.note(format!("accept {ids:?} {} of {whose:?}", scope.as_str()));
        Ok(vec!["made".parse().unwrap()])
    }

    fn set_dropped(&self, ids: &[u64], whose: Option<u32>, dropped: bool) -> Result<(), Error> {
        self.note(format!("dropped {ids:?} of {whose:?}: {dropped}"));
        Ok(())
    }

    fn log(&self, query: &LogQuery, seen_by: Option<u32>) -> Result<Vec<Event>, Error> {
        self.searches.lock().unwrap().push(seen_by);
        let limit = query.limit.unwrap() as usize;
        let log = self.log.lock().unwrap();
        let sees = |event: &&Event| seen_by.is_none_or(|uid| event.uid == uid);
        Ok(log.iter().filter(sees).take(limit).cloned().collect())
    }

    fn log_pages(&self, query: &LogQuery, seen_by: Option<u32>) -> Result<LogPages, Error> {
        let events = self.log(query, seen_by)?;
        let pages = events.iter().map(|event| (event.id, 1)).collect();
        Ok(LogPages { pages, next: None })
    }

    fn connections(&self, seen_by: Option<u32>) -> Vec<Connection> {
        let log = self.log.lock().unwrap();
        let sees = |event: &&Event| seen_by.is_none_or(|uid| event.uid == uid);
        let connection = |event: &Event| Connection {
            event: event.clone(),
            state: "open".into(),
        };
        log.iter().filter(sees).map(connection).collect()
    }

    fn end_connection(&self, named: Named, whose: Option<u32>, by: u32) -> Result<(), Error> {
        let (to, time) = (named.tuple.destination, named.time);
        self.note(format!("end {to} of {time:?} of {whose:?} by {by}"));
        Ok(())
    }

    fn answer(
        &self,
        question: QuestionId,
        answer: CheckedAnswer,
        caller: &Caller,
    ) -> Result<(), Error> {
        if !self.settled.lock().unwrap().insert(question) {
            return Err(Error::NotFound(format!("question {question} is settled")));
        }
        let answer = (question, answer, caller.clone());
        self.answers.lock().unwrap().push(answer);
        Ok(())
    }
}

/// Says what polkit would, from a list.
pub(crate) struct Polkit {
    allowed: Mutex<BTreeSet<&'static str>>,
    /// Every check: action and whether somebody may be asked.
    pub(crate) checks: Mutex<Vec<(&'static str, bool)>>,
    /// Interactive checks of this action wait for a permit here, as for a password.
    asks: Mutex<Option<(&'static str, Arc<Semaphore>)>>,
    /// It can't be asked.
    away: AtomicBool,
}

impl Default for Polkit {
    fn default() -> Self {
        Self {
            allowed: Mutex::new([action::VIEW, action::ANSWER].into()),
            checks: Mutex::default(),
            asks: Mutex::default(),
            away: AtomicBool::new(false),
        }
    }
}

impl Polkit {
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    pub(crate) fn allow(&self, actions: &[&'static str]) {
        self.allowed.lock().unwrap().extend(actions);
    }

    pub(crate) fn deny(&self, action: &'static str) {
        self.allowed.lock().unwrap().remove(action);
    }

    /// From now on a person is asked before this action is authorised; the permits are answers.
    pub(crate) fn ask_a_person(&self, action: &'static str) -> Arc<Semaphore> {
        let answers = Arc::new(Semaphore::new(0));
        *self.asks.lock().unwrap() = Some((action, Arc::clone(&answers)));
        answers
    }

    pub(crate) fn checks(&self) -> Vec<(&'static str, bool)> {
        self.checks.lock().unwrap().clone()
    }
}

impl Authorizer for Polkit {
    fn check<'a>(
        &'a self,
        header: &'a Header<'_>,
        action: &'static str,
        interactive: bool,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            assert!(header.sender().is_some(), "nobody without a name gets here");
            self.checks.lock().unwrap().push((action, interactive));
            if self.away.load(Ordering::Relaxed) {
                return Err(Error::Unavailable("nobody is there".into()));
            }
            let ask = self.asks.lock().unwrap().clone();
            if let Some((asked, answers)) = ask
                && asked == action
                && interactive
            {
                answers.acquire().await.unwrap().forget();
                return Ok(());
            }
            if self.allowed.lock().unwrap().contains(action) {
                Ok(())
            } else {
                Err(Error::NotAuthorized(format!("not allowed: {action}")))
            }
        })
    }

    fn answers(&self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(!self.away.load(Ordering::Relaxed)))
    }
}
