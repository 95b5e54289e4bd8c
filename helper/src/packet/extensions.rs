//! IPv6 extension headers.
//!
//! etherparse reads each header; the walk from one to the next is our own, because its lenient
//! one goes on behind a later fragment's header, where there are no headers any more, and its
//! iterator over a chain that is cut reads past the end of the packet (0.21.0).

use etherparse::err::ip_auth;
use etherparse::err::ipv6_exts::{HeaderError, HeaderSliceError};
use etherparse::ip_number::{AUTH, IPV6_DEST_OPTIONS, IPV6_FRAG, IPV6_HOP_BY_HOP, IPV6_ROUTE};
use etherparse::{IpAuthHeaderSlice, IpNumber, Ipv6FragmentHeaderSlice, Ipv6RawExtHeaderSlice};

use super::{Part, part};

/// What stands behind the extension headers.
pub(super) struct Behind<'a> {
    /// The protocol of what follows.
    pub(super) next: IpNumber,
    /// What follows.
    pub(super) rest: &'a [u8],
    /// Which part of a datagram it is.
    pub(super) part: Part,
}

/// Skips all extension headers. Behind a later fragment's header there is payload alone, and
/// `next` is the protocol that the header names.
pub(super) fn skip(first: IpNumber, bytes: &[u8]) -> Result<Behind<'_>, HeaderSliceError> {
    let mut behind = Behind {
        next: first,
        rest: bytes,
        part: Part::Whole,
    };
    while behind.part != Part::LaterFragment {
        let at_start = behind.rest.len() == bytes.len();
        let (next, length) = match behind.next {
            // Hop-by-hop options stand directly behind the IPv6 header (RFC 8200, section 4.1).
            IPV6_HOP_BY_HOP if !at_start => {
                return Err(HeaderSliceError::Content(HeaderError::HopByHopNotAtStart));
            }
            IPV6_HOP_BY_HOP | IPV6_DEST_OPTIONS | IPV6_ROUTE => raw(behind.rest)?,
            IPV6_FRAG => {
                let header = Ipv6FragmentHeaderSlice::from_slice(behind.rest)
                    .map_err(HeaderSliceError::Len)?;
                let found = part(
                    header.fragment_offset().value(),
                    header.is_fragmenting_payload(),
                );
                if found != Part::Whole {
                    behind.part = found;
                }
                (header.next_header(), header.slice().len())
            }
            AUTH => authentication(behind.rest)?,
            _ => break,
        };
        behind.next = next;
        behind.rest = behind.rest.get(length..).unwrap_or_default();
    }
    Ok(behind)
}

fn raw(bytes: &[u8]) -> Result<(IpNumber, usize), HeaderSliceError> {
    let header = Ipv6RawExtHeaderSlice::from_slice(bytes).map_err(HeaderSliceError::Len)?;
    Ok((header.next_header(), header.slice().len()))
}

fn authentication(bytes: &[u8]) -> Result<(IpNumber, usize), HeaderSliceError> {
    match IpAuthHeaderSlice::from_slice(bytes) {
        Ok(header) => Ok((header.next_header(), header.slice().len())),
        Err(ip_auth::HeaderSliceError::Len(error)) => Err(HeaderSliceError::Len(error)),
        Err(ip_auth::HeaderSliceError::Content(error)) => {
            Err(HeaderSliceError::Content(HeaderError::IpAuth(error)))
        }
    }
}
