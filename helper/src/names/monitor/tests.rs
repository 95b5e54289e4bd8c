use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use super::*;

const FOUND: &[u8] = br#"{"parameters":{"state":"success",
    "question":[{"class":1,"type":1,"name":"a.example"}],
    "answer":[{"raw":"AWEHZXhhbXBsZQAAAQABAAAAZAAEwAACBw=="}]},"continues":true}"#;

/// A system whose monitor is the test's own socket.
struct System {
    root: tempfile::TempDir,
    listener: UnixListener,
}

impl System {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join(RESOLVED);
        fs::create_dir_all(&directory).unwrap();
        let listener = UnixListener::bind(directory.join(SOCKET)).unwrap();
        Self { root, listener }
    }

    /// Both ends of a connection. The subscription has been read.
    fn connected(&self) -> (Monitor, UnixStream) {
        let monitor = Monitor::connect(self.root.path()).unwrap();
        let (mut server, _) = self.listener.accept().unwrap();
        let mut request = vec![0; SUBSCRIBE.len()];
        server.read_exact(&mut request).unwrap();
        assert_eq!(request, SUBSCRIBE);
        (monitor, server)
    }
}

#[test]
fn messages_are_read_however_they_are_cut() {
    let (mut monitor, mut server) = System::new().connected();
    assert_eq!(monitor.receive().unwrap(), []);
    let (one, two) = FOUND.split_at(50);
    server.write_all(one).unwrap();
    assert_eq!(monitor.receive().unwrap(), []);
    server.write_all(two).unwrap();
    assert_eq!(monitor.receive().unwrap(), []);
    assert!(!monitor.is_ready());
    server.write_all(b"\0").unwrap();
    assert_eq!(monitor.receive().unwrap().len(), 1);
    assert!(monitor.is_ready());
    let both = [FOUND, b"\0", FOUND, b"\0{"].concat();
    server.write_all(&both).unwrap();
    assert_eq!(monitor.receive().unwrap().len(), 2);
    drop(server);
    assert!(matches!(monitor.receive(), Err(MonitorError::Ended)));
}

#[test]
fn a_message_without_end_is_given_up() {
    let (mut monitor, mut server) = System::new().connected();
    let chunk = [b' '; TURN];
    for _ in 0..MESSAGE / TURN {
        server.write_all(&chunk).unwrap();
        assert_eq!(monitor.receive().unwrap(), []);
        assert!(monitor.buffer.len() <= MESSAGE);
    }
    server.write_all(b" ").unwrap();
    assert!(matches!(monitor.receive(), Err(MonitorError::TooLong)));
}

#[test]
fn where_nobody_listens_the_monitor_is_absent() {
    let system = System::new();
    drop(system.listener);
    let absent = Monitor::connect(system.root.path()).unwrap_err();
    assert!(matches!(absent, MonitorError::Absent), "{absent}");
    fs::remove_file(system.root.path().join(RESOLVED).join(SOCKET)).unwrap();
    let absent = Monitor::connect(system.root.path()).unwrap_err();
    assert!(matches!(absent, MonitorError::Absent), "{absent}");
    let nothing = tempfile::tempdir().unwrap();
    let absent = Monitor::connect(nothing.path()).unwrap_err();
    assert!(matches!(absent, MonitorError::Absent), "{absent}");
}

#[test]
fn a_directory_that_others_could_have_made_is_not_resolveds() {
    let system = System::new();
    let above = system.root.path().join("run/systemd");
    fs::set_permissions(&above, fs::Permissions::from_mode(0o777)).unwrap();
    let absent = Monitor::connect(system.root.path()).unwrap_err();
    assert!(matches!(absent, MonitorError::Absent), "{absent}");
}

#[test]
fn who_never_accepts_holds_nobody_up() {
    let system = System::new();
    // Until the socket's backlog is full.
    let waiting: Vec<_> = (0..10_000)
        .map_while(|_| Monitor::connect(system.root.path()).ok())
        .collect();
    assert!(waiting.len() < 10_000);
    let refused = Monitor::connect(system.root.path()).unwrap_err();
    assert!(matches!(refused, MonitorError::Io(_)), "{refused}");
}
