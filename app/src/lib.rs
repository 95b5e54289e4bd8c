//! The desktop application of Bastion Firewall.
//!
//! - [`app`]: the root, which connects everything; [`window`]: the widgets of the main window.
//! - [`pages`]: Overview, Connections, Rules, Log; [`editor`]: the rule editor;
//!   [`preferences`]: the preferences dialog; [`first_run`]: the assistant of the first run.
//! - [`prompt`]: the window that asks.
//! - [`client`]: the connection to the helper.
//! - [`model`]: what is shown, as plain values without GTK.
//! - [`widgets`]: what several pages share.
//! - [`notification`] and `tray`: what the desktop shows of its own.
//! - [`autostart`]: whether the app starts with the session; [`flatpak`]: whether it runs in one.
//! - [`help`]: the manual; `shortcuts`: the keys; [`i18n`]: translated texts; [`settings`]: what the app remembers.

pub mod app;
pub mod autostart;
pub mod client;
pub mod editor;
pub mod first_run;
pub mod flatpak;
pub mod help;
pub mod i18n;
pub mod model;
pub mod notification;
pub mod pages;
pub mod preferences;
pub mod prompt;
pub mod settings;
mod shortcuts;
#[cfg(test)]
mod testing;
mod tray;
pub mod widgets;
pub mod window;
