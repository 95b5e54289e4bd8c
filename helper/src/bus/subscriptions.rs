//! Who is told of decisions, status and rule changes, and what each is still to be told.
//!
//! Signals go to subscribers alone. What happens between two rounds is collected, so that a
//! subscriber gets few messages however much happens, and what one has not been sent is bounded:
//! the oldest decisions are dropped, they are in the log anyway.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bastion_ipc::Error;
use bastion_ipc::names::HELPER_PATH;
use bastion_ipc::wire::{Event, Status};
use tokio::sync::Notify;
use zbus::Connection;
use zbus::names::OwnedUniqueName;
use zbus::object_server::SignalEmitter;

use super::events::Events;

/// Most subscribers altogether, and of one user.
const MAX_SUBSCRIBERS: usize = 256;
const MAX_PER_USER: usize = 16;
/// Most decisions kept for one subscriber, and most in one signal. A decision can have 20 kB if
/// its program's path is as long as paths get, and a message of 32 MiB is too long for the bus.
const MAX_HELD: usize = 1_000;
const MAX_PER_SIGNAL: usize = 500;
/// Time between two rounds. A round sends a subscriber at most one signal of each kind.
const SPACING: Duration = Duration::from_millis(300);
const SIGNALS_PER_ROUND: u128 = 3;
const _: () = assert!(
    SIGNALS_PER_ROUND * 1000 <= 10 * SPACING.as_millis(),
    "a subscriber gets at most ten signals a second"
);

/// The subscribers.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    state: Mutex<State>,
    due: Notify,
}

#[derive(Debug, Default)]
struct State {
    subscribers: BTreeMap<OwnedUniqueName, Subscriber>,
    status: Option<Arc<Status>>,
}

#[derive(Debug)]
struct Subscriber {
    uid: u32,
    /// The one user whose decisions it sees; `None`: it sees all.
    seen_by: Option<u32>,
    decided: VecDeque<Arc<Event>>,
    lost: u64,
    status_changed: bool,
    rules_changed: bool,
}

/// What one subscriber is sent in one round.
#[derive(Debug, PartialEq, Eq)]
struct Round {
    to: OwnedUniqueName,
    decided: Vec<Arc<Event>>,
    lost: u64,
    status: Option<Arc<Status>>,
    rules_changed: bool,
}

impl Subscriptions {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a subscriber, or changes what it sees.
    pub(super) fn add(
        &self,
        name: OwnedUniqueName,
        uid: u32,
        seen_by: Option<u32>,
    ) -> Result<(), Error> {
        let mut state = self.lock();
        if let Some(subscriber) = state.subscribers.get_mut(&name) {
            subscriber.seen_by = seen_by;
            // What it saw before it may not see now.
            let held = std::mem::take(&mut subscriber.decided);
            subscriber.decided = held
                .into_iter()
                .filter(|event| sees(seen_by, event))
                .collect();
            return Ok(());
        }
        let of_user = state.subscribers.values().filter(|s| s.uid == uid).count();
        if state.subscribers.len() >= MAX_SUBSCRIBERS || of_user >= MAX_PER_USER {
            return Err(Error::LimitReached(format!(
                "at most {MAX_PER_USER} subscribers of one user and {MAX_SUBSCRIBERS} of all are \
                 told of events"
            )));
        }
        let subscriber = Subscriber {
            uid,
            seen_by,
            decided: VecDeque::new(),
            lost: 0,
            status_changed: false,
            rules_changed: false,
        };
        state.subscribers.insert(name, subscriber);
        Ok(())
    }

    /// Ends a subscription, if there is one.
    pub(super) fn remove(&self, name: &OwnedUniqueName) {
        self.lock().subscribers.remove(name);
    }

    /// Tells of decisions.
    pub(super) fn decided(&self, events: &[Event]) {
        let mut state = self.lock();
        if state.subscribers.is_empty() {
            return;
        }
        for event in events {
            let event = Arc::new(event.clone());
            for subscriber in state.subscribers.values_mut() {
                if !sees(subscriber.seen_by, &event) {
                    continue;
                }
                if subscriber.decided.len() >= MAX_HELD {
                    subscriber.decided.pop_front();
                    subscriber.lost += 1;
                }
                subscriber.decided.push_back(Arc::clone(&event));
            }
        }
        self.due.notify_one();
    }

    /// Tells of the status; only the last before a round is sent.
    pub(super) fn status(&self, status: Status) {
        let mut state = self.lock();
        state.status = Some(Arc::new(status));
        for subscriber in state.subscribers.values_mut() {
            subscriber.status_changed = true;
        }
        self.due.notify_one();
    }

    /// Tells that rules changed.
    pub(super) fn rules_changed(&self) {
        for subscriber in self.lock().subscribers.values_mut() {
            subscriber.rules_changed = true;
        }
        self.due.notify_one();
    }

    /// Takes what is to be sent now.
    fn take_round(&self) -> Vec<Round> {
        let mut state = self.lock();
        let State {
            subscribers,
            status,
        } = &mut *state;
        let take = |(name, subscriber): (&OwnedUniqueName, &mut Subscriber)| {
            let count = subscriber.decided.len().min(MAX_PER_SIGNAL);
            let round = Round {
                to: name.clone(),
                decided: subscriber.decided.drain(..count).collect(),
                lost: std::mem::take(&mut subscriber.lost),
                status: std::mem::take(&mut subscriber.status_changed)
                    .then(|| status.clone())
                    .flatten(),
                rules_changed: std::mem::take(&mut subscriber.rules_changed),
            };
            let empty = round.decided.is_empty() && round.status.is_none() && !round.rules_changed;
            (!empty).then_some(round)
        };
        subscribers.iter_mut().filter_map(take).collect()
    }

