//! DNS messages out of TCP connections: each has its length before it (RFC 1035, section 4.2.2).

use bastion_policy::time::Timestamp;

use super::capture::{Direction, Path, Segment};
use super::recent::Recent;

/// Most connections that are observed. The one that nothing happened on for the longest time is
/// let go first.
pub(super) const CONNECTIONS: usize = 64;

/// For how many milliseconds a connection is observed on which nothing happens.
pub(super) const IDLE: u64 = 120_000;

/// Fewer bytes than the header of a message has (RFC 1035, section 4.1.1).
const SHORTEST: usize = 12;

/// Connections with DNS servers, from their opening on. Segments have to be observed in order; one
/// that does not join up ends the observation of its connection.
#[derive(Debug)]
pub(super) struct Streams(Recent<Path, Connection>);

#[derive(Debug)]
struct Connection {
    /// The sequence number of the SYN.
    opening: u32,
    sent: Half,
    /// Nothing before the server has accepted.
    received: Option<Half>,
    last: Timestamp,
}

/// One direction.
#[derive(Debug)]
struct Half {
    /// The sequence number of the next byte.
    next: u32,
    /// The beginning of a message.
    buffer: Vec<u8>,
    closed: bool,
}

/// Why a connection is no longer observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum StreamError {
    /// Its opening was not observed, or its observation has ended.
    #[error("the connection is not observed")]
    Unknown,
    /// A segment is missing, or was not captured whole.
    #[error("a part of the connection was not observed")]
    Gap,
    /// What it carries can't be DNS.
    #[error("the connection does not carry DNS messages")]
    Malformed,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self(Recent::new(CONNECTIONS))
    }

    /// The messages that a segment completes. With an error, the connection is not observed any
    /// longer.
    pub(super) fn push(
        &mut self,
        path: Path,
        direction: Direction,
        segment: &Segment<'_>,
        now: Timestamp,
    ) -> (Vec<Vec<u8>>, Option<StreamError>) {
        let mut messages = Vec::new();
        let result = self.take(path, direction, segment, now, &mut messages);
        if result.is_err() {
            self.0.remove(&path);
        }
        (messages, result.err())
    }

    fn take(
        &mut self,
        path: Path,
        direction: Direction,
        segment: &Segment<'_>,
        now: Timestamp,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), StreamError> {
        if segment.rst {
            self.0.remove(&path);
            return Ok(());
        }
        if segment.syn && !segment.ack && direction == Direction::Sent {
            self.open(path, segment, now);
        }
        let connection = self.0.renew(&path).ok_or(StreamError::Unknown)?;
        connection.last = now;
        let accepts = segment.syn && segment.ack && direction == Direction::Received;
        if accepts && connection.received.is_none() {
            connection.received = Some(Half::after_syn(segment.sequence));
        }
        let half = match direction {
            Direction::Sent => &mut connection.sent,
            Direction::Received => connection.received.as_mut().ok_or(StreamError::Gap)?,
        };
        half.take(segment, messages)?;
        let over = |half: &Half| half.closed;
        if over(&connection.sent) && connection.received.as_ref().is_some_and(over) {
            self.0.remove(&path);
        }
        Ok(())
    }

    /// A SYN that is sent again opens nothing new.
    fn open(&mut self, path: Path, segment: &Segment<'_>, now: Timestamp) {
        let known = self.0.get(&path);
        if known.is_none_or(|connection| connection.opening != segment.sequence) {
            let connection = Connection {
                opening: segment.sequence,
                sent: Half::after_syn(segment.sequence),
                received: None,
                last: now,
            };
            self.0.put(path, connection);
        }
    }

    /// Lets go of connections on which nothing happens.
    pub(super) fn tick(&mut self, now: Timestamp) {
        while let Some((_, connection)) = self.0.oldest()
            && now > connection.last.after_millis(IDLE)
        {
            self.0.remove_oldest();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Half {
    /// A SYN takes up one number (RFC 9293, section 3.4).
    fn after_syn(sequence: u32) -> Self {
        Self {
            next: sequence.wrapping_add(1),
            buffer: Vec::new(),
            closed: false,
        }
    }

    fn take(
        &mut self,
        segment: &Segment<'_>,
        messages: &mut Vec<Vec<u8>>,
    ) -> Result<(), StreamError> {
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        // Numbers are compared modulo 2^32: less than half of them lie before, the others behind.
        let ahead = first.wrapping_sub(self.next);
        let behind = self.next.wrapping_sub(first);
        if ahead != 0 && ahead < behind {
            // A keep-alive or a lone acknowledgement may stand anywhere.
            return match segment.bytes.is_empty() && !segment.fin && !segment.cut {
                true => Ok(()),
                false => Err(StreamError::Gap),
            };
        }
        let known = usize::try_from(behind).unwrap_or(usize::MAX);
        let fresh = segment.bytes.get(known..).unwrap_or_default();
        self.append(fresh, messages)?;
        if segment.cut {
            return Err(StreamError::Gap);
        }
        self.closed |= segment.fin;
        Ok(())
    }

    fn append(&mut self, fresh: &[u8], messages: &mut Vec<Vec<u8>>) -> Result<(), StreamError> {
        // A segment is shorter than 4 GiB.
        let length = u32::try_from(fresh.len()).map_err(|_| StreamError::Malformed)?;
        self.next = self.next.wrapping_add(length);
        self.buffer.extend_from_slice(fresh);
        let mut rest = &*self.buffer;
        while let Some((length, behind)) = rest.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes(*length));
            if length < SHORTEST {
                return Err(StreamError::Malformed);
            }
            let Some((message, behind)) = behind.split_at_checked(length) else {
                break;
            };
            messages.push(message.to_vec());
            rest = behind;
        }
        // What is left is shorter than a message and its length, so 64 KiB at most.
        let done = self.buffer.len() - rest.len();
        self.buffer.drain(..done);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
