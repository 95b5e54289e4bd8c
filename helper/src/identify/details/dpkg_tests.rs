use super::*;
use crate::identify::details::machine::testing::Made;

/// A machine with dpkg, and `curl` of a package.
fn made() -> Made {
    let made = Made::new();
    made.put("/var/lib/dpkg/info/dpkg.list", "/.\n/usr/bin/dpkg\n");
    made.put(
        "/var/lib/dpkg/info/zlib.list",
        "/.\n/bin/old\n/usr/lib/z/tool\n",
    );
    made.put(
        "/var/lib/dpkg/info/zlib.md5sums",
        format!("{}  bin/old\n", md5_text(b"old")),
    );
    made.put(
        "/var/lib/dpkg/info/curl:amd64.list",
        "/.\n/usr/bin/curl\n/usr/share/applications/curl.desktop\n/etc/curl\n",
    );
    made.put(
        "/var/lib/dpkg/info/curl:amd64.md5sums",
        format!("{}  usr/bin/curl\n", md5_text(b"curl")),
    );
    made.put(
        "/var/lib/dpkg/status",
        "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 8.14.1-2\n",
    );
    made.put("/usr/bin/curl", "curl");
    made.put("/etc/curl", "settings");
    made.put("/usr/bin/old", "old");
    made.link("/bin", "usr/bin");
    made
}

