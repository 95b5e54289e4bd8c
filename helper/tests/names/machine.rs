//! A machine of a test's own, with the files and programs that looking up names takes.

use std::fs;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

use crate::support::{in_namespace, run};

/// Long enough for anything that happens at all.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How long is waited between two looks at something.
const PAUSE: Duration = Duration::from_millis(20);

/// Where systemd-resolved is.
pub const RESOLVED: &str = "/usr/lib/systemd/systemd-resolved";

/// Runs a test on a thread of its own in a new network namespace, where `/run`, control groups and
/// `/etc/resolv.conf` are those of the test as well. Where a program is missing it fails if
/// BASTION_REQUIRE_REAL=1, else says that it was skipped.
pub fn on_a_machine(test: impl FnOnce() + Send + 'static) {
    for program in ["/usr/sbin/dnsmasq", RESOLVED] {
        if !fs::exists(program).unwrap() {
            let required = std::env::var("BASTION_REQUIRE_REAL").is_ok_and(|value| value == "1");
            assert!(!required, "this test needs {program}");
            println!("skipped: needs {program}");
            return;
        }
    }
    in_namespace(move || {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        run("mount", "--make-rprivate /");
        run("mount", "-t cgroup2 cgroup2 /sys/fs/cgroup");
        run("mount", "-t tmpfs -o mode=755 tmpfs /run");
        fs::create_dir("/run/systemd").unwrap();
        use_servers(&[]);
        test();
    });
}

/// Has programs ask these servers.
pub fn use_servers(servers: &[&str]) {
    let lines = servers
        .iter()
        .map(|server| format!("nameserver {server}\n"));
    fs::write("/run/resolv.conf", lines.collect::<String>()).unwrap();
    use_file("/run/resolv.conf");
}

/// Has programs find their servers in this file.
pub fn use_file(path: &str) {
    // What lay there before lies below.
    run("mount", &format!("--bind {path} /etc/resolv.conf"));
}

/// Waits until something is so.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not happen");
        thread::sleep(PAUSE);
    }
}

/// Looks a name up by the C library, as programs do; gives the addresses in their order.
pub fn look_up(name: &str) -> Vec<String> {
    look_up_with(name, "")
}

/// The same with options of resolv.conf(5).
pub fn look_up_with(name: &str, options: &str) -> Vec<String> {
    // On a busy machine a server may be late; programs try again as well.
    let output = eventually(name, || {
        let output = getent(name, options);
        output.status.success().then_some(output)
    });
    let lines = String::from_utf8(output.stdout).unwrap();
    let streams = lines.lines().filter(|line| line.contains("STREAM"));
    let addresses = streams.filter_map(|line| line.split_ascii_whitespace().next());
    addresses.map(str::to_owned).collect()
}

/// Looks a name up that has no addresses there.
pub fn look_up_in_vain(name: &str) {
    assert!(!getent(name, "attempts:1").status.success());
}

fn getent(name: &str, options: &str) -> Output {
    Command::new("getent")
        .args(["ahosts", name])
        .env("RES_OPTIONS", options)
        .output()
        .unwrap()
}

/// Runs a Python program with the socket module's contents; gives its output.
pub fn python(code: &str) -> String {
    let code = format!("from socket import *\n{code}");
    let output = Command::new("/usr/bin/python3")
        .args(["-c", &code])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
