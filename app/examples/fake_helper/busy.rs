//! A network on which much happens: 500 connections a second, which end after some seconds.

use std::time::Duration;

use bastion_ipc::names;
use bastion_ipc::wire::{Connection as Live, Event};
use zbus::Connection;
use zbus::object_server::SignalEmitter;

use crate::data::event;
use crate::{Events, Shared};

const EVERY: Duration = Duration::from_millis(100);
/// So many come each time.
const AT_ONCE: u64 = 50;
/// So many are open.
const OPEN: usize = 2_500;
/// Number of the first.
const FIRST: u64 = 100_000;

/// Goes on as long as the stand-in does.
pub(crate) async fn go_on(state: Shared, bus: Connection) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(&bus, names::HELPER_PATH)?;
    let mut next = FIRST;
    loop {
        tokio::time::sleep(EVERY).await;
        let events: Vec<Event> = (next..next + AT_ONCE).map(beginning).collect();
        next += AT_ONCE;
        change(&state, &events);
        Events::decided(&emitter, events).await?;
    }
}

/// New ones come, and the oldest go.
fn change(state: &Shared, events: &[Event]) {
    let live = &mut state.lock().unwrap().live;
    let new = events.iter().map(|event| Live {
        event: event.clone(),
        state: "open".into(),
    });
    live.extend(new);
    let come = live.iter().filter(|it| it.event.id >= FIRST).count();
    let mut go = come.saturating_sub(OPEN);
    live.retain(|it| {
        let goes = it.event.id >= FIRST && go > 0;
        go -= usize::from(goes);
        !goes
    });
}

fn beginning(id: u64) -> Event {
    Event {
        id,
        verdict: "allow".into(),
        source_port: u16::try_from(20_000 + id % 40_000).unwrap(),
        ..event(id % 10, 0)
    }
}
