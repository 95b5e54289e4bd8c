//! Modes and pauses.

use crate::cli::{ModeArgs, PauseArgs};
use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::input::span;
use crate::output::{Output, clean, duration};
use bastion_policy::settings::MAX_PAUSE;

/// Sets the mode.
pub(crate) async fn set(args: &ModeArgs, client: &Client, output: &Output) -> Result<(), Error> {
    authenticated(client.control().await?.set_mode(&args.mode)).await?;
    output.done(match args.mode.as_str() {
        "learn" => "Connections that no rule decides are allowed and kept as suggestions.",
        _ => "Connections that no rule decides wait for an answer.",
    })
}

/// Allows everything for a while.
pub(crate) async fn pause(args: &PauseArgs, client: &Client, output: &Output) -> Result<(), Error> {
    let seconds = seconds(&args.duration)?;
    authenticated(client.control().await?.pause(seconds)).await?;
    output.done(&format!(
        "Everything is allowed for {}; “bastionctl resume” ends it.",
        duration(seconds.into())
    ))
}

/// Ends a pause.
pub(crate) async fn resume(client: &Client, output: &Output) -> Result<(), Error> {
    authenticated(client.control().await?.resume()).await?;
    output.done("Connections are judged.")
}

fn seconds(text: &str) -> Result<u32, Error> {
    span(text)
        .and_then(|span| u32::try_from(span.as_secs()).ok())
        .filter(|seconds| (1..=MAX_PAUSE).contains(seconds))
        .ok_or_else(|| {
            Error::Usage(format!(
                "“{}” is no time to pause; use something from “1s” to “24h”, as “10m”.",
                clean(text)
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_from_a_second_to_a_day() {
        assert_eq!(seconds("10m").unwrap(), 600);
        assert_eq!(seconds("1d").unwrap(), MAX_PAUSE);
        assert_eq!(seconds("1h 1s").unwrap(), 3601);
        for wrong in ["", "10", "0s", "-5m", "25h", "900ms", "99999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
