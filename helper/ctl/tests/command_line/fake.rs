//! A helper that remembers what it was told and refuses on demand.

use std::sync::{Arc, Mutex};

use bastion_ipc::Error;
use bastion_ipc::wire::{
    Answer, Connection, Ends, Event, ExplainQuery, Explanation, Guard, LogQuery, Status,
    Suggestion, WireRule, WireSettings,
};
use zbus::interface;
use zbus::message::Header;
use zbus::names::OwnedUniqueName;
use zbus::object_server::SignalEmitter;
use zbus::wire::ObjectPath;

/// How many events are in its log.
pub const LOGGED: u64 = 1_200;

/// What it was told, and what it says.
#[derive(Clone, Default)]
pub struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<String>,
    rules: Vec<WireRule>,
    answers: Vec<(u64, Answer)>,
    agent: Option<OwnedUniqueName>,
    subscriber: Option<OwnedUniqueName>,
    refuse: Option<fn() -> Error>,
}

impl Fake {
    /// From now on every call is refused like this.
    pub fn refuse(&self, with: fn() -> Error) {
        self.0.lock().unwrap().refuse = Some(with);
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.clone()
    }

    /// The rules that were added.
    pub fn rules(&self) -> Vec<WireRule> {
        self.0.lock().unwrap().rules.clone()
    }

    /// The answers that were given.
    pub fn answers(&self) -> Vec<(u64, Answer)> {
        self.0.lock().unwrap().answers.clone()
    }

    /// Who registered as an agent.
    pub fn agent(&self) -> Option<OwnedUniqueName> {
        self.0.lock().unwrap().agent.clone()
    }

    /// Who subscribed.
    pub fn subscriber(&self) -> Option<OwnedUniqueName> {
        self.0.lock().unwrap().subscriber.clone()
    }

    fn called(&self, call: String) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.calls.push(call);
        state.refuse.map_or(Ok(()), |refuse| Err(refuse()))
    }
}

fn sender(header: &Header<'_>) -> Option<OwnedUniqueName> {
    header.sender().map(|sender| sender.to_owned().into())
}

pub struct Control(pub Fake);

#[interface(name = "org.bastionfirewall.Helper1.Control")]
impl Control {
    async fn get_status(&self) -> Result<Status, Error> {
        self.0.called("status".into())?;
        Ok(Status {
            version: "9.8.7".into(),
            mode: "ask".into(),
            rules: 3,
            troubles: vec!["something is wrong\u{1b}[2J".into()],
            ..Status::default()
        })
    }

    async fn get_settings(&self) -> Result<WireSettings, Error> {
        Ok(WireSettings::default())
    }

    async fn set_settings(&self, _settings: WireSettings) -> Result<(), Error> {
        Ok(())
    }

    async fn set_mode(&self, mode: String) -> Result<(), Error> {
        self.0.called(format!("mode {mode}"))
    }

    async fn pause(&self, seconds: u32) -> Result<(), Error> {
        self.0.called(format!("pause {seconds}"))
    }

    async fn resume(&self) -> Result<(), Error> {
        self.0.called("resume".into())
    }

    async fn get_safeguard(&self, everybody: bool) -> Result<Vec<Guard>, Error> {
        self.0.called(format!("safeguard {everybody}"))?;
        Ok(vec![])
    }

    async fn leave_safeguard(&self, everybody: bool) -> Result<(), Error> {
        self.0.called(format!("leave safeguard {everybody}"))
    }
}

pub struct Rules(pub Fake);

#[interface(name = "org.bastionfirewall.Helper1.Rules")]
impl Rules {
    async fn list(&self) -> Result<Vec<WireRule>, Error> {
        self.0.called("list".into())?;
        Ok(vec![WireRule {
            id: Some("web".into()),
            name: "Web".into(),
            action: "allow".into(),
            note: Some("kept".into()),
            hits: Some(3),
            ..WireRule::default()
        }])
    }

    async fn add(&self, rule: WireRule) -> Result<String, Error> {
        self.0.called("add".into())?;
        self.0.0.lock().unwrap().rules.push(rule);
        Ok("new-1".into())
    }

    async fn replace(&self, rule: WireRule) -> Result<(), Error> {
        self.0.called("replace".into())?;
        self.0.0.lock().unwrap().rules.push(rule);
        Ok(())
    }

