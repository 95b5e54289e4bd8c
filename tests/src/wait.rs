//! Waiting for what takes a moment, without guessing how long.

use std::fmt::Debug;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Error, Result};

const POLL: Duration = Duration::from_millis(50);

/// Asks again and again until `probe` gives a value.
///
/// # Errors
/// [`Error::TimedOut`] naming `what`, when `timeout` passes without one.
pub fn eventually<T>(
    what: &str,
    timeout: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> Result<T> {
    let end = Instant::now() + timeout;
    loop {
        if let Some(value) = probe() {
            return Ok(value);
        }
        if Instant::now() > end {
            return Err(Error::TimedOut {
                what: what.to_owned(),
                after: timeout,
            });
        }
        sleep(POLL);
    }
}

/// Waits until `probe` gives what is wanted.
///
/// # Errors
/// [`Error::TimedOut`] with the last value seen; whatever `probe` fails with.
pub fn eventually_equal<T: PartialEq + Debug>(
    what: &str,
    timeout: Duration,
    wanted: &T,
    mut probe: impl FnMut() -> Result<T>,
) -> Result<()> {
    let end = Instant::now() + timeout;
    loop {
        let seen = probe()?;
        if seen == *wanted {
            return Ok(());
        }
        if Instant::now() > end {
            let what = format!("{what} (wanted {wanted:?}, last seen {seen:?})");
            return Err(Error::TimedOut {
                what,
                after: timeout,
            });
        }
        sleep(POLL);
    }
}
