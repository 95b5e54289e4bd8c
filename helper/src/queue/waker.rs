//! Ends a wait from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Ends the wait of the queue it came with. Clones wake the same queue; a wake before the wait
/// ends the next one at once, and several wakes may end one wait.
#[derive(Clone, Debug)]
pub struct Waker(Arc<EventFd>);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = EventFd::from_value_and_flags(0, flags)?;
        Ok(Self(Arc::new(event)))
    }

    /// Ends the queue's wait.
    pub fn wake(&self) {
        // The one possible failure is a counter at its maximum, 2^64 - 2 wakes that nobody
        // waited for; then the queue is awake already.
        let _ = self.0.write(1);
    }

    /// Makes later waits wait again.
    pub(super) fn reset(&self) -> io::Result<()> {
        match self.0.read() {
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
