//! Tells when somebody changed one of the edited files.
//!
//! Directories are watched, not files: editors and Bastion itself replace a file by another of
//! the same name. Bastion's own writes are reported like all others, and the stores know them by
//! their content: `reload()` of a file that says what was written last is no change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// A file is reported when nothing happened to it for so long; saving is often several steps.
const QUIET: Duration = Duration::from_millis(100);

/// But no later than this after the first change.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a directory that vanished is looked for.
const SEARCH: Duration = Duration::from_secs(1);

/// Why files can't be watched. Rules and settings still work; hand edits are seen at the next
/// restart.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The kernel gives no watch.
    #[error(
        "Changes by hand in {} are not noticed before Bastion restarts: {source}",
        directory.display()
    )]
    Directory {
        /// Which directory.
        directory: PathBuf,
        /// The library's error.
        source: notify::Error,
    },
    /// The kernel or the system gives no more.
    #[error("Changes by hand are not noticed before Bastion restarts: {0}")]
    Start(#[from] notify::Error),
    /// No thread for it.
    #[error("Changes by hand are not noticed before Bastion restarts: {0}")]
    Thread(#[from] std::io::Error),
}

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Event(notify::Result<Event>),
    Stop,
}

impl Watch {
    /// Calls `report`, on a thread of its own, with each of `files` that changed, was made,
    /// vanished or got other permissions. Dropping the watch waits for a call that is under way.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub fn start(
        files: Vec<PathBuf>,
        report: impl FnMut(&Path) + Send + 'static,
    ) -> Result<Self, WatchError> {
        let (sender, messages) = channel();
        let stop = sender.clone();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody listens any more once the thread has stopped.
            let _ = sender.send(Message::Event(event));
        })?;
        let mut state = State {
            watcher,
            messages,
            files,
            lost: BTreeSet::new(),
            changed: BTreeSet::new(),
            report,
        };
        state.watch_all()?;
        let thread = std::thread::Builder::new()
            .name("watch-files".into())
            .spawn(move || state.run())?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.stop.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

struct State<F> {
    watcher: RecommendedWatcher,
    messages: Receiver<Message>,
    files: Vec<PathBuf>,
    /// Directories that vanished.
    lost: BTreeSet<PathBuf>,
    changed: BTreeSet<PathBuf>,
    report: F,
}

impl<F: FnMut(&Path)> State<F> {
    fn watch_all(&mut self) -> Result<(), WatchError> {
        let directories: BTreeSet<_> = self.files.iter().filter_map(|f| f.parent()).collect();
        for directory in directories {
            self.watcher
                .watch(directory, RecursiveMode::NonRecursive)
                .map_err(|source| WatchError::Directory {
                    directory: directory.into(),
                    source,
                })?;
        }
        Ok(())
    }

    fn run(&mut self) {
        while self.wait_for_change() && self.wait_for_quiet() {
            for file in std::mem::take(&mut self.changed) {
                (self.report)(&file);
            }
        }
    }

