//! Starts the engine with everything it needs, and watches over its thread.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use bastion_policy::flow::Flow;
use bastion_policy::rule::Lifetime;
use tokio::sync::{Notify, mpsc, oneshot};

use super::core::Core;
use super::kernel::KernelSide;
use super::ledger::Ledger;
use super::live::{self, Ending};
use super::run::{QUEUE, RunError};
use crate::engine::{
    Command, Decided, Engine, EngineError, EngineHandle, EngineParts, Notices, Policy,
    QuestionNotice, SocketEnder, SystemClock, now,
};
use crate::identify::process::is_alive;
use crate::names::Sources;
use crate::queue::NfQueue;
use crate::sockets::{Destroyer, SocketTables};
use crate::store::{EventLog, Paths, RuleStore, SettingsStore};

/// Decisions that may wait to be logged; some 30 MiB at the most.
const DECISIONS: usize = 32_768;

/// What the engine reports.
pub(super) struct Heard {
    pub decisions: mpsc::Receiver<Decided>,
    pub questions: mpsc::UnboundedReceiver<QuestionNotice>,
    /// Safeguard has begun or ended for somebody.
    pub safeguard: Arc<Notify>,
}

/// The engine's thread.
pub(super) struct Judge {
    engine: EngineHandle,
    ended: oneshot::Receiver<Result<(), EngineError>>,
    /// Looks after what names depend on.
    _sources: Option<Sources>,
}

impl Judge {
    /// Waits until the thread ends; tells why.
    pub async fn ended(&mut self) -> RunError {
        match (&mut self.ended).await {
            Ok(Err(error)) => error.into(),
            Ok(Ok(())) | Err(_) => RunError::EngineEnded,
        }
    }

    /// Has the engine drop what waits, and end.
    pub fn stop(&self) {
        // A thread that has ended has nothing to drop.
        let _ = self.engine.send(Command::Stop);
    }
}

/// Opens the stores and the queue, and starts the engine. Nothing is queued to it yet.
pub(super) fn start(paths: &Paths) -> Result<(Arc<Core>, Judge, Heard), RunError> {
    let rules = RuleStore::open(paths);
    let settings = SettingsStore::open(paths);
    let ledger = Ledger::new(EventLog::open(&paths.log));
    let (queue, waker) = NfQueue::open(QUEUE)?;
    let (kernel, side) = KernelSide::start(&waker)?;
    let (engine, commands) = EngineHandle::new(waker);
    let (decisions_in, decisions) = mpsc::channel(DECISIONS);
    let destroyer = Arc::new(Destroyer::default());
    let (ending, rung) = Ending::new(decisions_in.downgrade(), Arc::clone(&destroyer));
    let core = Core::new(
        engine.clone(),
        kernel,
        QUEUE,
        rules,
        settings,
        ledger,
        ending,
    );
    let core = Arc::new(core);
    // What was over while the helper was down must not come into force again.
    core.expire(is_over);
    core.apply();
    let (questions_in, questions) = mpsc::unbounded_channel();
    let safeguard = Arc::new(Notify::new());
    let parts = EngineParts {
        queue,
        identifier: side.identifier,
        passes: side.passes,
        names: side.names,
        clock: SystemClock::new(),
        alive: is_alive,
        ender: SocketEnder::start(socket_ender(destroyer))?,
        notices: Notices {
            decisions: decisions_in,
            questions: questions_in,
            safeguard: Arc::clone(&safeguard),
        },
        commands,
        // The engine applies what the core has sent it before it reads the first packet.
        policy: Policy::default(),
    };
    let (ended_in, ended) = oneshot::channel();
    thread::Builder::new()
        .name("engine".into())
        .spawn(move || {
            let result = Engine::new(parts).run();
            // Nobody listens any more when the helper is stopping.
            let _ = ended_in.send(result);
        })?;
    core.running.store(true, Ordering::Release);
    live::start(&core, rung)?;
    let heard = Heard {
        decisions,
        questions,
        safeguard,
    };
    let judge = Judge {
        engine,
        ended,
        _sources: side.sources,
    };
    Ok((core, judge, heard))
}

/// True when a rule of this lifetime is over.
pub(super) fn is_over(lifetime: &Lifetime) -> bool {
    match lifetime {
        Lifetime::Forever | Lifetime::Restart => false,
        Lifetime::Until(_) => !lifetime.holds_at(now()),
        // logind keeps a file for each session it knows, and removes it with the session.
        Lifetime::Session(id) => {
            let sessions = Path::new("/run/systemd/sessions");
            sessions.is_dir() && !sessions.join(&**id).exists()
        }
        Lifetime::Process(key) => !is_alive(*key),
    }
}

/// What ends the sockets of denied flows; opens the kernel's tables once.
fn socket_ender(destroyer: Arc<Destroyer>) -> impl FnMut(&Flow) + Send + 'static {
    let mut tables = None;
    move |flow| {
        if tables.is_none() {
            tables = SocketTables::open().ok();
        }
        let Some(open) = &mut tables else {
            tracing::debug!(%flow, "a denied program can't be told at once: no socket tables");
            return;
        };
        match destroyer.destroy(open, flow) {
            // It goes on by itself: the next program need not wait for this one.
            Ok(destroying) => tracing::debug!(%flow, ?destroying, "a denied program is told"),
            Err(error) => {
                tracing::debug!(%flow, %error, "a denied program can't be told at once");
                tables = None;
            }
        }
    }
}
