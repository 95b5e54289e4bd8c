use zbus::{DeserializeDict, SerializeDict, Type};

use super::WireError;

/// Connections that learn mode allowed and no rule decides: a suggestion to review. Every text in
/// it is escaped and safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Suggestion {
    /// Names the suggestion; no other ever has its number.
    pub id: u64,
    /// Path of the executable, or `kernel`.
    pub program: String,
    /// `flatpak:ID`, `snap:ID`, `appimage:ID` or empty.
    pub app: String,
    /// The user; `u32::MAX` when there is none.
    pub uid: u32,
    /// Text form of the protocol.
    pub protocol: String,
    /// Name under which the destination was looked up; empty when not known.
    pub host: String,
    /// Destination address; where there is a name, the last that was seen.
    pub destination: String,
    /// Destination port; 0 when the protocol has none.
    pub destination_port: u16,
    /// How many connections were allowed.
    pub count: u64,
    /// When the first was.
    pub first: u64,
    /// When the last was.
    pub last: u64,
}

impl Suggestion {
    /// Most that are kept, and so most that a call can name.
    pub const MAX: usize = 2_000;

    /// The numbers that a call names, each once.
    ///
    /// # Errors
    /// If there is none, or more than [`Suggestion::MAX`].
    pub fn named(mut ids: Vec<u64>) -> Result<Vec<u64>, WireError> {
        if ids.is_empty() || ids.len() > Self::MAX {
            let problem = format!("name 1 to {} suggestions", Self::MAX);
            return Err(WireError::new("ids", problem));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_name_some_suggestions_and_not_too_many() {
        assert_eq!(Suggestion::named(vec![3, 1, 3]).unwrap(), [1, 3]);
        assert!(Suggestion::named(vec![]).is_err());
        assert!(Suggestion::named(vec![7; Suggestion::MAX]).is_ok());
        assert!(Suggestion::named(vec![7; Suggestion::MAX + 1]).is_err());
    }
}
