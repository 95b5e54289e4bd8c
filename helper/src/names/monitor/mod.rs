//! Names from systemd-resolved, which tells whoever may know what it answers.
//!
//! It is asked over more ways than DNS packets, and asks servers over more: programs' look-ups
//! through its own interface, its cache, and encrypted DNS are seen here alone.

mod reply;

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket};

use super::resolution::Resolution;
use super::resolvers::files::{RESOLVED, resolved_user};

/// Where the monitor listens, in systemd-resolved's directory.
const SOCKET: &str = "io.systemd.Resolve.Monitor";

/// The call that asks for everything from now on.
const SUBSCRIBE: &[u8] =
    b"{\"method\":\"io.systemd.Resolve.Monitor.SubscribeQueryResults\",\"more\":true}\0";

/// Most bytes of a message. The largest answer of DNS has 64 KiB, which is three times as much in
/// the monitor's words.
const MESSAGE: usize = 1 << 20;

/// Most bytes that are read at once, before anything else gets a turn.
const TURN: usize = 64 * 1024;

/// Why systemd-resolved tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// It does not run, or is too old to have a monitor (before version 252).
    #[error("systemd-resolved's monitor is not there")]
    Absent,
    /// Somebody else listens in its place.
    #[error("{} is served by the user {uid}, who is not systemd-resolved's", path.display())]
    Foreign {
        /// Where.
        path: PathBuf,
        /// Who listens there.
        uid: u32,
    },
    /// It will not tell.
    #[error("systemd-resolved refuses to tell its answers: {0}")]
    Refused(String),
    /// What it sends is nothing that it should.
    #[error("systemd-resolved's monitor sends something else than it should")]
    Malformed(#[from] serde_json::Error),
    /// It sends a message without end.
    #[error("systemd-resolved's monitor sends a message of more than {MESSAGE} bytes")]
    TooLong,
    /// It has closed the connection.
    #[error("systemd-resolved's monitor has ended the connection")]
    Ended,
    /// Any error of the system.
    #[error("systemd-resolved's monitor can't be reached: {0}")]
    Io(#[from] io::Error),
}

/// A connection with the monitor.
#[derive(Debug)]
pub(super) struct Monitor {
    stream: UnixStream,
    buffer: Vec<u8>,
    ready: bool,
}

impl Monitor {
    /// Connects with the monitor of the system whose files lie below `root`, and subscribes.
    /// Never waits.
    pub(super) fn connect(root: &Path) -> Result<Self, MonitorError> {
        let resolved = resolved_user(root).ok_or(MonitorError::Absent)?;
        let path = root.join(RESOLVED).join(SOCKET);
        let mut stream = open(&path)?;
        let uid = getsockopt(&stream, PeerCredentials)
            .map_err(io::Error::from)?
            .uid();
        if uid != 0 && uid != resolved {
            return Err(MonitorError::Foreign { path, uid });
        }
        stream.write_all(SUBSCRIBE)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
            ready: false,
        })
    }

    /// True from the first message on, which says that everything is told that is asked for from
    /// then on.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// What it has told meanwhile; to be called when there is something to read.
    pub(super) fn receive(&mut self) -> Result<Vec<Resolution>, MonitorError> {
        let mut chunk = vec![0; TURN];
        let length = match self.stream.read(&mut chunk) {
            Ok(0) => return Err(MonitorError::Ended),
            Ok(length) => length,
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                0
            }
            Err(e) => return Err(e.into()),
        };
        chunk.truncate(length);
        self.take(&chunk)
    }

    fn take(&mut self, chunk: &[u8]) -> Result<Vec<Resolution>, MonitorError> {
        let mut resolutions = Vec::new();
        let mut parts = chunk.split(|byte| *byte == 0);
        // What stands behind the last zero byte is the beginning of a message.
        let rest = parts.next_back().unwrap_or_default();
        for part in parts {
            self.buffer.extend_from_slice(part);
            let message = std::mem::take(&mut self.buffer);
            resolutions.extend(reply::read(&message)?);
            self.ready = true;
        }
        self.buffer.extend_from_slice(rest);
        match self.buffer.len() <= MESSAGE {
            true => Ok(resolutions),
            false => Err(MonitorError::TooLong),
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// A connection that does not wait, neither now, should whoever listens accept nothing, nor
/// later.
fn open(path: &Path) -> Result<UnixStream, MonitorError> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket =
        socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(io::Error::from)?;
    let address = UnixAddr::new(path).map_err(io::Error::from)?;
    connect(socket.as_raw_fd(), &address).map_err(|errno| match io::Error::from(errno) {
        e if e.kind() == io::ErrorKind::NotFound => MonitorError::Absent,
        e if e.kind() == io::ErrorKind::ConnectionRefused => MonitorError::Absent,
        e => MonitorError::Io(e),
    })?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests;
