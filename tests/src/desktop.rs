//! A session at the screen of a machine, whose windows are worked through
//! accessibility by `tests/gui/driver.py`.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::process::Output;
use crate::sandbox::{As, Sandbox};
use crate::widget::{Find, Widget};
use crate::{Error, Result, Running};

/// Within this a widget must appear, unless a test says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the driver may take on top of the time it is given to wait.
const DRIVER_OVERHEAD: Duration = Duration::from_secs(30);

/// A notification the desktop has shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Notification {
    /// The program that sent it.
    pub app_name: String,
    /// Its headline.
    pub summary: String,
    /// Its text.
    pub body: String,
    /// LOW, NORMAL or CRITICAL.
    pub urgency: String,
}

/// An authentication that polkit asked the session for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Authentication {
    /// The polkit action.
    pub action: String,
    /// What the dialog would have said.
    pub message: String,
    /// `succeeded`, `dismissed`, or why not.
    pub outcome: String,
}

/// A program started by [`Desktop::spawn`]: the process number inside the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program(pub u32);

/// A user's session at the screen: X server, window manager, notifications,
/// accessibility, and an authentication agent. Ends when dropped.
pub struct Desktop<'a> {
    sandbox: &'a Sandbox,
    driver: Running,
    session: String,
}

impl<'a> Desktop<'a> {
    /// Logs a user in at the screen.
    ///
    /// # Errors
    /// When the session or something it needs does not start.
    pub fn start(sandbox: &'a Sandbox, account: &str) -> Result<Self> {
        let command = ["python3", "/opt/bastion-tests/gui/driver.py"];
        let mut driver = sandbox.spawn(As::Active(account), &command)?;
        let ready = driver.answer("start the desktop", DRIVER_OVERHEAD * 2)?;
        let session = ready
            .get("session")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        Ok(Self {
            sandbox,
            driver,
            session,
        })
    }

    /// logind's name of the session.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Brings the session back to the screen after another one took it.
    ///
    /// # Errors
    /// When the session is gone.
    pub fn activate(&self) -> Result<()> {
        self.sandbox
            .run(As::Root, &["loginctl", "activate", &self.session])
            .map(drop)
    }

    pub(crate) fn ask(&mut self, op: &str, request: Value, wait: Duration) -> Result<Value> {
        self.driver.perform(op, request, wait + DRIVER_OVERHEAD)
    }

    pub(crate) fn ask_for<T: DeserializeOwned>(
        &mut self,
        op: &str,
        request: Value,
        wait: Duration,
    ) -> Result<T> {
        self.driver.perform_for(op, request, wait + DRIVER_OVERHEAD)
    }

    /// Waits for a widget on the screen.
    ///
    /// # Errors
    /// [`Error::Refused`], with all that is on the screen, when it does not appear.
    pub fn wait(&mut self, find: &Find) -> Result<Widget> {
        self.wait_for(find, PATIENCE)
    }

    /// Waits for a widget on the screen, for so long.
    ///
    /// # Errors
    /// As [`Desktop::wait`].
    pub fn wait_for(&mut self, find: &Find, timeout: Duration) -> Result<Widget> {
        let request = json!({ "find": find.json(), "timeout": timeout.as_secs_f64() });
        self.ask_for("wait", request, timeout)
    }

    /// Waits until no such widget is on the screen.
    ///
    /// # Errors
    /// [`Error::Refused`] when it stays.
    pub fn wait_gone(&mut self, find: &Find, timeout: Duration) -> Result<()> {
        let request = json!({ "find": find.json(), "timeout": timeout.as_secs_f64() });
        self.ask("wait_gone", request, timeout).map(drop)
    }

    /// Waits until a widget has a state, or has it no longer.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not change.
    pub fn wait_state(&mut self, find: &Find, state: &str, value: bool) -> Result<Widget> {
        let request = json!({ "find": find.json(), "state": state, "value": value });
        self.ask_for("wait_state", request, PATIENCE)
    }

    /// All matches that are on the screen now, in order.
    ///
    /// # Errors
    /// When the driver is gone.
    pub fn all(&mut self, find: &Find) -> Result<Vec<Widget>> {
        self.ask_for("all", json!({ "find": find.json() }), PATIENCE)
    }

    /// Presses a button, toggles a switch, activates a row.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not appear or can't be pressed.
    pub fn press(&mut self, find: &Find) -> Result<()> {
        self.ask("press", json!({ "find": find.json() }), PATIENCE)
            .map(drop)
    }

    /// Clicks the middle of a widget with the pointer.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not appear.
    pub fn click(&mut self, find: &Find) -> Result<()> {
        self.ask("click", json!({ "find": find.json() }), PATIENCE)
            .map(drop)
    }

    /// Puts text into an entry, in place of what it held.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not appear or takes no text.
    pub fn set_text(&mut self, find: &Find, text: &str) -> Result<()> {
        self.ask(
            "set_text",
            json!({ "find": find.json(), "text": text }),
            PATIENCE,
        )
        .map(drop)
    }

    /// Opens a combo box and picks an entry.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such entry.
    pub fn choose(&mut self, find: &Find, item: &str) -> Result<()> {
        self.ask(
            "choose",
            json!({ "find": find.json(), "item": item }),
            PATIENCE,
        )
        .map(drop)
    }

