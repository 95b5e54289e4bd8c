//! What can go wrong, as the exit code says it.

use std::io;

use bastion_policy::escape;

/// Exit codes; `bastionctl --help` lists them.
pub(crate) mod code {
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const UNREACHABLE: u8 = 3;
    pub(crate) const NOT_AUTHORIZED: u8 = 4;
    pub(crate) const NOT_FOUND: u8 = 5;
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What was typed makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is no bus, or nobody answers on it.
    #[error(
        "The Bastion helper can't be reached: {0}.\n\
         Start it with “systemctl start bastion-helper”; “journalctl -u bastion-helper” shows \
         why it does not run."
    )]
    Unreachable(String),
    /// polkit or the bus refused.
    #[error(
        "Not authorised: {0}\n\
         Authenticate as an administrator when asked, or run this command with sudo."
    )]
    NotAuthorized(String),
    /// No rule or question of that name.
    #[error("{0}")]
    NotFound(String),
    /// The helper understood and refused; its sentence says why.
    #[error("{0}")]
    Refused(String),
    /// The helper answered in a way that can't be understood.
    #[error(
        "The Bastion helper answered in an unexpected way: {0}.\n\
         It may be of another version than this program; restart it with \
         “systemctl restart bastion-helper”."
    )]
    Protocol(String),
    /// Standard output.
    #[error("The output can't be written: {0}")]
    Output(#[source] io::Error),
    /// A file to write.
    #[error("{path} can't be written: {source}")]
    File {
        /// Which, escaped.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file to read.
    #[error("{path} can't be imported: {problem}")]
    Import {
        /// Which, escaped.
        path: String,
        /// Why.
        problem: String,
    },
    /// The terminal can't be switched to single keys.
    #[error("The terminal can't be used for questions: {0}")]
    Terminal(#[source] io::Error),
}

impl Error {
    /// The exit code for it.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => code::USAGE,
            Self::Unreachable(_) => code::UNREACHABLE,
            Self::NotAuthorized(_) => code::NOT_AUTHORIZED,
            Self::NotFound(_) => code::NOT_FOUND,
            Self::Refused(_)
            | Self::Protocol(_)
            | Self::Output(_)
            | Self::File { .. }
            | Self::Import { .. }
            | Self::Terminal(_) => code::FAILED,
        }
    }

    /// True when whoever read the output has seen enough, as `bastionctl log | head`.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<bastion_ipc::Error> for Error {
    fn from(error: bastion_ipc::Error) -> Self {
        use bastion_ipc::Error as Ipc;
        match error {
            Ipc::ZBus(error) => error.into(),
            Ipc::NotAuthorized(text) => Self::NotAuthorized(clean(&text)),
            Ipc::InvalidArgument(text) => Self::Usage(clean(&text)),
            Ipc::NotFound(text) => Self::NotFound(clean(&text)),
            Ipc::LimitReached(text) | Ipc::NotStored(text) | Ipc::Unavailable(text) => {
                Self::Refused(clean(&text))
            }
        }
    }
}

impl From<zbus::Error> for Error {
    fn from(error: zbus::Error) -> Self {
        use zbus::Error as Bus;
        match error {
            Bus::MethodError(name, text, _) => {
                by_name(name.as_str(), text.as_deref().unwrap_or_default())
            }
            Bus::FDO(error) => by_fdo(&error),
            Bus::InputOutput(_) | Bus::Address(_) | Bus::Handshake(_) => {
                Self::Unreachable(sentence(&error.to_string()))
            }
            other => Self::Protocol(sentence(&other.to_string())),
        }
    }
}

/// zbus turns some of the standard errors into values of its own.
fn by_fdo(error: &zbus::fdo::Error) -> Error {
    use zbus::DBusError as _;
    by_name(
        error.name().as_str(),
        error.description().unwrap_or_default(),
    )
}

/// Errors of the bus daemon, and of systemd when it can't start the helper for it.
fn by_name(name: &str, text: &str) -> Error {
    let said = sentence(if text.is_empty() { name } else { text });
    let daemon = name.strip_prefix("org.freedesktop.DBus.Error.");
    match daemon {
        Some("AccessDenied" | "AuthFailed" | "InteractiveAuthorizationRequired") => {
            Error::NotAuthorized(format!("{said}."))
        }
        Some(
            "ServiceUnknown" | "NameHasNoOwner" | "NoReply" | "NoServer" | "Disconnected"
            | "TimedOut" | "Timeout",
        ) => Error::Unreachable(said),
        Some(spawn) if spawn.starts_with("Spawn.") => Error::Unreachable(said),
        _ if name.starts_with("org.freedesktop.systemd1.") => Error::Unreachable(said),
        _ => Error::Protocol(said),
    }
}

/// Text of somebody else's as the end of a sentence of ours.
fn sentence(text: &str) -> String {
    clean(text.trim_end_matches('.'))
}

fn clean(text: &str) -> String {
    crate::output::clean(text).into_owned()
}

/// A path as text that is safe to show.
pub(crate) fn path_text(path: &std::path::Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    escape::bytes(path.as_os_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bus_daemons_errors_have_the_right_exit_code() {
        for (name, expected) in [
            (
                "org.freedesktop.DBus.Error.ServiceUnknown",
                code::UNREACHABLE,
            ),
            (
                "org.freedesktop.DBus.Error.Spawn.ChildExited",
                code::UNREACHABLE,
            ),
            ("org.freedesktop.systemd1.UnitMasked", code::UNREACHABLE),
            (
                "org.freedesktop.DBus.Error.AccessDenied",
                code::NOT_AUTHORIZED,
            ),
            ("org.freedesktop.DBus.Error.UnknownMethod", code::FAILED),
        ] {
            assert_eq!(by_name(name, "Why.").code(), expected, "{name}");
        }
    }

    #[test]
    fn the_helpers_errors_have_the_right_exit_code() {
        use bastion_ipc::Error as Ipc;
        let text = || "Why.\u{1b}[2J".to_owned();
        for (error, expected) in [
            (Ipc::NotAuthorized(text()), code::NOT_AUTHORIZED),
            (Ipc::InvalidArgument(text()), code::USAGE),
            (Ipc::NotFound(text()), code::NOT_FOUND),
            (Ipc::LimitReached(text()), code::FAILED),
            (Ipc::NotStored(text()), code::FAILED),
            (Ipc::Unavailable(text()), code::FAILED),
        ] {
            let error = Error::from(error);
            assert_eq!(error.code(), expected);
            assert!(!error.to_string().contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        assert!(Error::Output(io::ErrorKind::BrokenPipe.into()).is_broken_pipe());
        assert!(!Error::Output(io::ErrorKind::StorageFull.into()).is_broken_pipe());
    }
}
