//! What became of processes: what each ran, and who started it, also of those that are gone.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aya::Ebpf;
use aya::maps::{MapData, RingBuf};
use bastion_ebpf as ebpf;
use bastion_policy::process::ProcessKey;

use super::KernelError;
use super::passes::process_key;
use super::rings;

/// Processes remembered; those that have ended are the first to go, and then the first to come. A desktop has a few hundred, a
/// build of software starts some ten thousand in a minute.
const PROCESSES: usize = 8_192;

/// A file that a process has executed, as the kernel saw it then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its inode number.
    pub inode: u64,
    /// Its file system's device, as the kernel numbers it.
    pub device: u32,
    /// True if it had been deleted.
    pub deleted: bool,
    /// Its path within its file system; `None` if it has none there (memfd_create(2)), or a too
    /// long one.
    pub path: Option<Box<[u8]>>,
    /// Its arguments, each followed by a zero, possibly cut.
    pub arguments: Box<[u8]>,
}

impl From<&ebpf::File> for Ran {
    fn from(file: &ebpf::File) -> Self {
        let arguments = file.arguments.get(..usize::from(file.arguments_length));
        Self {
            inode: file.inode,
            device: file.device,
            deleted: file.flags & ebpf::file_flags::DELETED != 0,
            path: path(file),
            arguments: arguments.unwrap_or_default().into(),
        }
    }
}

/// Turns components from last to first, each followed by a zero, into a path.
fn path(file: &ebpf::File) -> Option<Box<[u8]>> {
    if file.flags & ebpf::file_flags::NO_PATH != 0 {
        return None;
    }
    let components = file.path.get(..usize::from(file.path_length))?;
    let components = components.strip_suffix(b"\0")?;
    let mut path = Vec::with_capacity(components.len() + 1);
    for component in components.rsplit(|byte| *byte == 0) {
        path.push(b'/');
        path.extend_from_slice(component);
    }
    Some(path.into())
}

/// What is known of a process.
#[derive(Clone, Debug, Default)]
struct Known {
    parent: Option<ProcessKey>,
    ran: Option<Arc<Ran>>,
}

/// See the module's documentation. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct History(Arc<Mutex<Told>>);

struct Told {
    events: RingBuf<MapData>,
    book: Book,
}

#[derive(Debug, Default)]
struct Book {
    processes: HashMap<ProcessKey, Known>,
    /// As they came.
    order: VecDeque<ProcessKey>,
    /// As they ended.
    ended: VecDeque<ProcessKey>,
}

impl History {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self(Arc::new(Mutex::new(Told {
            events: rings::take(ebpf, "EVENTS")?,
            book: Book::default(),
        }))))
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.read();
        told
    }

    /// Reads what has happened.
    pub fn read(&self) {
        drop(self.told());
    }

    /// Who started this process, if that was seen.
    #[must_use]
    pub fn parent(&self, process: ProcessKey) -> Option<ProcessKey> {
        self.told().book.processes.get(&process)?.parent
    }

    /// What this process ran last, if that was seen.
    #[must_use]
    pub fn ran(&self, process: ProcessKey) -> Option<Arc<Ran>> {
        self.told().book.processes.get(&process)?.ran.clone()
    }

    /// What [`rings::watch`] waits for.
    ///
    /// # Errors
    /// When the process has no room for another descriptor.
    pub fn bell(&self) -> io::Result<OwnedFd> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.events.as_fd().try_clone_to_owned()
    }
}

impl Told {
    fn read(&mut self) {
        while let Some(item) = self.events.next() {
            let Some(event) = ebpf::read::<ebpf::Event>(&item) else {
                continue;
            };
            let file = ebpf::read::<ebpf::Exec>(&item).map(|exec| Ran::from(&exec.file));
            self.book.note(&event, file);
        }
    }
}

impl Book {
    fn note(&mut self, event: &ebpf::Event, file: Option<Ran>) {
        let key = process_key(&event.image);
        let parent = Some(process_key(&event.parent)).filter(|parent| parent.pid != 0);
        if key.pid == 0 {
            return;
        }
        match event.kind {
            ebpf::event::EXEC => {
                let known = self.entry(key);
                known.ran = file.map(Arc::new);
                // Who forked it is who started it, also when that one has ended since.
                known.parent = known.parent.or(parent);
            }
            ebpf::event::FORK => {
                let ran = parent.and_then(|parent| self.processes.get(&parent)?.ran.clone());
                *self.entry(key) = Known { parent, ran };
            }
            ebpf::event::EXIT if self.processes.contains_key(&key) => self.ended.push_back(key),
            _ => {}
        }
    }

