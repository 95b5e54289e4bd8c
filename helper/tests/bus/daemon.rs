//! A bus daemon of one's own, configured like the system's.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::libc;
use zbus::Connection;
use zbus::connection::Builder;

/// A running bus; it ends with this value.
pub(crate) struct Daemon {
    process: Child,
    directory: tempfile::TempDir,
}

/// As the system bus is configured (dbus-daemon(1)), and with the helper's own policy. Root may
/// also stand in for the system's services.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=@SOCKET@</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Peer"/>
  </policy>
  <policy user="root">
    <allow own="org.freedesktop.login1"/>
    <allow send_destination="org.freedesktop.login1"/>
  </policy>
  <include>@POLICY@</include>
</busconfig>
"#;

/// The daemon turns away users that the user database does not know, so it gets one of its own.
const PASSWD: &str = "\
root:x:0:0::/root:/bin/sh
alice:x:1000:1000::/:/bin/sh
bob:x:1001:1001::/:/bin/sh
carol:x:1002:1002::/:/bin/sh
";

/// Starts the daemon with that user database, which nobody else sees.
const RUN: &str = "mount --bind \"$1\" /etc/passwd && \
    exec dbus-daemon --config-file=\"$2\" --nofork --nopidfile --nosyslog --print-address";

impl Daemon {
    /// `None`, with a word about it, where it can't run and need not.
    pub(crate) fn start() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return cannot("only root can connect to a bus as different users");
        }
        let directory = tempfile::tempdir().unwrap();
        // Other users have to reach the socket.
        let everybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), everybody).unwrap();
        let policy = data("dbus/org.bastionfirewall.Helper1.conf");
        let config = CONFIG
            .replace("@SOCKET@", path_text(&directory.path().join("bus")))
            .replace("@POLICY@", path_text(&policy));
        let file = directory.path().join("bus.conf");
        std::fs::write(&file, config).unwrap();
        let passwd = directory.path().join("passwd");
        std::fs::write(&passwd, PASSWD).unwrap();
        let started = Command::new("unshare")
            .args(["--mount", "sh", "-c", RUN, "sh"])
            .args([&passwd, &file])
            .stdout(Stdio::piped())
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) => return cannot(&format!("unshare can't be started: {error}")),
        };
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        if address.is_empty() {
            let _ = process.wait();
            return cannot("dbus-daemon did not start; it said why above");
        }
        Some(Self { process, directory })
    }

    /// A new connection of this user.
    pub(crate) async fn connect(&self, uid: u32) -> Connection {
        Builder::unix_stream(connect_as(uid, &self.directory.path().join("bus")))
            .user_id(uid)
            .build()
            .await
            .unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two ends of a connection without a bus between them; the first is the server.
pub(crate) async fn pair() -> (Connection, Connection) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let guid = zbus::OwnedGuid::from(zbus::Guid::generate());
    let server = Builder::unix_stream(ours).server(guid).p2p().build();
    let client = Builder::unix_stream(theirs).p2p().build();
    tokio::try_join!(server, client).unwrap()
}

/// A file under `data/`.
pub(crate) fn data(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../data").join(name).canonicalize().unwrap()
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn cannot<T>(why: &str) -> Option<T> {
    assert!(
        std::env::var_os("BASTION_REQUIRE_REAL").is_none(),
        "BASTION_REQUIRE_REAL is set, but {why}"
    );
    eprintln!("NOT RUN: {why}");
    None
}

/// Connects as this user: the kernel notes the credentials at connect(2) (unix(7), SO_PEERCRED).
fn connect_as(uid: u32, socket: &Path) -> UnixStream {
    let socket = socket.to_owned();
    let connect = move || {
        // SAFETY: setresuid(2) called directly changes the credentials of the calling thread
        // alone, takes plain numbers and touches no memory. The thread ends below.
        let done = unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) };
        assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
        UnixStream::connect(socket).unwrap()
    };
    std::thread::spawn(connect).join().unwrap()
}
