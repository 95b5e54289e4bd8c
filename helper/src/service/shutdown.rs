//! Taking the rules out, also when the helper itself can't any more.

use bastion_policy::settings::WhenDown;

use super::run::QUEUE;
use crate::kernel;
use crate::netfilter::{KernelBypass, Netfilter, NetfilterError, RulesetSpec};
use crate::store::{Paths, SettingsStore};

/// Removes every rule of Bastion's.
///
/// With `after_stop` this is systemd's last word after the service ended (`ExecStopPost=`): if it
/// ended by a failure and the settings say that nothing may leave while it is down, the rules stay. They queue to nobody, and the
/// kernel drops what is queued to nobody; and what the kernel was taught to let pass, it does not
/// any more.
///
/// # Errors
/// When iptables can't be run or a rule could not be removed.
pub fn cleanup(paths: &Paths, after_stop: bool) -> Result<(), NetfilterError> {
    let said = |name| std::env::var(name).ok();
    if after_stop && has_failed(said) {
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

/// What systemd says of how the service ended, systemd.exec(5). That it had to give up waiting for
/// another process of the service (one that ends sockets, and waits for a program that holds
/// its own) is no failure of a helper that has ended as it was told.
fn has_failed(said: impl Fn(&'static str) -> Option<String>) -> bool {
    let is = |name, wanted: &str| said(name).is_some_and(|value| value == wanted);
    let ended_well = is("EXIT_CODE", "exited") && is("EXIT_STATUS", "0");
    let given_up = is("SERVICE_RESULT", "timeout");
    let succeeded = said("SERVICE_RESULT").is_none_or(|result| result == "success");
    !(succeeded || given_up && ended_well)
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
    fn a_service_fails_by_how_the_helper_ended() {
        for (result, code, status, failed) in [
            ("success", "exited", "0", false),
            ("success", "killed", "TERM", false),
            ("timeout", "exited", "0", false),
            ("timeout", "killed", "KILL", true),
            ("watchdog", "dumped", "ABRT", true),
            ("exit-code", "exited", "1", true),
            ("signal", "killed", "SEGV", true),
        ] {
            let said = |name| {
                let value = match name {
                    "SERVICE_RESULT" => result,
                    "EXIT_CODE" => code,
                    _ => status,
                };
                Some(value.to_owned())
            };
            assert_eq!(has_failed(said), failed, "{result} {code} {status}");
        }
        assert!(!has_failed(|_| None));
    }
}
