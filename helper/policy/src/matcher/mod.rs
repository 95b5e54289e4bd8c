//! The parts of a rule. Each has exactly one text form (`Display` and `FromStr`), which the rules
//! file, D-Bus, the command line and the editor share; a value that parses is valid.

mod app;
mod destination;
mod hostname;
mod pattern;
mod ports;
mod program;
mod relation;
mod span;

pub use destination::{AddressRange, DestinationError, DestinationMatcher, Group};
pub use hostname::{HostName, HostNameError};
pub use pattern::PathPattern;
pub use ports::{PortError, PortMatcher, PortRange};
pub use program::{AppId, ExecutablePath, ProgramError, ProgramMatcher};

use std::fmt;
use std::str::FromStr;

use crate::flow::{Protocol, ProtocolError};

/// Which users a rule is for. Text: `any` or a numeric uid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UserMatcher {
    /// Everybody, the system's own users included.
    #[default]
    Any,
    /// The user with this uid.
    Uid(u32),
}

/// A text that is no user matcher.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("“{0}” is no user; use “any” or a numeric user id")]
pub struct UserError(pub String);

impl UserMatcher {
    /// True if a flow whose sender's uid is `uid` (`None`: not known) is meant.
    #[must_use]
    pub fn matches(self, uid: Option<u32>) -> bool {
        match self {
            Self::Any => true,
            Self::Uid(wanted) => uid == Some(wanted),
        }
    }
}

impl fmt::Display for UserMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Uid(uid) => write!(f, "{uid}"),
        }
    }
}

impl FromStr for UserMatcher {
    type Err = UserError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self::Any),
            // (uid_t)-1 means "no user" to the kernel: chown(2).
            _ => match text.parse::<u32>() {
                Ok(uid) if uid != u32::MAX => Ok(Self::Uid(uid)),
                _ => Err(UserError(crate::escape::excerpt(text))),
            },
        }
    }
}

/// Which protocols a rule is for. Text: `any` or the protocol's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProtocolMatcher {
    /// All protocols.
    #[default]
    Any,
    /// This one alone.
    Only(Protocol),
}

impl ProtocolMatcher {
    /// True if `protocol` is meant.
    #[must_use]
    pub fn matches(self, protocol: Protocol) -> bool {
        match self {
            Self::Any => true,
            Self::Only(wanted) => wanted == protocol,
        }
    }
}

impl fmt::Display for ProtocolMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Only(protocol) => protocol.fmt(f),
        }
    }
}

impl FromStr for ProtocolMatcher {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self::Any),
            _ => text.parse().map(Self::Only),
        }
    }
}
