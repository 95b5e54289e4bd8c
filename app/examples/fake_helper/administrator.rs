//! An administrator who is asked before settings are replaced, and may take their time.

use std::collections::VecDeque;

use bastion_ipc::Error;
use tokio::sync::oneshot;
use zbus::interface;

use crate::Shared;

/// Says yes at once, unless told to think about it.
#[derive(Default)]
pub(crate) struct Administrator {
    pub(crate) is_slow: bool,
    /// What waits for a word, oldest first.
    asked: VecDeque<oneshot::Sender<bool>>,
}

impl Administrator {
    /// What comes of it is the administrator's word.
    pub(crate) fn ask(&mut self) -> oneshot::Receiver<bool> {
        let (word, given) = oneshot::channel();
        match self.is_slow {
            true => self.asked.push_back(word),
            false => word.send(true).unwrap(),
        }
        given
    }
}

/// For tests, who play the administrator.
pub(crate) struct Desk(pub(crate) Shared);

#[interface(name = "org.bastionfirewall.FakeAdministrator1")]
impl Desk {
    /// How many requests wait.
    fn waiting(&self) -> u32 {
        self.0.lock().unwrap().administrator.asked.len() as u32
    }

    /// Settles the oldest.
    fn decide(&self, granted: bool) -> Result<(), Error> {
        let asked = self.0.lock().unwrap().administrator.asked.pop_front();
        let asked = asked.ok_or_else(|| Error::NotFound("Nothing waits.".into()))?;
        asked
            .send(granted)
            .map_err(|_| Error::NotFound("Who asked is gone.".into()))
    }
}
