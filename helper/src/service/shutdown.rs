//! Taking the rules out, also when the helper itself can't any more.

use bastion_policy::settings::WhenDown;

use super::run::QUEUE;
use crate::kernel;
use crate::netfilter::{KernelBypass, Netfilter, NetfilterError, RulesetSpec};
use crate::store::{Paths, SettingsStore};

/// Removes every rule of Bastion's.
///
/// With `after_stop` this is systemd's last word after the service ended (`ExecStopPost=`): if it
/// ended by a failure (`SERVICE_RESULT` other than `success`, systemd.exec(5)) and the settings
/// say that nothing may leave while it is down, the rules stay. They queue to nobody, and the
/// kernel drops what is queued to nobody; and what the kernel was taught to let pass, it does not
/// any more.
///
/// # Errors
/// When iptables can't be run or a rule could not be removed.
pub fn cleanup(paths: &Paths, after_stop: bool) -> Result<(), NetfilterError> {
    let failed = std::env::var_os("SERVICE_RESULT").is_some_and(|result| result != "success");
    if after_stop && failed {
        let settings = SettingsStore::open(paths);
        if settings.settings().when_down == WhenDown::Closed {
            tracing::warn!(
                "the helper failed; nothing new may leave until it runs again, as the settings say"
            );
            return close();
        }
    }
    remove_rules()
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
