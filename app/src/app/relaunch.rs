//! Starting anew, as after an update: the app ends as it does otherwise, and then its process
//! becomes what is installed by now.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Ends the app, to start it anew.
pub(super) fn ask() {
    ASKED.store(true, Ordering::Relaxed);
    gtk::gio::prelude::ApplicationExt::quit(&relm4::main_application());
}

/// Starts the app anew if that was asked for. Call it last.
///
/// # Errors
/// If the program can't be run any more.
pub fn perform() -> std::io::Result<()> {
    if !ASKED.load(Ordering::Relaxed) {
        return Ok(());
    }
    // By the name it was started by: the file that runs may have been replaced.
    let program = std::env::args_os().next();
    let program = program.ok_or(std::io::ErrorKind::NotFound)?;
    // Whoever asked sees a window, and wants one again.
    Err(Command::new(program).exec())
}