    /// Moves the focus to a widget by the Tab key alone.
    ///
    /// # Errors
    /// [`Error::Refused`] when the keyboard does not reach it.
    pub fn focus(&mut self, find: &Find) -> Result<()> {
        self.ask("focus", json!({ "find": find.json() }), PATIENCE * 3)
            .map(drop)
    }

    /// Presses keys one after the other, by their X names: `Return`, `Escape`, `ctrl+f`.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such key.
    pub fn key(&mut self, keys: &[&str]) -> Result<()> {
        self.ask("key", json!({ "keys": keys }), PATIENCE).map(drop)
    }

    /// Types text into what has the focus.
    ///
    /// # Errors
    /// When the driver is gone.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        self.ask("type", json!({ "text": text }), PATIENCE)
            .map(drop)
    }

    /// All that is on the screen, a line for each widget, children indented.
    ///
    /// # Errors
    /// When the driver is gone.
    pub fn tree(&mut self) -> Result<String> {
        self.ask_for("tree", json!({}), PATIENCE)
    }

    /// The titles of the top-level windows on the screen.
    ///
    /// # Errors
    /// When the driver is gone.
    pub fn windows(&mut self) -> Result<Vec<String>> {
        let windows: Vec<Map<String, Value>> = self.ask_for("windows", json!({}), PATIENCE)?;
        Ok(windows
            .iter()
            .filter_map(|w| w.get("name")?.as_str().map(str::to_owned))
            .collect())
    }

    /// Raises a window and gives it the focus.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no window of that title.
    pub fn activate_window(&mut self, title: &str) -> Result<()> {
        self.ask("activate", json!({ "window": title }), PATIENCE)
            .map(drop)
    }

    /// Gives a window a size, in pixels.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no window of that title.
    pub fn resize(&mut self, title: &str, width: u32, height: u32) -> Result<()> {
        self.ask(
            "resize",
            json!({ "window": title, "width": width, "height": height }),
            PATIENCE,
        )
        .map(drop)
    }

    /// Writes a PNG of the window of this title, or of the whole screen, to a
    /// file of the host.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such window.
    pub fn screenshot(&mut self, window: Option<&str>, file: &Path) -> Result<()> {
        let (host, inside) = self.sandbox.shared_directory()?;
        let name = "screenshot.png";
        self.ask(
            "screenshot",
            json!({ "path": format!("{inside}/{name}"), "window": window }),
            PATIENCE,
        )?;
        let moved = file
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::copy(host.join(name), file))
            .and_then(|_| std::fs::remove_file(host.join(name)));
        moved.map_err(|source| Error::File {
            path: file.to_owned(),
            source,
        })
    }

    /// What the desktop has been notified of so far, oldest first.
    ///
    /// # Errors
    /// When the driver is gone.
    pub fn notifications(&mut self) -> Result<Vec<Notification>> {
        self.ask_for("notifications", json!({}), PATIENCE)
    }

    /// Fires the default action of the newest notification.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none.
    pub fn press_notification(&mut self) -> Result<()> {
        self.ask("notification_action", json!({}), PATIENCE)
            .map(drop)
    }

    /// Starts a program in the session. What it prints goes to `log`, a path
    /// inside the machine that the user may write.
    ///
    /// # Errors
    /// [`Error::Refused`] when it can't be started.
    pub fn spawn(&mut self, command: &[&str], log: &str) -> Result<Program> {
        self.ask_for("spawn", json!({ "command": command, "log": log }), PATIENCE)
            .map(Program)
    }

    /// The exit status of a program, negative for a signal; None while it runs.
    ///
    /// # Errors
    /// [`Error::Refused`] when it was not started here.
    pub fn status(&mut self, program: Program) -> Result<Option<i32>> {
        self.ask_for("poll", json!({ "pid": program.0 }), PATIENCE)
    }

    /// Sends a program a signal (`SIGTERM`, `SIGKILL`) and waits for its end.
    ///
    /// # Errors
    /// [`Error::Refused`] when it does not end.
    pub fn kill(&mut self, program: Program, signal: &str) -> Result<i32> {
        self.ask_for(
            "kill",
            json!({ "pid": program.0, "signal_name": signal }),
            PATIENCE,
        )
    }

    /// Runs a command of the session to its end, whatever it reports.
    ///
    /// # Errors
    /// [`Error::Refused`] when it can't be started or takes more than a minute.
    pub fn output(&mut self, command: &[&str]) -> Result<Output> {
        self.ask_for("run", json!({ "command": command }), PATIENCE * 6)
    }

    /// From now on authentication dialogs are answered with this user's password.
    ///
    /// # Errors
    /// When the driver is gone.
    pub fn authenticate_as(&mut self, account: &str, password: &str) -> Result<()> {
        let request = json!({ "account": account, "password": password });
        self.ask("authenticate_as", request, PATIENCE).map(drop)
    }

    /// From now on authentication dialogs are dismissed (as they are at first).
    ///
    /// # Errors
    /// When the driver is gone.
    pub fn dismiss_authentication(&mut self) -> Result<()> {
        self.ask("authenticate_as", json!({}), PATIENCE).map(drop)
    }

    /// The authentications asked for so far, and what became of them.
    ///
    /// # Errors
    /// When the driver is gone.
    pub fn authentications(&mut self) -> Result<Vec<Authentication>> {
        self.ask_for("authentications", json!({}), PATIENCE)
    }
}
