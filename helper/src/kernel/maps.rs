//! Who sent what, as the kernel programs have recorded it.

use aya::Ebpf;
use aya::maps::{HashMap, MapData, MapError};
use bastion_ebpf as ebpf;

use super::tuple::fingerprints;
use super::{KernelError, Key};

/// A map of the kernel with keys and values of these types.
pub(super) type Table<K, V> = HashMap<MapData, K, V>;

/// Takes a map out of the loaded object.
pub(super) fn take<K: aya::Pod, V: aya::Pod>(
    ebpf: &mut Ebpf,
    map: &'static str,
) -> Result<Table<K, V>, KernelError> {
    let taken = ebpf.take_map(map).ok_or(KernelError::Lacks(map))?;
    HashMap::try_from(taken).map_err(|source| unusable(map, source))
}

/// An error about a map.
pub(super) fn unusable(map: &'static str, source: MapError) -> KernelError {
    KernelError::Map {
        map,
        source: Box::new(source),
    }
}

/// What is in a map under a key, if anything is.
pub(super) fn get<K: aya::Pod, V: aya::Pod>(
    table: &Table<K, V>,
    map: &'static str,
    key: &K,
) -> Result<Option<V>, KernelError> {
    match table.get(key, 0) {
        Ok(value) => Ok(Some(value)),
        Err(MapError::KeyNotFound) => Ok(None),
        Err(error) => Err(unusable(map, error)),
    }
}

/// The records of senders.
#[derive(Debug)]
pub struct Senders {
    queued: Table<ebpf::Tuple, ebpf::Sender>,
    passed: Table<ebpf::Tuple, ebpf::Sender>,
    packets: Table<ebpf::Packet, ebpf::Sender>,
    files: Table<ebpf::Image, ebpf::File>,
}

impl Senders {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self {
            queued: take(ebpf, "SENDER")?,
            passed: take(ebpf, "PASSED")?,
            packets: take(ebpf, "PACKET")?,
            files: take(ebpf, "FILE")?,
        })
    }

    /// Who sent this packet of this tuple, which is in the queue; `None` if it was not recorded, or
    /// so long ago that the record made room for others.
    pub(crate) fn of(&self, key: Key, packet: &[u8]) -> Result<Option<ebpf::Sender>, KernelError> {
        for fingerprint in fingerprints(packet) {
            let packet = ebpf::Packet {
                tuple: key.0,
                fingerprint,
            };
            let sender = get(&self.packets, "PACKET", &packet)?;
            if sender.is_some() {
                return Ok(sender);
            }
        }
        Ok(None)
    }

    /// Who sent the last packet of this tuple.
    pub(crate) fn last(&self, key: Key) -> Result<Option<ebpf::Sender>, KernelError> {
        let passed = get(&self.passed, "PASSED", &key.0)?;
        if passed.is_some() {
            return Ok(passed);
        }
        get(&self.queued, "SENDER", &key.0)
    }

    /// What an image ran when it first sent something.
    pub(crate) fn file(&self, image: &ebpf::Image) -> Result<Option<ebpf::File>, KernelError> {
        get(&self.files, "FILE", image)
    }
}
