//! Single keys from the terminal.

use std::io::{IsTerminal as _, stdin, stdout};
use std::os::fd::{AsFd as _, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{self, FlushArg, LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::Error;

/// The terminal while single keys are read from it; dropping it gives it back as it was.
pub(super) struct Terminal {
    input: AsyncFd<OwnedFd>,
    before: Termios,
    keys: Termios,
}

impl Terminal {
    /// Switches to single keys without echo. Ctrl+C and Ctrl+Z go on working.
    ///
    /// # Errors
    /// When this is no terminal.
    pub(super) fn enter() -> Result<Self, Error> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            return Err(Error::Usage(
                "Questions need a terminal to be asked in; run this without redirections.".into(),
            ));
        }
        let before = termios::tcgetattr(stdin()).map_err(failed)?;
        let mut keys = before.clone();
        keys.local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO);
        for (index, value) in [
            (SpecialCharacterIndices::VMIN, 1),
            (SpecialCharacterIndices::VTIME, 0),
        ] {
            if let Some(slot) = keys.control_chars.get_mut(index as usize) {
                *slot = value;
            }
        }
        let own = stdin()
            .as_fd()
            .try_clone_to_owned()
            .map_err(Error::Terminal)?;
        // SAFETY: the AsyncFd owns the only handle of this descriptor, so it stays open, and the
        // same, as long as the AsyncFd is there.
        let input = unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) }
            .map_err(|error| Error::Terminal(error.into()))?;
        let terminal = Self {
            input,
            before,
            keys,
        };
        terminal.set(&terminal.keys)?;
        Ok(terminal)
    }

    fn set(&self, to: &Termios) -> Result<(), Error> {
        termios::tcsetattr(self.input.get_ref(), SetArg::TCSANOW, to).map_err(failed)
    }

    /// The next key; `None` when the terminal is gone.
    pub(super) async fn key(&self) -> Result<Option<char>, Error> {
        loop {
            let mut ready = self.input.readable().await.map_err(Error::Terminal)?;
            // Readiness may be stale after somebody else read (pkttyagent does), and reading
            // would then wait and keep everything from going on.
            let mut polled = [PollFd::new(self.input.get_ref().as_fd(), PollFlags::POLLIN)];
            if poll(&mut polled, PollTimeout::ZERO).map_err(failed)? == 0 {
                ready.clear_ready();
                continue;
            }
            let mut byte = [0];
            return match nix::unistd::read(self.input.get_ref(), &mut byte).map_err(failed)? {
                0 => Ok(None),
                _ => Ok(Some(byte.map(char::from)[0])),
            };
        }
    }

    /// Throws away what was typed and not read yet.
    pub(super) fn forget_typed(&self) -> Result<(), Error> {
        termios::tcflush(self.input.get_ref(), FlushArg::TCIFLUSH).map_err(failed)
    }

    /// Gives the terminal back as it was until the loan is dropped: somebody may ask for a
    /// password in the meantime.
    pub(super) fn lend(&self) -> Result<Loan<'_>, Error> {
        self.set(&self.before)?;
        Ok(Loan(self))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing is left to be done if the terminal is gone.
        let _ = self.set(&self.before);
    }
}

/// The terminal in others' hands.
pub(super) struct Loan<'a>(&'a Terminal);

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        // If this fails, so will the next read, and that is reported.
        let _ = self.0.set(&self.0.keys);
    }
}

fn failed(error: nix::Error) -> Error {
    Error::Terminal(error.into())
}
