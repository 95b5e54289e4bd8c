//! Answers that hold once, kept for as long as the connection they were given for may go on asking.
//!
//! A packet that gets no reply leaves its connection new to connection tracking: TCP's SYN is
//! sent again after a second, and each further datagram to a silent peer counts as new. They
//! belong to the connection the user has decided about, and are not asked about again.

use std::collections::{HashMap, VecDeque};

use bastion_policy::flow::Tuple;
use bastion_policy::pending::Waiter;
use bastion_policy::process::{FileId, ProcessKey};
use bastion_policy::rule::Action;
use bastion_policy::ruleset::Reason;
use bastion_policy::time::Timestamp;

/// Milliseconds an answer is kept. Linux gives up a connection after sending its SYN for 127
/// seconds: `tcp_syn_retries`, tcp(7).
const KEPT: u64 = 127_000;

/// Answers kept at most; the oldest go first.
const ROOM: usize = 4_096;

/// A connection attempt: the tuple, the process, as a tuple can be used again by another, and what
/// that runs, as it may execute something else.
type Attempt = (Tuple, ProcessKey, Option<u64>, Option<FileId>);

/// See the module's documentation. Times are steady, not on the wall clock.
#[derive(Debug, Default)]
pub(super) struct Once {
    answers: HashMap<Attempt, (Action, Reason, Timestamp)>,
    order: VecDeque<Attempt>,
}

impl Once {
    /// Keeps the answer for this packet's connection. A sender that is not proven has none.
    pub fn keep(&mut self, waiter: &Waiter, action: Action, reason: &Reason, now: Timestamp) {
        let Some(attempt) = attempt(waiter) else {
            return;
        };
        let answer = (action, reason.clone(), now.after_millis(KEPT));
        if self.answers.insert(attempt, answer).is_none() {
            self.order.push_back(attempt);
        }
        if self.order.len() > ROOM
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }

    /// The answer for a packet of this connection and this very process, if there was one.
    pub fn answer(&self, waiter: &Waiter, now: Timestamp) -> Option<(Action, Reason)> {
        let (action, reason, end) = self.answers.get(&attempt(waiter)?)?;
        (now < *end).then(|| (*action, reason.clone()))
    }
}

fn attempt(waiter: &Waiter) -> Option<Attempt> {
    let process = waiter.identity.process()?;
    let tuple = Tuple::from(&waiter.flow);
    Some((tuple, process.key, process.execs, process.executable.file))
}
