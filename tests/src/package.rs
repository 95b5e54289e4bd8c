//! The project's package, installed as a person would.

use std::path::PathBuf;

use crate::sandbox::{As, Sandbox, project};
use crate::{Error, Result};

/// Whoever opens the window has seen the assistant of the first run, as an administrator can have it:
/// tests of other things would find it in their way.
const SEEN: &str = "cd /usr/share/glib-2.0/schemas && \
    printf '[org.bastionfirewall.Bastion]\\nfirst-run-done=true\\n' >90_seen.gschema.override && \
    glib-compile-schemas .";

/// The `.deb` that `make deb` made.
pub struct Package {
    path: PathBuf,
}

impl Package {
    /// Finds it. `BASTION_PACKAGE` names another one to try than that in `target/deb`.
    ///
    /// # Errors
    /// [`Error::NoPackage`] when it has not been made.
    pub fn find() -> Result<Self> {
        if let Some(path) = std::env::var_os("BASTION_PACKAGE") {
            return Ok(Self { path: path.into() });
        }
        let directory = project().join("target/deb");
        let entries =
            std::fs::read_dir(&directory).map_err(|_| Error::NoPackage(directory.clone()))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "deb"))
            .collect();
        found.sort();
        found
            .pop()
            .map(|path| Self { path })
            .ok_or(Error::NoPackage(directory))
    }

    /// Installs it in a machine with apt, from the file, and so runs its maintainer scripts; also
    /// over itself, as an upgrade does.
    ///
    /// # Errors
    /// [`Error::Failed`] with what apt says.
    pub fn install(&self, sandbox: &Sandbox) -> Result<()> {
        let (host, inside) = sandbox.shared_directory()?;
        let copy = host.join("bastion.deb");
        std::fs::copy(&self.path, &copy).map_err(|source| Error::File { path: copy, source })?;
        let file = format!("{inside}/bastion.deb");
        // A service: what the scripts start must not inherit this test's privileges.
        let apt = "export DEBIAN_FRONTEND=noninteractive; exec apt-get install --reinstall -q -y --no-install-recommends \"$1\"";
        sandbox.run(As::Service, &["sh", "-c", apt, "install", &file])?;
        sandbox.run(As::Root, &["sh", "-c", SEEN]).map(drop)
    }

    /// Removes it; `purge` takes its configuration and state along.
    ///
    /// # Errors
    /// [`Error::Failed`] with what apt says.
    pub fn remove(sandbox: &Sandbox, name: &str, purge: bool) -> Result<()> {
        let how = if purge { "purge" } else { "remove" };
        sandbox
            .run(As::Service, &["apt-get", how, "-q", "-y", name])
            .map(drop)
    }
}
