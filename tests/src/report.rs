//! What tests leave to be looked at.

use std::fs;
use std::path::PathBuf;

use crate::sandbox::project;
use crate::{Error, Result};

/// Writes a file to `target/reports`; gives its path.
///
/// # Errors
/// [`Error::File`] when it can't be written.
pub fn keep_report(name: &str, text: &str) -> Result<PathBuf> {
    let directory = project().join("target/reports");
    let path = directory.join(name);
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&path, text))
        .map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
    Ok(path)
}
