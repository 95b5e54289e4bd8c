//! The rings through which the kernel programs tell of events.
//!
//! They are read when there is something to judge, so that a quiet machine is left alone, and by
//! [`watch`] when one is half full.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use aya::Ebpf;
use aya::maps::{MapData, RingBuf};
use bastion_ebpf as ebpf;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::KernelError;
use super::maps::unusable;
use crate::names::{Captured, Direction};

pub(super) fn take(ebpf: &mut Ebpf, map: &'static str) -> Result<RingBuf<MapData>, KernelError> {
    let taken = ebpf.take_map(map).ok_or(KernelError::Lacks(map))?;
    RingBuf::try_from(taken).map_err(|error| unusable(map, error))
}

/// Packets to and from name servers, as sockets of this network sent and received them.
pub struct DnsPackets {
    ring: RingBuf<MapData>,
    network: u32,
}

impl DnsPackets {
    pub(super) fn take(ebpf: &mut Ebpf, network: u32) -> Result<Self, KernelError> {
        Ok(Self {
            ring: take(ebpf, "DNS")?,
            network,
        })
    }

    /// The network namespace whose sockets' packets these are: others' are not told.
    #[must_use]
    pub fn network(&self) -> u32 {
        self.network
    }

    /// Hands over what has come.
    pub fn drain(&mut self, mut each: impl FnMut(Captured<'_>)) {
        while let Some(item) = self.ring.next() {
            let Some(head) = ebpf::read::<ebpf::DnsHead>(&item) else {
                continue;
            };
            let told = item.get(size_of::<ebpf::DnsHead>()..);
            let bytes = told.and_then(|told| told.get(..usize::try_from(head.length).ok()?));
            each(Captured {
                direction: match head.received {
                    0 => Direction::Sent,
                    _ => Direction::Received,
                },
                network_namespace: self.network,
                interface: head.interface,
                bytes: bytes.unwrap_or_default(),
            });
        }
    }

    /// What [`watch`] waits for.
    ///
    /// # Errors
    /// When the process has no room for another descriptor.
    pub fn bell(&self) -> io::Result<OwnedFd> {
        self.ring.as_fd().try_clone_to_owned()
    }
}

/// Calls `full` whenever a kernel program says that its ring is half full. Ends with the process.
///
/// # Errors
/// When the system has no room for another thread.
pub fn watch(bell: OwnedFd, name: &str, mut full: impl FnMut() + Send + 'static) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    // By edge: a ring that holds something is readable all the time, and that is no reason to
    // wake up.
    let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0);
    epoll.add(&bell, event)?;
    let wait = move || {
        let _open = bell;
        let mut events = [EpollEvent::empty()];
        loop {
            match epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(_) => full(),
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => {
                    tracing::error!(%error, "the kernel's events are read only with packets now");
                    return;
                }
            }
        }
    };
    thread::Builder::new().name(name.into()).spawn(wait)?;
    Ok(())
}
