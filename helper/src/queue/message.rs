//! The queue's messages on the wire (`linux/netfilter/nfnetlink_queue.h`).

use bastion_policy::pending::PacketId;
use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader,
    NetlinkMessage, NetlinkPayload, NetlinkSerializable, NlasIterator,
};
use nix::libc;

use super::{HeldPacket, PacketVerdict};

/// Family, version and queue number in front of the attributes (`struct nfgenmsg`).
const HEADER_BYTES: usize = 4;

/// A message to the kernel.
#[derive(Debug)]
pub(super) struct Request {
    number: u16,
    kind: libc::c_int,
    attributes: Vec<DefaultNla>,
}

impl Request {
    /// Takes the queue, of this length, in a mode that delivers nothing yet. The flags: don't
    /// cut big packets up first, and tell who owns the socket. Fail-open stays off.
    pub(super) fn bind(number: u16, length: u32) -> Self {
        let flags = (libc::NFQA_CFG_F_GSO | libc::NFQA_CFG_F_UID_GID).cast_unsigned();
        Self::config(number)
            .command(libc::NFQNL_CFG_CMD_BIND)
            .word(libc::NFQA_CFG_QUEUE_MAXLEN, length)
            .word(libc::NFQA_CFG_MASK, flags)
            .word(libc::NFQA_CFG_FLAGS, flags)
    }

    /// Lets packets come, up to `range` bytes of each.
    pub(super) fn deliver(number: u16, range: u32) -> Self {
        let mut params = range.to_be_bytes().to_vec();
        params.push(narrow(libc::NFQNL_COPY_PACKET));
        Self::config(number).attribute(libc::NFQA_CFG_PARAMS, params)
    }

    /// Gives the queue back; the kernel drops what waits in it.
    pub(super) fn unbind(number: u16) -> Self {
        Self::config(number).command(libc::NFQNL_CFG_CMD_UNBIND)
    }

    /// Ends the wait of a packet.
    pub(super) fn verdict(number: u16, id: PacketId, verdict: PacketVerdict) -> Self {
        let code = match verdict {
            PacketVerdict::Accept => libc::NF_ACCEPT,
            PacketVerdict::Drop => libc::NF_DROP,
        };
        let mut value = code.to_be_bytes().to_vec();
        value.extend_from_slice(&id.0.to_be_bytes());
        Self::new(number, libc::NFQNL_MSG_VERDICT).attribute(libc::NFQA_VERDICT_HDR, value)
    }

    fn new(number: u16, kind: libc::c_int) -> Self {
        Self {
            number,
            kind,
            attributes: Vec::new(),
        }
    }

    fn config(number: u16) -> Self {
        Self::new(number, libc::NFQNL_MSG_CONFIG)
    }

    /// A command, with a byte of padding and a protocol family that the kernel ignores.
    fn command(self, command: libc::c_int) -> Self {
        self.attribute(libc::NFQA_CFG_CMD, vec![narrow(command), 0, 0, 0])
    }

    fn word(self, kind: libc::c_int, value: u32) -> Self {
        self.attribute(kind, value.to_be_bytes().to_vec())
    }

    fn attribute(mut self, kind: libc::c_int, value: Vec<u8>) -> Self {
        let kind = u16::from(narrow(kind));
        self.attributes.push(DefaultNla::new(kind, value));
        self
    }

    /// The bytes to send. No acknowledgement is asked for: the kernel carries a request out
    /// before the send returns, and puts an error, if there is one, into the receive queue.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(self));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }
}

impl NetlinkSerializable for Request {
    fn message_type(&self) -> u16 {
        message_type(self.kind)
    }

    fn buffer_len(&self) -> usize {
        HEADER_BYTES + self.attributes.as_slice().buffer_len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let [high, low] = self.number.to_be_bytes();
        let family = narrow(libc::AF_UNSPEC);
        let version = narrow(libc::NFNETLINK_V0);
        if let Some((header, attributes)) = buffer.split_first_chunk_mut() {
            *header = [family, version, high, low];
            self.attributes.as_slice().emit(attributes);
        }
    }
}

