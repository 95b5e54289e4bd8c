//! What is told about a process beyond who it is: for the people who are asked about it.
//!
//! Nothing of this takes part in a decision, and none of it is looked for before a verdict. Some
//! of it is proven (the package, the application's name), some is a program's own word (the
//! script, the unit and container of a user's session) and is shown as such. Each fact is read
//! by a function over text; [`machine`] alone touches the disk.

mod appimage;
mod applications;
mod container;
mod desktop;
mod dpkg;
mod interpreters;
mod machine;
mod package;
mod script;
mod unit;
mod within;

use bastion_policy::process::Process;

use super::proc_dir::{ProcDir, ProcFs, Stat};
use applications::Applications;
use dpkg::Dpkg;
use machine::Machine;

pub use applications::Application;
pub use container::Container;
pub use dpkg::{Origin, Package};
pub use script::Script;
pub use unit::Unit;

/// What else is known about a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The systemd unit it belongs to.
    pub unit: Option<Unit>,
    /// Where its file comes from; nothing is known of a Flatpak's or a Snap's, which no package
    /// owns.
    pub origin: Origin,
    /// The script it says it runs.
    pub script: Option<Script>,
    /// The container it seems to be in.
    pub container: Option<Container>,
    /// The AppImage it says it is from: a path or a name, escaped for display.
    pub appimage: Option<String>,
    /// The application it is.
    pub application: Option<Application>,
}

/// Finds out details, and remembers what is the same for every process of a program.
///
/// It reads files, and may take seconds for a large program that was never seen before or where
/// the disk is slow.
#[derive(Debug)]
pub struct Inspector {
    proc: ProcFs,
    dpkg: Dpkg,
    applications: Applications,
}

impl Inspector {
    /// One that looks at processes and the machine there.
    #[must_use]
    pub fn new(proc: ProcFs) -> Self {
        Self {
            proc,
            dpkg: Dpkg::default(),
            applications: Applications::default(),
        }
    }

    /// What is known about a process. What can't be found out is left out, as is what only the
    /// process itself could tell when it is gone.
    pub fn inspect(&mut self, process: &Process) -> Details {
        let executable = &process.executable;
        let unit = unit::of(&process.cgroup);
        let machine = Machine::open(&self.proc)
            .inspect_err(|error| tracing::debug!(%error, "the machine's files can't be seen"))
            .ok();
        let itself = self.process(process);
        let origin = machine
            .as_ref()
            .map(|machine| self.origin(machine, process));
        let origin = origin.unwrap_or_default();
        let application = machine.as_ref().and_then(|machine| {
            let named = unit.as_ref().and_then(Unit::application);
            let owned = &origin.desktop_entries;
            self.applications
                .of(machine, process, owned, named.as_deref())
        });
        Details {
            script: script::of(
                executable.path.file_name(),
                &process.arguments,
                &process.working_directory,
            ),
            container: itself
                .as_ref()
                .filter(|dir| self.is_apart(dir))
                .and_then(|_| container::named(&process.cgroup)),
            appimage: appimage::of(executable.path.as_str(), || {
                itself.as_ref()?.read("environ", appimage::LIMIT).ok()
            }),
            unit,
            origin,
            application,
        }
    }

    /// The directory of the process, if it is still there.
    fn process(&self, process: &Process) -> Option<ProcDir> {
        let dir = self.proc.process(process.key.pid).ok()?;
        let stat = Stat::of(&dir).ok()?;
        (stat.start_time == process.key.start_time).then_some(dir)
    }

    /// True if a process sees other files than the machine's first process.
    fn is_apart(&self, dir: &ProcDir) -> bool {
        let machine = self.proc.machine().and_then(|first| first.link("ns/mnt"));
        matches!((machine, dir.link("ns/mnt")), (Ok(a), Ok(b)) if a != b)
    }

    fn origin(&mut self, machine: &Machine, process: &Process) -> Origin {
        let executable = &process.executable;
        let path = executable.path.as_str();
        // Paths with characters that are escaped are nobody's whom dpkg knows; those below
        // /proc are none of the machine's.
        if process.app.is_some() || path.contains('\\') || !executable.is_lasting() {
            return Origin::default();
        }
        let running = executable.file.filter(|_| !executable.replaced);
        self.dpkg.origin(machine, path.as_bytes(), running)
    }
}

#[cfg(test)]
mod tests;
