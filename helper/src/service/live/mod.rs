//! Ends open connections: those that the rules deny by now, and those that somebody ends by hand.
//!
//! Which of them a change of the rules ends is `bastion_policy::live`'s to say. Here it is looked
//! up what is open ([`gather`]) and done. A thread of its own does it: neither the engine nor the
//! bus waits for it, and changes that come while it is at work are looked at together.

mod by_hand;
mod failing;
mod gather;

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use bastion_policy::escape;
use bastion_policy::flow::Protocol;
use bastion_policy::live::{Live, any_denies};
use bastion_policy::rule::{Action, Rule};
use bastion_policy::ruleset::{Reason, RuleSet};
use bastion_policy::settings::ModeState;
use tokio::sync::mpsc::WeakSender;

use self::failing::{Failures, Fault, Faults};
use super::core::{Core, lock};
use crate::engine::{Decided, now};
use crate::kernel::JudgedFlow;
use crate::sockets::{Destroyed, Destroyer, Destroying, SocketEntry, SocketTables};

/// Rest between two looks, so that many changes in a row cost few of them.
const REST: Duration = Duration::from_millis(100);

/// How often it is looked whether a pause is over, for whose time nothing is ended: the wall clock
/// can be set, and goes on while the computer sleeps.
const PAUSE_CHECK: Duration = Duration::from_secs(10);

/// How long it is waited for connections that are being ended, all together. It takes microseconds
/// each, unless a program holds its socket.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections that the journal names each of one change; of more it tells how many.
const NAMED: usize = 100;

/// A socket whose connection can be ended.
#[derive(Debug)]
struct Open {
    socket: SocketEntry,
    live: Live,
}

/// How the thread is told, and where it reports.
#[derive(Debug)]
pub(super) struct Ending {
    /// The rules are others than those by which was looked last.
    due: AtomicBool,
    bell: SyncSender<()>,
    failures: Mutex<Failures>,
    /// Weak, as those who log wait for the end of it.
    decided: WeakSender<Decided>,
    destroyer: Arc<Destroyer>,
}

impl Ending {
    /// Also gives what the thread waits for.
    pub fn new(decided: WeakSender<Decided>, destroyer: Arc<Destroyer>) -> (Self, Receiver<()>) {
        // One note is enough, however much has changed.
        let (bell, rung) = sync_channel(1);
        let ending = Self {
            due: AtomicBool::new(false),
            bell,
            failures: Mutex::default(),
            decided,
            destroyer,
        };
        (ending, rung)
    }

    /// Something else is in force; `rules` if it is the rules.
    pub fn changed(&self, rules: bool) {
        self.due.fetch_or(rules, Ordering::AcqRel);
        // If there is no room, a note is there already.
        let _ = self.bell.try_send(());
    }

    /// Why denied connections may go on, if it is not a matter of a moment.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.failures).trouble()
    }

    /// Has it logged that a connection was ended.
    fn report(&self, live: &Live, action: Action, reason: Reason) {
        let decided = Decided {
            time: now(),
            flow: live.flow.clone(),
            identity: live.identity.clone(),
            action,
            reason,
            count: 1,
        };
        let log = self.decided.upgrade();
        if log.is_none_or(|log| log.try_send(decided).is_err()) {
            tracing::warn!(flow = %live.flow, "it could not be logged that a connection was ended");
        }
    }
}

/// Starts the thread, which ends with the core.
///
/// # Errors
/// When the system has no room for it.
pub(super) fn start(core: &Arc<Core>, rung: Receiver<()>) -> io::Result<()> {
    // That the first rules come into force is no change: what is open goes on.
    core.ending.due.store(false, Ordering::Release);
    let core = Arc::downgrade(core);
    thread::Builder::new()
        .name("connections".into())
        .spawn(move || run(&core, &rung))?;
    Ok(())
}

