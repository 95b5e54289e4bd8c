//! A user at the screen of a machine with the firewall, before a window of some look.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bastion_tests::{Desktop, Destination, Find, Firewall, Manner, Program, Transport, eventually};

use crate::look::{Look, Words};

/// Far more than anything should need.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a page may take after its key.
const LOOK: Duration = Duration::from_secs(3);
/// Where programs go.
pub const PORT: u16 = 7500;

/// All that is said of the app here, as its source has it.
const MESSAGES: [&str; 25] = [
    "Overview",
    "Connections",
    "Rules",
    "Log",
    "Protection Is On",
    "Connection Request",
    "Remember",
    "Forever",
    "_Allow",
    "_Deny",
    "End connection of {program} to {destination}",
    "Connection of {program} ended",
    "Rule “{name}” enabled",
    "Edit rule “{name}”",
    "Delete rule “{name}”",
    "“{name}” deleted",
    "_Undo",
    "Add Rule",
    "_Name",
    "_Action",
    "Deny",
    "_Destination",
    "A host or network",
    "Host, Address, Network or Range",
    "_Save",
];

/// See the module's documentation.
pub struct Scene<'a> {
    pub firewall: &'a Firewall,
    pub desktop: Desktop<'a>,
    pub look: Look,
    pub words: Words,
    pub to: Destination,
    app: Program,
}

impl<'a> Scene<'a> {
    /// Puts what programs connect to into the internet.
    pub fn prepare(firewall: &mut Firewall) {
        let internet = firewall.internet();
        internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
        std::fs::create_dir_all(pictures()).unwrap();
    }

    /// Logs alice in, who has an administrator's password, and opens the window.
    pub fn open(firewall: &'a mut Firewall, look: Look) -> Self {
        let to = Destination {
            transport: Transport::Tcp,
            address: firewall.internet().v4(3),
            port: PORT,
        };
        let firewall = &*firewall;
        let sandbox = firewall.sandbox();
        look.install(sandbox);
        let words = look.words(sandbox, &MESSAGES);
        let translated = words.say("Protection Is On") != "Protection Is On";
        assert_eq!(translated, look.is_translated(), "{look}");
        let mut desktop = Desktop::start(sandbox, "alice").unwrap();
        desktop.authenticate_as("alice", "alice").unwrap();
        let mut command = look.environment();
        command.push("bastion".into());
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let app = desktop
            .spawn(&command, &format!("/tmp/bastion-{look}.log"))
            .unwrap();
        let mut scene = Self {
            firewall,
            desktop,
            look,
            words,
            to,
            app,
        };
        let well = scene.words.say("Protection Is On");
        scene.wait(&Find::name(&well).in_window(BASTION));
        let (width, height) = look.size;
        scene.desktop.resize(BASTION, width, height).unwrap();
        scene
    }

    /// Logs her out.
    pub fn close(mut self) {
        self.desktop.kill(self.app, "SIGTERM").unwrap();
    }

    /// A name that no other look has.
    pub fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.look)
    }

    pub fn wait(&mut self, find: &Find) {
        let found = self.desktop.wait_for(find, PATIENCE);
        found.unwrap_or_else(|error| panic!("{}: {error}", self.look));
    }

    /// Waits until a button can be pressed, and presses it.
    pub fn press(&mut self, button: &Find) {
        let ready = self.desktop.wait_state(button, "sensitive", true);
        ready.unwrap_or_else(|error| panic!("{}: {error}", self.look));
        self.desktop.press(button).unwrap();
    }

    /// Turns to a page by its key.
    pub fn page(&mut self, message: &str) {
        let pages = ["Overview", "Connections", "Rules", "Log"];
        let number = pages.iter().position(|&page| page == message).unwrap() + 1;
        let page = self.words.say(message);
        let page = Find::role("grouping").named(&page);
        // A dialog that is just closing takes keys, too.
        let shown = eventually(message, PATIENCE, || {
            self.desktop.activate_window(BASTION).ok()?;
            self.desktop.key(&[&format!("alt+{number}")]).ok()?;
            self.desktop.wait_for(&page, LOOK).ok()
        });
        shown.unwrap_or_else(|error| panic!("{}: {error}", self.look));
    }

    /// Writes into a row of the editor.
    pub fn write(&mut self, row: &str, text: &str) {
        let row = Find::role("text")
            .named(&self.words.say(row))
            .in_window(BASTION);
        self.wait(&row);
        self.desktop.set_text(&row, text).unwrap();
    }

    /// Chooses in a row of the editor.
    pub fn choose(&mut self, row: &str, item: &str) {
        let row = Find::role("combo box").named(&self.words.say(row));
        let item = self.words.say(item);
        // What has the focus is scrolled to.
        self.desktop.focus(&row).unwrap();
        self.desktop.choose(&row, &item).unwrap();
    }

    /// A picture of a window.
    pub fn picture(&mut self, window: &str, page: &str) {
        let file = pictures().join(self.look.picture(page));
        self.desktop.screenshot(Some(window), &file).unwrap();
    }
}

/// Title of the main window.
pub const BASTION: &str = "Bastion";

fn pictures() -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    project.join("target/screenshots")
}
