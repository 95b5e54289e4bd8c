//! What goes on beside the engine: publishing, logging, ageing, reloading.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::core::Core;
use super::inspection::Inspections;
use super::judge::Heard;
use super::run::RunError;
use super::{questions, watchdog};
use crate::bus::{Backend as _, Bus};
use crate::engine::{Decided, now};
use crate::store::Paths;
use crate::store::watch::Watch;

/// Decisions are logged and published in batches, so that a burst costs few disk writes.
const BATCH: Duration = Duration::from_millis(100);

/// Shortest time between two reports of the status.
const STATUS: Duration = Duration::from_millis(250);

/// Most decisions in a batch.
const BATCH_SIZE: usize = 4_096;

/// How often rules that end by themselves are looked at, while there are any.
const EXPIRY: Duration = Duration::from_secs(5);

/// How often the iptables rules are looked at.
const RULES_CHECK: Duration = Duration::from_secs(60);

/// How soon they are looked at again when they could not be mended.
const RULES_RETRY: Duration = Duration::from_secs(5);

/// How often copies of files that could not be written are tried again.
const COPIES_RETRY: Duration = Duration::from_secs(60);

/// How often it is looked whether a pause is over.
const PAUSE_CHECK: Duration = Duration::from_secs(60);

/// How often old events are removed from the log.
const PRUNE: Duration = Duration::from_secs(3600);

/// The tasks; dropping them ends them.
pub(super) struct Tasks {
    set: JoinSet<RunError>,
    decisions: tokio::task::JoinHandle<()>,
    /// Keeps the files watched.
    _watch: Option<Watch>,
}

impl Tasks {
    /// Starts them. Files that can't be watched are only a warning.
    pub fn start(
        core: &Arc<Core>,
        bus: &Arc<Bus>,
        heard: Heard,
        paths: &Paths,
        hangup: Signal,
        inspections: Inspections,
    ) -> Self {
        let (changed_in, changed) = mpsc::channel(1);
        // What was edited before the watch stood is read once.
        let _ = changed_in.try_send(());
        // One note is enough, however many files changed: all are read again.
        let watch = Watch::start(paths.edited(), move |_| {
            // If there is no room, a note is there already.
            let _ = changed_in.try_send(());
        })
        .inspect_err(|error| tracing::warn!(%error, "{error}"))
        .ok();
        // Subscribers hear at once where Safeguard has begun or ended.
        let status_due = heard.safeguard;
        let mut set = JoinSet::new();
        set.spawn(questions::run(
            Arc::clone(core),
            Arc::clone(bus),
            heard.questions,
            Arc::clone(&status_due),
            inspections,
        ));
        set.spawn(reload(Arc::clone(core), changed, hangup));
        set.spawn(status(
            Arc::clone(core),
            Arc::clone(bus),
            Arc::clone(&status_due),
        ));
        set.spawn(changes(
            Arc::clone(core),
            Arc::clone(bus),
            Arc::clone(&status_due),
        ));
        set.spawn(age(Arc::clone(core)));
        set.spawn(guard(Arc::clone(core), Arc::clone(bus)));
        set.spawn(copies(Arc::clone(core)));
        set.spawn(watchdog::run(Arc::clone(core), Arc::clone(bus)));
        let decisions = tokio::spawn(decisions(
            Arc::clone(core),
            Arc::clone(bus),
            heard.decisions,
            status_due,
        ));
        Self {
            set,
            decisions,
            _watch: watch,
        }
    }

    /// Waits until one of them ends, which none should.
    pub async fn failed(&mut self) -> RunError {
        match self.set.join_next().await {
            Some(Ok(error)) => error,
            Some(Err(error)) => RunError::System(std::io::Error::other(error)),
            None => RunError::EngineEnded,
        }
    }

    /// Ends them; what was decided is still logged.
    pub async fn finish(mut self) {
        self.set.shutdown().await;
        // It ends by itself once the engine has.
        let logged = tokio::time::timeout(Duration::from_secs(5), self.decisions).await;
        if logged.is_err() {
            tracing::warn!("the last decisions could not be logged in time");
        }
    }
}

