//! What is left for those who find no helper on the bus; see [`bastion_ipc::failure`].

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::store;

/// Everybody may read it.
const MODE: u32 = 0o644;

/// Leaves word of why the helper can't go on.
pub fn leave(path: &Path, why: &str) {
    // The journal has it in any case.
    if let Err(error) = store::file::write(path, format!("{why}\n").as_bytes(), MODE) {
        tracing::debug!(%error, "no word of the failure could be left: {error}");
    }
}

/// Takes it away: the helper judges.
pub(super) fn forget(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(%error, "word of an earlier failure can't be removed: {error}");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_failure_can_be_read_by_everybody_until_it_is_over() {
        let directory = store::testing::directory();
        let path = directory.path().join("failure");
        for why in ["no queue", "no iptables"] {
            leave(&path, why);
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{why}\n"));
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, MODE);
        }
        forget(&path);
        forget(&path);
        assert!(!path.exists());
    }
}
