//! A desktop with the app in the background, and the helper's stand-in with questions.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::desktop::Desktop;
use crate::common::{Bus, Running, eventually};

/// Title of the prompt.
pub const PROMPT: &str = "Connection Request";
/// More than the half second in which nothing can be answered.
const READING: Duration = Duration::from_millis(700);
const ASKING: &str = "org.bastionfirewall.FakeHelper1.Asking";
/// What names each of the stand-in's questions.
pub const CURL: &str = "curl Wants to Connect";
pub const LAUNCHER: &str = "launcher Wants to Connect";

pub struct Scene {
    pub bus: Bus,
    pub desktop: Desktop,
    directory: tempfile::TempDir,
}

impl Scene {
    pub fn set() -> Self {
        let bus = Bus::start();
        let desktop = Desktop::start(&bus);
        let directory = tempfile::tempdir().unwrap();
        let compiled = Command::new("glib-compile-schemas")
            .arg("--targetdir")
            .arg(directory.path())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../data"))
            .status()
            .expect("GLib's tools are installed");
        assert!(compiled.success());
        Self {
            bus,
            desktop,
            directory,
        }
    }

    fn record(&self, helper: &str) -> PathBuf {
        self.directory.path().join(helper)
    }

    /// Who has the helper's name; empty while nobody has.
    fn owner(&self) -> String {
        let daemon = "org.freedesktop.DBus";
        let asked = Command::new("gdbus")
            .args(["call", "--address", self.bus.address()])
            .args(["--dest", daemon, "--object-path", "/org/freedesktop/DBus"])
            .args(["--method", &format!("{daemon}.GetNameOwner")])
            .arg(bastion_ipc::names::HELPER)
            .output()
            .expect("gdbus is installed");
        String::from_utf8_lossy(&asked.stdout).into_owned()
    }

    /// Starts a stand-in for the helper, which takes the name from one that is there already, and
    /// waits until it has it.
    pub fn helper(&self, name: &str, arguments: &[&str]) -> Running {
        let before = self.owner();
        let record = format!("--record={}", self.record(name).display());
        let mut all = arguments.to_vec();
        all.push(&record);
        let helper = self.bus.helper(&all);
        eventually("the helper", || {
            let owner = self.owner();
            (!owner.is_empty() && owner != before).then_some(())
        });
        helper
    }

    /// Every answer that a helper of this name ever received, each with the number of its question.
    pub fn answers(&self, helper: &str) -> Vec<String> {
        let record = std::fs::read_to_string(self.record(helper)).unwrap_or_default();
        record.lines().map(str::to_owned).collect()
    }

    /// Checks that none of these helpers ever received an answer.
    pub fn nobody_was_answered(&self, helpers: &[&str]) {
        for helper in helpers {
            assert_eq!(self.answers(helper), [] as [&str; 0], "{helper}");
        }
    }

    /// Waits for a helper's answers to be these.
    pub fn answered(&self, helper: &str, answers: &[&str]) {
        eventually("the answer", || {
            (self.answers(helper) == answers).then_some(())
        });
    }

    /// Starts the app without a window, with settings that outlast it.
    pub fn app(&mut self) -> u64 {
        self.app_with(&[])
    }

    /// Starts the app likewise, with variables of its environment set.
    pub fn app_with(&mut self, more: &[String]) -> u64 {
        let mut variables = self.settings();
        variables.extend_from_slice(more);
        self.desktop.start_app_with(&variables, &["--background"])
    }

    /// The variables by which a program finds the user's settings.
    fn settings(&self) -> Vec<String> {
        let directory = self.directory.path().display();
        vec![
            format!("GSETTINGS_SCHEMA_DIR={directory}"),
            format!("XDG_CONFIG_HOME={directory}"),
            "GSETTINGS_BACKEND=keyfile".into(),
        ]
    }

    /// Changes a setting of the app, as another program does.
    pub fn configure(&mut self, key: &str, value: &str) {
        let mut command = vec!["env".to_owned()];
        command.extend(self.settings());
        let schema = bastion_ipc::names::APP_ID.to_owned();
        command.extend(["gsettings", "set"].map(str::to_owned));
        command.extend([schema, key.to_owned(), value.to_owned()]);
        let done = self.desktop.perform("run", json!({ "command": command }));
        assert_eq!(done["status"], 0, "{done}");
    }

    /// Has the stand-in ask one of its questions.
    pub fn ask(&self, id: u64) {
        self.bus.call(&format!("{ASKING}.Ask"), &[&id.to_string()]);
    }

    /// Has the stand-in take one back.
    pub fn withdraw(&self, id: u64) {
        self.bus
            .call(&format!("{ASKING}.Withdraw"), &[&id.to_string()]);
    }

    /// Waits until a question is shown and could be answered.
    pub fn open(&mut self, heading: &str) -> Value {
        self.desktop.shows(heading);
        let find = json!({ "find": allow(), "state": "sensitive" });
        self.desktop.perform("wait_state", find)
    }

    /// Goes to the prompt, as with Alt+Tab.
    pub fn go_there(&mut self) {
        let window = json!({ "window": PROMPT });
        self.desktop.perform("activate", window);
        let active = json!({ "find": { "role": "frame", "name": PROMPT }, "state": "active" });
        self.desktop.perform("wait_state", active);
    }

    /// Waits until nothing is asked.
    pub fn closed(&mut self) {
        self.desktop.wait_gone(allow());
    }

    /// Waits for a notification of this title, and gives its text.
    pub fn notified(&mut self, title: &str) -> String {
        eventually(title, || {
            let all = self.desktop.notifications(0);
            let found = all.into_iter().rev().find(|said| said[0] == title);
            found.map(|[_, text, _]| text)
        })
    }

    /// Waits for an action of a notification, and chooses it once it can have been read.
    pub fn choose(&mut self, action: &str, title: &str) {
        self.notified(title);
        std::thread::sleep(READING);
        eventually(action, || {
            let texts = json!({ "texts": [action, title] });
            let lines = self.desktop.perform("choose_in_notification", texts);
            let mut lines = lines.as_array().unwrap().iter().filter_map(Value::as_str);
            lines
                .any(|line| line.contains(action) && line.contains(title))
                .then_some(())
        });
    }
}

/// The button that allows.
pub fn allow() -> Value {
    json!({ "role": "button", "name": "Allow" })
}