    /// False when it is time to stop.
    fn wait_for_change(&mut self) -> bool {
        while self.changed.is_empty() {
            let message = match self.lost.is_empty() {
                true => self.messages.recv().map_err(RecvTimeoutError::from),
                false => self.messages.recv_timeout(SEARCH),
            };
            match message {
                Ok(Message::Event(event)) => self.note(event),
                Err(RecvTimeoutError::Timeout) => self.search(),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    /// False when it is time to stop.
    fn wait_for_quiet(&mut self) -> bool {
        let latest = Instant::now() + PATIENCE;
        loop {
            let left = latest.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(QUIET.min(left)) {
                Ok(Message::Event(event)) => self.note(event),
                Err(RecvTimeoutError::Timeout) => return true,
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn note(&mut self, event: notify::Result<Event>) {
        let event = match event {
            Ok(event) if event.need_rescan() => return self.changed.extend(self.files.clone()),
            Ok(event) => event,
            Err(error) => {
                tracing::warn!("watching rules and settings: {error}");
                return self.changed.extend(self.files.clone());
            }
        };
        if !is_change(&event.kind) {
            return;
        }
        for path in event.paths {
            if self.files.contains(&path) {
                self.changed.insert(path);
            } else if self.files.iter().any(|f| f.parent() == Some(&path)) && !still_there(&path) {
                let inside = self.files.iter().filter(|f| f.parent() == Some(&path));
                self.changed.extend(inside.cloned());
                // It may have been moved away with its watch.
                let _ = self.watcher.unwatch(&path);
                self.lost.insert(path);
            }
        }
    }

    fn search(&mut self) {
        for directory in std::mem::take(&mut self.lost) {
            let watched = self
                .watcher
                .watch(&directory, RecursiveMode::NonRecursive)
                .is_ok();
            if watched {
                let inside = self.files.iter().filter(|f| f.parent() == Some(&directory));
                self.changed.extend(inside.cloned());
            } else {
                self.lost.insert(directory);
            }
        }
    }
}

fn still_there(directory: &Path) -> bool {
    std::fs::metadata(directory).is_ok_and(|metadata| metadata.is_dir())
}

/// Opening and reading a file, which the stores do themselves, is none.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Reload, RuleStore, testing};
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    /// Longer than any machine is busy with something else.
    const LONG: Duration = Duration::from_secs(60);

    struct Reports(Receiver<PathBuf>);

    impl Reports {
        fn next(&self) -> PathBuf {
            self.0.recv_timeout(LONG).unwrap()
        }
    }

    fn watch(files: Vec<PathBuf>) -> (Watch, Reports) {
        let (sender, reports) = channel();
        let watch = Watch::start(files, move |file| {
            let _ = sender.send(file.to_owned());
        });
        (watch.unwrap(), Reports(reports))
    }

    #[test]
    fn every_way_to_change_a_file_is_reported() {
        let directory = testing::directory();
        let at = |name: &str| directory.path().join(name);
        let (_watch, reports) = watch(vec![at("a"), at("b")]);
        let steps: [(&str, &dyn Fn()); 6] = [
            ("a", &|| fs::write(at("a"), "made").unwrap()),
            ("a", &|| fs::write(at("a"), "in place").unwrap()),
            ("b", &|| {
                crate::store::file::write(&at("b"), b"replaced", 0o600).unwrap()
            }),
            ("b", &|| {
                fs::set_permissions(at("b"), fs::Permissions::from_mode(0o644)).unwrap();
            }),
            ("a", &|| fs::rename(at("a"), at("elsewhere")).unwrap()),
            ("b", &|| fs::remove_file(at("b")).unwrap()),
        ];
        for (changed, step) in steps {
            step();
            assert_eq!(reports.next(), at(changed));
        }
        fs::write(at("b"), "x").unwrap();
        assert_eq!(reports.next(), at("b"));
        // Reading and other files are no change: what comes next is what is changed next.
        fs::write(at("c"), "x").unwrap();
        fs::read(at("b")).unwrap();
        std::thread::sleep(QUIET * 3);
        fs::write(at("a"), "x").unwrap();
        assert_eq!(reports.next(), at("a"));
        assert!(reports.0.try_recv().is_err());
    }

    #[test]
    fn a_directory_that_vanishes_is_found_again() {
        let directory = testing::directory();
        let inside = directory.path().join("inside");
        let file = inside.join("a");
        fs::create_dir(&inside).unwrap();
        let (_watch, reports) = watch(vec![file.clone()]);
        fs::rename(&inside, directory.path().join("away")).unwrap();
        assert_eq!(reports.next(), file);
        fs::create_dir(&inside).unwrap();
        assert_eq!(reports.next(), file);
        fs::write(&file, "x").unwrap();
        assert_eq!(reports.next(), file);
        fs::remove_dir_all(&inside).unwrap();
        assert_eq!(reports.next(), file);
    }

    #[test]
    fn a_hand_edit_is_told_from_an_own_write() {
        let (_root, paths) = testing::paths();
        let mut store = RuleStore::open(&paths);
        let (_watch, reports) = watch(paths.edited());
        let first = store.rules()[0].id().clone();
        store.remove(&[first]).unwrap();
        assert_eq!(reports.next(), paths.rules);
        assert!(matches!(
            store.reload(),
            [Reload::Unchanged, Reload::Unchanged]
        ));
        let text = fs::read_to_string(&paths.rules).unwrap();
        fs::write(
            &paths.rules,
            text.replace("enabled = true", "enabled = false"),
        )
        .unwrap();
        assert_eq!(reports.next(), paths.rules);
        assert!(matches!(
            store.reload(),
            [Reload::Changed, Reload::Unchanged]
        ));
        assert!(store.rules().iter().all(|rule| !rule.spec().enabled));
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_that_names_it() {
        let directory = testing::directory();
        let file = directory.path().join("nowhere").join("a");
        let error = Watch::start(vec![file], |_| {}).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("nowhere"), "{error}");
    }
}
