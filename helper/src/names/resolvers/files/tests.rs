use std::os::unix::fs::{PermissionsExt as _, symlink};

use nix::unistd::{Uid, chown};

use super::*;

/// A system with the files of FILES' first, and port 53 for privileged programs alone.
struct System {
    root: tempfile::TempDir,
    files: ResolverFiles,
}

impl System {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let files = ResolverFiles::new(root.path());
        let system = Self { root, files };
        system.write(FIRST_FREE_PORT, "1024\n");
        system
    }

    fn at(&self, file: &str) -> PathBuf {
        self.root.path().join(file)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.at(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // In place of what stands there, as programs do it.
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).unwrap();
        fs::rename(&new, &path).unwrap();
    }

    fn allow(&self, file: &str, mode: u32) {
        fs::set_permissions(self.at(file), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Which of the servers that these tests write are believed, as far as that has changed.
    fn changed(&mut self) -> Option<Vec<String>> {
        let resolvers = self.files.changed()?;
        let ours = resolvers.iter().map(|server| server.to_string());
        Some(ours.filter(|server| server.starts_with("192.")).collect())
    }
}

const ETC: &str = FILES[0];
const STUB: &str = FILES[1];

#[test]
fn all_files_count_and_changes_are_seen() {
    let mut system = System::new();
    assert_eq!(system.changed(), Some(vec![]));
    assert_eq!(system.changed(), None);
    for (n, file) in FILES.iter().enumerate() {
        system.write(file, &format!("nameserver 192.0.2.{n}\n"));
    }
    let all = ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3"];
    assert_eq!(system.changed().unwrap(), all);
    assert_eq!(system.changed(), None);
    system.write(ETC, "nameserver 192.0.2.9\n");
    assert_eq!(system.changed().unwrap()[3], "192.0.2.9");
    fs::remove_file(system.at(ETC)).unwrap();
    assert_eq!(system.changed().unwrap(), all[1..]);
}

#[test]
fn links_are_followed_to_files_that_count() {
    let mut system = System::new();
    system.write("run/resolvconf/resolv.conf", "nameserver 192.0.2.1\n");
    fs::create_dir(system.at("etc")).unwrap();
    symlink("../run/resolvconf/resolv.conf", system.at(ETC)).unwrap();
    assert_eq!(system.changed().unwrap(), ["192.0.2.1"]);
    system.write("run/resolvconf/resolv.conf", "nameserver 192.0.2.2\n");
    assert_eq!(system.changed().unwrap(), ["192.0.2.2"]);
}

#[test]
fn what_others_can_change_does_not_count() {
    let mut system = System::new();
    system.write(ETC, "nameserver 192.0.2.1\n");
    system.write(STUB, "nameserver 192.0.2.2\n");
    for (file, mode, mended) in [
        (ETC, 0o664, 0o644),
        (ETC, 0o646, 0o644),
        ("etc", 0o775, 0o755),
        ("etc", 0o1777, 0o755),
        ("", 0o757, 0o755),
    ] {
        system.allow(file, mode);
        let error = system.files.read(&system.at(ETC)).unwrap_err();
        assert!(
            matches!(error, ResolverFileError::WritableByOthers { .. }),
            "{file} {error}"
        );
        assert!(error.to_string().contains("chmod go-w "), "{error}");
        system.allow(file, mended);
        assert!(system.files.read(&system.at(ETC)).is_ok());
    }
    system.allow(ETC, 0o666);
    assert_eq!(system.changed().unwrap(), ["192.0.2.2"]);
    system.allow(ETC, 0o644);
    assert_eq!(system.changed().unwrap(), ["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn systemd_resolved_owns_its_own_directory_and_no_other() {
    if !nix::unistd::geteuid().is_root() {
        let required = std::env::var_os("BASTION_REQUIRE_REAL").is_some_and(|value| value == "1");
        assert!(!required, "giving files to other users needs root");
        eprintln!("left out: giving files to other users needs root");
        return;
    }
    let mut system = System::new();
    let give = |system: &System, file: &str, user: u32| {
        chown(&system.at(file), Some(Uid::from_raw(user)), None).unwrap();
    };
    system.write(ETC, "nameserver 192.0.2.1\n");
    system.write(STUB, "nameserver 192.0.2.2\n");
    give(&system, RESOLVED, 994);
    assert_eq!(resolved_user(system.root.path()), Some(994));
    give(&system, STUB, 994);
    assert_eq!(system.changed().unwrap(), ["192.0.2.1", "192.0.2.2"]);
    // Its user says nothing about other files, and other users nothing in its directory.
    give(&system, ETC, 994);
    assert_eq!(system.changed().unwrap(), ["192.0.2.2"]);
    give(&system, ETC, 0);
    give(&system, STUB, 1000);
    assert_eq!(system.changed().unwrap(), ["192.0.2.1"]);
    let error = system.files.read(&system.at(STUB)).unwrap_err();
    assert!(
        matches!(error, ResolverFileError::Owner { owner: 1000, .. }),
        "{error}"
    );
    // Whoever can make the directory could be anybody.
    give(&system, STUB, 994);
    give(&system, "run/systemd", 994);
    assert_eq!(resolved_user(system.root.path()), None);
    assert!(system.files.read(&system.at(STUB)).is_err());
}

#[test]
fn where_port_53_is_for_everybody_no_server_is_believed() {
    let mut system = System::new();
    system.write(ETC, "nameserver 192.0.2.1\n");
    for (port, believed) in [("54", true), ("53", false), ("0", false), ("80", true)] {
        system.write(FIRST_FREE_PORT, port);
        let resolvers = system.files.changed().unwrap();
        assert_eq!(resolvers != Resolvers::none(), believed, "{port}");
    }
    fs::remove_file(system.at(FIRST_FREE_PORT)).unwrap();
    assert_eq!(system.files.changed(), Some(Resolvers::none()));
}

#[test]
fn what_is_no_small_file_is_not_read() {
    let mut system = System::new();
    let too_large = "#".repeat(usize::try_from(LIMIT).unwrap() + 1);
    system.write(ETC, &format!("nameserver 192.0.2.1\n{too_large}"));
    assert_eq!(system.changed(), Some(vec![]));
    fs::remove_file(system.at(ETC)).unwrap();
    nix::unistd::mkfifo(
        &system.at(ETC),
        nix::sys::stat::Mode::from_bits_truncate(0o644),
    )
    .unwrap();
    let error = system.files.read(&system.at(ETC)).unwrap_err();
    assert!(
        matches!(error, ResolverFileError::NoSuchFile { .. }),
        "{error}"
    );
    fs::remove_file(system.at(ETC)).unwrap();
    fs::create_dir(system.at(ETC)).unwrap();
    assert!(system.files.read(&system.at(ETC)).is_err());
    // Bytes that are no text take nothing from what is.
    fs::remove_dir(system.at(ETC)).unwrap();
    fs::write(system.at(ETC), b"\xff\xfe\nnameserver 192.0.2.1\n").unwrap();
    system.allow(ETC, 0o644);
    assert_eq!(system.changed().unwrap(), ["192.0.2.1"]);
}
