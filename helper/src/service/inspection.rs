//! The thread that looks up what else is known of programs that are asked about.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use bastion_policy::process::Process;
use tokio::sync::oneshot;

use crate::identify::details::{Details, Inspector};

/// Most look-ups that wait. Nobody reads more questions than that.
const MOST: usize = 256;

struct Job {
    process: Arc<Process>,
    found: oneshot::Sender<Details>,
}

/// Asks the thread, which ends with this. It is a thread of its own because a slow disk or a
/// large program may hold it up, and then nothing else shall wait: neither other blocking tasks
/// nor the questions themselves.
#[derive(Clone, Debug)]
pub(super) struct Inspections {
    jobs: mpsc::SyncSender<Job>,
}

impl Inspections {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub(super) fn start(mut inspector: Inspector) -> io::Result<Self> {
        let (jobs, todo) = mpsc::sync_channel::<Job>(MOST);
        thread::Builder::new()
            .name("inspector".into())
            .spawn(move || {
                for job in todo {
                    // Nobody wants to know any more when the question is closed.
                    if !job.found.is_closed() {
                        let _ = job.found.send(inspector.inspect(&job.process));
                    }
                }
            })?;
        Ok(Self { jobs })
    }

    /// Looks a process up; an error where there is too much to do already.
    pub(super) fn ask(&self, process: Arc<Process>) -> oneshot::Receiver<Details> {
        let (found, details) = oneshot::channel();
        if self.jobs.try_send(Job { process, found }).is_err() {
            tracing::debug!("too many programs are asked about to look up all of them");
        }
        details
    }
}
