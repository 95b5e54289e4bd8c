//! Ends one connection because somebody says so.

use std::time::Instant;

use bastion_ipc::Error;
use bastion_policy::flow::{Flow, Protocol, Tuple};
use bastion_policy::live::{Live, Origin};
use bastion_policy::pending::Question;
use bastion_policy::rule::Action;
use bastion_policy::ruleset::Reason;

use super::gather::Owners;
use super::{Open, PATIENCE};
use crate::bus::Named;
use crate::identify::flow_of;
use crate::service::core::Core;
use crate::sockets::{Destroyed, SocketEntry, SocketError, SocketTables};

impl Core {
    /// Ends this connection, of this user alone if one is given, for `by`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the list of connections has none such,
    /// [`Error::NotAuthorized`] if it is another user's, [`Error::Unavailable`] if it can't be
    /// ended.
    pub(in crate::service) fn end_by_hand(
        &self,
        named: Named,
        whose: Option<u32>,
        by: u32,
    ) -> Result<(), Error> {
        let Named { tuple, time } = named;
        let mut tables = SocketTables::open().map_err(unavailable)?;
        let mut sockets = tables.list().map_err(unavailable)?;
        sockets.retain(|socket| is(socket, &tuple));
        // Several only where programs share a port: all are what the list shows as one.
        if sockets.is_empty() {
            return Err(self.none_of(tuple, whose));
        }
        // The kernel tells whose they are.
        if sockets
            .iter()
            .any(|it| whose.is_some_and(|uid| it.uid != uid))
        {
            return Err(Error::NotAuthorized(
                "The connection is another user's; only an administrator may end it.".into(),
            ));
        }
        self.acquaint(&sockets);
        let known = self.ledger.time(&tuple);
        // Another may have the ends of one that has ended since it was listed.
        let regarded = time.filter(|_| tuple.protocol == Protocol::Tcp);
        if known.is_none() || regarded.is_some_and(|time| known != Some(time)) {
            return Err(self.none_of(tuple, whose));
        }
        let mut owners = Owners::new(self, &mut tables).map_err(unavailable)?;
        let mut ended = false;
        for socket in sockets {
            let Some(flow) = flow_of(&socket) else {
                continue;
            };
            let live = Live {
                identity: owners.of(&flow, &socket),
                flow: Flow {
                    hosts: self.ledger.hosts(&tuple),
                    ..flow
                },
                origin: Origin::Here,
            };
            let open = Open { socket, live };
            let destroying = self.end(&open);
            let until = Instant::now() + PATIENCE;
            if destroying.wait(until).map_err(unavailable)? == Destroyed::Ended {
                ended = true;
                let reason = Reason::EndedBy(by);
                self.ending.report(&open.live, Action::Deny, reason);
            }
        }
        match ended {
            true => Ok(()),
            false => Err(self.none_of(tuple, whose)),
        }
    }

    /// None is open; whether one waits instead is told only of those that the caller may see.
    fn none_of(&self, tuple: Tuple, whose: Option<u32>) -> Error {
        let waits = |it: &Question| {
            let seen = whose.is_none_or(|uid| it.identity.uid() == Some(uid));
            seen && Tuple::from(&it.flow) == tuple
        };
        if self.questions().iter().any(waits) {
            return Error::NotFound(
                "The connection is not open: it waits for an answer. Deny it to end it.".into(),
            );
        }
        Error::NotFound("No such connection is open; it may have ended meanwhile.".into())
    }
}

fn is(socket: &SocketEntry, tuple: &Tuple) -> bool {
    flow_of(socket).is_some_and(|flow| Tuple::from(&flow) == *tuple)
}

fn unavailable(error: SocketError) -> Error {
    Error::Unavailable(format!("The connection can't be ended: {error}."))
}
