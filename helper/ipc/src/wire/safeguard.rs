use zbus::{DeserializeDict, SerializeDict, Type};

/// Safeguard is on for a user: their connections that no rule decides are dropped without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Guard {
    /// The user; [`u32::MAX`] for connections of which no user is known.
    pub user: u32,
    /// When it began.
    pub since: u64,
    /// Why: `questions` (too many came at once), `packets` (too many waited) or `queue` (the
    /// kernel's queue was nearly full).
    pub cause: String,
    /// Connections dropped since.
    pub dropped: u64,
    /// The programs with the most undecided connections, loudest first. Empty in the status, which
    /// everybody sees.
    pub programs: Vec<LoudProgram>,
}

/// A program with many undecided connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct LoudProgram {
    /// Its path, or `kernel` or `unknown`.
    pub program: String,
    /// How many of its connections were undecided since shortly before.
    pub undecided: u64,
    /// How many of them were dropped.
    pub dropped: u64,
}
