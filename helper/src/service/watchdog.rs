//! What systemd hears of the helper: sd_notify(3).

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::core::Core;
use super::run::RunError;
use crate::bus::{Bus, Life};
use crate::engine::now;

/// How long the bus may be silent: two rounds of asking it, and some.
const BUS_PATIENCE: Duration = Life::INTERVAL.saturating_mul(3);

/// Says that packets are being judged.
pub(super) fn ready() {
    notify(&[
        NotifyState::Ready,
        NotifyState::Status("Judging connections"),
    ]);
}

/// Says that files are being read again; [`ready`] says that they are in force.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager can't be told of a reload"),
    }
}

/// Says that the helper is about to end.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState<'_>]) {
    // Without systemd there is nobody to tell, and that is no error.
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager can't be told");
    }
}

/// Tells systemd that the helper lives, while engine and bus each answer. If one of them hangs,
/// systemd hears nothing any more, and restarts the helper.
pub(super) async fn run(core: Arc<Core>, bus: Arc<Bus>) -> RunError {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    // Three times in each period, so that one late round is no failure.
    let mut ticks = interval((patience / 3).max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut keeping_up: Option<JoinHandle<()>> = None;
    loop {
        ticks.tick().await;
        let asked = Arc::clone(&core);
        let report = tokio::task::spawn_blocking(move || asked.engine.report());
        let engine = match report.await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => {
                tracing::error!(%error, "the engine shows no sign of life: {error}");
                continue;
            }
            Err(_) => continue,
        };
        let silent = bus.life().last().elapsed();
        if silent > BUS_PATIENCE {
            tracing::error!(?silent, "the system bus shows no sign of life");
            continue;
        }
        let status = format!(
            "Judging connections, in mode {} and identified by {}; {} questions, {} packets waiting",
            mode(&core),
            core.kernel.hooks().identification(),
            engine.questions,
            engine.waiting_packets
        );
        notify(&[NotifyState::Watchdog, NotifyState::Status(&status)]);
        // It may wait for the disk, as the engine's sign of life must not.
        if keeping_up.as_ref().is_none_or(JoinHandle::is_finished) {
            let keeper = Arc::clone(&core);
            keeping_up = Some(tokio::task::spawn_blocking(move || keeper.keep_up()));
        }
    }
}

/// The mode in force, as a word.
fn mode(core: &Core) -> String {
    let mode = core.passing.borrow().mode;
    match mode.is_paused(now()) {
        true => "paused".to_owned(),
        false => mode.mode.to_string(),
    }
}
