//! Where the tour takes place, and what its steps do there again and again.

use std::path::PathBuf;
use std::time::Duration;

use bastion_tests::{
    As, Desktop, Error, Find, Internet, Program, Result, Sandbox, Transport, eventually,
    eventually_equal,
};
use serde_json::Value;

/// How long anything on the screen or the wire may take before a step has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Title of the window that asks.
pub const PROMPT: &str = "Connection Request";

/// A machine with Bastion, its internet, and a user at the screen.
pub struct Place<'a> {
    pub sandbox: &'a Sandbox,
    pub internet: &'a mut Internet,
    pub desktop: Desktop<'a>,
    pictures: PathBuf,
}

impl<'a> Place<'a> {
    pub fn new(
        sandbox: &'a Sandbox,
        internet: &'a mut Internet,
        desktop: Desktop<'a>,
    ) -> std::io::Result<Self> {
        let pictures = PathBuf::from("target/run");
        if pictures.exists() {
            std::fs::remove_dir_all(&pictures)?;
        }
        std::fs::create_dir_all(&pictures)?;
        Ok(Self {
            sandbox,
            internet,
            desktop,
            pictures,
        })
    }

    /// A picture of a window, or of the whole screen, in `target/run`.
    pub fn picture(&mut self, window: Option<&str>, name: &str) -> Result<()> {
        let file = self.pictures.join(format!("{name}.png"));
        self.desktop.screenshot(window, &file)
    }

    /// What the helper says of itself.
    pub fn status(&self) -> Result<Value> {
        self.json(&["status"])
    }

    /// A count out of the status.
    pub fn count(&self, field: &str) -> Result<u64> {
        let status = self.status()?;
        let count = status.get(field).and_then(Value::as_u64);
        Ok(count.unwrap_or(u64::MAX))
    }

    /// Waits until a count of the status is this.
    pub fn wait_count(&self, field: &str, wanted: u64) -> Result<()> {
        eventually_equal(field, PATIENCE, &wanted, || self.count(field))
    }

    /// What `bastionctl --json` prints for root.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = vec!["bastionctl", "--json"];
        command.extend(arguments);
        let printed = self.sandbox.run(As::Root, &command)?;
        serde_json::from_str(&printed).map_err(|source| Error::Answer {
            command: command.join(" "),
            line: printed,
            source,
        })
    }

    /// Starts a program of alice's; its output goes to a file.
    pub fn start(&mut self, name: &str, command: &[&str]) -> Result<Started> {
        let log = format!("/tmp/tour-{name}.log");
        let program = self.desktop.spawn(command, &log)?;
        Ok(Started { program, log })
    }

    /// Waits until a program has ended; gives its exit code and what it printed.
    pub fn ended(&mut self, started: &Started) -> Result<String> {
        let desktop = &mut self.desktop;
        let code = eventually("the end of the program", PATIENCE, || {
            desktop.status(started.program).ok().flatten()
        })?;
        let printed = self.sandbox.run(As::Root, &["cat", &started.log])?;
        Ok(format!("exit {code}: {}", printed.trim()))
    }

    /// True while a program runs.
    pub fn runs(&mut self, started: &Started) -> Result<bool> {
        Ok(self.desktop.status(started.program)?.is_none())
    }

    /// Runs a program of alice's to its end.
    pub fn alice(&mut self, command: &[&str]) -> Result<String> {
        let output = self.desktop.output(command)?;
        let printed = format!("{}{}", output.stdout, output.stderr);
        Ok(format!("exit {}: {}", output.status, printed.trim()))
    }

    /// Waits until the prompt asks about the program at this path.
    pub fn asked_about(&mut self, path: &str) -> Result<()> {
        let shown = Find::role("label").named(path).in_window(PROMPT);
        self.desktop.wait_for(&shown, PATIENCE).map(drop)
    }

    /// Presses a button of the prompt, once it can be pressed.
    pub fn press(&mut self, button: &str) -> Result<()> {
        let button = Find::button(button).in_window(PROMPT);
        self.desktop.wait_state(&button, "sensitive", true)?;
        self.desktop.press(&button)
    }

    /// Opens the prompt's details, and tells what they say of a package.
    pub fn told_package(&mut self, name: &str) -> Result<String> {
        let details = Find::role("list item").named("Details").in_window(PROMPT);
        self.desktop.click(&details)?;
        let row = Find::role("list item").named("Package").in_window(PROMPT);
        let row = self.desktop.wait(&row)?;
        let said = Find::containing(" (as shipped)").in_window(PROMPT);
        let said = self.desktop.wait(&said)?.name;
        self.picture(Some(PROMPT), "prompt-details")?;
        let told = match said.split_once(' ') {
            Some((package, version)) if package == name && version.ends_with(" (as shipped)") => {
                format!("{package} as shipped")
            }
            _ => said,
        };
        Ok(format!("{}: {told}", row.name))
    }

    /// Chooses in one of the prompt's rows.
    pub fn choose(&mut self, row: &str, item: &str) -> Result<()> {
        let row = Find::role("combo box").named(row).in_window(PROMPT);
        self.desktop.choose(&row, item)
    }

    /// Connections that have reached a port of the internet, over both families.
    pub fn connections(&mut self, port: u16) -> Result<u64> {
        let (v4, v6) = (self.internet.v4(2), self.internet.v6(2));
        let v4 = self.internet.arrived(Transport::Tcp, v4, port)?;
        let v6 = self.internet.arrived(Transport::Tcp, v6, port)?;
        Ok(v4.connections + v6.connections)
    }

    /// Datagrams that have reached a port of the internet, over both families.
    pub fn datagrams(&mut self, port: u16) -> Result<u64> {
        let (v4, v6) = (self.internet.v4(2), self.internet.v6(2));
        let v4 = self.internet.arrived(Transport::Udp, v4, port)?;
        let v6 = self.internet.arrived(Transport::Udp, v6, port)?;
        Ok(v4.datagrams + v6.datagrams)
    }
}

/// A program that was started.
pub struct Started {
    program: Program,
    log: String,
}
