//! Why something is not stored.

use bastion_policy::rule::RuleId;

use super::file::FileError;
use super::toml::TextError;

/// Why something is not stored, or a file is not taken over. What was in force stays in force.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The content of a file makes no sense.
    #[error(
        "{path}, {problem}; what was in force before stays in force; \
         correct the file and save it again"
    )]
    Broken {
        /// Which file.
        path: String,
        /// What is wrong, and where.
        #[source]
        problem: TextError,
    },
    /// A file can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file vanished while Bastion was running.
    #[error(
        "{path} is gone; what it said stays in force until Bastion restarts; \
         bring it back, or change something in Bastion, which writes it anew"
    )]
    Gone {
        /// Which file.
        path: String,
    },
    /// No rule has this id (any more).
    #[error("There is no rule “{0}”; it may have been removed meanwhile")]
    NotFound(RuleId),
    /// More rules than can be held.
    #[error("{count} rules are too many; at most {max} can be held; remove some first")]
    TooManyRules {
        /// How many there would be.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// The file would grow larger than what can be read back.
    #[error(
        "{path} would grow larger than {limit} bytes, the most it may have; remove some rules first"
    )]
    NoRoom {
        /// Which file.
        path: String,
        /// Most bytes it may have.
        limit: u64,
    },
}
