//! The log as the stand-in has it: as long as it is told to be, and with decisions that are made
//! when it is told on the bus, by an interface of its own.

use bastion_ipc::wire::{
    Event, ExplainQuery, Explanation, LadderStep, LogPages, LogQuery, WireRule,
};
use bastion_ipc::{Error, names};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, interface};

use crate::data::event;
use crate::{Events, Shared, State, now};

/// Events looked through in one call, as the helper does not look through all of a long log.
const CHUNK: usize = 200_000;

/// Where the oldest event went, so that it can be told from others.
const FIRST: &str = "first.example.org";

/// So many events, one each 37 seconds up to now.
pub(crate) fn events(count: u64) -> Vec<Event> {
    let age = |id| (count - id) * 37;
    let mut events: Vec<Event> = (1..=count)
        .map(|id| event(id, age(id).min(now() / 1000)))
        .collect();
    events[0].host = FIRST.into();
    events
}

fn before<'a>(log: &'a [Event], query: &LogQuery) -> &'a [Event] {
    let before = query.before.filter(|id| *id > 0).unwrap_or(u64::MAX);
    &log[..log.partition_point(|event| event.id < before)]
}

/// What fits the query, newest first.
pub(crate) fn found<'a>(log: &'a [Event], query: &LogQuery) -> impl Iterator<Item = &'a Event> {
    let newest_first = before(log, query).iter().rev();
    newest_first.filter(move |event| query.finds(event))
}

/// Where its pages begin.
pub(crate) fn pages(log: &[Event], query: LogQuery) -> LogPages {
    let all = before(log, &query);
    let chunk = &all[all.len().saturating_sub(CHUNK)..];
    let found: Vec<u64> = found(chunk, &query).map(|event| event.id).collect();
    let page = |ids: &[u64]| (ids[0], ids.len() as u32);
    LogPages {
        pages: found
            .chunks(query.limit.unwrap() as usize)
            .map(page)
            .collect(),
        next: (chunk.len() < all.len()).then(|| chunk[0].id),
    }
}

/// What its rules would decide, as far as it goes: those of the program or the name, in order.
pub(crate) fn explain(state: &State, query: &ExplainQuery) -> Explanation {
    let fits = |field: &Option<String>, value: Option<&str>| match field.as_deref() {
        None | Some("any") => true,
        named => named == value,
    };
    let matches = |rule: &&WireRule| {
        fits(&rule.program, Some(&query.program)) && fits(&rule.destination, query.host.as_deref())
    };
    let step = |(place, rule): (usize, &WireRule)| LadderStep {
        rule: rule.id.clone().unwrap(),
        name: rule.name.clone(),
        action: rule.action.clone(),
        loses_by: if place == 0 { "" } else { "destination" }.into(),
    };
    let matching = state.rules.iter().filter(matches);
    let ladder: Vec<LadderStep> = matching.enumerate().map(step).collect();
    let Some(winner) = ladder.first() else {
        return Explanation {
            outcome: "ask".into(),
            reason: "no-rule".into(),
            ..Explanation::default()
        };
    };
    Explanation {
        outcome: winner.action.clone(),
        reason: format!("rule:{}", winner.rule),
        without_winner: ladder.get(1).map_or("ask", |next| &next.action).into(),
        ladder,
    }
}

/// What makes it decide.
pub(crate) struct Traffic(pub(crate) Shared);

#[interface(name = "org.bastionfirewall.FakeHelper1.Log")]
impl Traffic {
    /// So many new decisions.
    async fn decide(&self, count: u32, #[zbus(connection)] bus: &Connection) -> Result<(), Error> {
        let new: Vec<Event> = {
            let mut state = self.0.lock().unwrap();
            let last = state.log.last().map_or(0, |event| event.id);
            let ids = last + 1..=last + u64::from(count);
            let new: Vec<Event> = ids.map(|id| event(id, 0)).collect();
            state.log.extend(new.iter().cloned());
            new
        };
        let emitter = SignalEmitter::new(bus, names::HELPER_PATH)?;
        Events::decided(&emitter, new).await?;
        Ok(())
    }
}
