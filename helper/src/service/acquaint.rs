//! Connections that the engine was never asked about: those the kernel let pass by itself, and
//! those that were there before the helper.

use std::collections::HashSet;
use std::time::Instant;

use bastion_policy::flow::{Flow, Tuple};
use bastion_policy::process::Identity;
use bastion_policy::ruleset::Reason;

use super::core::Core;
use super::record;
use crate::engine::now;
use crate::identify::{SocketTableIdentifier, flow_of};
use crate::sockets::{
    MAX_LISTED, SocketEntry, SocketError, SocketState, SocketTables, own_addresses,
};

/// The ends of these sockets' connections.
pub(super) fn tuples(sockets: &[SocketEntry]) -> impl Iterator<Item = Tuple> + '_ {
    let flows = sockets.iter().filter_map(flow_of);
    flows.map(|flow| Tuple::from(&flow))
}

/// Sockets that are looked up in one go.
const MOST: usize = 1_024;

impl Core {
    /// Takes note of what these sockets' connections are that the kernel let pass by itself.
    pub(super) fn acquaint(&self, sockets: &[SocketEntry]) {
        let new = |socket: &&SocketEntry| {
            flow_of(socket).is_some_and(|flow| !self.ledger.knows(&Tuple::from(&flow)))
        };
        let mut new = sockets.iter().filter(new).take(MOST).peekable();
        if new.peek().is_none() {
            return;
        }
        let Some(mut openers) = self.kernel.openers() else {
            return;
        };
        let (rules, mode) = self.judging();
        for (flow, identity) in new.filter_map(|socket| openers.opener(socket)) {
            // The kernel was taught by the rules in force; by those before them, if there is none
            // that allows it now.
            let reason = match rules.decide(&flow, &identity, mode, now()) {
                decision if decision.action().is_some_and(|it| it.allows()) => decision.reason,
                _ => Reason::Before,
            };
            self.note_open(&flow, &identity, reason);
        }
    }

    /// Takes note of connections that the kernel let pass, if they were so many that its records of
    /// them are about to make room for others'; and forgets those that are closed, if what is known
    /// of open ones is about to.
    pub(super) fn keep_up(&self) {
        let crowded = self.ledger.is_crowded();
        if !self.kernel.have_many_passed() && !crowded {
            return;
        }
        let listed = Instant::now();
        match SocketTables::open().and_then(|mut tables| tables.list()) {
            Ok(open) => {
                // Nobody waits for all of them.
                open.chunks(MOST).for_each(|part| self.acquaint(part));
                self.ledger
                    .open(tuples(&open), listed, open.len() < MAX_LISTED);
            }
            Err(error) => tracing::debug!(%error, "open connections can't be listed: {error}"),
        }
    }

    /// Takes note of the connections that are open now, as the helper starts. What came in from
    /// elsewhere to a port that is listened at is none of them, and neither is what never leaves this
    /// computer.
    pub(super) fn walk_sockets(&self) -> Result<usize, SocketError> {
        let mut tables = SocketTables::open()?;
        let listening: HashSet<u16> = tables.listening_ports()?;
        let own = own_addresses()?;
        let mut identifier = SocketTableIdentifier::new()?;
        let mut noted = 0;
        for socket in tables.list()?.into_iter().take(MOST) {
            let Some(flow) = flow_of(&socket) else {
                continue;
            };
            let local = flow.destination.is_loopback() || own.contains(&flow.destination);
            // What is still being made may be so because it was dropped.
            let open = socket.state != SocketState::Connecting;
            if local || !open || listening.contains(&flow.source_port) {
                continue;
            }
            let identity = identifier.identify_socket(&socket);
            self.note_open(&flow, &identity, Reason::Before);
            noted += 1;
        }
        Ok(noted)
    }

    fn note_open(&self, flow: &Flow, identity: &Identity, reason: Reason) {
        let rule = reason
            .rule()
            .and_then(|id| self.in_force().get(id).cloned());
        let event = bastion_ipc::wire::Event {
            time: now().as_millis(),
            verdict: "allow".into(),
            reason: reason.to_string(),
            rule_name: rule
                .map(|rule| rule.spec().name.clone())
                .unwrap_or_default(),
            ..record::describe(flow, identity)
        };
        self.ledger.acquaint(flow, event);
    }
}
