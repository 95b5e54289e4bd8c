//! Errors as they travel over the bus. Each carries a sentence that can be shown to the user.

/// Why the helper refused a call.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.bastionfirewall.Helper1.Error")]
pub enum Error {
    /// Errors of the bus itself.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// polkit does not authorise the caller.
    NotAuthorized(String),
    /// An argument makes no sense; the sentence names it and says what it should be.
    InvalidArgument(String),
    /// No rule, question or agent of that name (any more).
    NotFound(String),
    /// A limit was reached; the sentence says which.
    LimitReached(String),
    /// The change could not be stored; what was in force stays in force.
    NotStored(String),
    /// The helper can't do this at the moment, such as ask polkit; the sentence says why.
    Unavailable(String),
}
