//! The object the helper puts questions to.

use bastion_ipc::wire::Question;
use zbus::fdo;
use zbus::message::Header;

use super::Message;
use super::helper::Helper;
use super::task::Emit;

pub(super) struct Agent {
    pub(super) helper: Helper,
    pub(super) emit: Emit,
}

// Calls are taken in the order in which they come: a withdrawal must not overtake its question.
#[zbus::interface(name = "org.bastionfirewall.Agent1", spawn = false)]
impl Agent {
    fn ask(&self, mut question: Question, #[zbus(header)] header: Header<'_>) -> fdo::Result<()> {
        self.helper.check(&header)?;
        question.id = self.helper.asks(question.id);
        (self.emit)(Message::Ask(Box::new(question)));
        Ok(())
    }

    fn withdraw(
        &self,
        id: u64,
        reason: &str,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<()> {
        self.helper.check(&header)?;
        tracing::debug!(id, reason, "question withdrawn");
        if let Some(number) = self.helper.withdraws(id) {
            (self.emit)(Message::Withdraw(number));
        }
        Ok(())
    }
}