async fn decisions(
    core: Arc<Core>,
    bus: Arc<Bus>,
    mut decided: mpsc::Receiver<Decided>,
    status_due: Arc<Notify>,
) {
    let mut batch = Vec::new();
    let mut pruned = None::<tokio::time::Instant>;
    while decided.recv_many(&mut batch, BATCH_SIZE).await > 0 {
        let writer = Arc::clone(&core);
        let made = std::mem::take(&mut batch);
        let hourly = pruned.is_none_or(|last| last.elapsed() > PRUNE);
        if hourly {
            pruned = Some(tokio::time::Instant::now());
        }
        let logged = tokio::task::spawn_blocking(move || {
            let events = writer.ledger.record(&made, &writer.in_force());
            let settings = writer.settings();
            if hourly || writer.ledger.is_due(&settings) {
                writer.ledger.prune(&settings);
            }
            events
        });
        match logged.await {
            Ok(events) => bus.publish_decisions(&events),
            Err(error) => tracing::error!(%error, "decisions could not be logged: {error}"),
        }
        status_due.notify_one();
        sleep(BATCH).await;
    }
}

/// Tells subscribers of the status soon after it changed, and no more often than some times a
/// second.
async fn status(core: Arc<Core>, bus: Arc<Bus>, due: Arc<Notify>) -> RunError {
    loop {
        due.notified().await;
        let teller = Arc::clone(&core);
        if let Ok(status) = tokio::task::spawn_blocking(move || teller.status()).await {
            bus.publish_status(status);
        }
        sleep(STATUS).await;
    }
}

/// Reads files again when they were edited, or on SIGHUP.
async fn reload(core: Arc<Core>, mut changed: mpsc::Receiver<()>, mut hangup: Signal) -> RunError {
    // A watch that could not be started does not end the task.
    loop {
        let told = tokio::select! {
            Some(()) = changed.recv() => false,
            _ = hangup.recv() => true,
        };
        if told {
            watchdog::reloading();
        }
        let reader = Arc::clone(&core);
        if let Err(error) = tokio::task::spawn_blocking(move || reader.reload()).await {
            tracing::error!(%error, "the rules could not be read again: {error}");
        }
        if told {
            watchdog::ready();
        }
    }
}

/// Removes rules whose time, process or session is over.
async fn age(core: Arc<Core>) -> RunError {
    let mut passing = core.passing.subscribe();
    loop {
        let remover = Arc::clone(&core);
        if let Err(error) =
            tokio::task::spawn_blocking(move || remover.expire(super::judge::is_over)).await
        {
            tracing::error!(%error, "rules that are over could not be looked for: {error}");
        }
        sleep(EXPIRY).await;
        if passing.wait_for(|now| now.rules).await.is_err() {
            return RunError::EngineEnded;
        }
    }
}

/// Tells subscribers when what is in force has changed, whoever changed it, or a pause is over.
async fn changes(core: Arc<Core>, bus: Arc<Bus>, status_due: Arc<Notify>) -> RunError {
    let mut passing = core.passing.subscribe();
    loop {
        let paused_until = passing.borrow_and_update().mode.paused_until;
        let pause_over = async {
            let left = paused_until.and_then(|end| end.as_millis().checked_sub(now().as_millis()));
            match left {
                // Looked at again and again, because the wall clock can be set, and goes on
                // while the computer sleeps.
                Some(left) => sleep(Duration::from_millis(left + 1).min(PAUSE_CHECK)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = passing.changed() => match changed {
                Ok(()) => bus.publish_rules_changed(),
                Err(_) => return RunError::EngineEnded,
            },
            () = pause_over => {}
        }
        status_due.notify_one();
    }
}

/// Keeps the iptables rules as they should be: looks at them now and then, and after the computer
/// has slept, since others may flush or double them; and changes them with the settings.
async fn guard(core: Arc<Core>, bus: Arc<Bus>) -> RunError {
    let mut well = true;
    loop {
        let next = if well { RULES_CHECK } else { RULES_RETRY };
        let changed = tokio::select! {
            () = core.feed_changed.notified() => true,
            () = bus.woken() => false,
            () = sleep(next) => false,
        };
        let keeper = Arc::clone(&core);
        let kept = tokio::task::spawn_blocking(move || match changed {
            true => (keeper.feed().is_ok(), Vec::new()),
            false => keeper.check_feed(),
        });
        let (well_now, mended) = kept.await.unwrap_or_default();
        well = well_now;
        bus.publish_decisions(&mended);
    }
}

/// Keeps the copies of rules and settings that a helper needs that starts while a file is broken,
/// once there is room for them again.
async fn copies(core: Arc<Core>) -> RunError {
    loop {
        sleep(COPIES_RETRY).await;
        let keeper = Arc::clone(&core);
        let kept = tokio::task::spawn_blocking(move || {
            let mut stored = keeper.stored();
            let rules = stored.rules.retry_last_good();
            stored.settings.retry_last_good() || rules
        });
        match kept.await {
            // Clients are told that the trouble is over, or another one.
            Ok(true) => core.passing.send_modify(|_| {}),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "copies could not be kept: {error}"),
        }
    }
}
