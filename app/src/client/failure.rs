use bastion_ipc::Error;
use zbus::fdo;

use crate::i18n::{gettext, gettext_f};

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There is no connection to a helper.
    #[error("the firewall service is not running")]
    Down,
    /// polkit refused, or the user gave up authenticating.
    #[error("not authorised: {0}")]
    Refused(String),
    /// What the call was about is gone.
    #[error("not found: {0}")]
    Gone(String),
    /// The helper does not know what it was asked for, or answers in a way that is not known here.
    #[error("not understood: {0}")]
    Misunderstood(String),
    /// What the helper or the bus said.
    #[error("{0}")]
    Told(String),
}

impl Failure {
    /// A sentence for the user.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Down => gettext("The firewall service is not running."),
            Self::Refused(why) => gettext_f("Not permitted: {why}", &[("why", why)]),
            Self::Misunderstood(_) => gettext(
                "The firewall service and this window are of different versions and do not understand each other in this.",
            ),
            Self::Gone(why) | Self::Told(why) => why.clone(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotAuthorized(why) => Self::Refused(why),
            Error::NotFound(why) => Self::Gone(why),
            Error::ZBus(error) => error.into(),
            Error::InvalidArgument(why)
            | Error::LimitReached(why)
            | Error::NotStored(why)
            | Error::Unavailable(why) => Self::Told(why),
        }
    }
}

impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Self {
        match error {
            // A reply that does not have the form that is known here, or lacks a field.
            zbus::Error::SignatureMismatch(..)
            | zbus::Error::IncorrectType
            | zbus::Error::Failure(_) => Self::Misunderstood(error.to_string()),
            error => fdo::Error::from(error).into(),
        }
    }
}

impl From<fdo::Error> for Failure {
    fn from(error: fdo::Error) -> Self {
        match error {
            fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) => Self::Down,
            // What the bus daemon itself says when its policy forbids the call.
            fdo::Error::AccessDenied(why) | fdo::Error::InteractiveAuthorizationRequired(why) => {
                Self::Refused(why)
            }
            // The bus library of the helper says these; what the helper itself refuses has names of
            // its own.
            fdo::Error::UnknownMethod(why)
            | fdo::Error::UnknownInterface(why)
            | fdo::Error::UnknownObject(why)
            | fdo::Error::InvalidArgs(why)
            | fdo::Error::InvalidSignature(why) => Self::Misunderstood(why),
            other => Self::Told(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_helpers_own_sentences_reach_the_user() {
        let told = Failure::from(Error::LimitReached("No more than 3.".into()));
        assert_eq!(told.sentence(), "No more than 3.");
        let refused = Failure::from(Error::NotAuthorized("Ask alice.".into()));
        assert_eq!(refused.sentence(), "Not permitted: Ask alice.");
    }

    #[test]
    fn what_is_not_known_to_the_other_side_is_told_from_what_it_refuses() {
        let misunderstood = |error: zbus::Error| {
            let failure = Failure::from(Error::ZBus(error));
            assert!(matches!(failure, Failure::Misunderstood(_)), "{failure:?}");
        };
        misunderstood(fdo::Error::UnknownMethod("Unknown method 'List'".into()).into());
        misunderstood(fdo::Error::InvalidArgs("Signature mismatch".into()).into());
        misunderstood(zbus::Error::IncorrectType);
        let refused = Failure::from(Error::InvalidArgument("ports: none.".into()));
        assert_eq!(refused.sentence(), "ports: none.");
    }

    #[test]
    fn a_helper_that_left_is_not_running() {
        let gone = zbus::Error::from(fdo::Error::ServiceUnknown("The name is not there".into()));
        assert_eq!(Failure::from(gone), Failure::Down);
    }
}
