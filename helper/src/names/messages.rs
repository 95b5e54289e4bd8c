//! What DNS messages say, as far as names of addresses are concerned. Total on any input.

use std::fmt;
use std::net::IpAddr;

use bastion_policy::matcher::HostName;
use domain::base::Message;
use domain::base::iana::{Class, Opcode, Rcode, Rtype};
use domain::base::name::{ParsedName, ToLabelIter as _};
use domain::base::record::ParsedRecord;
use domain::base::wire::ParseError;
use domain::dep::octseq::{Octets, Parser};
use domain::rdata::svcb::value::{Ipv4Hint, Ipv6Hint};
use domain::rdata::{A, Aaaa, Cname, Https};

/// Most records that are read of one answer. Real ones have a few dozen.
pub(super) const RECORDS: usize = 512;

/// A name as it stands in messages, in lower case: labels with their lengths, the root's last.
/// Unlike a [`HostName`] it may hold any bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct WireName(Box<[u8]>);

impl WireName {
    fn of<Octs: Octets>(name: &ParsedName<Octs>) -> Self {
        let mut bytes = Vec::with_capacity(usize::from(name.compose_len()));
        for label in name.iter_labels() {
            let label = label.as_slice();
            // Labels have at most 63 bytes.
            bytes.push(u8::try_from(label.len()).unwrap_or_default());
            bytes.extend(label.iter().map(u8::to_ascii_lowercase));
        }
        Self(bytes.into())
    }

    /// The labels, without the root's.
    fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (label, next) = behind.split_at_checked(usize::from(*length))?;
            rest = next;
            Some(label)
        })
        .filter(|label| !label.is_empty())
    }

    /// The name as rules know it; nothing if its bytes are none of a host's name.
    pub(super) fn host_name(&self) -> Option<HostName> {
        let mut text = String::with_capacity(self.0.len());
        for label in self.labels() {
            // A dot within a label would read as the border of two.
            if label.contains(&b'.') {
                return None;
            }
            text.push_str(std::str::from_utf8(label).ok()?);
            text.push('.');
        }
        text.parse().ok()
    }

    /// True if resolvers may look the name up by other means than DNS, and there any program or
    /// neighbour may answer: names of one label (LLMNR, RFC 4795), those in `local` (mDNS, RFC
    /// 6762), and those of addresses (both).
    pub(super) fn may_be_a_neighbours(&self) -> bool {
        let labels: Vec<_> = self.labels().collect();
        match &*labels {
            [] | [_] | [.., b"local"] => true,
            [.., above, b"arpa"] => matches!(*above, b"in-addr" | b"ip6"),
            _ => false,
        }
    }
}

impl From<&HostName> for WireName {
    fn from(name: &HostName) -> Self {
        let mut bytes = Vec::with_capacity(name.as_str().len() + 2);
        for label in name.as_str().split('.') {
            bytes.push(u8::try_from(label.len()).unwrap_or_default());
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.push(0);
        Self(bytes.into())
    }
}

impl fmt::Debug for WireName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bastion_policy::escape::bytes(&self.0))
    }
}

/// What is asked for: the addresses of a name, by one of the types of records that tell them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) name: WireName,
    pub(super) wanted: Wanted,
}

/// Types of records that are asked for and tell addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    /// A: IPv4 addresses.
    Ipv4,
    /// AAAA: IPv6 addresses.
    Ipv6,
    /// HTTPS: how to reach a web server, at times with addresses (RFC 9460).
    Service,
    /// All that the server has.
    Any,
}

impl Wanted {
    /// The type with this number, if it tells addresses.
    pub(super) fn from_number(number: u16) -> Option<Self> {
        match Rtype::from_int(number) {
            Rtype::A => Some(Self::Ipv4),
            Rtype::AAAA => Some(Self::Ipv6),
            Rtype::HTTPS => Some(Self::Service),
            Rtype::ANY => Some(Self::Any),
            _ => None,
        }
    }
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) owner: WireName,
    /// Seconds for which it holds.
    pub(super) ttl: u32,
    pub(super) data: Data,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// An address of its owner.
    Address(IpAddr),
    /// Its owner is another name for this one.
    Alias(WireName),
    /// Addresses at which its owner's web server can be reached.
    Hints(Vec<IpAddr>),
}

