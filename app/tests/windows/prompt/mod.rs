//! The prompt on a desktop, worked as people do: with the keyboard, from notifications, by ear; and
//! what becomes of an open question when the helper, the app or the bus is killed.

mod heard;
mod keyboard;
mod looks;
mod notified;
mod remembers;
mod scene;
mod survives;
