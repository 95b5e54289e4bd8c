//! Which helper is listened to, and which questions it has asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::fdo;
use zbus::message::Header;
use zbus::names::OwnedUniqueName;

/// Who owns the helper's name at the moment, and what it has asked. Shared by the task, which
/// keeps the owner up to date, the agent, which listens to nobody else, and the client, which
/// answers nobody else.
///
/// A helper numbers its questions from 1 on, and so does the next one. The app has numbers of its
/// own, and never uses one twice: an answer that was meant for a helper that is gone can't become
/// the answer to what another helper asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Helper(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    owner: Option<OwnedUniqueName>,
    /// The number used last.
    last: u64,
    /// The helper's number of each question, by the app's.
    asked: HashMap<u64, u64>,
}

impl Helper {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This is the helper from now on. What another one has asked is over.
    pub(super) fn set(&self, owner: Option<OwnedUniqueName>) {
        let mut known = self.known();
        if known.owner != owner {
            known.owner = owner;
            known.asked.clear();
        }
    }

    /// Refuses what somebody else sends.
    pub(super) fn check(&self, header: &Header<'_>) -> fdo::Result<()> {
        let known = self.known();
        let sent_by_helper = match (header.sender(), known.owner.as_ref()) {
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

    /// The app's number of a question, given where it is asked for the first time.
    pub(super) fn asks(&self, id: u64) -> u64 {
        let mut known = self.known();
        if let Some((number, _)) = known.asked.iter().find(|(_, asked)| **asked == id) {
            return *number;
        }
        known.last += 1;
        let number = known.last;
        known.asked.insert(number, id);
        number
    }

    /// The app's number of a question that needs no answer any more.
    pub(super) fn withdraws(&self, id: u64) -> Option<u64> {
        let mut known = self.known();
        let (number, _) = known.asked.iter().find(|(_, asked)| **asked == id)?;
        let number = *number;
        known.asked.remove(&number);
        Some(number)
    }

    /// Who asked a question, and under which number.
    pub(super) fn asker(&self, number: u64) -> Option<(OwnedUniqueName, u64)> {
        let known = self.known();
        let id = known.asked.get(&number)?;
        Some((known.owner.clone()?, *id))
    }

    /// A question is settled.
    pub(super) fn forget(&self, number: u64) {
        self.known().asked.remove(&number);
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

    fn name(name: &'static str) -> Option<OwnedUniqueName> {
        Some(name.try_into().unwrap())
    }

    #[test]
    fn nobody_but_the_helper_is_listened_to() {
        let helper = Helper::default();
        let from_helper = call(":1.5");
        assert!(
            helper.check(&from_helper.header()).is_err(),
            "while there is none"
        );
        helper.set(name(":1.5"));
        assert!(helper.check(&from_helper.header()).is_ok());
        assert!(helper.check(&call(":1.50").header()).is_err());
        helper.set(name(":1.6"));
        assert!(
            helper.check(&from_helper.header()).is_err(),
            "after it was replaced"
        );
    }

    #[test]
    fn a_question_is_never_taken_for_another_helpers() {
        let helper = Helper::default();
        helper.set(name(":1.5"));
        let old = helper.asks(1);
        assert_eq!(helper.asks(1), old, "asked again with more that is known");
        assert_eq!(helper.asker(old), Some((name(":1.5").unwrap(), 1)));
        // The task finds the same helper again.
        helper.set(name(":1.5"));
        assert!(helper.asker(old).is_some());
        helper.set(None);
        assert_eq!(helper.asker(old), None);
        helper.set(name(":1.6"));
        let new = helper.asks(1);
        assert_ne!(new, old);
        assert_eq!(helper.asker(old), None);
        assert_eq!(helper.asker(new), Some((name(":1.6").unwrap(), 1)));
    }

    #[test]
    fn what_is_settled_is_forgotten() {
        let helper = Helper::default();
        helper.set(name(":1.5"));
        let (first, second) = (helper.asks(1), helper.asks(2));
        assert_eq!(helper.withdraws(1), Some(first));
        assert_eq!(helper.withdraws(1), None);
        helper.forget(second);
        assert_eq!(helper.asker(second), None);
        assert!(helper.asks(2) > second);
    }
}
