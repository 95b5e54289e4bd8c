use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use super::*;

/// Long enough for anything that happens at all.
const PATIENCE: Duration = Duration::from_secs(60);

const FOUND: &[u8] = b"{\"parameters\":{\"state\":\"success\",\
    \"question\":[{\"class\":1,\"type\":1,\"name\":\"a.example\"}],\
    \"answer\":[{\"raw\":\"AWEHZXhhbXBsZQAAAQABAAAAZAAEwAACBw==\"}]}}\0";

const READY: &[u8] = b"{\"parameters\":{\"ready\":true},\"continues\":true}\0";

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).unwrap();
    fs::rename(&new, &path).unwrap();
}

fn system() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let port = "proc/sys/net/ipv4/ip_unprivileged_port_start";
    write(root.path(), port, "1024");
    write(root.path(), "etc/resolv.conf", "nameserver 192.0.2.1\n");
    root
}

fn started(root: &Path) -> (Sources, Receiver<Update>) {
    let (sender, updates) = channel();
    let report = move |update| sender.send(update).is_ok();
    (Sources::start(root, report).unwrap(), updates)
}

/// The next update that `wanted` finds something in.
fn next<T>(updates: &Receiver<Update>, wanted: impl Fn(Update) -> Option<T>) -> T {
    loop {
        let update = updates.recv_timeout(PATIENCE).unwrap();
        if let Some(found) = wanted(update) {
            return found;
        }
    }
}

fn resolvers(update: Update) -> Option<Resolvers> {
    match update {
        Update::Resolvers(resolvers) => Some(resolvers),
        _ => None,
    }
}

fn monitored(update: Update) -> Option<bool> {
    match update {
        Update::Monitored(monitored) => Some(monitored),
        _ => None,
    }
}

#[test]
fn servers_are_reported_at_first_and_when_they_change() {
    let root = system();
    let (sources, updates) = started(root.path());
    let first = next(&updates, resolvers);
    assert!(first.contains("192.0.2.1".parse().unwrap()));
    write(root.path(), "etc/resolv.conf", "nameserver 192.0.2.2\n");
    let second = next(&updates, resolvers);
    assert!(second.contains("192.0.2.2".parse().unwrap()));
    assert!(!second.contains("192.0.2.1".parse().unwrap()));
    // Ends at once, and reports nothing any more.
    drop(sources);
    assert!(updates.iter().next().is_none());
}

#[test]
fn what_is_not_taken_is_reported_again() {
    let root = system();
    let (sender, updates) = channel();
    let mut refused = 0;
    let report = move |update| {
        if matches!(update, Update::Resolvers(_)) && refused < 2 {
            refused += 1;
            return false;
        }
        sender.send(update).is_ok()
    };
    let _sources = Sources::start(root.path(), report).unwrap();
    let first = next(&updates, resolvers);
    assert!(first.contains("192.0.2.1".parse().unwrap()));
}

#[test]
fn a_monitor_that_comes_goes_and_comes_back_is_found() {
    let root = system();
    let directory = root.path().join("run/systemd/resolve");
    let (_sources, updates) = started(root.path());
    assert!(!next(&updates, monitored));
    for _ in 0..2 {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let listener = UnixListener::bind(directory.join("io.systemd.Resolve.Monitor")).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut request = [0; 10];
        server.read_exact(&mut request).unwrap();
        server.write_all(READY).unwrap();
        assert!(next(&updates, monitored));
        server.write_all(FOUND).unwrap();
        let resolution = next(&updates, |update| match update {
            Update::Resolution(resolution) => Some(resolution),
            _ => None,
        });
        assert_eq!(resolution.asked, "a.example".parse().ok());
        drop(server);
        assert!(!next(&updates, monitored));
    }
}

#[test]
fn a_monitor_that_refuses_is_none() {
    let root = system();
    let directory = root.path().join("run/systemd/resolve");
    fs::create_dir_all(&directory).unwrap();
    let listener = UnixListener::bind(directory.join("io.systemd.Resolve.Monitor")).unwrap();
    let (sources, updates) = started(root.path());
    let refusal = b"{\"error\":\"io.systemd.InteractiveAuthenticationRequired\"}\0";
    for _ in 0..2 {
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(refusal).unwrap();
        // It hangs up; before that it may send what it had to say.
        let mut request = Vec::new();
        let _ = server.read_to_end(&mut request);
    }
    drop(sources);
    let monitored: Vec<_> = updates.iter().filter_map(monitored).collect();
    assert_eq!(monitored, [false]);
}