    fn entry(&mut self, key: ProcessKey) -> &mut Known {
        if !self.processes.contains_key(&key) {
            self.make_room();
            self.order.push_back(key);
        }
        self.processes.entry(key).or_default()
    }

    fn make_room(&mut self) {
        while self.processes.len() >= PROCESSES {
            let Some(gone) = self.ended.pop_front().or_else(|| self.order.pop_front()) else {
                return;
            };
            self.processes.remove(&gone);
        }
        // Those that went as ended still stand in the order.
        if self.order.len() >= 2 * PROCESSES {
            self.order.retain(|key| self.processes.contains_key(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(pid: u32) -> ebpf::Image {
        ebpf::Image {
            start: u64::from(pid) * 20_000_000,
            execs: 1,
            pid,
            unused: 0,
        }
    }

    fn event(kind: u32, pid: u32, parent: u32) -> ebpf::Event {
        ebpf::Event {
            kind,
            uid: 0,
            image: image(pid),
            parent: image(parent),
        }
    }

    fn file(reversed: &[u8]) -> ebpf::File {
        let mut file = ebpf::File {
            inode: 7,
            device: 1,
            unused: 0,
            flags: 0,
            path_length: reversed.len().try_into().unwrap(),
            arguments_length: 3,
            path: [0; ebpf::PATH_MAX],
            arguments: [b'x'; ebpf::ARGUMENTS_MAX],
        };
        file.path[..reversed.len()].copy_from_slice(reversed);
        file
    }

    #[test]
    fn components_become_a_path() {
        let ran = Ran::from(&file(b"curl\0bin\0usr\0"));
        assert_eq!(ran.path.as_deref(), Some(&b"/usr/bin/curl"[..]));
        assert_eq!(&*ran.arguments, b"xxx");
        assert_eq!(Ran::from(&file(b"")).path, None);
        let mut too_long = file(b"curl\0");
        too_long.flags = ebpf::file_flags::NO_PATH;
        assert_eq!(Ran::from(&too_long).path, None);
    }

    #[test]
    fn a_child_runs_what_its_parent_ran_until_it_executes() {
        let mut book = Book::default();
        let ran = |book: &Book, pid| {
            let ran = book.processes.get(&process_key(&image(pid)))?.ran.clone()?;
            Some(String::from_utf8_lossy(ran.path.as_deref()?).into_owned())
        };
        book.note(
            &event(ebpf::event::EXEC, 10, 1),
            Some(Ran::from(&file(b"sh\0"))),
        );
        book.note(&event(ebpf::event::FORK, 11, 10), None);
        assert_eq!(ran(&book, 11).as_deref(), Some("/sh"));
        // The shell has ended meanwhile, and another took the child on.
        book.note(
            &event(ebpf::event::EXEC, 11, 1),
            Some(Ran::from(&file(b"curl\0"))),
        );
        assert_eq!(ran(&book, 11).as_deref(), Some("/curl"));
        let parent = book.processes[&process_key(&image(11))].parent;
        assert_eq!(parent, Some(process_key(&image(10))));
    }

    #[test]
    fn memory_is_bounded() {
        let mut book = Book::default();
        for pid in 1..=u32::try_from(PROCESSES).unwrap() + 100 {
            book.note(&event(ebpf::event::FORK, pid, 1), None);
        }
        assert_eq!(book.processes.len(), PROCESSES);
        assert!(book.order.len() <= 2 * PROCESSES);
    }

    #[test]
    fn those_that_have_ended_are_forgotten_first() {
        let mut book = Book::default();
        let last = u32::try_from(PROCESSES).unwrap();
        for pid in 1..=last {
            book.note(&event(ebpf::event::FORK, pid, 0), None);
        }
        book.note(&event(ebpf::event::EXIT, 7, 0), None);
        book.note(&event(ebpf::event::FORK, last + 1, 0), None);
        let knows = |pid| book.processes.contains_key(&process_key(&image(pid)));
        assert!(knows(1) && !knows(7) && knows(last + 1));
    }

    proptest::proptest! {
        #[test]
        fn any_record_is_survived(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2_000)) {
            if let Some(event) = ebpf::read::<ebpf::Event>(&bytes) {
                let file = ebpf::read::<ebpf::Exec>(&bytes).map(|exec| Ran::from(&exec.file));
                Book::default().note(&event, file);
            }
        }
    }
}
