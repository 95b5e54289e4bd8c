//! Programs of Bastion's that run in the kernel, and what they keep for us.
//!
//! They are compiled into the helper (`bastion_ebpf`) and loaded once, when it starts. What can't
//! be loaded or attached is done without: [`Hooks`] says what works, and why the rest does not.
//!
//! | program | where | does |
//! |---|---|---|
//! | `bastion_pass` | in iptables, `-m bpf` | records who sends each new packet; lets pass what was taught |
//! | `bastion_taken_over` | in iptables, `-m bpf` | finds datagrams of another socket on a tuple that was judged |
//! | `bastion_queued_fentry` and `bastion_queued_second`, or `bastion_queued_kprobe` | `nf_queue()` | records senders, where iptables can't ask a program |
//! | `bastion_cookie` | the root cgroup | gives connections' sockets the number by which these know them again |
//! | `bastion_exec`, `bastion_fork`, `bastion_exit` | trace points | tell what becomes of processes |
//! | `bastion_dns_in`, `bastion_dns_out` | the root cgroup | show what is asked of name servers, and answered |
//!
//! Everything they rest on is checked by the kernel when they are loaded, so that none can harm
//! it; and if all of them fail, senders are found through the socket tables.

mod history;
mod judged;
mod load;
mod maps;
mod passes;
mod pins;
mod rings;
mod tuple;

pub use history::{History, Ran};
pub use judged::{Judged, JudgedFlow};
pub use load::{Hooks, Kernel, Missing, Parts, SenderHook};
pub use maps::Senders;
pub use passes::KernelPasses;
pub(crate) use passes::process_key;
pub use pins::{Pins, remove as remove_pins};
pub use rings::{DnsPackets, watch};
pub use tuple::Key;

use std::io;

/// Why kernel programs can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The object as a whole was refused, or is not made for this kernel.
    #[error("the kernel takes none of Bastion's programs")]
    Object(#[source] Box<aya::EbpfError>),
    /// The kernel does not describe its own structures (`CONFIG_DEBUG_INFO_BTF`).
    #[error("this kernel's type information, /sys/kernel/btf/vmlinux, can't be read")]
    NoTypes(#[source] Box<aya::BtfError>),
    /// One program was refused.
    #[error("the kernel does not take the program {program}")]
    Program {
        /// Its name.
        program: &'static str,
        /// Why.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// A map can't be used.
    #[error("the kernel's map {map} can't be used")]
    Map {
        /// Its name.
        map: &'static str,
        /// Why.
        #[source]
        source: Box<aya::maps::MapError>,
    },
    /// The object lacks something, so it is another version's.
    #[error("the object of kernel programs has no {0}")]
    Lacks(&'static str),
    /// A namespace can't be named.
    #[error("the helper's own {0} namespace can't be looked up in /proc")]
    Namespace(&'static str, #[source] io::Error),
    /// No file system for pins.
    #[error(
        "{directory} is no BPF file system, so iptables can't find programs there; mount one with \
         “mount -t bpf bpf /sys/fs/bpf”, which systemd does by itself"
    )]
    NoPins {
        /// Where it should be.
        directory: String,
    },
    /// A program can't be pinned.
    #[error("a kernel program can't be pinned to {path}")]
    Pin {
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No hierarchy of control groups.
    #[error("no cgroup2 file system is mounted")]
    NoCgroup,
}
