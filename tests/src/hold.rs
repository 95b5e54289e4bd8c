//! Threads that don't go on: held by a debugger, as by a kernel that never returns from a call.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::sandbox::Sandbox;
use crate::{Error, Result};

/// How often it is looked whether a thread that is held was killed: until that is seen, the kernel
/// keeps what is left of its process.
const LOOK: Duration = Duration::from_millis(5);

/// A thread that is held. It goes on when this is dropped; or it ends, when it was killed.
pub struct Hold {
    release: Option<Sender<()>>,
    /// The debugger: only the thread that has caught another one can let it go.
    debugger: Option<JoinHandle<()>>,
}

impl Hold {
    /// Holds one thread, by its number on the host.
    ///
    /// # Errors
    /// When there is no such thread, or it already has a debugger.
    pub fn thread(tid: u32) -> Result<Self> {
        let (release, released) = channel();
        let (tell, told) = channel();
        let pid = i32::try_from(tid).map_or(Pid::from_raw(0), Pid::from_raw);
        let debugger = thread::spawn(move || {
            let stopped = stop(pid);
            let caught = stopped.is_ok();
            if tell.send(stopped).is_ok() && caught {
                keep(pid, &released);
            }
        });
        let stopped = told.recv().unwrap_or(Err(Errno::ESRCH));
        stopped.map_err(|source| Error::Hold { tid, source })?;
        Ok(Self {
            release: Some(release),
            debugger: Some(debugger),
        })
    }

    /// Holds all threads of a machine's process that have one of these names; gives how many
    /// there are of them. Both the process number and the names are the machine's own.
    ///
    /// # Errors
    /// When there is no such process or thread.
    pub fn threads(sandbox: &Sandbox, process: u32, names: &[&str]) -> Result<Vec<Self>> {
        let process = sandbox.process_on_host(process)?;
        let mut held = Vec::new();
        for (tid, name) in threads(process)? {
            if !names.contains(&name.as_str()) {
                continue;
            }
            match Self::thread(tid) {
                Ok(hold) => held.push(hold),
                // Threads of a pool come and go.
                Err(Error::Hold {
                    source: Errno::ESRCH,
                    ..
                }) => {}
                Err(error) => return Err(error),
            }
        }
        if held.is_empty() {
            return Err(Error::Hold {
                tid: process,
                source: Errno::ESRCH,
            });
        }
        Ok(held)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release = None;
        if let Some(debugger) = self.debugger.take() {
            // It does not panic, and there is nobody to tell if it did.
            let _ = debugger.join();
        }
    }
}

fn stop(thread: Pid) -> std::result::Result<(), Errno> {
    ptrace::seize(thread, ptrace::Options::empty())?;
    ptrace::interrupt(thread)?;
    match waitpid(thread, Some(WaitPidFlag::__WALL))? {
        WaitStatus::Exited(..) | WaitStatus::Signaled(..) => Err(Errno::ESRCH),
        _ => Ok(()),
    }
}

fn keep(thread: Pid, released: &Receiver<()>) {
    let look = WaitPidFlag::__WALL | WaitPidFlag::WNOHANG;
    while let Err(RecvTimeoutError::Timeout) = released.recv_timeout(LOOK) {
        match waitpid(thread, Some(look)) {
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(_) => return,
            Ok(_) => {}
        }
    }
    // One that was killed this very moment is gone all the same.
    let _ = ptrace::detach(thread, None);
}

/// Numbers on the host and names of a process's threads.
fn threads(process: u32) -> Result<Vec<(u32, String)>> {
    let directory = Path::new("/proc").join(process.to_string()).join("task");
    let entries = std::fs::read_dir(&directory).map_err(|source| Error::File {
        path: directory.clone(),
        source,
    })?;
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        // One that has ended meanwhile has no name.
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        let tid = entry.file_name().to_str()?.parse().ok()?;
        Some((tid, name.trim_end().to_owned()))
    });
    Ok(named.collect())
}
