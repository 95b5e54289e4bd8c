use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::PathPattern;
use crate::escape;
use crate::process::Identity;

/// Why a text is no program matcher.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProgramError {
    /// Not absolute, not normal, or with characters that need an escape.
    #[error("“{0}” is no program path; it must be absolute, without “//”, “.” or “..”")]
    Path(String),
    /// The pattern can't be compiled.
    #[error("“{pattern}” is no path pattern: {reason}")]
    Pattern {
        /// The text, escaped.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An application id with impossible characters.
    #[error("“{0}” is no application id; it has letters, digits and “. _ -” only")]
    AppId(String),
    /// Nothing a program matcher starts with.
    #[error(
        "“{0}” names no program; use any, kernel, unknown, an absolute path, \
         pattern:…, flatpak:…, snap:… or appimage:…"
    )]
    Kind(String),
}

/// An absolute path of an executable in the escaped form of [`escape::bytes`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExecutablePath(Arc<str>);

impl ExecutablePath {
    /// Linux's `PATH_MAX` is 4096 bytes (limits.h); escapes can make a path four times as long.
    const MAX: usize = 4 * 4096;

    /// The path the kernel gave, as `readlink("/proc/pid/exe")` does without its ` (deleted)`.
    ///
    /// # Errors
    /// If it is not absolute.
    pub fn from_bytes(path: &[u8]) -> Result<Self, ProgramError> {
        escape::bytes(path).parse()
    }

    /// The path in its escaped form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for ExecutablePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ExecutablePath {
    type Err = ProgramError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let normal = text.strip_prefix('/').is_some_and(|rest| {
            rest.split('/')
                .all(|part| !part.is_empty() && part != "." && part != "..")
        });
        if normal && text.len() <= Self::MAX && escape::is_printable(text) {
            Ok(Self(text.into()))
        } else {
            Err(ProgramError::Path(escape::excerpt(text)))
        }
    }
}

/// A sandboxed or bundled application by the id its packaging gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AppId {
    /// A Flatpak, as `org.mozilla.firefox`.
    Flatpak(Arc<str>),
    /// A Snap, as `firefox`.
    Snap(Arc<str>),
    /// An AppImage by its file name without version or suffix.
    AppImage(Arc<str>),
}

impl AppId {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Flatpak(id) => ("flatpak", id),
            Self::Snap(id) => ("snap", id),
            Self::AppImage(id) => ("appimage", id),
        }
    }

    /// The id without its kind.
    #[must_use]
    pub fn id(&self) -> &str {
        self.parts().1
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.parts();
        write!(f, "{kind}:{id}")
    }
}

impl FromStr for AppId {
    type Err = ProgramError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, id) = text
            .split_once(':')
            .ok_or_else(|| ProgramError::Kind(escape::excerpt(text)))?;
        let valid = (1..=255).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if !valid {
            return Err(ProgramError::AppId(escape::excerpt(id)));
        }
        match kind {
            "flatpak" => Ok(Self::Flatpak(id.into())),
            "snap" => Ok(Self::Snap(id.into())),
            "appimage" => Ok(Self::AppImage(id.into())),
            _ => Err(ProgramError::Kind(escape::excerpt(text))),
        }
    }
}

/// Which programs a rule is for. Text: `any`, `kernel`, `unknown`, an absolute path,
/// `pattern:/opt/*/bin/x`, `flatpak:ID`, `snap:ID`, `appimage:ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProgramMatcher {
    /// Everything, the kernel's own packets and unknown senders included.
    #[default]
    Any,
    /// Packets that no process sent.
    Kernel,
    /// Packets whose sender could not be proven.
    Unknown,
    /// The program at this path.
    Path(ExecutablePath),
    /// Programs whose path matches.
    Pattern(PathPattern),
    /// A sandboxed application.
    App(AppId),
}

impl ProgramMatcher {
    /// True if this sender is meant.
    #[must_use]
    pub fn matches(&self, identity: &Identity) -> bool {
        match (self, identity) {
            (Self::Any, _)
            | (Self::Kernel, Identity::Kernel)
            | (Self::Unknown, Identity::Unknown { .. }) => true,
            (Self::Path(_) | Self::Pattern(_), Identity::Process(p)) => {
                self.matches_path(&p.executable.path)
            }
            (Self::App(app), Identity::Process(p)) => p.app.as_ref() == Some(app),
            _ => false,
        }
    }

    /// True if this is a path or a pattern, and means this path.
    pub(crate) fn matches_path(&self, path: &ExecutablePath) -> bool {
        match self {
            Self::Path(wanted) => wanted == path,
            Self::Pattern(pattern) => pattern.matches(path),
            _ => false,
        }
    }
}

impl fmt::Display for ProgramMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Kernel => f.write_str("kernel"),
            Self::Unknown => f.write_str("unknown"),
            Self::Path(path) => path.fmt(f),
            Self::Pattern(pattern) => write!(f, "pattern:{}", pattern.as_str()),
            Self::App(app) => app.fmt(f),
        }
    }
}

impl FromStr for ProgramMatcher {
    type Err = ProgramError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self::Any),
            "kernel" => Ok(Self::Kernel),
            "unknown" => Ok(Self::Unknown),
            path if path.starts_with('/') => path.parse().map(Self::Path),
            _ => match text.strip_prefix("pattern:") {
                Some(pattern) => pattern.parse().map(Self::Pattern),
                None => text.parse().map(Self::App),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "any",
            "kernel",
            "unknown",
            "/usr/bin/curl",
            "pattern:/opt/*/bin/x",
            "flatpak:org.mozilla.firefox",
            "snap:firefox",
            "appimage:Tool-x",
        ] {
            assert_eq!(text.parse::<ProgramMatcher>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "curl",
            "/",
            "//x",
            "/a/../b",
            "/a/",
            "pattern:x",
            "pattern:/[",
            "flatpak:",
            "flatpak:a b",
            "deb:x",
            "/a\nb",
            "/a\u{202e}b",
        ] {
            assert!(text.parse::<ProgramMatcher>().is_err(), "{text:?}");
        }
    }
}
