//! Ends sockets, in a process of its own.
//!
//! The kernel ends a socket under the socket's own lock (`tcp_abort` and `udp_abort`), and who waits
//! for that can't be interrupted, not even by SIGKILL. A program can hold the lock for as long as it
//! likes, by sending from memory whose pages never come (userfaultfd(2), fuse(4)). A process of
//! which one thread waits so does not end, and keeps its files open: the service would keep the
//! packet queue with nobody to read it, and could not be started anew. Therefore another process
//! ([`work`]) does what may have to wait. It has the same rights and no files but the socket
//! over which it is asked; who asks it waits no longer than he wants to.

mod wire;
mod work;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bastion_policy::flow::{Flow, Protocol};

use self::wire::{Outcome, Reply, Request};
use super::diag::{Family, Key};
use super::{Destroyed, SocketEntry, SocketError, SocketState, SocketTables};

pub use self::work::work;

/// The argument with which this program ends sockets.
pub const COMMAND: &str = "end-sockets";

/// The kernel's name of the program that runs, which stands for the same file also when another
/// one has its place: an older and a newer one may not understand each other.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// How long it may take until a request is taken.
const PATIENCE: Duration = Duration::from_secs(1);

/// Hands requests to the process, which is started when it is first needed.
#[derive(Debug)]
pub struct Destroyer {
    program: OsString,
    process: Mutex<Option<Process>>,
}

/// The process, as long as it answers.
#[derive(Debug)]
struct Process {
    requests: UnixStream,
    open: Arc<Mutex<Asked>>,
}

/// What was asked and has no answer yet.
#[derive(Debug, Default)]
struct Asked {
    last: u64,
    waiting: HashMap<u64, SyncSender<Outcome>>,
    ended: bool,
}

/// A socket that is being ended. It goes on if this is dropped.
#[derive(Debug)]
pub struct Destroying(State);

#[derive(Debug)]
enum State {
    Known(Result<Destroyed, SocketError>),
    Asked(Receiver<Outcome>),
}

impl Default for Destroyer {
    /// It works by this very program.
    fn default() -> Self {
        Self::by(THIS_PROGRAM)
    }
}

impl Destroyer {
    /// It works by this program, called with [`COMMAND`].
    #[must_use]
    pub fn by(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            process: Mutex::default(),
        }
    }

    /// Has the socket ended that has exactly the two ends of this flow, so that its program fails
    /// at once with `ECONNABORTED`: TCP in every state but listening, UDP and UDP-Lite only if
    /// connected. See [`Destroyed`].
    ///
    /// # Errors
    /// [`SocketError::Read`] when it can't be looked up.
    pub fn destroy(
        &self,
        tables: &mut SocketTables,
        flow: &Flow,
    ) -> Result<Destroying, SocketError> {
        Ok(match tables.only_one(flow)? {
            Ok(entry) => self.destroy_socket(&entry),
            Err(why_not) => Destroying(State::Known(Ok(why_not))),
        })
    }

    /// Has this very socket ended, known by its cookie. See [`Destroyer::destroy`].
    pub fn destroy_socket(&self, entry: &SocketEntry) -> Destroying {
        let protocol = entry.protocol;
        let ends = matches!(protocol, Protocol::Tcp | Protocol::Udp | Protocol::UdpLite);
        let state = match entry.remote {
            Some(remote) if ends && entry.connected() => {
                let key = Key {
                    protocol,
                    family: Family::of(remote.ip()),
                    local: entry.local,
                    remote,
                    interface: entry.interface,
                    cookie: entry.cookie,
                };
                match self.ask(key, entry.uid) {
                    Ok(answer) => State::Asked(answer),
                    Err(error) => State::Known(Err(SocketError::Destroy(error))),
                }
            }
            _ if entry.state == SocketState::TimeWait => State::Known(Ok(Destroyed::Gone)),
            _ => State::Known(Ok(Destroyed::Connectionless)),
        };
        Destroying(state)
    }

    fn ask(&self, key: Key, uid: u32) -> io::Result<Receiver<Outcome>> {
        let mut process = locked(&self.process);
        if process.as_ref().is_none_or(Process::has_ended) {
            *process = None;
            *process = Some(Process::start(&self.program)?);
        }
        let Some(running) = process.as_mut() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let asked = running.ask(key, uid);
        if asked.is_err() {
            // What it would read next might begin in the middle.
            *process = None;
        }
        asked
    }
}

