//! The desktop application of Bastion Firewall.
//!
//! - [`app`]: the root, which connects everything; [`window`]: the widgets of the main window.
//! - [`pages`]: Overview, Connections, Rules, Log; [`editor`]: the rule editor;
//!   [`preferences`]: the preferences dialog.
//! - [`prompt`]: the window that asks.
//! - [`client`]: the connection to the helper.
//! - [`model`]: what is shown, as plain values without GTK.
//! - [`widgets`]: what several pages share.
//! - [`notification`] and `tray`: what the desktop shows of its own.
//! - [`i18n`]: translated texts; [`settings`]: what the app remembers.

pub mod app;
pub mod client;
pub mod editor;
pub mod i18n;
pub mod model;
pub mod notification;
pub mod pages;
pub mod preferences;
pub mod prompt;
pub mod settings;
#[cfg(test)]
mod testing;
mod tray;
pub mod widgets;
pub mod window;
