//! What the names depend on besides packets: the machine's own servers, and systemd-resolved.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::monitor::{Monitor, MonitorError};
use super::resolution::Resolution;
use super::resolvers::Resolvers;
use super::resolvers::files::ResolverFiles;

/// How often the files with the machine's servers are looked at. [`super::Names`] keeps early
/// answers for longer than this.
const LOOK: Duration = Duration::from_secs(2);

/// After how long systemd-resolved is tried again; each time it fails, twice as long.
const RETRY: Duration = Duration::from_secs(2);

/// The longest time between two tries.
const RETRY_LONGEST: Duration = Duration::from_secs(60);

/// What [`super::Names::update`] takes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// These are the machine's own servers from now on.
    Resolvers(Resolvers),
    /// What systemd-resolved told of a look-up.
    Resolution(Resolution),
    /// Whether systemd-resolved tells of look-ups.
    Monitored(bool),
}

/// Looks after all of it until it is dropped.
#[derive(Debug)]
pub struct Sources {
    /// Closed to end the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Sources {
    /// Starts a thread that reports what it finds on the system whose files lie below `root`,
    /// which is `/` but in tests. `report` says whether the update was taken; all but
    /// resolutions are reported again if not.
    ///
    /// # Errors
    /// If the system gives no pipe or no thread.
    pub fn start(
        root: impl Into<PathBuf>,
        report: impl FnMut(Update) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let root = root.into();
        let mut state = State {
            files: ResolverFiles::new(root.clone()),
            root,
            resolvers: None,
            monitor: None,
            ready: false,
            monitored: Some(false),
            retry: RETRY,
            next_try: Instant::now(),
            trouble: String::new(),
            report,
        };
        let thread = std::thread::Builder::new()
            .name("names".into())
            .spawn(move || state.run(&stopped))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

struct State<F> {
    root: PathBuf,
    files: ResolverFiles,
    /// Servers that were not reported yet.
    resolvers: Option<Resolvers>,
    monitor: Option<Monitor>,
    /// Whether it has said that it tells everything.
    ready: bool,
    /// The same, if that was not reported yet.
    monitored: Option<bool>,
    retry: Duration,
    next_try: Instant,
    /// Why there is no monitor, as it was logged.
    trouble: String,
    report: F,
}

impl<F: FnMut(Update) -> bool> State<F> {
    fn run(&mut self, stopped: &PipeReader) {
        let mut next_look = Instant::now();
        loop {
            let now = Instant::now();
            if now >= next_look {
                next_look = now + LOOK;
                if let Some(resolvers) = self.files.changed() {
                    self.resolvers = Some(resolvers);
                }
            }
            if self.monitor.is_none() && now >= self.next_try {
                self.connect(now);
            }
            self.report();
            match self.wait(stopped, next_look) {
                Ok(Ready::Stop) => return,
                Ok(Ready::Monitor) => self.receive(now),
                Ok(Ready::Nothing) => {}
                Err(error) => {
                    tracing::warn!("no names from systemd-resolved any more: {error}");
                    return;
                }
            }
        }
    }

    fn connect(&mut self, now: Instant) {
        match Monitor::connect(&self.root) {
            Ok(monitor) => self.monitor = Some(monitor),
            Err(error) => self.fail(&error, now),
        }
    }

    fn receive(&mut self, now: Instant) {
        let Some(monitor) = &mut self.monitor else {
            return;
        };
        match monitor.receive() {
            Ok(resolutions) => {
                self.retry = RETRY;
                self.trouble.clear();
                if monitor.is_ready() && !self.ready {
                    self.ready = true;
                    self.monitored = Some(true);
                }
                for resolution in resolutions {
                    // What is lost is looked up again some time.
                    (self.report)(Update::Resolution(resolution));
                }
            }
            Err(error) => self.fail(&error, now),
        }
    }

    fn fail(&mut self, error: &MonitorError, now: Instant) {
        self.monitor = None;
        if std::mem::take(&mut self.ready) {
            self.monitored = Some(false);
        }
        self.next_try = now + self.retry;
        self.retry = (self.retry * 2).min(RETRY_LONGEST);
        let trouble = error.to_string();
        if trouble == self.trouble {
            return;
        }
        match error {
            // Many systems are without it.
            MonitorError::Absent | MonitorError::Ended => tracing::debug!("{trouble}"),
            _ => tracing::warn!("{trouble}"),
        }
        self.trouble = trouble;
    }

    fn report(&mut self) {
        if let Some(resolvers) = self.resolvers.take()
            && !(self.report)(Update::Resolvers(resolvers.clone()))
        {
            self.resolvers = Some(resolvers);
        }
        if let Some(monitored) = self.monitored.take()
            && !(self.report)(Update::Monitored(monitored))
        {
            self.monitored = Some(monitored);
        }
    }

    fn wait(&self, stopped: &PipeReader, until: Instant) -> io::Result<Ready> {
        let until = match self.monitor {
            Some(_) => until,
            None => until.min(self.next_try),
        };
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up, or the last millisecond would be spent in circles.
        let left = left + Duration::from_millis(1);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut files = vec![PollFd::new(stopped.as_fd(), PollFlags::POLLIN)];
        if let Some(monitor) = &self.monitor {
            files.push(PollFd::new(monitor.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut files, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = |file: &PollFd<'_>| file.revents().is_some_and(|events| !events.is_empty());
        Ok(match files.iter().position(ready) {
            Some(0) => Ready::Stop,
            Some(_) => Ready::Monitor,
            None => Ready::Nothing,
        })
    }
}

/// What ended a wait.
enum Ready {
    Stop,
    Monitor,
    Nothing,
}

#[cfg(test)]
mod tests;
