//! What no rule decides: asked about, or dropped while too much is undecided.

use std::time::Duration;

use bastion_policy::pending::{Asked, End, QuestionKey, Waiter};
use bastion_policy::rule::Action;
use bastion_policy::ruleset::Reason;
use bastion_policy::safeguard::{Episode, Loud, Undecided};
use bastion_policy::time::Timestamp;

use super::core::{Engine, LIVENESS};
use super::once::Once;
use super::{Clock, Decided, EngineError, QuestionNotice};
use crate::identify::Identifier;
use crate::queue::PacketQueue;

impl<Q: PacketQueue, I: Identifier, C: Clock> Engine<Q, I, C> {
    /// A packet that no rule decides: it belongs to a connection the user has been asked about,
    /// or it asks.
    pub(super) fn undecided(&mut self, waiter: Waiter) -> Result<(), EngineError> {
        let now = self.parts.clock.steady();
        if let Some((action, reason)) = self.once.answer(&waiter, now) {
            return self.conclude(waiter, action, reason);
        }
        let key = QuestionKey::new(&waiter.flow, &waiter.identity);
        if self.safeguard.is_on(key.uid) && !self.pending.is_asked(&key) {
            return self.guard(&waiter, now);
        }
        let identity = self.parts.identifier.refresh(waiter.identity);
        self.ask(Waiter { identity, ..waiter }, &key, now)
    }

    /// Drops a packet without asking. It is counted, but not reported by itself: a storm shall not
    /// fill the log.
    fn guard(&mut self, waiter: &Waiter, now: Timestamp) -> Result<(), EngineError> {
        self.verdict(waiter.packet, Action::Drop)?;
        if self.dropped.answer(waiter, now).is_none() {
            self.dropped
                .keep(waiter, Action::Drop, &Reason::Overload, now);
            let dropped = Undecided {
                flow: &waiter.flow,
                identity: &waiter.identity,
            };
            self.safeguard.dropped(dropped, now);
        }
        Ok(())
    }

    fn ask(
        &mut self,
        waiter: Waiter,
        key: &QuestionKey,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let end = End {
            deadline: now.after_millis(self.parts.policy.prompt_timeout),
            otherwise: self.parts.policy.prompt_default,
        };
        let (flow, identity) = (waiter.flow.clone(), waiter.identity.clone());
        let asked = self.pending.ask(waiter.packet, flow, identity, now, end);
        // What is sent again is not new.
        let is_new =
            !matches!(asked, Asked::Joined(_)) && self.dropped.answer(&waiter, now).is_none();
        if is_new {
            let asks = Undecided {
                flow: &waiter.flow,
                identity: &waiter.identity,
            };
            let waiting = self.pending.packets_of(key.uid);
            let refused = asked == Asked::Full;
            if self.safeguard.asked(asks, refused, waiting, now) {
                self.guards_began(now);
            }
        }
        match asked {
            Asked::Opened(id) => {
                self.announce(id, QuestionNotice::Opened);
                self.next_liveness.get_or_insert(now.after_millis(LIVENESS));
                Ok(())
            }
            Asked::Joined(_) => Ok(()),
            Asked::Full => self.conclude(waiter, Action::Drop, Reason::Overload),
        }
    }

    /// After a round in which there was more to read than could be.
    pub(super) fn look_at_queue(&mut self) {
        if self.parts.queue.is_nearly_full() {
            let now = self.parts.clock.steady();
            if self.safeguard.queue_is_full(now) {
                self.guards_began(now);
            }
        }
    }

    /// Where Safeguard is on, with times on the wall clock.
    pub(super) fn guarded(&self) -> Vec<Episode> {
        let mut episodes = self.safeguard.episodes();
        for episode in &mut episodes {
            episode.since = self.on_the_wall(episode.since);
        }
        episodes
    }

    /// Ends Safeguard for this user, or for all; tells for how many it was on.
    pub(super) fn leave_safeguard(&mut self, whose: Option<Option<u32>>) -> usize {
        let ended = self.safeguard.leave(whose);
        let count = ended.len();
        if count > 0 {
            // Whoever ends it wants to be asked, also about what was dropped and is sent again.
            self.dropped = Once::default();
        }
        self.guards_ended(ended, "somebody ended it");
        count
    }

    /// Tells of guards that have just begun.
    fn guards_began(&self, now: Timestamp) {
        for episode in self.safeguard.episodes() {
            if episode.since == now {
                tracing::warn!(
                    user = episode.user,
                    cause = %episode.cause,
                    "Safeguard begins for {}: {}. Connections that no rule decides are dropped. \
                     The loudest programs: {}",
                    whom(&episode),
                    episode.cause.because(),
                    loudest(&episode, |loud| loud.undecided),
                );
            }
        }
        self.parts.notices.safeguard.notify_one();
    }

    /// Tells of guards that have ended, and logs what they have dropped.
    pub(super) fn guards_ended(&mut self, ended: Vec<Episode>, why: &str) {
        if ended.is_empty() {
            return;
        }
        let now = self.parts.clock.steady();
        let time = self.parts.clock.wall();
        for episode in ended {
            let lasted = now.as_millis().saturating_sub(episode.since.as_millis());
            tracing::warn!(
                user = episode.user,
                cause = %episode.cause,
                dropped = episode.dropped,
                "Safeguard ends for {} after {:?}, because {why}; it began because {}. {} \
                 connections were dropped. The loudest programs: {}",
                whom(&episode),
                Duration::from_millis(lasted),
                episode.cause.because(),
                episode.dropped,
                loudest(&episode, |loud| loud.dropped),
            );
            for loud in episode.programs {
                let Some((flow, identity)) = loud.sample else {
                    continue;
                };
                self.report_decided(Decided {
                    time,
                    flow,
                    identity,
                    action: Action::Drop,
                    reason: Reason::Overload,
                    count: loud.dropped,
                });
            }
        }
        self.parts.notices.safeguard.notify_one();
    }
}

fn whom(episode: &Episode) -> String {
    episode
        .user
        .map_or_else(|| "no user".to_owned(), |uid| format!("user {uid}"))
}

/// Programs with a number of each. Paths may hold anything, so they are escaped.
fn loudest(episode: &Episode, number: fn(&Loud) -> u64) -> String {
    let told = episode.programs.iter();
    let told = told.map(|loud| format!("{:?} ({})", loud.program, number(loud)));
    told.collect::<Vec<_>>().join(", ")
}
