//! A text file that people edit by hand and Bastion rewrites.

use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::file::{self, FileError};
use super::toml::{self, TextError};

/// What kind of text a file holds.
#[derive(Debug)]
pub struct Format<T> {
    /// What the text means.
    pub parse: fn(&str) -> Result<T, TextError>,
    /// The text of a file that does not exist yet; it must parse.
    pub initial: &'static str,
    /// Permission bits of a new file.
    pub mode: u32,
    /// Most bytes the file may have.
    pub limit: u64,
}

/// What came of looking at a file again.
#[derive(Debug)]
pub enum Reload {
    /// It says what it said before; so it does after Bastion's own writes.
    Unchanged,
    /// It says something else, which is in force now.
    Changed,
    /// It can't be read or makes no sense. What was in force stays in force.
    Kept(StoreError),
}

/// A text file with what it means. The last meaning that made sense is always at hand.
#[derive(Debug)]
pub struct Edited<T: 'static> {
    path: PathBuf,
    last_good: Option<PathBuf>,
    format: &'static Format<T>,
    /// The text that `value` is the meaning of.
    text: String,
    value: T,
    /// Whether the file was there when last looked at.
    exists: bool,
    trouble: Option<String>,
    last_good_trouble: Option<String>,
}

/// A file as it is now, to base a change on.
#[derive(Debug)]
pub struct Current<T> {
    /// Its text.
    pub text: String,
    /// What the text means.
    pub value: T,
}

impl<T: Default> Edited<T> {
    /// Reads the file. If it is broken, its copy `last_good` from better times stands in; without
    /// one, what a new file would say. A file that does not exist is not made.
    pub fn open(path: PathBuf, last_good: Option<PathBuf>, format: &'static Format<T>) -> Self {
        let mut edited = Self {
            path,
            last_good,
            format,
            text: String::new(),
            value: T::default(),
            exists: true,
            trouble: None,
            last_good_trouble: None,
        };
        match edited.read(&edited.path) {
            Ok(current) => edited.adopt(current),
            Err(StoreError::File(FileError::Missing(_))) => {
                edited.stand_in(format.initial.to_owned());
                edited.exists = false;
            }
            Err(error) => edited.recover(&error),
        }
        edited
    }

    /// The same, but a file that does not exist is made.
    pub fn open_or_make(
        path: PathBuf,
        last_good: Option<PathBuf>,
        format: &'static Format<T>,
    ) -> Self {
        let mut edited = Self::open(path, last_good, format);
        if !edited.exists
            && let Err(error) = edited.commit(format.initial.to_owned())
        {
            edited.trouble = Some(error.to_string());
        }
        edited
    }

    /// Takes over what stands in for a file that is broken from the start.
    fn recover(&mut self, error: &StoreError) {
        let last_good = self.last_good.as_deref().map(|path| self.read(path));
        let instead = match last_good {
            Some(Ok(current)) => {
                self.text = current.text;
                self.value = current.value;
                "the last content that made sense is in force"
            }
            _ => {
                self.stand_in(self.format.initial.to_owned());
                "what Bastion starts with on a new system is in force"
            }
        };
        self.trouble = Some(format!("{error} (for now, {instead})"));
    }

    fn stand_in(&mut self, text: String) {
        // A format whose initial text does not parse fails its tests.
        self.value = (self.format.parse)(&text).unwrap_or_default();
        self.text = text;
    }
}

impl<T> Edited<T> {
    /// The meaning in force.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What does not work: sentences with the remedy.
    pub fn troubles(&self) -> impl Iterator<Item = String> {
        self.trouble.iter().chain(&self.last_good_trouble).cloned()
    }

    /// Takes over what the file says now, if it makes sense.
    pub fn reload(&mut self) -> Reload {
        let text = self.text(&self.path);
        // Changes come by here as well, and most find what they know.
        if text.as_ref().is_ok_and(|text| *text == self.text) {
            self.exists = true;
            self.trouble = None;
            return Reload::Unchanged;
        }
        let error = match text.and_then(|text| self.understand(&self.path, text)) {
            Ok(current) => {
                self.adopt(current);
                return Reload::Changed;
            }
            Err(StoreError::File(FileError::Missing(_))) if !self.exists => {
                return Reload::Unchanged;
            }
            Err(StoreError::File(FileError::Missing(_))) => StoreError::Gone {
                path: self.path.display().to_string(),
            },
            Err(error) => error,
        };
        let says = error.to_string();
        // What is told already may also say what stands in for the file since the start.
        if !self
            .trouble
            .as_ref()
            .is_some_and(|told| told.starts_with(&says))
        {
            self.trouble = Some(says);
        }
        Reload::Kept(error)
    }

    /// The file as it is now, hand edits included that nobody reloaded yet. Where it is missing,
    /// the text in force.
    ///
    /// # Errors
    /// If it is broken: then it must not be overwritten, because somebody is at work on it.
    pub fn current(&self) -> Result<Current<T>, StoreError> {
        match self.read(&self.path) {
            Err(StoreError::File(FileError::Missing(_))) => {
                self.understand(&self.path, self.text.clone())
            }
            result => result,
        }
    }

    /// Writes a text and takes it over.
    ///
    /// # Errors
    /// If the text makes no sense or can't be written; then nothing has changed.
    pub fn commit(&mut self, text: String) -> Result<(), StoreError> {
        let limit = self.format.limit;
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > limit {
            let path = self.path.display().to_string();
            return Err(StoreError::NoRoom { path, limit });
        }
        let current = self.understand(&self.path, text)?;
        file::write(&self.path, current.text.as_bytes(), self.format.mode)?;
        self.adopt(current);
        Ok(())
    }

    fn adopt(&mut self, current: Current<T>) {
        self.text = current.text;
        self.value = current.value;
        self.exists = true;
        self.trouble = None;
        self.keep_last_good();
    }

    /// The copy is for a helper that starts while the file is broken.
    fn keep_last_good(&mut self) {
        let Some(path) = &self.last_good else { return };
        let text = self.text.as_bytes();
        let same = file::read(path, self.format.limit).is_ok_and(|copy| copy == text);
        self.last_good_trouble = match same {
            true => None,
            false => file::write(path, text, 0o600).err().map(|e| e.to_string()),
        };
    }

    /// Tries again to keep the copy, if that failed. True when another trouble is told since, or
    /// none.
    pub fn retry_last_good(&mut self) -> bool {
        let before = self.last_good_trouble.take();
        if before.is_some() {
            self.keep_last_good();
        }
        self.last_good_trouble != before
    }

    fn read(&self, path: &Path) -> Result<Current<T>, StoreError> {
        self.understand(path, self.text(path)?)
    }

    fn text(&self, path: &Path) -> Result<String, StoreError> {
        let content = file::read(path, self.format.limit)?;
        toml::utf8(content).map_err(|problem| broken(path, problem))
    }

    fn understand(&self, path: &Path, text: String) -> Result<Current<T>, StoreError> {
        let value = (self.format.parse)(&text).map_err(|problem| broken(path, problem))?;
        Ok(Current { text, value })
    }
}

fn broken(path: &Path, problem: TextError) -> StoreError {
    StoreError::Broken {
        path: path.display().to_string(),
        problem,
    }
}