/// Why a message tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum MessageError {
    /// It is no DNS message.
    #[error("the message is malformed")]
    Malformed,
    /// It is no standard query, or an answer to none, or asks for nothing of the internet's.
    #[error("the message is about something other than looking up names")]
    OtherBusiness,
    /// It asks for a type of records that tells no address of the name.
    #[error("the message is not about addresses")]
    OtherType,
    /// The server says that the name does not exist, or that something failed.
    #[error("the server found nothing")]
    NotFound,
}

/// A message about one name's addresses.
#[derive(Clone, Copy)]
pub(super) struct DnsMessage<'a>(&'a Message<[u8]>);

impl<'a> DnsMessage<'a> {
    /// Takes the bytes for a message.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let message = Message::from_slice(bytes).map_err(|_| MessageError::Malformed)?;
        if message.header().opcode() != Opcode::QUERY {
            return Err(MessageError::OtherBusiness);
        }
        Ok(Self(message))
    }

    /// The number that query and answer have in common.
    pub(super) fn id(self) -> u16 {
        self.0.header().id()
    }

    pub(super) fn is_response(self) -> bool {
        self.0.header().qr()
    }

    /// What the message asks, or answers.
    pub(super) fn question(self) -> Result<Question, MessageError> {
        let question = self
            .0
            .sole_question()
            .map_err(|_| MessageError::Malformed)?;
        if question.qclass() != Class::IN {
            return Err(MessageError::OtherBusiness);
        }
        let wanted =
            Wanted::from_number(question.qtype().to_int()).ok_or(MessageError::OtherType)?;
        Ok(Question {
            name: WireName::of(question.qname()),
            wanted,
        })
    }

    /// The records of the answer that have to do with addresses.
    ///
    /// A message may be cut, by its server or where it was captured: what stands before the cut
    /// counts. Servers are trusted with what they say, so a broken record takes nothing from
    /// those before it.
    pub(super) fn records(self) -> Result<Vec<Record>, MessageError> {
        if self.0.header().rcode() != Rcode::NOERROR {
            return Err(MessageError::NotFound);
        }
        let section = self.0.answer().map_err(|_| MessageError::Malformed)?;
        Ok(section
            .take(RECORDS)
            .map_while(Result::ok)
            .filter_map(|record| Record::of(&record).ok().flatten())
            .collect())
    }
}

impl Record {
    /// The record that these bytes are, if it has to do with addresses.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let record = ParsedRecord::parse(&mut Parser::from_ref(bytes)).ok()?;
        Self::of(&record).ok().flatten()
    }

    fn of<Octs: Octets + ?Sized>(
        record: &ParsedRecord<'_, Octs>,
    ) -> Result<Option<Self>, ParseError> {
        if record.class() != Class::IN {
            return Ok(None);
        }
        let Some(data) = Data::of(record)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            owner: WireName::of(&record.owner()),
            ttl: record.ttl().as_secs(),
            data,
        }))
    }
}

impl Data {
    fn of<Octs: Octets + ?Sized>(
        record: &ParsedRecord<'_, Octs>,
    ) -> Result<Option<Self>, ParseError> {
        Ok(match record.rtype() {
            Rtype::A => record
                .to_record::<A>()?
                .map(|record| Self::Address(record.data().addr().into())),
            Rtype::AAAA => record
                .to_record::<Aaaa>()?
                .map(|record| Self::Address(record.data().addr().into())),
            Rtype::CNAME => record
                .to_record::<Cname<_>>()?
                .map(|record| Self::Alias(WireName::of(record.data().cname()))),
            Rtype::HTTPS => record
                .to_record::<Https<_, _>>()?
                .map(|record| Self::Hints(hints(record.data()))),
            _ => None,
        })
    }
}

fn hints<Octs: Octets, Name>(service: &Https<Octs, Name>) -> Vec<IpAddr> {
    let params = service.params();
    let v4 = params.first::<Ipv4Hint<_>>();
    let v6 = params.first::<Ipv6Hint<_>>();
    let v4 = v4.iter().flat_map(|hint| hint.iter().map(IpAddr::from));
    let v6 = v6.iter().flat_map(|hint| hint.iter().map(IpAddr::from));
    v4.chain(v6).collect()
}

#[cfg(test)]
mod tests;
