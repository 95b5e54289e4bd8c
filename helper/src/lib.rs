//! The root service of Bastion: everything that touches the system.
//!
//! - [`queue`]: the kernel's packet queue; [`packet`]: what a queued packet says.
//! - [`identify`]: who sent it; [`sockets`]: the kernel's socket tables, and ending sockets.
//! - [`kernel`]: our programs in the kernel, which record senders and let pass what was taught.
//! - [`engine`]: the one thread that reads packets, decides, and gives verdicts.
//! - [`names`]: under which names programs looked up the addresses they connect to.
//! - [`netfilter`]: the iptables rules that feed the queue.
//! - [`program`]: runs other programs.
//! - [`store`]: rules, settings and the event log on disk.
//! - [`bus`]: D-Bus interfaces, polkit, agents and subscriptions.
//! - [`service`]: puts all of it together and keeps it alive.

pub mod bus;
pub mod engine;
pub mod identify;
pub mod kernel;
pub mod names;
pub mod netfilter;
pub mod packet;
pub mod program;
pub mod queue;
pub mod service;
pub mod sockets;
pub mod store;
