//! The desktop application of Bastion Firewall.
//!
//! - [`model`]: what is shown, as plain values without GTK.
//! - [`client`]: the connection to the helper.
//! - [`prompt`]: the window that asks.
//! - [`widgets`]: what several pages share.
//! - [`i18n`]: translated texts; [`settings`]: what the app remembers.

pub mod client;
pub mod i18n;
pub mod model;
pub mod prompt;
pub mod settings;
pub mod widgets;
