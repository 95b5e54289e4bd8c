//! Who sent what, as the kernel programs have recorded it.

use aya::Ebpf;
use aya::maps::{HashMap, MapData, MapError};
use bastion_ebpf as ebpf;

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

/// For how long after a tuple went from one image to another the programs record each packet by
/// itself, in nanoseconds: `CONTEST_TIME` of `kernel/sender.h`.
const CONTEST_TIME: u64 = 60 * 1_000_000_000;

/// The records of senders.
#[derive(Debug)]
pub struct Senders {
    senders: Table<ebpf::Tuple, ebpf::Sender>,
    contested: Table<ebpf::Contested, ebpf::Sender>,
    files: Table<ebpf::Image, ebpf::File>,
}

/// What is recorded about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Nothing.
    None,
    /// This.
    Sender(ebpf::Sender),
    /// Several images have sent packets of its tuple at about the same time, and which sent this
    /// one is not known.
    Contested,
}

impl Senders {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self {
            senders: take(ebpf, "SENDER")?,
            contested: take(ebpf, "CONTEST")?,
            files: take(ebpf, "FILE")?,
        })
    }

    /// What is recorded about a packet of this tuple with this fingerprint.
    pub(crate) fn of(
        &self,
        key: Key,
        fingerprint: impl FnOnce() -> u32,
    ) -> Result<Record, KernelError> {
        let Some(sender) = get(&self.senders, "SENDER", &key.0)? else {
            return Ok(Record::None);
        };
        if sender.changed == 0 {
            return Ok(Record::Sender(sender));
        }
        let packet = ebpf::Contested {
            tuple: key.0,
            fingerprint: fingerprint(),
        };
        let own = get(&self.contested, "CONTEST", &packet)?;
        let long_ago = sender.recorded.saturating_sub(sender.changed) >= CONTEST_TIME;
        Ok(match own {
            Some(own) => Record::Sender(own),
            None if long_ago => Record::Sender(sender),
            None => Record::Contested,
        })
    }

    /// Who sent the last packet of this tuple.
    pub(crate) fn last(&self, key: Key) -> Result<Option<ebpf::Sender>, KernelError> {
        get(&self.senders, "SENDER", &key.0)
    }

    /// What an image ran when it first sent something.
    pub(crate) fn file(&self, image: &ebpf::Image) -> Result<Option<ebpf::File>, KernelError> {
        get(&self.files, "FILE", image)
    }
}
