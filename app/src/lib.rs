//! The desktop application of Bastion Firewall.
//!
//! - [`model`]: what is shown, as plain values without GTK.
//! - [`i18n`]: translated texts.

pub mod i18n;
pub mod model;
