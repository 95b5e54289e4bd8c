//! A desktop with a window manager and a notification daemon, worked through accessibility by
//! `tests/gui/driver.py`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::{Bus, eventually};

/// Title of the main window.
pub const WINDOW: &str = "Bastion";

/// The desktop; all that runs on it ends with it.
pub struct Desktop {
    driver: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    runtime: tempfile::TempDir,
}

impl Desktop {
    pub fn start(bus: &Bus) -> Self {
        let runtime = tempfile::tempdir().unwrap();
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/gui/driver.py");
        let mut driver = Command::new("dbus-run-session")
            .args(["--", "python3"])
            .arg(driver)
            .env("XDG_RUNTIME_DIR", runtime.path())
            .env("GSETTINGS_BACKEND", "memory")
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address())
            .env_remove("DISPLAY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("dbus-run-session is installed");
        let mut desktop = Self {
            requests: driver.stdin.take(),
            answers: BufReader::new(driver.stdout.take().unwrap()),
            driver,
            runtime,
        };
        desktop.answer("start");
        desktop
    }

    fn answer(&mut self, operation: &str) -> Value {
        let mut line = String::new();
        // What the bus starts may print here, too; answers are objects.
        while !line.starts_with('{') {
            line.clear();
            let read = self.answers.read_line(&mut line).unwrap();
            assert!(
                read > 0,
                "{operation}: the driver has ended\n{}",
                self.log()
            );
        }
        let answer: Value = serde_json::from_str(&line).unwrap();
        match answer.get("ok") {
            Some(result) => result.clone(),
            None => panic!(
                "{operation}: {}\n{}",
                answer["error"].as_str().unwrap_or(&line),
                self.log()
            ),
        }
    }

    /// Has the driver do something.
    pub fn perform(&mut self, operation: &str, mut fields: Value) -> Value {
        fields["op"] = operation.into();
        writeln!(self.requests.as_mut().unwrap(), "{fields}").unwrap();
        self.answer(operation)
    }

    /// Makes the text of programs that start from now on so large, in percent of the usual size.
    pub fn scale_text(&mut self, percent: u32) {
        let dpi = format!("Xft.dpi: {}\n", 96 * percent / 100);
        let set = "xprop -root -f RESOURCE_MANAGER 8s -set RESOURCE_MANAGER";
        let mut command: Vec<&str> = set.split(' ').collect();
        command.push(&dpi);
        let done = self.perform("run", json!({ "command": command }));
        assert_eq!(done["status"], 0, "{done}");
    }

    /// Starts the app.
    pub fn start_app(&mut self, arguments: &[&str]) -> u64 {
        self.start_app_with(&[], arguments)
    }

    /// Starts the app with variables of its environment set, each as `NAME=value`.
    pub fn start_app_with(&mut self, variables: &[String], arguments: &[&str]) -> u64 {
        let log = self.log_file();
        let mut command = vec!["env"];
        command.extend(variables.iter().map(String::as_str));
        command.push(env!("CARGO_BIN_EXE_bastion"));
        command.extend(arguments);
        let started = self.perform("spawn", json!({ "command": command, "log": log }));
        started.as_u64().unwrap()
    }

    /// Ends the app.
    pub fn end_app(&mut self, app: u64) {
        self.perform("kill", json!({ "pid": app }));
    }

    fn log_file(&self) -> PathBuf {
        self.runtime.path().join("app.log")
    }

    /// What the app has printed.
    fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Waits for a widget.
    pub fn wait(&mut self, find: Value) -> Value {
        self.perform("wait", json!({ "find": find }))
    }

    /// Waits until there is no such widget.
    pub fn wait_gone(&mut self, find: Value) {
        self.perform("wait_gone", json!({ "find": find }));
    }

    /// Waits for a text on the screen.
    pub fn shows(&mut self, text: &str) {
        self.wait(json!({ "role": "label", "name": text }));
    }

    /// Selects the row of a table that says this, so that keys go there.
    pub fn select_row(&mut self, text: &str) {
        let row = json!({ "role": "table row", "contains": text });
        eventually("the row", || {
            self.perform("click", json!({ "find": row }));
            let row = self.wait(row.clone());
            let states = row["states"].as_array().unwrap();
            states.contains(&json!("selected")).then_some(())
        });
    }

    /// Presses keys, one after the other.
    pub fn keys(&mut self, keys: &[&str]) {
        self.perform("key", json!({ "keys": keys }));
    }

    /// Presses a button.
    pub fn press(&mut self, button: &str) {
        self.perform(
            "press",
            json!({ "find": { "role": "button", "name": button } }),
        );
    }

    /// The titles of the windows on the screen.
    pub fn windows(&mut self) -> Vec<String> {
        let windows = self.perform("windows", json!({}));
        let titles = windows.as_array().unwrap().iter();
        titles
            .map(|window| window["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// What the desktop was notified of, once it was so often: title, text and urgency, oldest
    /// first.
    pub fn notifications(&mut self, count: usize) -> Vec<[String; 3]> {
        let text = |said: &Value, field: &str| said[field].as_str().unwrap().to_owned();
        eventually("a notification", || {
            let all = self.perform("notifications", json!({}));
            let all = all.as_array().unwrap();
            let said = all
                .iter()
                .map(|said| ["summary", "body", "urgency"].map(|field| text(said, field)));
            (all.len() >= count).then(|| said.collect())
        })
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        // It ends with its input, and what it has started with it.
        self.requests.take();
        let _ = self.driver.wait();
    }
}
