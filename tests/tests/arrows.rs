//! Which crate may depend on which, and what the pure one may not use.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let done = Command::new(cargo)
        .current_dir(project())
        .args(arguments)
        .args(["--offline", "--locked"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(done.stdout).unwrap()
}

/// What a crate needs by these kinds of edges, to this depth; itself left out.
fn needs(of: &str, edges: &str, depth: &str) -> BTreeSet<String> {
    let mut tree = vec!["tree", "--prefix", "none", "--format", "{p}"];
    tree.extend(["--package", of, "--edges", edges, "--depth", depth]);
    let printed = cargo(&tree);
    let mut names = printed
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty());
    assert_eq!(names.next(), Some(of), "{printed}");
    names.map(str::to_owned).collect()
}

/// Everything a crate needs, in all its depth, also for its tests.
fn all_needs(of: &str) -> BTreeSet<String> {
    needs(of, "normal,build,dev", "999")
}

/// The crates of the workspace.
fn members() -> BTreeSet<String> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(serde::Deserialize)]
    struct Package {
        name: String,
    }
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&metadata).unwrap();
    metadata.packages.into_iter().map(|it| it.name).collect()
}

/// All arrows there may be between our own crates, followed to their ends, but for what tests share:
/// the harness, which is in nothing that is installed.
const ARROWS: [(&str, &[&str]); 7] = [
    ("bastion-policy", &[]),
    ("bastion-ebpf", &[]),
    ("bastion-ipc", &["bastion-policy"]),
    ("bastionctl", &["bastion-ipc", "bastion-policy"]),
    ("bastion", &["bastion-ipc", "bastion-policy"]),
    (
        "bastion-helper",
        &["bastion-ebpf", "bastion-ipc", "bastion-policy"],
    ),
    ("bastion-tests", &[]),
];

/// The crate of what tests share.
const HARNESS: &str = "bastion-tests";

#[test]
fn crates_depend_on_each_other_only_as_designed() {
    let members = members();
    let known: BTreeSet<String> = ARROWS.iter().map(|(of, _)| (*of).to_owned()).collect();
    assert_eq!(members, known, "a crate has no place in the design");
    for (of, may) in ARROWS {
        let mut ours: BTreeSet<String> = all_needs(of).intersection(&members).cloned().collect();
        if !needs(of, "normal,build", "999").contains(HARNESS) {
            ours.remove(HARNESS);
        }
        let beyond: Vec<&String> = ours
            .iter()
            .filter(|name| !may.contains(&name.as_str()))
            .collect();
        assert!(beyond.is_empty(), "{of} depends on {beyond:?}");
    }
    // Without these there would be two contracts, or two ways to decide.
    for of in ["bastionctl", "bastion", "bastion-helper"] {
        for on in ["bastion-ipc", "bastion-policy"] {
            assert!(all_needs(of).contains(on), "{of} does without {on}");
        }
    }
}

/// Crates that read, write, wait, or know what time it is.
const IMPURE: [&str; 25] = [
    "async-io",
    "aya",
    "chrono",
    "etherparse",
    "futures-util",
    "gtk4",
    "libadwaita",
    "mio",
    "netlink-sys",
    "nfq",
    "nix",
    "notify",
    "procfs",
    "rand",
    "relm4",
    "rusqlite",
    "rustix",
    "sd-notify",
    "socket2",
    "tempfile",
    "time",
    "tokio",
    "tracing",
    "zbus",
    "zbus_polkit",
];

#[test]
fn the_crate_that_decides_depends_on_nothing_that_does_anything() {
    let needed = needs("bastion-policy", "normal,build", "999");
    let impure: Vec<&&str> = IMPURE
        .iter()
        .filter(|name| needed.contains(**name))
        .collect();
    assert!(impure.is_empty(), "bastion-policy depends on {impure:?}");
    let direct = needs("bastion-policy", "normal,build", "1");
    assert!(!direct.contains("libc"), "bastion-policy calls the system");
}

/// What of the standard library the crate that decides must not name.
const DOES_SOMETHING: [&str; 14] = [
    "std::fs",
    "std::env",
    "std::io",
    "std::os",
    "std::process",
    "std::thread",
    "std::sync::mpsc",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "SystemTime",
    "Instant",
    "::now(",
    "unsafe ",
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_crate_that_decides_takes_no_time_and_touches_nothing() {
    let files = sources(&project().join("helper/policy/src"));
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for word in DOES_SOMETHING {
                assert!(!line.contains(word), "{}: {line}", file.display());
            }
        }
    }
}