fn run(core: &Weak<Core>, rung: &Receiver<()>) {
    let mut again = None;
    loop {
        let told = match again {
            Some(wait) => rung.recv_timeout(wait),
            None => rung.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        if told == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        let Some(core) = core.upgrade() else {
            return;
        };
        again = core.end_denied();
        drop(core);
        thread::sleep(REST);
    }
}

impl Core {
    /// Ends what is open and denied, if the rules have changed. Tells when to look again, if
    /// nobody is going to tell.
    fn end_denied(&self) -> Option<Duration> {
        let ending = &self.ending;
        // First, so that a change from now on is looked at once more.
        if !ending.due.swap(false, Ordering::AcqRel) {
            return None;
        }
        let (rules, mode) = self.judging();
        let now = now();
        if let Some(end) = mode.paused_until.filter(|_| mode.is_paused(now)) {
            ending.due.store(true, Ordering::Release);
            let left = end.as_millis().saturating_sub(now.as_millis());
            return Some(Duration::from_millis(left.saturating_add(1)).min(PAUSE_CHECK));
        }
        let outcome = match any_denies(&rules) {
            true => self.end_by(&rules, mode),
            false => Ok(()),
        };
        self.looked(outcome)
    }

    /// Takes note of how it went, and tells clients if that is worth a word. Tells when to look
    /// again, if nobody is going to tell.
    fn looked(&self, outcome: Result<(), Fault>) -> Option<Duration> {
        let ending = &self.ending;
        let mut failures = lock(&ending.failures);
        let before = failures.trouble();
        let again = failures.looked(outcome);
        let changed = failures.trouble() != before;
        drop(failures);
        if again.is_some() {
            ending.due.store(true, Ordering::Release);
        }
        if changed {
            self.passing.send_modify(|_| {});
        }
        again
    }

    fn end_by(&self, rules: &RuleSet, mode: ModeState) -> Result<(), Fault> {
        let mut tables = SocketTables::open()?;
        let mut faults = Faults::default();
        let judged = self.kernel.judged();
        // Taken down first: below it is forgotten of some that they were judged.
        let gone_on: HashSet<u64> = judged.iter().map(|judged| judged.cookie).collect();
        for (judged, live) in self.judged_flows(judged, &mut tables, &mut faults)? {
            if let Some(rule) = live.denied_by(rules, mode, now()) {
                let Live { flow, identity, .. } = &live;
                tracing::debug!(%flow, %identity, rule = %rule.id(), "datagrams are judged anew");
                self.kernel.forget_judged(&judged);
            }
        }
        let mut ending = Vec::new();
        for open in self.open_connections(&gone_on, &mut tables, &mut faults)? {
            if let Some(rule) = open.live.denied_by(rules, mode, now()) {
                // All of them before any is waited for: one that is held holds up no other.
                let destroying = self.end(&open);
                ending.push((open, rule, destroying));
            }
        }
        let until = Instant::now() + PATIENCE;
        let mut ended = 0;
        for (open, rule, destroying) in ending {
            match destroying.wait(until) {
                Ok(Destroyed::Ended) => {}
                Ok(_) => continue,
                Err(error) => {
                    faults.note(error);
                    continue;
                }
            }
            ended += 1;
            if ended <= NAMED {
                tell(&open.live, rule);
            }
            let reason = Reason::Ended(rule.id().clone());
            self.ending.report(&open.live, rule.spec().action, reason);
        }
        if ended > NAMED {
            tracing::info!(
                "{ended} connections in all were ended, because the rules deny them now"
            );
        }
        faults.result()
    }

    /// Has this very connection ended.
    fn end(&self, open: &Open) -> Destroying {
        let Open { socket, live } = open;
        if let (Protocol::Udp | Protocol::UdpLite, Some(cookie)) = (socket.protocol, socket.cookie)
        {
            // First, or the same socket could go on by naming the place with each datagram.
            let flow = live.flow.clone();
            self.kernel.forget_judged(&JudgedFlow { flow, cookie });
        }
        self.ending.destroyer.destroy_socket(socket)
    }
}

fn tell(live: &Live, rule: &Rule) {
    let Live { flow, identity, .. } = live;
    let name = escape::printable(&rule.spec().name);
    tracing::info!(
        program = %identity,
        rule = %rule.id(),
        "{identity}: {flow} was ended, because the rule “{name}” denies it now"
    );
}
