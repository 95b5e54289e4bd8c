//! Where the app is measured: a machine with Bastion, a session at its screen, and a server.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use bastion_tests::{As, Desktop, Frame, Load, Program};

use crate::guard;
use crate::place::Place;
use crate::rules::Lasts;

/// Under what conditions, in words.
pub const CONDITIONS: &str = "  (drawn by cairo without a graphics card on a virtual screen, window of 1000 × 720 pixels;\n   \
     frame times are from the end of one frame to the end of the next; files in memory)";
/// Who sits at the screen, and as whom connections are made.
const ACCOUNT: &str = "alice";
const UID: &str = "1000";
/// Where the helper's log is, and a copy of one with [`EVENTS`] events.
const OWN_LOG: &str = "/var/lib/bastion/events.db";
const LOG: &str = "/var/tmp/events.db";
const EVENTS: &str = "1000000";
/// A rule or two, as most have at first.
const FEW: u32 = 10;

const APP: &str = "/usr/bin/bastion";
/// What programs at the screen say.
const COMPLAINTS: &str = "/tmp/bastion-bench.log";
/// Nothing drawn for so long is rest; less than the second in which clocks in the window tick.
const REST: Duration = Duration::from_millis(600);
const PATIENCE: Duration = Duration::from_secs(60);

/// As `tests/bench/windows.sh` leaves them.
const BUILT: &str = "target/bench";

/// What is started.
#[derive(Debug, Clone, Copy)]
pub enum Window {
    /// The app.
    App,
    /// `tests/bench/empty_window.c`.
    Empty,
    /// `tests/bench/bare_table.c`.
    BareTable,
}

impl Window {
    /// Those that are measured beside the app.
    const OTHERS: [Self; 2] = [Self::Empty, Self::BareTable];

    /// What it says on top.
    pub const fn title(self) -> &'static str {
        match self {
            Self::App => "Bastion",
            Self::Empty => "Empty",
            Self::BareTable => "Table",
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::App => APP,
            Self::Empty => "/usr/local/bin/empty_window",
            Self::BareTable => "/usr/local/bin/bare_table",
        }
    }
}

/// Boots the machines, and puts everything in its place.
pub fn prepare() -> anyhow::Result<Place> {
    let place = Place::boot()?;
    place.install_bastion()?;
    for window in Window::OTHERS {
        let placed = window.command();
        let name = Path::new(placed).file_name().unwrap_or_default();
        place
            .copy(&Path::new(BUILT).join(name), placed)
            .context("see `make bench`")?;
        place.near.shell(&format!("chmod 755 {placed}"))?;
    }
    // The tables are the helper's own.
    guard::bastion_with_log(&place, Lasts::UntilATime, FEW, None)?;
    place.near.shell(&format!(
        "systemctl stop {}
         python3 /opt/bastion-tests/bench/fill_log.py {OWN_LOG} {EVENTS} {UID}
         mv {OWN_LOG} {LOG}",
        guard::BASTION
    ))?;
    Ok(place)
}

/// See the module's documentation.
pub struct Stage<'a> {
    pub place: &'a Place,
    pub desktop: Desktop<'a>,
}

impl<'a> Stage<'a> {
    pub fn new(place: &'a Place) -> anyhow::Result<Self> {
        let mut desktop = Desktop::start(&place.near, ACCOUNT).context("nobody can log in")?;
        // The assistant of the first run would stand before the window.
        let schema = "org.bastionfirewall.Bastion";
        desktop.output(&["gsettings", "set", schema, "first-run-done", "true"])?;
        Ok(Self { place, desktop })
    }

    /// Has the helper begin anew, with so many rules, one of which decides about the connections
    /// that are made; with the log or an empty one.
    pub fn helper(&self, rules: Option<u32>, with_log: bool) -> anyhow::Result<()> {
        self.place
            .near
            .run(As::Root, &["systemctl", "stop", guard::BASTION])?;
        self.place.clear()?;
        let log = with_log.then_some(LOG);
        guard::bastion_with_log(self.place, Lasts::UntilATime, rules.unwrap_or(FEW), log)
    }

    /// Somebody who connects.
    pub fn client(&self) -> anyhow::Result<Load> {
        self.place.client_of(As::Background(ACCOUNT))
    }

    /// Starts a program; with its first frame.
    pub fn start(&mut self, window: Window) -> anyhow::Result<(Program, Frame)> {
        let program = self.desktop.record(&[window.command()], COMPLAINTS)?;
        let frames = self.desktop.settled(program, Duration::ZERO, PATIENCE)?;
        let first = frames.first().context("there is no frame")?;
        Ok((program, *first))
    }

    pub fn end(&mut self, program: Program) -> anyhow::Result<()> {
        self.desktop.kill(program, "SIGTERM")?;
        Ok(())
    }

    /// Waits until nothing more is drawn; gives what was since the last time.
    pub fn rest(&mut self, program: Program) -> anyhow::Result<Vec<Frame>> {
        Ok(self.desktop.settled(program, REST, PATIENCE)?)
    }

    /// Shows a page of the app, as its key does.
    pub fn show(&mut self, page: &str) -> anyhow::Result<()> {
        let output = self.desktop.output(&[
            "gdbus",
            "call",
            "--session",
            "--dest=org.bastionfirewall.Bastion",
            "--object-path=/org/bastionfirewall/Bastion/window/1",
            "--method=org.gtk.Actions.Activate",
            "page",
            &format!("[<'{page}'>]"),
            "{}",
        ])?;
        anyhow::ensure!(output.success(), "{page} is not shown: {}", output.stderr);
        Ok(())
    }
}
