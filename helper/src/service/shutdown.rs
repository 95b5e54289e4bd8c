//! Taking the rules out, also when the helper itself can't any more.

use bastion_policy::settings::WhenDown;

use crate::netfilter::{Netfilter, NetfilterError};
use crate::store::{Paths, SettingsStore};

/// Removes every rule of Bastion's.
///
/// With `after_stop` this is systemd's last word after the service ended (`ExecStopPost=`): if it
/// ended by a failure (`SERVICE_RESULT` other than `success`, systemd.exec(5)) and the settings
/// say that nothing may leave undecided while it is down, the rules stay. They queue to nobody,
/// and the kernel drops what is queued to nobody.
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
            return Ok(());
        }
    }
    Netfilter::system().cleanup()
}
