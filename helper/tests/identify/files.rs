//! Executables that were deleted or replaced, or that pretend to be another.

use std::path::{Path, PathBuf};

use crate::netns::{Program, in_network, sender};
use crate::programs::copy_program;

/// A directory with a copy of `sleep` under this name.
fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap().join(name);
    copy_program("/bin/sleep", &path);
    (directory, path)
}

/// Starts a program that opens a connection and then executes `command`.
fn becoming(command: &[&str]) -> Program {
    Program::start(&format!(
        "s = connect(socket()); os.set_inheritable(s.fileno(), True); tell('tcp', s)\n\
         os.execvp('{}', {command:?})",
        command[0]
    ))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_deleted_file_keeps_its_path() {
    in_network(|| {
        let (_directory, path) = copy("tool");
        let mut program = becoming(&[text(&path), "1000"]);
        let flow = program.flow();
        program.becomes(text(&path));
        assert!(!sender(&flow, 0).executable.replaced);
        std::fs::remove_file(&path).unwrap();
        let executable = sender(&flow, 0).executable;
        assert_eq!(executable.path.as_str(), text(&path));
        assert!(executable.replaced);
        // Another file of the same name is not the one that runs.
        copy_program("/bin/sleep", &path);
        assert!(sender(&flow, 0).executable.replaced);
    });
}

#[test]
fn a_file_may_really_be_named_like_a_deleted_one() {
    in_network(|| {
        let (_directory, path) = copy("tool (deleted)");
        let mut program = becoming(&[text(&path), "1000"]);
        let flow = program.flow();
        program.becomes(text(&path));
        let executable = sender(&flow, 0).executable;
        assert_eq!(executable.path.as_str(), text(&path));
        assert!(!executable.replaced);
        std::fs::remove_file(&path).unwrap();
        let executable = sender(&flow, 0).executable;
        assert_eq!(executable.path.as_str(), text(&path));
        assert!(executable.replaced);
    });
}

#[test]
fn a_replaced_file_is_noticed() {
    in_network(|| {
        let (directory, path) = copy("tool");
        let mut program = becoming(&[text(&path), "1000"]);
        let flow = program.flow();
        program.becomes(text(&path));
        let new = directory.path().join("new");
        copy_program("/bin/sleep", &new);
        std::fs::rename(&new, &path).unwrap();
        let executable = sender(&flow, 0).executable;
        assert_eq!(executable.path.as_str(), text(&path));
        assert!(executable.replaced);
    });
}

/// Anyone may mount their own file onto any name in a namespace of their own.
#[test]
fn a_file_mounted_onto_anothers_name_has_its_own() {
    in_network(|| {
        let (_directory, path) = copy("malware");
        let env = std::fs::canonicalize("/usr/bin/env").unwrap();
        let script = format!(
            "mount --bind {} {1} && exec {1} 1000",
            text(&path),
            text(&env)
        );
        let mut program = becoming(&["unshare", "-Urm", "sh", "-c", &script]);
        let flow = program.flow();
        program.becomes(text(&env));
        let executable = sender(&flow, 0).executable;
        assert_eq!(executable.path.as_str(), text(&path));
        assert!(!executable.replaced);
        // Once it is deleted, the false name is told as what it is: the process's own.
        std::fs::remove_file(&path).unwrap();
        let executable = sender(&flow, 0).executable;
        assert_eq!(
            executable.path.as_str(),
            format!("/proc/{}/root{}", program.pid(), text(&env))
        );
        assert!(!executable.replaced);
    });
}

#[test]
fn a_file_on_a_private_mount_has_no_path_on_the_machine() {
    in_network(|| {
        let (directory, _) = copy("unused");
        let at = directory.path().canonicalize().unwrap();
        let script = format!(
            "mount -t tmpfs none {0} && cp /bin/sleep {0}/unused && exec {0}/unused 1000",
            text(&at)
        );
        let mut program = becoming(&["unshare", "-Urm", "sh", "-c", &script]);
        let flow = program.flow();
        program.becomes(text(&at.join("unused")));
        let process = sender(&flow, 0);
        assert_eq!(
            process.executable.path.as_str(),
            format!("/proc/{}/root{}", program.pid(), text(&at.join("unused")))
        );
        assert_eq!(process.app, None);
    });
}

#[test]
fn a_program_in_memory_has_no_path() {
    in_network(|| {
        let mut program = Program::start(
            "s = connect(socket()); os.set_inheritable(s.fileno(), True); tell('tcp', s)\n\
             m = os.memfd_create('usr/bin/env'); os.write(m, open('/bin/sleep', 'rb').read())\n\
             os.execv('/proc/self/fd/%d' % m, ['env', '1000'])",
        );
        let flow = program.flow();
        program.becomes("/memfd:usr/bin/env (deleted)");
        let executable = sender(&flow, 0).executable;
        assert_eq!(
            executable.path.as_str(),
            format!("/proc/{}/exe", program.pid())
        );
        assert!(executable.replaced);
    });
}
