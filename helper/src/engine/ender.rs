//! Ends the sockets of denied flows, so that their programs learn at once.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use bastion_policy::flow::Flow;

/// Flows that may wait for their sockets to be ended. A denied flow that finds no room is denied
/// all the same; its program then waits until it gives up.
const ROOM: usize = 4_096;

/// A thread of its own, because ending a socket waits for the program's side of it.
#[derive(Clone, Debug)]
pub struct SocketEnder {
    flows: SyncSender<Flow>,
}

impl SocketEnder {
    /// Starts the thread; `end` ends one flow's socket. The thread ends when the last handle is
    /// dropped.
    ///
    /// # Errors
    /// When the system has no room for another thread.
    pub fn start(end: impl FnMut(&Flow) + Send + 'static) -> std::io::Result<Self> {
        let (flows, receiver) = sync_channel(ROOM);
        thread::Builder::new()
            .name("socket-ender".into())
            .spawn(move || run(&receiver, end))?;
        Ok(Self { flows })
    }

    /// Has the flow's socket ended soon.
    pub fn end(&self, flow: &Flow) {
        if self.flows.try_send(flow.clone()).is_err() {
            tracing::debug!(%flow, "too many denied flows at once to tell each program");
        }
    }
}

fn run(flows: &Receiver<Flow>, mut end: impl FnMut(&Flow)) {
    while let Ok(flow) = flows.recv() {
        end(&flow);
    }
}
