//! Agents: who can ask users, and what each has been asked to ask.
//!
//! [`registry`] decides which agent a question is put to. Each agent has a task of its own that
//! compares what is put to it with what it has been told, and tells it the difference, one call
//! after the other. So nothing here ever waits for an agent but its own task, and an agent that
//! hangs delays nobody else.

mod registry;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bastion_ipc::Error;
use bastion_ipc::names::MOVED;
use bastion_ipc::proxy::AgentProxy;
use bastion_policy::escape;
use bastion_policy::pending::QuestionId;
use bastion_policy::ruleset::Reason;
use tokio::sync::watch;
use zbus::names::OwnedUniqueName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedObjectPath};

use super::backend::{Asked, Caller};
use super::caller::PresentCaller;
use super::life::Life;
use super::logind::Presence;
use super::question;
use registry::{Owner, Registry, Standing};

/// How long an agent may take to return from a call.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause after a call that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// An agent that fails so many times running is given up.
const MAX_FAILURES: u32 = 3;

/// The agents and the questions that are open.
#[derive(Debug)]
pub(super) struct Agents {
    connection: Connection,
    life: Arc<Life>,
    state: Mutex<State>,
    /// Counts changes; every agent's task watches it.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    registry: Registry,
    open: HashMap<QuestionId, Open>,
    lines: BTreeMap<OwnedUniqueName, Line>,
    registrations: u64,
}

#[derive(Debug)]
struct Open {
    asked: Arc<Asked>,
    /// Counts the changes of what it says.
    version: u64,
}

/// What one agent has been told.
#[derive(Debug)]
struct Line {
    /// Which registration this is; the task of an earlier one ends.
    registration: u64,
    caller: Caller,
    path: OwnedObjectPath,
    /// Questions it may be showing, in this version.
    shown: BTreeMap<QuestionId, u64>,
    /// Questions it may be showing that are closed, and why.
    closed: BTreeMap<QuestionId, String>,
    failures: u32,
}

/// What an agent's task does next.
#[derive(Debug)]
enum Errand {
    Ask(Arc<Asked>),
    Withdraw(QuestionId, String),
}

/// A question and the agent that holds it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) asked: Arc<Asked>,
    pub(super) caller: Caller,
}

