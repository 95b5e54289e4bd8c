//! Whether the service ends because somebody asked for it.
//!
//! How it ends does not tell: systemd sends SIGTERM also when a start takes too long, and a stop
//! that was asked for can take too long, too. Both may leave a helper that ended well, or was
//! killed. What tells is the job that systemd works on: a start, a stop, or none after a failure.

use std::time::Duration;

use crate::program;

const UNIT: &str = "bastion-helper.service";

/// Where distributions put systemctl.
const DIRECTORIES: [&str; 2] = ["/usr/bin", "/bin"];

/// How long systemd may take to answer, within the time it gives the service to stop.
const LIMIT: Duration = Duration::from_secs(5);

/// True if systemd is to stop or restart the service, which it is when the computer goes down, too.
/// Where that can't be found out it is false: what stays closed can be opened by hand.
pub(super) fn asked_to_end() -> bool {
    jobs().is_some_and(|jobs| are_ends(&jobs))
}

/// What systemd has to do about the service: in each line a number, the unit, what is to be done, and
/// how far that is. systemctl reaches systemd also where the bus is gone.
fn jobs() -> Option<String> {
    let systemctl = program::locate("systemctl", &DIRECTORIES)?;
    let arguments = ["list-jobs", "--no-legend", "--plain", "--no-pager", UNIT];
    match program::run(&systemctl, &arguments, &[], LIMIT) {
        Ok(jobs) => Some(String::from_utf8_lossy(&jobs).into_owned()),
        Err(error) => {
            tracing::warn!(%error, "systemd does not tell why the service ends: {error}");
            None
        }
    }
}

fn are_ends(jobs: &str) -> bool {
    jobs.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(UNIT) && matches!(words.next(), Some("stop" | "restart"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_and_a_restart_are_asked_for_and_nothing_else_is() {
        for (jobs, asked) in [
            ("1234 bastion-helper.service stop running\n", true),
            ("82 bastion-helper.service restart waiting\n", true),
            ("82 bastion-helper.service start running\n", false),
            ("82 stop.service stop running\n", false),
            ("82 bastion-helper.service\n", false),
            ("No jobs listed.\n", false),
            ("", false),
        ] {
            assert_eq!(are_ends(jobs), asked, "{jobs}");
        }
    }
}
