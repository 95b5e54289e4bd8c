//! What whole-system tests of Bastion stand on.
//!
//! - [`Sandbox`]: a machine with real systemd, D-Bus, polkit and logind
//! - [`Internet`]: a second machine that answers, and counts what reaches it
//! - [`Desktop`]: a session with a screen, whose windows are worked through
//!   accessibility and whose authentication dialogs are answered
//! - [`Firewall`]: a machine that has the package installed, with its internet
//! - `sender`s: copies of a program that sends in every way there is, and an [`Acceptor`] and a
//!   [`Witness`] of what arrives
//! - [`KINDS`]: every kind of sending there is
//! - [`Talker`]: a program that uses the network as it is told
//! - [`Holder`]: a program that keeps connections open
//! - [`Peer`]: a user's session on the bus, which calls, and serves agents
//! - [`Hold`]: a thread that does not go on
//! - [`Package`]: the built package, installed as a person would
//! - [`Load`]: a program that connects and sends as fast as it can
//! - [`Tour`]: steps that print what was expected and what was seen
//!
//! The shell scripts under `tests/sandbox` do the work on the host; this crate
//! gives them a face, and ends what a test leaves behind.

mod attempt;
mod desktop;
mod error;
mod firewall;
mod frames;
mod hold;
mod holder;
mod internet;
mod kinds;
mod load;
mod machine;
mod package;
mod peer;
mod process;
mod report;
mod sandbox;
mod senders;
mod standing;
mod talker;
mod tour;
mod wait;
mod widget;
mod witness;

pub use attempt::{Attempt, Destination, Outcome};
pub use desktop::{Authentication, Desktop, Notification, Program};
pub use error::Error;
pub use firewall::Firewall;
pub use frames::Frame;
pub use hold::Hold;
pub use holder::Holder;
pub use internet::{Arrived, Internet, Manner, Transport};
pub use kinds::{KINDS, Kind, More, OTHER_SOURCES, Place};
pub use load::{Connected, Load, LoadRequest, LoadTarget};
pub use machine::run_on_kernel_or_skip;
pub use package::Package;
pub use peer::{Peer, Reply};
pub use process::{Output, Running};
pub use report::keep_report;
pub use sandbox::{As, Sandbox, boot_or_skip};
pub use senders::{Acceptor, Announced, Arrival, Sent, built};
pub use standing::{Family, Standing};
pub use talker::Talker;
pub use tour::Tour;
pub use wait::{eventually, eventually_equal};
pub use widget::{Find, Widget};
pub use witness::{Packets, Witness};

/// Results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
