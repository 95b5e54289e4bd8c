//! What is told of real programs: by the records of the dpkg that runs this system, and with real
//! interpreters.
//!
//! Needs dpkg, and root for a mount namespace. Without them the tests say that they did not run,
//! and fail if `BASTION_REQUIRE_REAL=1`.

#![expect(clippy::unwrap_used, reason = "in a test a panic is a failure")]

#[path = "support/programs.rs"]
mod programs;

use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bastion_helper::identify::details::{Details, Inspector, Script};
use bastion_helper::identify::proc_dir::ProcFs;
use bastion_helper::identify::process;
use bastion_ipc::wire::PackageState;
use bastion_policy::process::{Evidence, Executable, FileId, Process, ProcessKey};

use programs::{copy_program, make_program};

/// True where a test can run.
fn is_real() -> bool {
    let dpkg = Path::new("/var/lib/dpkg/info/dpkg.list").exists();
    let real = dpkg && nix::unistd::geteuid().is_root();
    let required = std::env::var_os("BASTION_REQUIRE_REAL").is_some_and(|v| v == "1");
    assert!(real || !required, "this test needs dpkg and root");
    if !real {
        eprintln!("skipped: needs dpkg and root");
    }
    real
}

/// A program that waits for its input; ended when dropped.
struct Program(Child);

