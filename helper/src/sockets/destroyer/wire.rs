//! What the service and the process that ends sockets say to each other: one line each.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::super::diag::{Family, Key};

/// A socket to be ended. Text: number, user, protocol, both ends, interface, and cookie or `-`.
pub(super) struct Request {
    /// Tells it from other requests.
    pub id: u64,
    /// Whose socket it is.
    pub uid: u32,
    /// Which socket.
    pub key: Key,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is ended.
    Ended,
    /// There is none such.
    Gone,
    /// This kernel does not do that (an errno).
    Unsupported(i32),
    /// It could not be done (an errno).
    Failed(i32),
    /// Too many of this user's wait already.
    TooMany,
}

/// An answer. Text: number, and a word; or two, the second of which is an errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Of the request.
    pub id: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// A line is none of these.
#[derive(Debug, thiserror::Error)]
#[error("a line can't be understood")]
pub(super) struct Malformed;

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, uid, key } = self;
        let (protocol, interface) = (key.protocol, key.interface);
        write!(
            f,
            "{id} {uid} {protocol} {} {} {interface} ",
            key.local, key.remote
        )?;
        match key.cookie {
            Some(cookie) => write!(f, "{cookie}"),
            None => f.write_str("-"),
        }
    }
}

impl FromStr for Request {
    type Err = Malformed;

    fn from_str(line: &str) -> Result<Self, Malformed> {
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or(Malformed);
        let id = parsed(word()?)?;
        let uid = parsed(word()?)?;
        let protocol = parsed(word()?)?;
        let local = parsed(word()?)?;
        let remote: SocketAddr = parsed(word()?)?;
        let interface = parsed(word()?)?;
        let cookie = match word()? {
            "-" => None,
            cookie => Some(parsed(cookie)?),
        };
        let key = Key {
            protocol,
            family: Family::of(remote.ip()),
            local,
            remote,
            interface,
            cookie,
        };
        no_more(words)?;
        Ok(Self { id, uid, key })
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.id)?;
        match self.outcome {
            Outcome::Ended => f.write_str("ended"),
            Outcome::Gone => f.write_str("gone"),
            Outcome::Unsupported(number) => write!(f, "unsupported {number}"),
            Outcome::Failed(number) => write!(f, "failed {number}"),
            Outcome::TooMany => f.write_str("too-many"),
        }
    }
}

impl FromStr for Reply {
    type Err = Malformed;

    fn from_str(line: &str) -> Result<Self, Malformed> {
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or(Malformed);
        let id = parsed(word()?)?;
        let outcome = match word()? {
            "ended" => Outcome::Ended,
            "gone" => Outcome::Gone,
            "unsupported" => Outcome::Unsupported(parsed(word()?)?),
            "failed" => Outcome::Failed(parsed(word()?)?),
            "too-many" => Outcome::TooMany,
            _ => return Err(Malformed),
        };
        no_more(words)?;
        Ok(Self { id, outcome })
    }
}

fn parsed<T: FromStr>(word: &str) -> Result<T, Malformed> {
    word.parse().map_err(|_| Malformed)
}

fn no_more<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<(), Malformed> {
    words.next().map_or(Ok(()), |_| Err(Malformed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_said_is_understood() {
        for said in [
            "1 1000 tcp 192.0.2.1:4000 198.51.100.7:443 0 77",
            "18446744073709551615 0 udplite [2001:db8::1]:4000 [2001:db8::2]:53 3 -",
        ] {
            assert_eq!(said.parse::<Request>().unwrap().to_string(), said);
        }
        for said in [
            "1 ended",
            "2 gone",
            "3 unsupported 95",
            "4 failed 1",
            "5 too-many",
        ] {
            assert_eq!(said.parse::<Reply>().unwrap().to_string(), said);
        }
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line: String, cut in 0usize..48, more in "[ -~]{0,4}") {
            let _ = line.parse::<Request>();
            let _ = line.parse::<Reply>();
            let good = "1 1000 tcp 192.0.2.1:4000 198.51.100.7:443 0 77";
            let bent = format!("{}{more}", &good[..cut.min(good.len())]);
            let _ = bent.parse::<Request>();
            let _ = bent.parse::<Reply>();
        }
    }
}