impl Process {
    fn start(program: &OsString) -> io::Result<Self> {
        let (ours, its) = UnixStream::pair()?;
        ours.set_write_timeout(Some(PATIENCE))?;
        let child = Command::new(program)
            .arg(COMMAND)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(its)))
            .stdout(Stdio::null())
            .spawn()?;
        let open = Arc::new(Mutex::new(Asked::default()));
        let answered = Arc::clone(&open);
        let replies = ours.try_clone()?;
        thread::Builder::new()
            .name("ended-sockets".into())
            .spawn(move || read(child, replies, &answered))?;
        Ok(Self {
            requests: ours,
            open,
        })
    }

    fn has_ended(&self) -> bool {
        locked(&self.open).ended
    }

    fn ask(&mut self, key: Key, uid: u32) -> io::Result<Receiver<Outcome>> {
        let (done, answer) = sync_channel(1);
        let mut open = locked(&self.open);
        open.last += 1;
        let id = open.last;
        open.waiting.insert(id, done);
        drop(open);
        let line = format!("{}\n", Request { id, uid, key });
        self.requests.write_all(line.as_bytes())?;
        Ok(answer)
    }
}

impl Drop for Process {
    /// It ends when nobody can ask it any more. If it waits for a socket's lock, it does so when
    /// that is free, and nobody here waits for it.
    fn drop(&mut self) {
        // It is closed already where the process has ended.
        let _ = self.requests.shutdown(Shutdown::Both);
    }
}

impl Destroying {
    /// What became of it, if that is known in time.
    ///
    /// # Errors
    /// [`SocketError::Held`] if it is not; it may be ended later. [`SocketError::Destroy`], as
    /// without `CAP_NET_ADMIN`; [`SocketError::Unsupported`].
    pub fn wait(self, until: Instant) -> Result<Destroyed, SocketError> {
        let answer = match self.0 {
            State::Known(known) => return known,
            State::Asked(answer) => answer,
        };
        let left = until.saturating_duration_since(Instant::now());
        match answer.recv_timeout(left) {
            Ok(Outcome::Ended) => Ok(Destroyed::Ended),
            Ok(Outcome::Gone) => Ok(Destroyed::Gone),
            Ok(Outcome::Unsupported(number)) => Err(SocketError::Unsupported(os_error(number))),
            Ok(Outcome::Failed(number)) => Err(SocketError::Destroy(os_error(number))),
            Ok(Outcome::TooMany) | Err(RecvTimeoutError::Timeout) => Err(SocketError::Held),
            Err(RecvTimeoutError::Disconnected) => {
                Err(SocketError::Destroy(io::ErrorKind::UnexpectedEof.into()))
            }
        }
    }
}

fn os_error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

/// Hands out the answers until there are no more, and then takes note of the process's end, or it
/// would stay among the processes.
fn read(mut child: Child, replies: UnixStream, open: &Mutex<Asked>) {
    for line in BufReader::new(replies).lines() {
        let reply = line.ok().and_then(|line| line.parse::<Reply>().ok());
        let Some(reply) = reply else {
            tracing::warn!("what the process says that ends sockets can't be understood");
            break;
        };
        let asked = locked(open).waiting.remove(&reply.id);
        // Nobody waits any more where it took too long.
        let _ = asked.map(|asked| asked.send(reply.outcome));
    }
    let mut open = locked(open);
    open.ended = true;
    // Who waits hears that there is nobody to answer.
    open.waiting.clear();
    drop(open);
    if let Err(error) = child.wait() {
        tracing::debug!(%error, "the process that ends sockets can't be waited for");
    }
}

/// A thread that panicked while it held this left nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
