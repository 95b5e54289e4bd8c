//! What a program's windows cost: its frames, as GTK tells of them (`tests/gui/frames.py`), and its
//! memory.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::{Desktop, Program, Result};

/// Longest that turning the wheel or dragging may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A frame that was drawn: when GTK began with it and when it was done, in milliseconds since the
/// program was started.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Frame {
    /// When the frame was begun.
    pub start: f64,
    /// When all of it had been drawn.
    pub end: f64,
}

impl Desktop<'_> {
    /// As [`Desktop::spawn`], with its frames recorded from the start.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] when it can't be started.
    pub fn record(&mut self, command: &[&str], log: &str) -> Result<Program> {
        let request = json!({ "command": command, "log": log });
        self.ask_for("record", request, PATIENCE).map(Program)
    }

    /// The frames of a recorded program since they were last asked for.
    ///
    /// # Errors
    /// When the driver is gone.
    pub fn frames(&mut self, program: Program) -> Result<Vec<Frame>> {
        self.ask_for("frames", json!({ "pid": program.0 }), PATIENCE)
    }

    /// The same, once there are some and nothing more was drawn for a while.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] when it does not come to rest in time.
    pub fn settled(
        &mut self,
        program: Program,
        quiet: Duration,
        timeout: Duration,
    ) -> Result<Vec<Frame>> {
        let request = json!({
            "pid": program.0,
            "quiet": quiet.as_secs_f64() * 1e3,
            "timeout": timeout.as_secs_f64() * 1e3,
        });
        self.ask_for("settled", request, timeout)
    }

    /// KiB of memory that a recorded program has in use.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] when it has ended.
    pub fn memory_kib(&mut self, program: Program) -> Result<f64> {
        self.ask_for("memory", json!({ "pid": program.0 }), PATIENCE)
    }

    /// Turns the wheel over a window: so many clicks, up if negative.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] when there is no window of that title.
    pub fn scroll(&mut self, window: &str, clicks: i32, pause: Duration) -> Result<()> {
        let request = json!({ "window": window, "clicks": clicks, "delay": pause.as_millis() });
        self.ask("scroll", request, PATIENCE).map(drop)
    }

    /// Drags from one place of a window to another in so many steps.
    ///
    /// # Errors
    /// [`crate::Error::Refused`] when there is no window of that title.
    pub fn drag(
        &mut self,
        window: &str,
        from: (u32, u32),
        to: (u32, u32),
        steps: u32,
        pause: Duration,
    ) -> Result<()> {
        let request = json!({
            "window": window, "start": from, "end": to,
            "steps": steps, "delay": pause.as_millis(),
        });
        self.ask("drag", request, PATIENCE).map(drop)
    }
}