    async fn remove(&self, ids: Vec<String>) -> Result<(), Error> {
        self.0.called(format!("remove {}", ids.join(" ")))
    }

    async fn set_enabled(&self, id: String, enabled: bool) -> Result<(), Error> {
        self.0.called(format!("enabled {id} {enabled}"))
    }

    async fn explain(&self, query: ExplainQuery) -> Result<Explanation, Error> {
        let uid = query.uid.map_or("self".into(), |uid| uid.to_string());
        self.0.called(format!(
            "explain {} {uid} {} {} {}",
            query.program,
            query.destination,
            query.port,
            query.protocol.unwrap_or_default()
        ))?;
        Ok(Explanation {
            outcome: "deny".into(),
            reason: "no-rule".into(),
            ..Explanation::default()
        })
    }

    async fn list_suggestions(&self, everybody: bool) -> Result<Vec<Suggestion>, Error> {
        self.0.called(format!("suggestions {everybody}"))?;
        let open = [9, 7].map(|id| Suggestion {
            id,
            program: "/usr/bin/curl".into(),
            ..Suggestion::default()
        });
        Ok(open.into())
    }

    async fn accept_suggestions(
        &self,
        ids: Vec<u64>,
        scope: String,
        everybody: bool,
    ) -> Result<Vec<String>, Error> {
        self.0
            .called(format!("accept {ids:?} {scope} {everybody}"))?;
        Ok(vec!["new-1".into()])
    }

    async fn drop_suggestions(&self, ids: Vec<u64>, everybody: bool) -> Result<(), Error> {
        self.0.called(format!("drop {ids:?} {everybody}"))
    }

    async fn restore_suggestions(&self, ids: Vec<u64>, everybody: bool) -> Result<(), Error> {
        self.0.called(format!("restore {ids:?} {everybody}"))
    }
}

pub struct Events(pub Fake);

#[interface(name = "org.bastionfirewall.Helper1.Events")]
impl Events {
    async fn subscribe(
        &self,
        everybody: bool,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.0.called(format!("subscribe {everybody}"))?;
        self.0.0.lock().unwrap().subscriber = sender(&header);
        Ok(())
    }

    async fn unsubscribe(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn get_log(&self, query: LogQuery, everybody: bool) -> Result<Vec<Event>, Error> {
        let query = query.checked()?;
        let limit = query.limit.unwrap_or_default();
        let before = query.before.unwrap_or(LOGGED + 1);
        let filters: String = [
            ("program", &query.program),
            ("destination", &query.destination),
            ("rule", &query.rule),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(format!(" {name} {}", value.as_ref()?)))
        .collect();
        self.0
            .called(format!("log {limit} before {before}{filters} {everybody}"))?;
        let newest_first = (1..before).rev().take(limit as usize);
        Ok(newest_first
            .map(|id| Event {
                id,
                verdict: "allow".into(),
                ..Event::default()
            })
            .collect())
    }

    async fn get_connections(&self, everybody: bool) -> Result<Vec<Connection>, Error> {
        self.0.called(format!("connections {everybody}"))?;
        let event = Event {
            protocol: "udp".into(),
            source: "192.0.2.1".into(),
            source_port: 40_000,
            ..Event::default()
        };
        let state = "open".into();
        Ok(vec![Connection { event, state }])
    }

    async fn end_connection(&self, connection: Ends, everybody: bool) -> Result<(), Error> {
        let Ends {
            protocol,
            source,
            source_port,
            destination,
            destination_port,
            time: _,
        } = connection;
        self.0.called(format!(
            "end {protocol} {source} {source_port} {destination} {destination_port} {everybody}"
        ))
    }

    #[zbus(signal)]
    pub async fn decided(emitter: &SignalEmitter<'_>, events: Vec<Event>) -> zbus::Result<()>;
}

pub struct Prompts(pub Fake);

#[interface(name = "org.bastionfirewall.Helper1.Prompts")]
impl Prompts {
    async fn register_agent(
        &self,
        path: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.0.called(format!("register {path}"))?;
        self.0.0.lock().unwrap().agent = sender(&header);
        Ok(())
    }

    async fn unregister_agent(&self) -> Result<(), Error> {
        self.0.called("unregister".into())
    }

    async fn answer(&self, id: u64, answer: Answer) -> Result<(), Error> {
        self.0.called("answer".into())?;
        self.0.0.lock().unwrap().answers.push((id, answer));
        Ok(())
    }
}