impl Program {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Waits until it has executed a file of this name; its arguments are there a little later.
    fn becomes(self, name: &str) -> Self {
        let of_process = |file: &str| PathBuf::from(format!("/proc/{}/{file}", self.0.id()));
        let is_there = || {
            std::fs::read_link(of_process("exe"))
                .unwrap()
                .ends_with(name)
                && !std::fs::read(of_process("cmdline")).unwrap().is_empty()
        };
        let start = std::time::Instant::now();
        while !is_there() {
            assert!(start.elapsed().as_secs() < 60, "never became {name}");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        self
    }

    /// The process, as those see it who see this `/proc`.
    fn seen(&self, proc: &ProcFs) -> Process {
        process::read(proc, self.0.id(), 0, Evidence::SocketTable, &|_| true).unwrap()
    }

    fn details(&self) -> Details {
        let proc = ProcFs::default();
        Inspector::new(proc.clone()).inspect(&self.seen(&proc))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What dpkg itself says of an installed package.
fn dpkg_version(package: &str) -> String {
    let query = ["--show", "--showformat=${Version}", package];
    let output = Command::new("dpkg-query").args(query).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A view in which the files of this program are the machine's.
fn machine_of(program: &Program, directory: &Path) -> ProcFs {
    let pid = program.0.id().to_string();
    for name in ["1", &pid] {
        symlink(Path::new("/proc").join(&pid), directory.join(name)).unwrap();
    }
    ProcFs::at(directory)
}

#[test]
fn curl_is_as_its_package_shipped_it() {
    if !is_real() {
        return;
    }
    let curl = Program::start(Command::new("/usr/bin/curl").args(["--config", "-"]));
    let origin = curl.becomes("curl").details().origin;
    assert_eq!(origin.state, PackageState::AsShipped);
    let package = origin.package.unwrap();
    assert_eq!(package.name, "curl");
    assert_eq!(package.version.unwrap(), dpkg_version("curl"));
}

#[test]
fn a_changed_program_shows() {
    if !is_real() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let changed = directory.path().join("tac");
    let shipped = std::fs::read("/usr/bin/tac").unwrap();
    make_program(&changed, &[&shipped[..], b"!"].concat());
    // The changed file is there for the program alone, and for who looks with its eyes.
    let script = "mount --bind \"$1\" /usr/bin/tac && exec /usr/bin/tac";
    let arguments = [
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
        changed.to_str().unwrap(),
    ];
    let tac = Program::start(Command::new("unshare").args(arguments)).becomes("tac");
    let proc = machine_of(&tac, directory.path());
    let process = tac.seen(&proc);
    assert_eq!(process.executable.path.as_str(), "/usr/bin/tac");
    assert!(!process.executable.replaced);
    let origin = Inspector::new(proc).inspect(&process).origin;
    assert_eq!(origin.package.unwrap().name, "coreutils");
    assert_eq!(origin.state, PackageState::Changed);
    // The machine itself has the file that was shipped, and this one is another.
    let proc = ProcFs::default();
    let process = tac.seen(&proc);
    assert_eq!(process.executable.path.as_str(), changed.to_str().unwrap());
    let origin = Inspector::new(proc).inspect(&process).origin;
    assert_eq!(
        (origin.package, origin.state),
        (None, PackageState::Unpackaged)
    );
}

#[test]
fn a_program_replaced_while_it_runs_is_not_judged_by_the_new_file() {
    if !is_real() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("bin");
    std::fs::create_dir(&own).unwrap();
    copy_program("/usr/bin/tac", &own.join("tac"));
    copy_program("/usr/bin/tac", &own.join("new"));
    let script = "mount --bind \"$1\" /usr/local/bin && exec /usr/local/bin/tac";
    let arguments = ["--mount", "sh", "-c", script, "sh", own.to_str().unwrap()];
    let tac = Program::start(Command::new("unshare").args(arguments)).becomes("tac");
    std::fs::rename(own.join("new"), own.join("tac")).unwrap();
    let proc = machine_of(&tac, directory.path());
    let mut process = tac.seen(&proc);
    assert!(process.executable.replaced);
    // As if it had been a package's.
    process.executable.path = "/usr/bin/tac".parse().unwrap();
    let origin = Inspector::new(proc).inspect(&process).origin;
    assert_eq!(origin.package.unwrap().name, "coreutils");
    assert_eq!(origin.state, PackageState::Unknown);
}

#[test]
fn what_is_no_packages_is_told_as_such() {
    if !is_real() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tac");
    copy_program("/usr/bin/tac", &path);
    let tac = Program::start(&mut Command::new(&path)).becomes("tac");
    let origin = tac.details().origin;
    assert_eq!(
        (origin.package, origin.state),
        (None, PackageState::Unpackaged)
    );
}

/// Some of everything that is installed, held against dpkg's own words.
#[test]
fn dpkg_says_the_same() {
    if !is_real() {
        return;
    }
    let programs = |directory| {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.symlink_metadata().unwrap().is_file());
        paths.sort();
        paths
    };
    let all = [programs("/usr/bin"), programs("/usr/sbin")].concat();
    let mut inspector = Inspector::new(ProcFs::default());
    let mut as_shipped = 0;
    for path in all.iter().step_by(11) {
        let origin = inspector.inspect(&made_up(path)).origin;
        let names = owners(path);
        match origin.package {
            Some(package) => {
                let name = package.name.split(':').next().unwrap();
                assert!(
                    names.iter().any(|owner| owner == name),
                    "{path:?}: {names:?}"
                );
            }
            None => assert!(names.is_empty(), "{path:?}: {names:?}"),
        }
        assert_ne!(origin.state, PackageState::Changed, "{path:?}");
        as_shipped += usize::from(origin.state == PackageState::AsShipped);
    }
    assert!(as_shipped > 20, "only {as_shipped} of {}", all.len() / 11);
}

/// A process that runs this file, but is not there.
fn made_up(path: &Path) -> Process {
    let there = path.metadata().unwrap();
    Process {
        key: ProcessKey {
            pid: u32::MAX,
            start_time: 0,
        },
        uid: 0,
        executable: Executable {
            path: path.to_str().unwrap().parse().unwrap(),
            file: Some(FileId {
                device: there.dev(),
                inode: there.ino(),
            }),
            replaced: false,
        },
        arguments: Vec::new(),
        working_directory: String::new(),
        cgroup: String::new(),
        app: None,
        parents: Vec::new(),
        evidence: Evidence::SocketTable,
        execs: None,
    }
}

/// The packages that list a file, under the path it has or the one it had before `/bin` became a
/// link.
fn owners(path: &Path) -> Vec<String> {
    let path = path.to_str().unwrap();
    let before = path.strip_prefix("/usr").unwrap();
    let query = ["--search", path, before];
    let output = Command::new("dpkg-query").args(query).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split_once(": /"))
        .filter(|(names, _)| !names.starts_with("diversion by"))
        .flat_map(|(names, _)| names.split(", "))
        .map(|name| name.split(':').next().unwrap().to_owned())
        .collect()
}

#[test]
fn scripts_are_told_by_their_interpreters() {
    if !is_real() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().canonicalize().unwrap();
    let script = |name: &str, text: &str| {
        let path = at.join(name);
        make_program(&path, text.as_bytes());
        path
    };
    let python = script(
        "tool",
        "#!/usr/bin/env python3\nimport sys\nsys.stdin.read()\n",
    );
    let shell = script("run.sh", "#!/bin/sh -e\nread line\n");
    let name = |path: &str| {
        let path = std::fs::canonicalize(path).unwrap();
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    let python_name = name("/usr/bin/python3");
    let shell_name = name("/bin/sh");
    for (command, interpreter, path) in [
        (&mut Command::new(&python), &python_name, &python),
        (&mut Command::new(&shell), &shell_name, &shell),
        (
            Command::new("python3")
                .args(["-I", "./tool", "x"])
                .current_dir(&at),
            &python_name,
            &python,
        ),
        (
            Command::new("sh").args(["-e", "run.sh"]).current_dir(&at),
            &shell_name,
            &shell,
        ),
    ] {
        let details = Program::start(command).becomes(interpreter).details();
        let expected = Script::File(path.to_str().unwrap().to_owned());
        assert_eq!(details.script, Some(expected));
        assert_eq!(details.origin.state, PackageState::AsShipped);
        assert_eq!(details.application, None, "an interpreter is none");
    }
}