/// A message from the kernel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A packet came.
    Packet(HeldPacket),
    /// A request failed with this error.
    Failed(i32),
    /// Something that needs no answer.
    Other,
}

/// Reads one message.
///
/// # Errors
/// When the bytes are no message, or a packet message that names no packet.
pub(super) fn parse(bytes: &[u8]) -> Result<Event, DecodeError> {
    Ok(match NetlinkMessage::<Event>::deserialize(bytes)?.payload {
        NetlinkPayload::InnerMessage(event) => event,
        NetlinkPayload::Error(error) => match error.code {
            Some(code) => Event::Failed(code.get().saturating_neg()),
            None => Event::Other,
        },
        _ => Event::Other,
    })
}

impl NetlinkDeserializable for Event {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        if header.message_type != message_type(libc::NFQNL_MSG_PACKET) {
            return Ok(Self::Other);
        }
        let attributes = payload
            .get(HEADER_BYTES..)
            .ok_or_else(|| DecodeError::from("a packet message without attributes"))?;
        let (mut id, mut owner, mut bytes) = (None, None, Vec::new());
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            match libc::c_int::from(attribute.kind()) {
                libc::NFQA_PACKET_HDR => id = leading_word(attribute.value()),
                libc::NFQA_UID => owner = leading_word(attribute.value()),
                libc::NFQA_PAYLOAD => bytes = attribute.value().to_vec(),
                _ => {}
            }
        }
        let id = id.ok_or_else(|| DecodeError::from("a packet message without an id"))?;
        Ok(Self::Packet(HeldPacket {
            id: PacketId(id),
            bytes,
            owner,
        }))
    }
}

fn leading_word(value: &[u8]) -> Option<u32> {
    value.first_chunk().copied().map(u32::from_be_bytes)
}

fn message_type(kind: libc::c_int) -> u16 {
    u16::from_be_bytes([narrow(libc::NFNL_SUBSYS_QUEUE), narrow(kind)])
}

/// The kernel's constants of this protocol all fit a byte; the headers declare them as int.
const fn narrow(constant: libc::c_int) -> u8 {
    constant.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message as the kernel lays it out, from its type and what follows the netlink header.
    fn framed(kind: u16, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + rest.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&[0; 10]);
        bytes.extend_from_slice(rest);
        bytes
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(4 + value.len())
            .unwrap()
            .to_ne_bytes()
            .to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn reads_a_packet() {
        let rest = [
            vec![2, 0, 0, 7],
            attribute(1, &[0, 0, 1, 2, 8, 0, 3]),
            attribute(10, b"packet"),
            attribute(16, &1000u32.to_be_bytes()),
            attribute(99, b"from a later kernel"),
        ]
        .concat();
        assert_eq!(
            parse(&framed(0x300, &rest)).unwrap(),
            Event::Packet(HeldPacket {
                id: PacketId(258),
                bytes: b"packet".to_vec(),
                owner: Some(1000),
            })
        );
        assert!(parse(&framed(0x300, &[2, 0, 0, 7])).is_err(), "no id");
        assert!(parse(&framed(0x300, &[2])).is_err(), "no header");
    }

    #[test]
    fn reads_an_error() {
        let mut rest = (-libc::EPERM).to_ne_bytes().to_vec();
        rest.extend_from_slice(&[0; 16]);
        assert_eq!(
            parse(&framed(2, &rest)).unwrap(),
            Event::Failed(libc::EPERM)
        );
        assert_eq!(parse(&framed(2, &[0; 20])).unwrap(), Event::Other);
    }

    #[test]
    fn writes_a_verdict() {
        let bytes = Request::verdict(0x1234, PacketId(7), PacketVerdict::Accept).into_bytes();
        let rest = [
            vec![0, 0, 0x12, 0x34],
            attribute(2, &[0, 0, 0, 1, 0, 0, 0, 7]),
        ]
        .concat();
        let mut expected = framed(0x301, &rest);
        expected[6] = 1;
        assert_eq!(bytes, expected);
    }

    proptest! {
        #[test]
        fn total_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn total_on_any_packet_message(rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&framed(0x300, &rest));
        }
    }
}