impl Agents {
    pub(super) fn new(connection: Connection, life: Arc<Life>) -> Arc<Self> {
        Arc::new(Self {
            connection,
            life,
            state: Mutex::default(),
            changes: watch::Sender::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How many agents there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.lock().registry.agents()).unwrap_or(u32::MAX)
    }

    /// Tells of changes to agents and questions.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Makes a peer's object an agent. One that is an agent already moves to the new path.
    pub(super) fn register(
        self: &Arc<Self>,
        name: &OwnedUniqueName,
        who: PresentCaller,
        administrator: bool,
        path: OwnedObjectPath,
    ) -> Result<(), Error> {
        let standing = Standing {
            uid: who.caller.uid,
            presence: who.presence,
            administrator,
        };
        let mut state = self.lock();
        state
            .registry
            .register(name.clone(), standing)
            .map_err(|full| Error::LimitReached(full.to_string()))?;
        let registration = state.registrations;
        state.registrations += 1;
        let line = Line {
            registration,
            caller: who.caller,
            path,
            shown: BTreeMap::new(),
            closed: BTreeMap::new(),
            failures: 0,
        };
        state.lines.insert(name.clone(), line);
        drop(state);
        tokio::spawn(Arc::clone(self).serve(name.clone(), registration));
        self.changed();
        Ok(())
    }

    /// Takes an agent out. False if it was none.
    pub(super) fn leave(&self, name: &OwnedUniqueName) -> bool {
        let mut state = self.lock();
        state.lines.remove(name);
        let known = state.registry.leave(name);
        drop(state);
        if known {
            self.changed();
        }
        known
    }

    /// Takes all agents out and forgets all questions.
    pub(super) fn clear(&self) {
        *self.lock() = State::default();
        self.changed();
    }

    /// Opens a question, or changes what an open one says.
    pub(super) fn question_opened(&self, asked: Asked) {
        let mut state = self.lock();
        let id = asked.question.id;
        let owner = Owner::of(asked.question.identity.uid());
        let version = state.open.get(&id).map_or(0, |open| open.version + 1);
        let asked = Arc::new(asked);
        state.open.insert(id, Open { asked, version });
        state.registry.open(id, owner);
        drop(state);
        self.changed();
    }

    /// Closes a question; agents that show it are told.
    pub(super) fn question_closed(&self, id: QuestionId, reason: &Reason) {
        let mut state = self.lock();
        if state.open.remove(&id).is_none() {
            return;
        }
        state.registry.close(id);
        for line in state.lines.values_mut() {
            if line.shown.remove(&id).is_some() {
                line.closed.insert(id, reason.to_string());
            }
        }
        drop(state);
        self.changed();
    }

    /// Closes a question that this agent answered: it need not be told.
    pub(super) fn answered(&self, id: QuestionId, by: &OwnedUniqueName, uid: u32) {
        if let Some(line) = self.lock().lines.get_mut(by) {
            line.shown.remove(&id);
            line.closed.remove(&id);
        }
        self.question_closed(id, &Reason::Answer(uid));
    }

    /// The question, if it is open and put to this agent.
    pub(super) fn held(&self, id: QuestionId, by: &OwnedUniqueName) -> Option<Held> {
        let state = self.lock();
        if state.registry.put_to(id) != Some(by) {
            return None;
        }
        Some(Held {
            asked: Arc::clone(&state.open.get(&id)?.asked),
            caller: state.lines.get(by)?.caller.clone(),
        })
    }

    /// True if the question is open and put to some agent.
    pub(super) fn is_put(&self, id: QuestionId) -> bool {
        self.lock().registry.put_to(id).is_some()
    }

    /// The agents that belong to a session, with it.
    pub(super) fn sessions(&self) -> Vec<(OwnedUniqueName, Arc<str>)> {
        let state = self.lock();
        let session = |(name, line): (&OwnedUniqueName, &Line)| {
            Some((name.clone(), line.caller.session.clone()?))
        };
        state.lines.iter().filter_map(session).collect()
    }

    /// Notes whether somebody sits in front of an agent's session.
    pub(super) fn set_presence(&self, name: &OwnedUniqueName, presence: Presence) {
        self.lock().registry.set_presence(name, presence);
        self.changed();
    }

    /// Tells one agent what it is to know, until it leaves.
    async fn serve(self: Arc<Self>, name: OwnedUniqueName, registration: u64) {
        let mut changes = self.changes.subscribe();
        while let Some((errand, caller, path)) = self.next(&name, registration) {
            let Some(errand) = errand else {
                if changes.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let asked = match &errand {
                Errand::Ask(asked) => Some(asked.question.id),
                Errand::Withdraw(..) => None,
            };
            let begun = Instant::now();
            match self.run(&name, path, caller, errand).await {
                Ok(()) => self.succeeded(&name, registration),
                Err(error) => {
                    // The agent chose these words.
                    let error = escape::excerpt(&error.to_string());
                    tracing::warn!(agent = %name, "an agent failed: {error}");
                    // Where the bus itself is silent, it is not the agent that fails.
                    let mute = begun.elapsed() >= PATIENCE && self.life.answered() < begun;
                    let failures = u32::from(!mute);
                    if self.failed(&name, registration, asked, failures) {
                        return;
                    }
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// What to do next for an agent, and how to reach it; no errand when it knows everything,
    /// nothing at all when this registration is over.
    fn next(
        &self,
        name: &OwnedUniqueName,
        registration: u64,
    ) -> Option<(Option<Errand>, Caller, OwnedObjectPath)> {
        let mut state = self.lock();
        let State {
            registry,
            open,
            lines,
            ..
        } = &mut *state;
        let line = lines.get_mut(name)?;
        if line.registration != registration {
            return None;
        }
        let errand = line.next(name, registry, open);
        Some((errand, line.caller.clone(), line.path.clone()))
    }

    async fn run(
        &self,
        name: &OwnedUniqueName,
        path: OwnedObjectPath,
        caller: Caller,
        errand: Errand,
    ) -> zbus::Result<()> {
        let agent = AgentProxy::builder(&self.connection)
            .destination(name.clone())
            .path(path)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        match errand {
            Errand::Withdraw(id, reason) => agent.withdraw(id.0, &reason).await,
            Errand::Ask(asked) => {
                let describe = move || question::describe(&asked, &caller);
                let question = tokio::task::spawn_blocking(describe)
                    .await
                    .map_err(|error| zbus::Error::Failure(error.to_string()))?;
                tokio::time::timeout(PATIENCE, agent.ask(question))
                    .await
                    .map_err(|_| zbus::Error::Failure("it did not return in time".into()))?
            }
        }
    }

    fn succeeded(&self, name: &OwnedUniqueName, registration: u64) {
        if let Some(line) = self.lock().lines.get_mut(name)
            && line.registration == registration
        {
            line.failures = 0;
        }
    }

    /// Counts failures; true if the agent is given up or gone.
    fn failed(
        &self,
        name: &OwnedUniqueName,
        registration: u64,
        asked: Option<QuestionId>,
        failures: u32,
    ) -> bool {
        let mut state = self.lock();
        let Some(line) = state.lines.get_mut(name) else {
            return true;
        };
        if line.registration != registration {
            return true;
        }
        line.failures += failures;
        if let Some(id) = asked {
            line.shown.remove(&id);
        }
        let give_up = line.failures >= MAX_FAILURES;
        drop(state);
        if give_up {
            tracing::warn!(agent = %name, "an agent failed too often and is asked no more");
            self.leave(name);
        }
        give_up
    }
}

impl Line {
    /// The next difference between what is put to the agent and what it has been told; it counts
    /// as told from now on.
    fn next(
        &mut self,
        name: &OwnedUniqueName,
        registry: &Registry,
        open: &HashMap<QuestionId, Open>,
    ) -> Option<Errand> {
        if let Some((id, reason)) = self.closed.pop_first() {
            return Some(Errand::Withdraw(id, reason));
        }
        let moved = |id: &&QuestionId| registry.put_to(**id) != Some(name);
        if let Some(id) = self.shown.keys().find(moved).copied() {
            self.shown.remove(&id);
            return Some(Errand::Withdraw(id, MOVED.into()));
        }
        for id in registry.put_to_agent(name) {
            if let Some(open) = open.get(&id)
                && self.shown.get(&id) != Some(&open.version)
            {
                self.shown.insert(id, open.version);
                return Some(Errand::Ask(Arc::clone(&open.asked)));
            }
        }
        None
    }
}
