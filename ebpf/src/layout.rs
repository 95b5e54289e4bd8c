//! What kernel programs and user space share; `kernel/layout.h` says the same in C.

use aya::Pod;

/// Packets of one tuple, in one direction. Addresses and ports are in network order; an IPv4
/// address fills the first four bytes. An ICMP echo request has its identifier for a source port;
/// what has no ports has zeros.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Source address.
    pub source: [u8; 16],
    /// Destination address.
    pub destination: [u8; 16],
    /// Source port.
    pub source_port: [u8; 2],
    /// Destination port.
    pub destination_port: [u8; 2],
    /// IANA number.
    pub protocol: u8,
    /// 4 or 6.
    pub family: u8,
    /// Always 0.
    pub unused: u16,
}

/// One program that one process runs: its number and start name the process, the count of its
/// execs the program. None is ever used twice.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Image {
    /// Nanoseconds since boot.
    pub start: u64,
    /// How often it, and what it was forked from, has executed a program.
    pub execs: u64,
    /// In the helper's pid namespace; 0 if it is not in it.
    pub pid: u32,
    /// Always 0.
    pub unused: u32,
}

/// Values of [`Sender::kind`].
pub mod kind {
    /// It could not be told in the packet's own path.
    pub const UNPROVEN: u32 = 0;
    /// [`Sender::image`](super::Sender::image), in a system call of its own.
    pub const PROCESS: u32 = 1;
    /// The kernel, such as a tunnel around another packet.
    pub const KERNEL: u32 = 2;
}

/// Who sends.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// Which program of which process.
    pub image: Image,
    /// The socket's, which no other socket ever has.
    pub cookie: u64,
    /// Where the program's stack begins: another address after each exec.
    pub stack: u64,
    /// Where its arguments end.
    pub arguments_end: u64,
    /// The executable's inode number.
    pub inode: u64,
    /// Its file system's device, as the kernel numbers it.
    pub device: u32,
    /// On whose behalf.
    pub uid: u32,
    /// One of [`kind`].
    pub kind: u32,
    /// Always 0.
    pub unused: u32,
}

/// One packet.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Packet {
    /// The tuple.
    pub tuple: Tuple,
    /// Tells the packet from others of the tuple.
    pub fingerprint: u32,
}

/// Bytes of a path; longer ones are left out.
pub const PATH_MAX: usize = 1024;
/// Bytes of arguments.
pub const ARGUMENTS_MAX: usize = 512;

/// Bits of [`File::flags`].
pub mod file_flags {
    /// The file had been deleted.
    pub const DELETED: u32 = 1;
    /// The path is too long, or changed while it was read.
    pub const NO_PATH: u32 = 2;
}

/// The file an image runs, as it was when the image was first seen.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its inode number.
    pub inode: u64,
    /// Its file system's device, as the kernel numbers it.
    pub device: u32,
    /// Of [`file_flags`].
    pub flags: u32,
    /// Bytes of [`Self::path`] in use.
    pub path_length: u16,
    /// Bytes of [`Self::arguments`] in use.
    pub arguments_length: u16,
    /// Always 0.
    pub unused: u32,
    /// Components from the last to the first, each followed by a zero, up to the root of its file
    /// system.
    pub path: [u8; PATH_MAX],
    /// Arguments, each followed by a zero.
    pub arguments: [u8; ARGUMENTS_MAX],
}

/// What may pass without being asked about: a program of a process to a place, for a user.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pass {
    /// Who.
    pub image: Image,
    /// By which socket; 0 for all.
    pub cookie: u64,
    /// Where to, as in [`Tuple`].
    pub destination: [u8; 16],
    /// On whose behalf.
    pub uid: u32,
    /// Destination port, in network order.
    pub port: [u8; 2],
    /// IANA number.
    pub protocol: u8,
    /// 4 or 6.
    pub family: u8,
}

/// What is kept about a [`Pass`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// It counts only while it is that of [`Control`].
    pub generation: u64,
    /// Connections and datagrams that passed.
    pub hits: u64,
    /// The last of them, in nanoseconds since boot.
    pub last: u64,
}

/// What the programs work by.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Of the rules in force.
    pub generation: u64,
    /// Number of the network namespace that is judged.
    pub network: u32,
    /// Number of the pid namespace in which processes are told.
    pub pids: u32,
}

/// Values of [`Event::kind`].
pub mod event {
    /// It executed a program; [`Exec`](super::Exec) follows.
    pub const EXEC: u32 = 1;
    /// It is a new process.
    pub const FORK: u32 = 2;
    /// It ended.
    pub const EXIT: u32 = 3;
}

/// What became of a process.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// One of [`event`].
    pub kind: u32,
    /// Its user.
    pub uid: u32,
    /// Which.
    pub image: Image,
    /// Its parent; who forked it, if it is new.
    pub parent: Image,
}

/// An event of [`event::EXEC`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The event.
    pub event: Event,
    /// What it runs now.
    pub file: File,
}

/// Bytes told of a packet to or from a name server, from its IP header on.
pub const DNS_MAX: usize = 2036;

/// What stands before the bytes of a packet to or from a name server.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsHead {
    /// The index of the interface by which it came in or goes out.
    pub interface: u32,
    /// 1 if it came in, 0 if it goes out.
    pub received: u32,
    /// Bytes of it that are told; at most [`DNS_MAX`].
    pub length: u32,
}

/// Places in the map of counters.
pub mod counter {
    /// Connections and datagrams let through without asking.
    pub const PASSED: u32 = 0;
    /// Events of processes for which there was no room.
    pub const LOST: u32 = 1;
    /// Packets to and from name servers for which there was no room.
    pub const DNS_LOST: u32 = 2;
}

macro_rules! shared {
    ($($type:ty: $size:literal $(, $field:ident at $offset:literal)*;)*) => {
        $(
            const _: () = {
                assert!(size_of::<$type>() == $size);
                $(assert!(std::mem::offset_of!($type, $field) == $offset);)*
            };
            // SAFETY: the type consists of integers, without padding between or behind them, as
            // its size shows, so every combination of bytes is a value of it.
            unsafe impl Pod for $type {}
        )*
    };
}

shared! {
    Tuple: 40, protocol at 36;
    Image: 24, pid at 16;
    Sender: 72, device at 56;
    Packet: 44;
    File: 1560, path_length at 16, arguments at 1048;
    Pass: 56, uid at 48;
    Passed: 24;
    Control: 16;
    Event: 56, parent at 32;
    Exec: 1616;
    DnsHead: 12;
}

/// The value at the start of these bytes; `None` if they are too few.
#[must_use]
pub fn read<T: Pod>(bytes: &[u8]) -> Option<T> {
    let bytes = bytes.get(..size_of::<T>())?;
    // SAFETY: there are as many bytes as the type has, and any of them make a value of it.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_bytes_are_no_value() {
        let bytes = [7; size_of::<DnsHead>()];
        assert_eq!(
            read::<DnsHead>(&bytes).map(|head| head.interface),
            Some(0x0707_0707)
        );
        assert_eq!(read::<DnsHead>(&bytes[1..]), None);
    }

    #[test]
    fn the_object_is_an_elf_file_for_the_kernels_processor() {
        assert_eq!(crate::OBJECT.get(..4), Some(&b"\x7fELF"[..]));
        // EM_BPF, elf.h
        assert_eq!(crate::OBJECT.get(18..20), Some(&[247, 0][..]));
    }
}
