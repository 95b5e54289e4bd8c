//! What keeps connections from being ended: when it is tried again, and what is told of it.

use std::time::Duration;

use crate::engine::EngineGone;
use crate::sockets::SocketError;

/// How long it is waited after the first failure; twice as long after each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How long at most.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// After so many failures in a row it is more than a moment's, and told.
const LASTING: u32 = 3;

/// Why connections go on that the rules deny.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// What is open can't be read, or not be ended.
    #[error(transparent)]
    Sockets(#[from] SocketError),
    /// Whether they are denied can't be told.
    #[error("names of destinations can't be told: {0}")]
    Names(#[from] EngineGone),
}

/// What went wrong with single connections in one look at all.
#[derive(Debug, Default)]
pub(super) struct Faults {
    count: usize,
    first: Option<Fault>,
}

impl Faults {
    /// Takes note of one.
    pub fn note(&mut self, fault: impl Into<Fault>) {
        self.count += 1;
        self.first.get_or_insert(fault.into());
    }

    /// An error if there was any.
    pub fn result(self) -> Result<(), Fault> {
        if self.count > 1 {
            tracing::warn!("{} open connections can't be ended", self.count);
        }
        self.first.map_or(Ok(()), Err)
    }
}

/// How the last looks went.
#[derive(Debug, Default)]
pub(super) struct Failures {
    in_row: u32,
    trouble: Option<String>,
}

impl Failures {
    /// Takes note of how a look went. Tells how long to wait before the next, if one is of use
    /// although nothing has changed.
    pub fn looked(&mut self, outcome: Result<(), Fault>) -> Option<Duration> {
        let Err(fault) = outcome else {
            *self = Self::default();
            return None;
        };
        tracing::warn!(error = %fault, "open connections may go on that are denied: {fault}");
        if let Fault::Sockets(SocketError::Unsupported(_)) = fault {
            self.trouble = Some(format!(
                "Open connections that a rule denies go on: {fault}. End the programs that have \
                 them, or use a kernel with CONFIG_INET_DIAG_DESTROY."
            ));
            return None;
        }
        let wait = FIRST_WAIT.saturating_mul(2u32.saturating_pow(self.in_row));
        self.in_row = self.in_row.saturating_add(1);
        if self.in_row >= LASTING {
            self.trouble = Some(format!(
                "Open connections that a rule denies may go on: {fault}. It is tried again and \
                 again; until then, end the programs that have them."
            ));
        }
        Some(wait.min(LONGEST_WAIT))
    }

    /// A sentence with the remedy, if it is not done with trying again.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn unread() -> Result<(), Fault> {
        let error = io::ErrorKind::WouldBlock.into();
        Err(SocketError::Read(error).into())
    }

    #[test]
    fn it_is_tried_again_ever_more_rarely_and_told_if_it_lasts() {
        let mut failures = Failures::default();
        let mut waits = Vec::new();
        for failed in 1..=40 {
            waits.push(failures.looked(unread()).unwrap().as_secs());
            assert_eq!(failures.trouble().is_some(), failed >= LASTING, "{failed}");
        }
        assert_eq!(waits[..7], [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(waits[39], 30);
        let trouble = failures.trouble().unwrap();
        assert!(
            trouble.contains("socket tables can't be read."),
            "{trouble}"
        );
        assert_eq!(failures.looked(Ok(())), None);
        assert_eq!(failures.trouble(), None);
        assert_eq!(failures.looked(unread()), Some(FIRST_WAIT));
    }

    #[test]
    fn what_the_kernel_cannot_do_is_told_at_once_and_not_tried_in_vain() {
        let mut failures = Failures::default();
        let error = SocketError::Unsupported(io::ErrorKind::Unsupported.into());
        assert_eq!(failures.looked(Err(error.into())), None);
        assert!(failures.trouble().unwrap().contains("INET_DIAG_DESTROY"));
        assert_eq!(failures.looked(Ok(())), None);
        assert_eq!(failures.trouble(), None);
    }

    #[test]
    fn one_fault_is_enough_for_another_look() {
        assert!(Faults::default().result().is_ok());
        let mut faults = Faults::default();
        faults.note(EngineGone);
        faults.note(SocketError::Destroy(io::ErrorKind::Other.into()));
        assert!(matches!(faults.result(), Err(Fault::Names(EngineGone))));
    }
}
