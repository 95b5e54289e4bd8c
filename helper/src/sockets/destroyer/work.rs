//! The process that ends sockets.
//!
//! Each user's sockets have threads of their own, so that a user's programs that hold their sockets
//! hold up no other user's.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;

use super::super::SocketError;
use super::super::diag::Diag;
use super::locked;
use super::wire::{Outcome, Reply, Request};

/// Threads for one user's sockets. One is enough for thousands of sockets that nobody holds.
const THREADS: usize = 64;
/// Threads in all.
const ALL_THREADS: usize = 512;
/// Sockets of one user that may wait for them.
const WAITING: usize = 16_384;
/// Bytes of a thread's stack; what is done there needs a fraction.
const STACK: usize = 128 * 1024;

/// Ends sockets as it is told on standard input, which is a socket, and answers there; until
/// nobody can tell it any more.
///
/// # Errors
/// When standard input is no socket, or can't be read.
pub fn work() -> io::Result<()> {
    let told = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let office = Arc::new(Office {
        replies: Mutex::new(told.try_clone()?),
        users: Mutex::default(),
    });
    for line in BufReader::new(told).lines() {
        let request = line?.parse::<Request>().map_err(io::Error::other)?;
        office.take(request);
    }
    Ok(())
}

/// Where requests lie until somebody has the time.
struct Office {
    replies: Mutex<UnixStream>,
    users: Mutex<HashMap<u32, User>>,
}

#[derive(Default)]
struct User {
    waiting: VecDeque<Request>,
    threads: usize,
}

impl Office {
    fn take(self: &Arc<Self>, request: Request) {
        let uid = request.uid;
        let mut users = locked(&self.users);
        let all: usize = users.values().map(|user| user.threads).sum();
        let user = users.entry(uid).or_default();
        let full = all >= ALL_THREADS && user.threads == 0;
        if full || user.waiting.len() >= WAITING {
            drop(users);
            self.reply(request.id, Outcome::TooMany);
            return;
        }
        user.waiting.push_back(request);
        if user.threads >= THREADS || all >= ALL_THREADS {
            return;
        }
        let office = Arc::clone(self);
        let thread = thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || office.serve(uid));
        match thread {
            Ok(_) => user.threads += 1,
            // The user's other threads get to it.
            Err(_) if user.threads > 0 => {}
            Err(error) => {
                let left = user.waiting.pop_back();
                drop(users);
                let number = error.raw_os_error().unwrap_or_default();
                if let Some(request) = left {
                    self.reply(request.id, Outcome::Failed(number));
                }
            }
        }
    }

    /// Ends this user's sockets while there are any to be ended.
    fn serve(&self, uid: u32) {
        let mut diag = None;
        while let Some(request) = self.next(uid) {
            let outcome = end(&mut diag, &request);
            self.reply(request.id, outcome);
        }
    }

    /// The next of this user's, if there is one; otherwise the thread that asks is one less.
    fn next(&self, uid: u32) -> Option<Request> {
        let mut users = locked(&self.users);
        let user = users.get_mut(&uid)?;
        let next = user.waiting.pop_front();
        if next.is_none() {
            user.threads = user.threads.saturating_sub(1);
            if user.threads == 0 {
                users.remove(&uid);
            }
        }
        next
    }

    fn reply(&self, id: u64, outcome: Outcome) {
        let line = format!("{}\n", Reply { id, outcome });
        // Nobody reads any more when the service is gone.
        let _ = locked(&self.replies).write_all(line.as_bytes());
    }
}

fn end(diag: &mut Option<Diag>, request: &Request) -> Outcome {
    let number = |error: &io::Error| error.raw_os_error().unwrap_or_default();
    if diag.is_none() {
        match Diag::open() {
            Ok(open) => *diag = Some(open),
            Err(SocketError::Open(error)) => return Outcome::Failed(number(&error)),
            Err(_) => return Outcome::Failed(0),
        }
    }
    let Some(open) = diag else {
        return Outcome::Failed(0);
    };
    match open.destroy(&request.key) {
        Ok(true) => Outcome::Ended,
        Ok(false) => Outcome::Gone,
        Err(SocketError::Unsupported(error)) => Outcome::Unsupported(number(&error)),
        Err(SocketError::Destroy(error) | SocketError::Read(error)) => {
            *diag = None;
            Outcome::Failed(number(&error))
        }
        Err(_) => Outcome::Failed(0),
    }
}
