//! The object the helper puts questions to.

use std::sync::{Arc, Mutex, PoisonError};

use bastion_ipc::wire::Question;
use zbus::fdo;
use zbus::message::Header;
use zbus::names::OwnedUniqueName;

use super::Message;
use super::task::Emit;

/// Who owns the helper's name at the moment. Shared by the task, which keeps it up to date, and
/// the agent, which listens to nobody else.
#[derive(Clone, Debug, Default)]
pub(super) struct HelperName(Arc<Mutex<Option<OwnedUniqueName>>>);

impl HelperName {
    pub(super) fn set(&self, owner: Option<OwnedUniqueName>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = owner;
    }

    fn check(&self, header: &Header<'_>) -> fdo::Result<()> {
        let owner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent_by_helper = match (header.sender(), owner.as_ref()) {
            (Some(sender), Some(owner)) => sender.as_str() == owner.as_str(),
            _ => false,
        };
        if sent_by_helper {
            Ok(())
        } else {
            Err(fdo::Error::AccessDenied(
                "Only the firewall helper may put questions.".into(),
            ))
        }
    }
}

pub(super) struct Agent {
    pub(super) helper: HelperName,
    pub(super) emit: Emit,
}

// Calls are taken in the order in which they come: a withdrawal must not overtake its question.
#[zbus::interface(name = "org.bastionfirewall.Agent1", spawn = false)]
impl Agent {
    fn ask(&self, question: Question, #[zbus(header)] header: Header<'_>) -> fdo::Result<()> {
        self.helper.check(&header)?;
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
        (self.emit)(Message::Withdraw(id));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::message::Message as BusMessage;

    fn call(sender: &'static str) -> BusMessage {
        BusMessage::method_call("/org/bastionfirewall/Agent1", "Ask")
            .sender(sender)
            .build(&())
            .unwrap()
    }

    #[test]
    fn nobody_but_the_helper_is_listened_to() {
        let helper = HelperName::default();
        let from_helper = call(":1.5");
        assert!(
            helper.check(&from_helper.header()).is_err(),
            "while there is none"
        );
        helper.set(Some(":1.5".try_into().unwrap()));
        assert!(helper.check(&from_helper.header()).is_ok());
        assert!(helper.check(&call(":1.50").header()).is_err());
        helper.set(Some(":1.6".try_into().unwrap()));
        assert!(
            helper.check(&from_helper.header()).is_err(),
            "after it was replaced"
        );
    }
}
