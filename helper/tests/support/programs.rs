//! Programs that tests make, to be executed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes an executable file with these contents.
///
/// Another program writes it: a file that is open for writing can't be executed (`ETXTBSY`,
/// execve(2)), and every program that another test's thread starts meanwhile would hold it open
/// for a moment, until it executes.
pub fn make_program(path: &Path, contents: &[u8]) {
    let mut install = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    install.stdin.take().unwrap().write_all(contents).unwrap();
    assert!(install.wait().unwrap().success(), "{path:?} was not made");
}

/// Makes a copy of a program.
pub fn copy_program(from: &str, to: &Path) {
    make_program(to, &std::fs::read(from).unwrap());
}
