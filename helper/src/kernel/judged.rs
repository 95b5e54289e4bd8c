//! Whose datagrams may go on without being judged again.

use aya::Ebpf;
use aya::maps::{HashMap, Map, MapData, MapError};
use bastion_ebpf as ebpf;
use bastion_policy::flow::Flow;

use super::maps::{Table, take, unusable};
use super::{KernelError, Key};

/// Most flows that are read in one go: twice as many as there is room for, as the kernel begins
/// again where one goes meanwhile.
const MOST: usize = 32_768;

/// A flow whose datagrams go on, as long as they are this socket's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedFlow {
    /// The flow, without names.
    pub flow: Flow,
    /// The socket's cookie.
    pub cookie: u64,
}

/// The kernel's maps of them: `JUDGED`, which the engine writes as well, and `BEFORE`.
#[derive(Debug)]
pub struct Judged {
    flows: Table<ebpf::Tuple, u64>,
    before: Table<u64, u8>,
}

impl Judged {
    /// To be called before the engine takes its map.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self {
            flows: another(ebpf, "JUDGED")?,
            before: take(ebpf, "BEFORE")?,
        })
    }

    /// Takes note of a socket that is older than the programs.
    pub(super) fn note(&mut self, cookie: u64) -> Result<(), KernelError> {
        let noted = self.before.insert(cookie, 1, 0);
        noted.map_err(|error| unusable("BEFORE", error))
    }

    /// The flows, of sockets that are there and of such as are gone.
    pub fn flows(&self) -> Vec<JudgedFlow> {
        let entries = self.flows.iter().take(MOST).filter_map(Result::ok);
        let flow = |(tuple, cookie): (ebpf::Tuple, u64)| JudgedFlow {
            flow: Key(tuple).flow(),
            cookie,
        };
        entries.map(flow).collect()
    }

    /// Has the next datagram of this flow judged, if it is this socket's. Of a socket that is older
    /// than the programs, so is the next one of each flow that it has not sent on since.
    ///
    /// # Errors
    /// When a map can't be written.
    pub fn forget(&mut self, judged: &JudgedFlow) -> Result<(), KernelError> {
        // What is taken for the socket's first, or the flow would be judged by it once more.
        gone(self.before.remove(&judged.cookie), "BEFORE")?;
        let key = Key::from(&judged.flow).0;
        match self.flows.get(&key, 0) {
            Ok(cookie) if cookie == judged.cookie => gone(self.flows.remove(&key), "JUDGED"),
            // Another socket has the flow by now, or none.
            Ok(_) | Err(MapError::KeyNotFound) => Ok(()),
            Err(error) => Err(unusable("JUDGED", error)),
        }
    }
}

/// What was not there need not be removed.
fn gone(removed: Result<(), MapError>, map: &'static str) -> Result<(), KernelError> {
    match removed {
        Err(MapError::SyscallError(error))
            if error.io_error.kind() != std::io::ErrorKind::NotFound =>
        {
            Err(unusable(map, MapError::SyscallError(error)))
        }
        Ok(()) | Err(MapError::KeyNotFound | MapError::SyscallError(_)) => Ok(()),
        Err(error) => Err(unusable(map, error)),
    }
}

/// A map by a descriptor of its own.
fn another<K: aya::Pod, V: aya::Pod>(
    ebpf: &Ebpf,
    map: &'static str,
) -> Result<Table<K, V>, KernelError> {
    let failed = |error| unusable(map, error);
    let (Map::HashMap(data) | Map::LruHashMap(data)) =
        ebpf.map(map).ok_or(KernelError::Lacks(map))?
    else {
        return Err(KernelError::Lacks(map));
    };
    use std::os::fd::AsFd as _;
    let fd = data.fd().as_fd().try_clone_to_owned();
    let fd = fd.map_err(|error| failed(error.into()))?;
    let data = MapData::from_fd(fd).map_err(failed)?;
    HashMap::try_from(Map::from_map_data(data).map_err(failed)?).map_err(failed)
}
