//! Starting, running and stopping.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::core::Core;
use super::failure;
use super::inspection::Inspections;
use super::judge::{self, Judge};
use super::shutdown;
use super::tasks::Tasks;
use super::watchdog;
use crate::bus::{Backend, Bus, BusError};
use crate::engine::EngineError;
use crate::identify::details::Inspector;
use crate::identify::proc_dir::ProcFs;
use crate::netfilter::NetfilterError;
use crate::queue::QueueError;
use crate::sockets::SocketError;
use crate::store::Paths;

/// The queue's number. Others' firewalls use 0 and 1 by default.
pub const QUEUE: u16 = 6_789;

/// Why the helper can't run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The packet queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The socket tables.
    #[error(transparent)]
    Sockets(#[from] SocketError),
    /// The iptables rules.
    #[error(transparent)]
    Netfilter(#[from] NetfilterError),
    /// The system bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A thread or a signal handler.
    #[error("the system has no room for the helper's threads and signal handlers")]
    System(#[from] std::io::Error),
    /// The connection to the system bus broke.
    #[error("the connection to the system bus is lost")]
    BusLost,
    /// The engine ended though nobody stopped it.
    #[error("the thread that judges packets has ended")]
    EngineEnded,
}

/// Runs the helper until SIGTERM or SIGINT, or until something breaks that it can't mend.
///
/// The order matters: packets are queued only once there is somebody to judge them, and systemd
/// hears that the helper is ready only once they are queued.
///
/// # Errors
/// See [`RunError`]. Packets that wait are dropped whatever the reason. After an error the rules
/// stay, and where nothing may leave while the helper is down also unless somebody asked for its
/// end; [`super::cleanup`] decides about them.
pub async fn run(paths: &Paths) -> Result<(), RunError> {
    // First, so that a signal while starting is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hangup = signal(SignalKind::hangup())?;
    let (core, mut judge, heard) = judge::start(paths)?;
    core.tell_troubles();
    // Before the rules stand: what is open then was judged by nobody.
    walk_sockets(&core).await;
    // Judging needs no bus; questions wait until there is somebody to ask.
    feed(&core).await?;
    let bus = Arc::new(Bus::start(Arc::clone(&core) as Arc<dyn Backend>).await?);
    let inspections = Inspections::start(Inspector::new(ProcFs::default()))?;
    let mut tasks = Tasks::start(&core, &bus, heard, paths, hangup, inspections);
    failure::forget(&paths.failure);
    watchdog::ready();
    tracing::info!("new connections are being judged");
    let ended = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        error = judge.ended() => Err(error),
        error = tasks.failed() => Err(error),
        () = bus.closed() => Err(RunError::BusLost),
    };
    watchdog::stopping();
    stop(ended.is_ok() && opens(&core).await, &judge, tasks).await;
    if let Some(bus) = Arc::into_inner(bus) {
        bus.stop().await;
    }
    ended
}

/// Takes note of the connections that are open already.
async fn walk_sockets(core: &Arc<Core>) {
    let core = Arc::clone(core);
    let walked = tokio::task::spawn_blocking(move || core.walk_sockets()).await;
    match walked {
        Ok(Ok(connections)) => tracing::debug!(connections, "connections were open before"),
        Ok(Err(error)) => tracing::warn!(%error, "open connections are not known: {error}"),
        Err(error) => tracing::warn!(%error, "open connections are not known: {error}"),
    }
}

/// Queues new connections to the engine.
async fn feed(core: &Arc<Core>) -> Result<(), RunError> {
    let core = Arc::clone(core);
    let applied = tokio::task::spawn_blocking(move || core.first_feed()).await;
    Ok(applied.map_err(std::io::Error::other)??)
}

/// Whether the rules are taken out here, now that the helper is told to end.
async fn opens(core: &Arc<Core>) -> bool {
    let core = Arc::clone(core);
    let opens = tokio::task::spawn_blocking(move || shutdown::opens(core.settings().when_down));
    opens.await.unwrap_or(false)
}

async fn stop(opens: bool, judge: &Judge, tasks: Tasks) {
    tracing::info!("stopping");
    if opens {
        // First, so that no packet waits for a verdict that will not come.
        match tokio::task::spawn_blocking(shutdown::remove_rules).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "rules may be left behind: {error}"),
            Err(error) => tracing::error!(%error, "rules may be left behind: {error}"),
        }
    }
    judge.stop();
    tasks.finish().await;
}