    /// Sends rounds until the connection closes.
    pub(super) async fn deliver(&self, connection: &Connection) {
        loop {
            self.due.notified().await;
            loop {
                let rounds = self.take_round();
                if rounds.is_empty() {
                    break;
                }
                for round in rounds {
                    if let Err(error) = send(connection, &round).await {
                        tracing::warn!(%error, to = %round.to, "a signal could not be sent: {error}");
                    }
                }
                tokio::time::sleep(SPACING).await;
            }
        }
    }
}

fn sees(seen_by: Option<u32>, event: &Event) -> bool {
    seen_by.is_none_or(|uid| event.uid == uid || event.is_mending())
}

async fn send(connection: &Connection, round: &Round) -> zbus::Result<()> {
    if round.lost > 0 {
        let (to, lost) = (&round.to, round.lost);
        tracing::debug!(%to, lost, "decisions came faster than they can be told");
    }
    let emitter =
        SignalEmitter::new(connection, HELPER_PATH)?.set_destination(round.to.clone().into());
    if round.rules_changed {
        Events::rules_changed(&emitter).await?;
    }
    if let Some(status) = &round.status {
        Events::status_changed(&emitter, status).await?;
    }
    if !round.decided.is_empty() {
        let events: Vec<&Event> = round.decided.iter().map(AsRef::as_ref).collect();
        Events::decided(&emitter, &events).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> OwnedUniqueName {
        format!(":1.{number}").try_into().unwrap()
    }

    fn event(id: u64, uid: u32) -> Event {
        Event {
            id,
            uid,
            ..Event::default()
        }
    }

    fn ids(round: &Round) -> Vec<u64> {
        round.decided.iter().map(|event| event.id).collect()
    }

    #[test]
    fn each_sees_its_own_decisions_and_who_may_sees_all() {
        let subscriptions = Subscriptions::default();
        subscriptions.add(name(1), 1000, Some(1000)).unwrap();
        subscriptions.add(name(2), 1001, None).unwrap();
        subscriptions.add(name(3), 1002, Some(1002)).unwrap();
        subscriptions.decided(&[event(1, 1000), event(2, 0), event(3, u32::MAX)]);
        let rounds = subscriptions.take_round();
        let seen: Vec<_> = rounds.iter().map(|r| (r.to.clone(), ids(r))).collect();
        assert_eq!(seen, [(name(1), vec![1]), (name(2), vec![1, 2, 3])]);
        assert!(subscriptions.take_round().is_empty(), "nothing comes twice");
    }

    #[test]
    fn everybody_sees_that_rules_were_mended() {
        let subscriptions = Subscriptions::default();
        subscriptions.add(name(1), 1000, Some(1000)).unwrap();
        let mended = Event {
            verdict: Event::MENDED.into(),
            ..event(7, 0)
        };
        subscriptions.decided(&[event(6, 0), mended]);
        assert_eq!(ids(&subscriptions.take_round()[0]), [7]);
    }

    #[test]
    fn who_sees_less_from_now_on_is_not_sent_what_was_held() {
        let subscriptions = Subscriptions::default();
        subscriptions.add(name(1), 1000, None).unwrap();
        subscriptions.decided(&[event(1, 0), event(2, 1000)]);
        subscriptions.add(name(1), 1000, Some(1000)).unwrap();
        assert_eq!(ids(&subscriptions.take_round()[0]), [2]);
    }

    #[test]
    fn a_flood_drops_the_oldest_counts_them_and_comes_in_few_messages() {
        let subscriptions = Subscriptions::default();
        subscriptions.add(name(1), 0, None).unwrap();
        let flood: Vec<_> = (0..5_000).map(|id| event(id, 0)).collect();
        subscriptions.decided(&flood);
        for _ in 0..50 {
            subscriptions.rules_changed();
            subscriptions.status(Status::default());
        }
        let first = subscriptions.take_round();
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].lost, 4_000);
        assert_eq!(ids(&first[0]), (4_000..4_500).collect::<Vec<_>>());
        assert!(first[0].rules_changed && first[0].status.is_some());
        let second = subscriptions.take_round();
        assert_eq!(ids(&second[0]), (4_500..5_000).collect::<Vec<_>>());
        assert!(!second[0].rules_changed && second[0].status.is_none());
        assert!(subscriptions.take_round().is_empty());
    }

    #[test]
    fn one_user_cannot_take_all_places() {
        let subscriptions = Subscriptions::default();
        for number in 0..MAX_PER_USER {
            subscriptions.add(name(number), 1000, None).unwrap();
        }
        assert!(matches!(
            subscriptions.add(name(999), 1000, None),
            Err(Error::LimitReached(_))
        ));
        subscriptions.add(name(3), 1000, Some(1000)).unwrap();
        subscriptions.add(name(998), 1001, None).unwrap();
        subscriptions.remove(&name(3));
        subscriptions.add(name(999), 1000, None).unwrap();
    }
}
