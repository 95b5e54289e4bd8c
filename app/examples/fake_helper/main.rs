//! A stand-in for the helper on a private bus, with made-up data, for looking at the app while
//! working on it, and for tests of its windows. It decides nothing, and is never installed.
//! `app/examples/look.py` uses it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool that is never installed; whoever uses it wants to see where it broke"
)]

mod busy;
mod data;
mod safeguard;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bastion_ipc::Error;
use bastion_ipc::names;
use bastion_ipc::proxy::AgentProxy;
use bastion_ipc::wire::{
    Answer, Connection as Live, Ends, Event, Guard, LogQuery, Question, Status, WireRule,
    WireSettings,
};
use bastion_policy::settings::Settings;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, ObjectPath, interface};

use data::{details, event, question, rules};

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
    questions: HashMap<u64, Question>,
    next: u64,
    /// Nothing may be done for everybody.
    refuses: bool,
}

type Shared = Arc<Mutex<State>>;

struct Control(Shared);
struct Rules(Shared);
struct Events(Shared);
struct Prompts(Shared);

#[interface(name = "org.bastionfirewall.Helper1.Control")]
impl Control {
    fn get_status(&self) -> Status {
        self.0.lock().unwrap().status.clone()
    }
    fn get_settings(&self) -> WireSettings {
        self.0.lock().unwrap().settings.clone()
    }
    fn set_settings(&self, settings: WireSettings) -> Result<(), Error> {
        self.0.lock().unwrap().settings = settings;
        Ok(())
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
                return Err(Error::NotAuthorized(
                    "Only an administrator may do that.".into(),
                ));
            }
            rule.enabled = Some(enabled);
        }
        tell_rules(bus).await
    }
}

#[interface(name = "org.bastionfirewall.Helper1.Events")]
impl Events {
    fn subscribe(&self, _everybody: bool) {}
    fn unsubscribe(&self) {}
    fn get_log(&self, query: LogQuery, _everybody: bool) -> Result<Vec<Event>, Error> {
        let query = query.checked()?;
        let state = self.0.lock().unwrap();
        let before = query.before.filter(|id| *id > 0).unwrap_or(u64::MAX);
        let text = query.text.unwrap_or_default();
        let wanted = |event: &&Event| {
            event.id < before
                && query.verdict.as_ref().is_none_or(|v| *v == event.verdict)
                && (event.program.contains(&text) || event.host.contains(&text))
        };
        let limit = query.limit.unwrap_or(100) as usize;
        Ok(state
            .log
            .iter()
            .rev()
            .filter(wanted)
            .take(limit)
            .cloned()
            .collect())
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

#[interface(name = "org.bastionfirewall.Helper1.Prompts")]
impl Prompts {
    async fn register_agent(
        &self,
        path: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        let sender = header.sender().unwrap().to_owned();
        let path = path.to_owned();
        let (bus, state) = (bus.clone(), self.0.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let agent = AgentProxy::builder(&bus)
                .destination(sender)
                .path(path)
                .build()
                .await
                .unwrap();
            let mut questions: Vec<_> = state.lock().unwrap().questions.values().cloned().collect();
            questions.sort_by_key(|q| q.id);
            for question in &mut questions {
                question.opened = now();
                question.deadline = now() + 60_000;
                agent.ask(question.clone()).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            for mut question in questions {
                // Others are answered meanwhile.
                if state.lock().unwrap().questions.contains_key(&question.id) {
                    question.details = Some(details(question.id));
                    agent.ask(question).await.unwrap();
                }
            }
        });
        Ok(())
    }
    fn unregister_agent(&self) {}
    async fn answer(
        &self,
        id: u64,
        answer: Answer,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        println!("answer {id} {answer:?}");
        {
            let mut state = self.0.lock().unwrap();
            state
                .questions
                .remove(&id)
                .ok_or_else(|| Error::NotFound("There is no such question.".into()))?;
            state
                .live
                .retain(|live| live.state != "waiting" || live.event.id != 900 + id);
            state.status.questions = state.questions.len() as u32;
            match answer.action.as_str() {
                "allow" => state.status.allowed += 1,
                _ => state.status.denied += 1,
            }
        }
        tell_status(&self.0, bus).await
    }
}

fn state(ask: bool) -> State {
    let questions = match ask {
        true => vec![
            question(1, "/usr/bin/curl", "downloads.example.org", 443, "https"),
            question(
                2,
                "/home/alice/.local/share/game/bin/launcher",
                "",
                27_015,
                "",
            ),
            question(3, "/usr/sbin/cupsd", "printers.example.net", 631, "ipp"),
            question(
                4,
                "/usr/lib/reader/reader",
                "books.example.com",
                443,
                "https",
            ),
        ],
        false => Vec::new(),
    };
    let live = |id: u64, state: &str| {
        let event = event(id, id * 7 + 1);
        let counted = event.protocol == "tcp" && state == "open";
        Live {
            state: state.into(),
            sent: counted.then_some(900 + id * id * 3_000),
            received: counted.then_some(5_200 + id * 1_700_000),
            event,
        }
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
            rules: 10,
            allowed: 24_871,
            denied: 392,
            asked: 61,
            ..Status::default()
        },
        settings: WireSettings::from(&Settings::default()),
        rules: rules(),
        log: (0..450).map(|id| event(id, (450 - id) * 37)).collect(),
        live: connections,
        questions: questions.into_iter().map(|q| (q.id, q)).collect(),
        next: 100,
        refuses: false,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> zbus::Result<()> {
    let told = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let mut state = state(told("--ask"));
    if told("--safeguard") {
        safeguard::begin_own(&mut state.status);
    }
    state.refuses = told("--refuse");
    let state: Shared = Arc::new(Mutex::new(state));
    let busy = told("--busy").then(|| state.clone());
    let bus = zbus::connection::Builder::system()
        .serve_at(names::HELPER_PATH, Control(state.clone()))
        .serve_at(names::HELPER_PATH, Rules(state.clone()))
        .serve_at(names::HELPER_PATH, Events(state.clone()))
        .serve_at(names::HELPER_PATH, Prompts(state.clone()))
        .serve_at(names::HELPER_PATH, safeguard::Storm(state))
        .name(names::HELPER)
        .build()
        .await?;
    if let Some(state) = busy {
        busy::go_on(state, bus).await?;
    }
    std::future::pending::<()>().await;
    Ok(())
}
