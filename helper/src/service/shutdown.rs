//! Taking the rules out, also when the helper itself can't any more.

use bastion_policy::settings::WhenDown;

use super::asked::asked_to_end;
use super::run::QUEUE;
use crate::kernel;
use crate::netfilter::{KernelBypass, Netfilter, NetfilterError, RulesetSpec};
use crate::store::{Paths, SettingsStore};

/// Removes every rule of Bastion's.
///
/// With `after_stop` this is systemd's last word after the service ended (`ExecStopPost=`): if
/// nobody asked for that and the settings say that nothing may leave while it is down, the rules
/// stay. They queue to nobody, and the kernel drops what is queued to nobody; and what the kernel was
/// taught to let pass, it does not any more.
///
/// # Errors
/// When iptables can't be run or a rule could not be removed.
pub fn cleanup(paths: &Paths, after_stop: bool) -> Result<(), NetfilterError> {
    if after_stop && has_failed(std::env::var("SERVICE_RESULT").ok().as_deref()) {
        let settings = SettingsStore::open(paths);
        if settings.settings().when_down == WhenDown::Closed && !asked_to_end() {
            tracing::warn!(
                "the helper failed; nothing new may leave until it runs again, as the settings say"
            );
            return close();
        }
    }
    remove_rules()
}

/// What systemd says of how the service ended, systemd.exec(5): a stop that was asked for may have
/// failed, too, if something did not end in time.
fn has_failed(result: Option<&str>) -> bool {
    result.is_some_and(|result| result != "success")
}

/// True if the helper, which is told to end, takes the rules out by itself. Otherwise they stay
/// until [`cleanup`] decides about them: what is told may be that the start took too long.
pub(super) fn opens(when_down: WhenDown) -> bool {
    let by_hand = std::env::var_os("NOTIFY_SOCKET").is_none();
    when_down == WhenDown::Open || by_hand || asked_to_end()
}

fn close() -> Result<(), NetfilterError> {
    Netfilter::system().apply(&RulesetSpec {
        queue: QUEUE,
        fail_open: false,
        kernel_bypass: KernelBypass::StandIn,
    })?;
    remove_programs();
    Ok(())
}

/// Removes all rules, and the programs they asked.
pub(super) fn remove_rules() -> Result<(), NetfilterError> {
    Netfilter::system().cleanup()?;
    remove_programs();
    Ok(())
}

fn remove_programs() {
    if let Err(error) = kernel::remove_pins() {
        tracing::warn!(%error, "kernel programs that nobody asks any more are left behind: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_success_is_a_failure() {
        for result in ["timeout", "watchdog", "exit-code", "signal", "oom-kill"] {
            assert!(has_failed(Some(result)), "{result}");
        }
        assert!(!has_failed(Some("success")));
        // Before the service ran, and where systemd does not say.
        assert!(!has_failed(None));
    }
}
