//! Why the helper does not run, for those who find nobody on the bus.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bastion_policy::escape;

/// The helper leaves a sentence here when it can't go on, and takes it away once it judges. Only
/// root can write in this directory; everybody may read the file.
pub const PATH: &str = "/run/bastion/failure";

/// Longest sentence, in bytes.
const MAX: u64 = 2_000;

/// What the helper said when it last failed, escaped, and without the full stop of its last
/// sentence: it stands inside another. `None` if it has not failed, or runs.
#[must_use]
pub fn read() -> Option<String> {
    read_from(Path::new(PATH))
}

fn read_from(path: &Path) -> Option<String> {
    let mut said = Vec::new();
    File::open(path)
        .ok()?
        .take(MAX)
        .read_to_end(&mut said)
        .ok()?;
    let said = said.trim_ascii();
    let said = escape::bytes(said.strip_suffix(b".").unwrap_or(said));
    (!said.is_empty()).then_some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_bounded_and_harmless() {
        let file = std::env::temp_dir().join(format!("bastion-failure-{}", std::process::id()));
        assert_eq!(read_from(&file), None);
        for (content, expected) in [
            ("  \n", None),
            ("no queue\n", Some("no queue")),
            (
                "No queue. See that it is free.\n",
                Some("No queue. See that it is free"),
            ),
            ("a\u{1b}[2J", Some("a\\x1b[2J")),
        ] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(read_from(&file).as_deref(), expected);
        }
        std::fs::write(&file, "x".repeat(10_000)).unwrap();
        assert_eq!(read_from(&file).map(|said| said.len()), Some(2_000));
        std::fs::remove_file(&file).unwrap();
    }
}
