//! The sandbox of a Flatpak, which has another view of the session.

use std::path::Path;

/// What a program finds if it runs in a Flatpak (flatpak-run(1)).
const INFO: &str = "/.flatpak-info";

/// Whether this program runs in one.
#[must_use]
pub fn is_here() -> bool {
    Path::new(INFO).exists()
}
