//! What of this computer the program picker and the editor ask for. All of it reads files, which
//! may be on a disk that takes long: none of it is for the thread that draws.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bastion_policy::matcher::ExecutablePath;
use gtk::glib;

use super::{Choice, Meaning};
use crate::model::picker::{self, Fact, HEAD, Instead, Machine};
use crate::widgets::program::{self, Entry};

/// This computer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here;

impl Machine for Here {
    fn program(&self, name: &str) -> Option<String> {
        let path = match name.contains('/') {
            true => PathBuf::from(name),
            false => glib::find_program_in_path(name)?,
        };
        let path = path.canonicalize().ok()?;
        path.is_absolute().then(|| picker::escaped(&path))
    }

    fn own_flatpak(&self, id: &str) -> Option<String> {
        let everybodys = Path::new("/var/lib/flatpak/app").join(id);
        let own = glib::user_data_dir().join("flatpak/app").join(id);
        (own.is_dir() && !everybodys.is_dir()).then(|| picker::escaped(&own))
    }
}

/// What the processes of this user run, as far as may be read, each as a rule names it.
pub(super) fn processes() -> impl Iterator<Item = String> {
    let uid = nix::unistd::getuid().as_raw();
    let here = std::fs::read_link("/proc/self/ns/mnt").ok();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(move |process| {
        let directory = process.path();
        let is_process = process.file_name().to_str()?.parse::<u32>().is_ok();
        if !is_process || process.metadata().ok()?.uid() != uid {
            return None;
        }
        let executable = std::fs::read_link(directory.join("exe")).ok()?;
        // Elsewhere the same path is another file; of Flatpaks it is known whose.
        if std::fs::read_link(directory.join("ns/mnt")).ok() != here {
            return picker::flatpak(&flatpak_id(&directory)?, &Here);
        }
        // What was replaced since has no path any more.
        let path = executable.exists().then(|| picker::escaped(&executable))?;
        Some(picker::matcher(&path))
    })
}

/// The Flatpak a process is in, by its own words: good enough to offer it.
fn flatpak_id(process: &Path) -> Option<String> {
    let info = std::fs::read_to_string(process.join("root/.flatpak-info")).ok()?;
    let name = info.lines().find_map(|line| line.strip_prefix("name="))?;
    Some(name.to_owned())
}

/// The applications of the menu, and what a rule names to mean each.
pub(super) fn applications() -> Vec<(Option<Entry>, String)> {
    let named =
        |app: program::Application| Some((app.entry, picker::launched(&app.command, &Here)?));
    program::applications()
        .into_iter()
        .filter_map(named)
        .collect()
}

/// What a rule has to name to mean what was chosen, and what stands in for that.
pub(super) fn chosen(choice: Choice) -> Meaning {
    let matcher = match choice {
        Choice::Program(matcher) => matcher,
        // The helper knows programs by the path the kernel has, in which no link is left.
        Choice::File(path) => {
            let path = path.canonicalize().unwrap_or(path);
            picker::matcher(&picker::escaped(&path))
        }
    };
    let instead = instead(&matcher);
    (matcher, instead)
}

/// What stands in for the file that a rule names so, if it names one.
fn instead(matcher: &str) -> Option<Instead> {
    let path = Some(matcher).filter(|matcher| matcher.starts_with('/'))?;
    Instead::of(path, &head(path)?, &Here)
}

/// The beginning of a file that could be a program.
fn head(path: &str) -> Option<Vec<u8>> {
    let file = Path::new(path);
    // Nothing but a file is opened: opening a device or a pipe can do something, or hang.
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut head = Vec::new();
    let most = u64::try_from(HEAD).unwrap_or(u64::MAX);
    File::open(file)
        .ok()?
        .take(most)
        .read_to_end(&mut head)
        .ok()?;
    Some(head)
}

/// What is to be said of a path that was written down.
pub(super) fn fact(path: &str) -> Option<Fact> {
    // What was escaped is not the path of the file.
    if path.parse::<ExecutablePath>().is_err() || path.contains('\\') {
        return None;
    }
    if let Some(snap) = picker::snap(path) {
        return Some(Fact::Other(snap));
    }
    let file = Path::new(path);
    let real = match file.canonicalize() {
        Ok(real) => picker::escaped(&real),
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(Fact::Missing),
        // What may not be seen may be there.
        Err(_) => return None,
    };
    let found = file.metadata().ok()?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Some(Fact::NoProgram);
    }
    let named = match instead(&real) {
        Some(instead) => instead.matcher(),
        None => picker::matcher(&real),
    };
    (named != path).then_some(Fact::Other(named))
}