fn md5_text(content: &[u8]) -> String {
    let digest: [u8; 16] = Md5::digest(content).into();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn origin(dpkg: &mut Dpkg, made: &Made, path: &str) -> Origin {
    let running = made.machine().file(path.as_bytes());
    dpkg.origin(&made.machine(), path.as_bytes(), running)
}

fn state(dpkg: &mut Dpkg, made: &Made, path: &str) -> (Option<String>, PackageState) {
    let origin = origin(dpkg, made, path);
    (origin.package.map(|package| package.name), origin.state)
}

#[test]
fn a_file_is_as_its_package_shipped_it_until_it_is_changed() {
    let (made, mut dpkg) = (made(), Dpkg::default());
    let origin = origin(&mut dpkg, &made, "/usr/bin/curl");
    let package = origin.package.unwrap();
    assert_eq!(package.name, "curl:amd64");
    assert_eq!(package.version.as_deref(), Some("8.14.1-2"));
    assert_eq!(origin.state, PackageState::AsShipped);
    assert_eq!(origin.desktop_entries, ["curl.desktop"]);
    made.put("/usr/bin/curl", "cure");
    let curl = Some("curl:amd64".to_owned());
    assert_eq!(
        state(&mut dpkg, &made, "/usr/bin/curl"),
        (curl.clone(), PackageState::Changed)
    );
    made.put("/usr/bin/curl", "curl");
    assert_eq!(
        state(&mut dpkg, &made, "/usr/bin/curl"),
        (curl.clone(), PackageState::AsShipped)
    );
    // A file that people are meant to change has no digest.
    assert_eq!(
        state(&mut dpkg, &made, "/etc/curl"),
        (curl, PackageState::Unknown)
    );
}

#[test]
fn the_file_that_runs_is_the_one_that_is_compared() {
    let (made, mut dpkg) = (made(), Dpkg::default());
    let other = made.machine().file(b"/etc/curl");
    for running in [None, other] {
        let origin = dpkg.origin(&made.machine(), b"/usr/bin/curl", running);
        assert_eq!(origin.state, PackageState::Unknown);
        assert_eq!(origin.package.unwrap().name, "curl:amd64");
    }
    std::fs::remove_file(made.path("/usr/bin/curl")).unwrap();
    let origin = dpkg.origin(&made.machine(), b"/usr/bin/curl", other);
    assert_eq!(origin.state, PackageState::Unknown);
    assert_eq!(origin.package.unwrap().name, "curl:amd64");
    let nowhere = dpkg.origin(&made.machine(), b"/usr/bin/none", None);
    assert_eq!(nowhere, Origin::default());
}

#[test]
fn a_file_in_a_merged_directory_is_found_under_its_old_name() {
    let (made, mut dpkg) = (made(), Dpkg::default());
    let zlib = (Some("zlib".to_owned()), PackageState::AsShipped);
    assert_eq!(state(&mut dpkg, &made, "/usr/bin/old"), zlib);
    // Not merged, it is another file.
    std::fs::remove_file(made.path("/bin")).unwrap();
    made.put("/bin/old", "old");
    let mut dpkg = Dpkg::default();
    let nobodys = (None, PackageState::Unpackaged);
    assert_eq!(state(&mut dpkg, &made, "/usr/bin/old"), nobodys);
    assert_eq!(state(&mut dpkg, &made, "/bin/old"), zlib);
}

#[test]
fn what_is_installed_later_is_noticed() {
    let (made, mut dpkg) = (made(), Dpkg::default());
    made.put("/opt/x", "x");
    let nobodys = (None, PackageState::Unpackaged);
    assert_eq!(state(&mut dpkg, &made, "/opt/x"), nobodys);
    made.put("/var/lib/dpkg/info/x.list", "/opt/x\n");
    let of_x = (Some("x".to_owned()), PackageState::Unknown);
    assert_eq!(state(&mut dpkg, &made, "/opt/x"), of_x);
}

#[test]
fn diverted_files_belong_to_whose_they_are() {
    let made = made();
    made.put(
        "/var/lib/dpkg/diversions",
        "/usr/bin/curl\n/usr/bin/curl.real\nzlib\n/usr/lib/z/tool\n/usr/lib/z/tool.real\n:\n",
    );
    made.put("/usr/bin/curl.real", "curl");
    made.put("/usr/lib/z/tool", "mine");
    let mut dpkg = Dpkg::default();
    let curl = (Some("curl:amd64".to_owned()), PackageState::AsShipped);
    assert_eq!(state(&mut dpkg, &made, "/usr/bin/curl.real"), curl);
    let nobodys = (None, PackageState::Unpackaged);
    assert_eq!(state(&mut dpkg, &made, "/usr/bin/curl"), nobodys);
    assert_eq!(state(&mut dpkg, &made, "/usr/lib/z/tool"), nobodys);
}

#[test]
fn without_dpkg_nothing_is_said() {
    let made = Made::new();
    made.put("/usr/bin/curl", "curl");
    let mut dpkg = Dpkg::default();
    assert_eq!(origin(&mut dpkg, &made, "/usr/bin/curl"), Origin::default());
    // As where it is installed only to unpack others' packages.
    made.put("/var/lib/dpkg/info/x.list", "/usr/bin/x\n");
    assert_eq!(origin(&mut dpkg, &made, "/usr/bin/curl"), Origin::default());
}

#[test]
fn records_that_can_not_be_read_prove_nothing() {
    let made = made();
    made.put("/opt/x", "x");
    let list = made.path("/var/lib/dpkg/info/broken.list");
    nix::unistd::mkfifo(&list, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut dpkg = Dpkg::default();
    assert_eq!(origin(&mut dpkg, &made, "/opt/x"), Origin::default());
}

#[test]
fn programs_that_are_no_ordinary_files_are_not_waited_for() {
    let made = made();
    std::fs::remove_file(made.path("/usr/bin/curl")).unwrap();
    let fifo = made.path("/usr/bin/curl");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut dpkg = Dpkg::default();
    let unknown = (Some("curl:amd64".to_owned()), PackageState::Unknown);
    assert_eq!(state(&mut dpkg, &made, "/usr/bin/curl"), unknown);
}

#[test]
fn a_large_program_is_not_read() {
    let made = made();
    let file = std::fs::File::create(made.path("/usr/bin/curl")).unwrap();
    file.set_len(MAX_PROGRAM + 1).unwrap();
    let mut dpkg = Dpkg::default();
    let unknown = (Some("curl:amd64".to_owned()), PackageState::Unknown);
    assert_eq!(state(&mut dpkg, &made, "/usr/bin/curl"), unknown);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut map = HashMap::new();
    for key in 0..10 * MAX_KNOWN {
        bounded(&mut map).insert(key, ());
        assert!(map.len() <= MAX_KNOWN);
        assert!(map.contains_key(&key));
    }
}
