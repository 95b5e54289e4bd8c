//! Passwords in the terminal: polkit's own text agent, pkttyagent(1), runs while a call may need
//! one. This program never sees a password.

use std::fs::File;
use std::io::{IsTerminal as _, stderr, stdin};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe};

/// A fixed path: what stands first in somebody's PATH must not read passwords.
const PKTTYAGENT: &str = "/usr/bin/pkttyagent";
/// Registering takes milliseconds; if polkit hangs, the call itself will say so.
const REGISTER_MILLIS: u16 = 5_000;

/// A running text agent; it ends when this is dropped.
pub(crate) struct TextAgent(Child);

impl TextAgent {
    /// Starts it and waits until polkit knows it. `None` where it is not needed (for root), can't
    /// ask (without a terminal) or is not installed: the call itself then tells what is missing.
    pub(crate) fn start() -> Option<Self> {
        if nix::unistd::geteuid().is_root() || !stdin().is_terminal() || !stderr().is_terminal() {
            return None;
        }
        Self::spawn().ok()
    }

    fn spawn() -> std::io::Result<Self> {
        // The agent inherits both ends, for the standard library only keeps those from children
        // that it made itself; only its writing end matters, which it closes when it is registered.
        let (ready, notify) = pipe()?;
        fcntl(&ready, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        let child = Command::new(PKTTYAGENT)
            .arg("--process")
            .arg(std::process::id().to_string())
            .arg("--notify-fd")
            .arg(notify.as_raw_fd().to_string())
            // An agent of the desktop goes first.
            .arg("--fallback")
            .stdout(Stdio::null())
            .spawn()?;
        drop(notify);
        wait_for_end(ready)?;
        Ok(Self(child))
    }
}

/// Waits until all writing ends of the pipe are closed, or time is up.
fn wait_for_end(ready: OwnedFd) -> std::io::Result<()> {
    let ready = File::from(ready);
    let mut polled = [PollFd::new(ready.as_fd(), PollFlags::POLLIN)];
    poll(&mut polled, REGISTER_MILLIS)?;
    Ok(())
}

impl Drop for TextAgent {
    fn drop(&mut self) {
        let Ok(pid) = i32::try_from(self.0.id()) else {
            return;
        };
        // It restores the terminal's echo on SIGTERM; a stopped one has to go on first. Both fail
        // only if it is gone already.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
        let _ = self.0.wait();
    }
}
