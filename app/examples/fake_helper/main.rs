//! A stand-in for the helper on a private bus, with made-up data, for looking at the app while
//! working on it, and for tests of its windows. It decides nothing, and is never installed.
//! `app/examples/look.py` uses it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool that is never installed; whoever uses it wants to see where it broke"
)]

mod administrator;
mod asking;
mod busy;
mod data;
mod log;
mod misfit;
mod safeguard;
mod start;
mod suggestions;
mod system;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bastion_ipc::Error;
use bastion_ipc::names;
use bastion_ipc::wire::{
    Answer, Connection as Live, Ends, Event, ExplainQuery, Explanation, Guard, LogPages, LogQuery,
    Question, Status, Suggestion, WireRule, WireSettings,
};
use bastion_policy::settings::Settings;
use zbus::names::OwnedUniqueName;
use zbus::object_server::SignalEmitter;

use zbus::{Connection, OwnedObjectPath, interface};

use administrator::Administrator;
use data::{event, question, rules};

pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

#[derive(Default)]
struct State {
    status: Status,
    settings: WireSettings,
    rules: Vec<WireRule>,
    log: Vec<Event>,
    live: Vec<Live>,
    /// Suggestions, and which of them were dropped.
    suggestions: Vec<(Suggestion, bool)>,
    questions: HashMap<u64, Question>,
    next: u64,
    /// Nothing may be done for everybody.
    refuses: bool,
    /// Where each answer that comes is written down.
    record: Option<PathBuf>,
    /// The newest agent: its name on the bus, and the path of its object.
    agent: Option<(OwnedUniqueName, OwnedObjectPath)>,
    /// How often the settings were replaced.
    changes: u32,
    /// Who is asked whether settings may be replaced.
    administrator: Administrator,
}

impl State {
    /// Writes an answer down, whatever comes of it.
    fn note(&self, id: u64, answer: &Answer) {
        if let Some(record) = &self.record {
            let mut file = File::options()
                .create(true)
                .append(true)
                .open(record)
                .unwrap();
            writeln!(file, "{id} {}", answer.action).unwrap();
        }
    }

    /// Whether something may be done for everybody.
    fn allow(&self) -> Result<(), Error> {
        match self.refuses {
            true => Err(refusal()),
            false => Ok(()),
        }
    }
}

fn refusal() -> Error {
    Error::NotAuthorized("Only an administrator may do that.".into())
}

type Shared = Arc<Mutex<State>>;

struct Control(Shared);
struct Rules(Shared);
struct Events(Shared);

#[interface(name = "org.bastionfirewall.Helper1.Control")]
impl Control {
    fn get_status(&self) -> Status {
        self.0.lock().unwrap().status.clone()
    }
    fn get_settings(&self) -> WireSettings {
        self.0.lock().unwrap().settings.clone()
    }
    async fn set_settings(
        &self,
        settings: WireSettings,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        let authenticated = self.0.lock().unwrap().administrator.ask();
        if !authenticated.await.unwrap() {
            return Err(refusal());
        }
        {
            let mut state = self.0.lock().unwrap();
            state.allow()?;
            state.status.mode.clone_from(&settings.mode);
            state.status.when_down.clone_from(&settings.when_down);
            state.settings = settings;
            state.changes += 1;
        }
        tell_status(&self.0, bus).await
    }
    async fn set_mode(
        &self,
        mode: String,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        self.0.lock().unwrap().status.mode = mode;
        tell_status(&self.0, bus).await
    }
    async fn pause(&self, seconds: u32, #[zbus(connection)] bus: &Connection) -> Result<(), Error> {
        self.0.lock().unwrap().status.paused_until = now() + u64::from(seconds) * 1000;
        tell_status(&self.0, bus).await
    }
    async fn resume(&self, #[zbus(connection)] bus: &Connection) -> Result<(), Error> {
        self.0.lock().unwrap().status.paused_until = 0;
        tell_status(&self.0, bus).await
    }
    fn get_safeguard(&self, everybody: bool) -> Vec<Guard> {
        safeguard::guards(&self.0.lock().unwrap(), everybody)
    }
    async fn leave_safeguard(
        &self,
        everybody: bool,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        safeguard::leave(&mut self.0.lock().unwrap(), everybody)?;
        tell_status(&self.0, bus).await
    }
}

async fn tell_status(state: &Shared, bus: &Connection) -> Result<(), Error> {
    let status = state.lock().unwrap().status.clone();
    let emitter = SignalEmitter::new(bus, names::HELPER_PATH)?;
    Events::status_changed(&emitter, status).await?;
    Ok(())
}

async fn tell_rules(bus: &Connection) -> Result<(), Error> {
    let emitter = SignalEmitter::new(bus, names::HELPER_PATH)?;
    Events::rules_changed(&emitter).await?;
    Ok(())
}

#[interface(name = "org.bastionfirewall.Helper1.Rules")]
impl Rules {
    fn list(&self) -> Vec<WireRule> {
        self.0.lock().unwrap().rules.clone()
    }
    async fn add(
        &self,
        mut rule: WireRule,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<String, Error> {
        let id = {
            let mut state = self.0.lock().unwrap();
            state.next += 1;
            let id = format!("r{}", state.next);
            rule.id = Some(id.clone());
            state.rules.push(rule);
            id
        };
        tell_rules(bus).await?;
        Ok(id)
    }
    async fn replace(
        &self,
        rule: WireRule,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        if let Some(old) = self
            .0
            .lock()
            .unwrap()
            .rules
            .iter_mut()
            .find(|r| r.id == rule.id)
        {
            *old = rule;
        }
        tell_rules(bus).await
    }
    async fn remove(
        &self,
        ids: Vec<String>,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        let kept = |rule: &WireRule| !rule.id.as_ref().is_some_and(|id| ids.contains(id));
        self.0.lock().unwrap().rules.retain(kept);
        tell_rules(bus).await
    }
    async fn set_enabled(
        &self,
        id: String,
        enabled: bool,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        {
            let mut state = self.0.lock().unwrap();
            let rule = state
                .rules
                .iter_mut()
                .find(|r| r.id.as_deref() == Some(&id));
            let rule = rule.ok_or_else(|| Error::NotFound("There is no such rule.".into()))?;
            if rule.name.contains("NTP") {
                return Err(refusal());
            }
            rule.enabled = Some(enabled);
        }
        tell_rules(bus).await
    }
    fn explain(&self, query: ExplainQuery) -> Result<Explanation, Error> {
        Ok(log::explain(&self.0.lock().unwrap(), &query.checked()?))
    }
    fn list_suggestions(&self, everybody: bool) -> Result<Vec<Suggestion>, Error> {
        suggestions::open(&self.0.lock().unwrap(), everybody)
    }
    async fn accept_suggestions(
        &self,
        ids: Vec<u64>,
        scope: String,
        everybody: bool,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<Vec<String>, Error> {
        let made = suggestions::accept(&mut self.0.lock().unwrap(), &ids, &scope, everybody)?;
        tell_rules(bus).await?;
        Ok(made)
    }
    fn drop_suggestions(&self, ids: Vec<u64>, _everybody: bool) -> Result<(), Error> {
        suggestions::set_dropped(&mut self.0.lock().unwrap(), &ids, true)
    }
    fn restore_suggestions(&self, ids: Vec<u64>, _everybody: bool) -> Result<(), Error> {
        suggestions::set_dropped(&mut self.0.lock().unwrap(), &ids, false)
    }
}

#[interface(name = "org.bastionfirewall.Helper1.Events")]
impl Events {
    fn subscribe(&self, _everybody: bool) {}
    fn unsubscribe(&self) {}
    fn get_log(&self, query: LogQuery, _everybody: bool) -> Result<Vec<Event>, Error> {
        let query = query.checked()?;
        let state = self.0.lock().unwrap();
        let found = log::found(&state.log, &query).cloned();
        Ok(found.take(query.limit.unwrap() as usize).collect())
    }
    fn get_log_pages(&self, query: LogQuery, _everybody: bool) -> Result<LogPages, Error> {
        Ok(log::pages(&self.0.lock().unwrap().log, query.checked()?))
    }
    fn get_connections(&self, _everybody: bool) -> Vec<Live> {
        self.0.lock().unwrap().live.clone()
    }
    fn end_connection(&self, connection: Ends, _everybody: bool) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        let open = state.live.len();
        state
            .live
            .retain(|live| Ends::from(&live.event) != connection);
        match state.live.len() == open {
            true => Err(Error::NotFound("No such connection is open.".into())),
            false => Ok(()),
        }
    }
    #[zbus(signal)]
    async fn decided(emitter: &SignalEmitter<'_>, events: Vec<Event>) -> zbus::Result<()>;
    #[zbus(signal)]
    async fn status_changed(emitter: &SignalEmitter<'_>, status: Status) -> zbus::Result<()>;
    #[zbus(signal)]
    async fn rules_changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

fn state(ask: bool) -> State {
    let questions: Vec<_> = match ask {
        true => (1..=4).map(question).collect(),
        false => Vec::new(),
    };
    let live = |id, state: &str| Live {
        event: event(id, id * 7 + 1),
        state: state.into(),
    };
    let mut connections: Vec<Live> = [0, 1, 2, 5, 6, 8, 9, 10, 11, 12, 19, 20]
        .map(|id| live(id, "open"))
        .to_vec();
    for question in &questions {
        let mut waiting = live(900 + question.id, "waiting");
        waiting.event.program = question.program.clone();
        waiting.event.host = question.host.clone();
        waiting.event.time = now() - 3_000;
        connections.push(waiting);
    }
    State {
        status: Status {
            version: env!("CARGO_PKG_VERSION").into(),
            started: now() - 11_000_000,
            mode: "ask".into(),
            when_down: "open".into(),
            identification: "packet-path".into(),
            questions: questions.len() as u32,
            agents: 1,
            rules: 12,
            allowed: 24_871,
            denied: 392,
            asked: 61,
            ..Status::default()
        },
        settings: WireSettings::from(&Settings::default()),
        rules: rules(),
        log: log::events(450),
        live: connections,
        suggestions: Vec::new(),
        questions: questions.into_iter().map(|q| (q.id, q)).collect(),
        next: 100,
        refuses: false,
        record: None,
        agent: None,
        changes: 0,
        administrator: Administrator::default(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> zbus::Result<()> {
    let _served = start::start().await?;
    std::future::pending::<()>().await;
    Ok(())
}
