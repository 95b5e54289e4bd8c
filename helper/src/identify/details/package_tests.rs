use super::*;
use proptest::prelude::*;

const LIST: &[u8] = b"/.\n/usr\n/usr/bin\n/usr/bin/curl\n/usr/share/applications/a.desktop\n\
    /usr/share/applications/a.txt\n/usr/share/applications/b.desktop";
const SUMS: &[u8] = b"d41d8cd98f00b204e9800998ecf8427e  usr/bin/curl\n\
    900150983cd24fb0d6963f7d28e17f72  ./usr/bin/other\n\
    +00150983cd24fb0d6963f7d28e17f72  usr/bin/bad\n\
    short\n";
const STATUS: &[u8] = b"Package: curl-extra\nStatus: install ok installed\nVersion: 9\n\n\
    Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 8.14.1-2\n\
    Description: a\n Package: curl\n\n\
    Package: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 2.41-1\n\n\
    Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-2\n\n\
    Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
    Package: odd\nStatus: install ok installed\nVersion: 1 \x1b[2J\n";
const DIVERSIONS: &[u8] =
    b"/bin/sh\n/bin/sh.distrib\ndash\n/usr/bin/x\n/usr/bin/x.real\n:\n/half\n";

fn id(text: &str) -> PackageId {
    PackageId::new(text).unwrap()
}

#[test]
fn a_list_has_whole_lines() {
    for path in ["/.", "/usr/bin/curl", "/usr/share/applications/b.desktop"] {
        assert!(lists(LIST, path.as_bytes()), "{path}");
    }
    for path in [
        "",
        "/usr/bin/cur",
        "usr/bin/curl",
        "/usr/bin\n/usr/bin/curl",
        "/b.desktop",
    ] {
        assert!(!lists(LIST, path.as_bytes()), "{path}");
    }
    assert_eq!(desktop_entries(LIST, 9), ["a.desktop", "b.desktop"]);
    assert_eq!(desktop_entries(LIST, 1), ["a.desktop"]);
}

#[test]
fn digests_are_found_by_path() {
    let empty = 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128.to_be_bytes();
    assert_eq!(digest(SUMS, b"/usr/bin/curl"), Some(empty));
    assert!(digest(SUMS, b"/usr/bin/other").is_some());
    for path in ["/usr/bin/bad", "/usr/bin/cur", "usr/bin/curl", "/", ""] {
        assert_eq!(digest(SUMS, path.as_bytes()), None, "{path}");
    }
}

#[test]
fn versions_are_those_of_the_installed_package() {
    for (package, expected) in [
        ("curl", Some("8.14.1-2")),
        ("curl-extra", Some("9")),
        ("libc6:amd64", Some("2.41-2")),
        ("libc6:i386", Some("2.41-1")),
        ("libc6:arm64", None),
        ("gone", None),
        ("odd", None),
        ("extra", None),
    ] {
        assert_eq!(
            version(STATUS, &id(package)).as_deref(),
            expected,
            "{package}"
        );
    }
}

#[test]
fn what_is_no_package_has_no_name() {
    for text in ["", "-x", "a b", "a/b", "..", "a\u{202e}", "A"] {
        assert_eq!(PackageId::new(text), None, "{text}");
    }
    assert_eq!(PackageId::new(&"a".repeat(201)), None);
    assert_eq!(id("libc6:amd64").name(), "libc6");
}

#[test]
fn a_diverted_file_belongs_to_whose_it_is() {
    let diversions = Diversions::parse(DIVERSIONS);
    let listed = |path: &[u8]| diversions.listed(path);
    let shell = listed(b"/bin/sh").unwrap();
    assert_eq!(shell.path, b"/bin/sh");
    assert!(shell.fits(&id("dash")) && !shell.fits(&id("bash")));
    let moved = listed(b"/bin/sh.distrib").unwrap();
    assert_eq!(moved.path, b"/bin/sh");
    assert!(moved.fits(&id("bash")) && !moved.fits(&id("dash")));
    // The administrator's own is at x, and some package's at x.real.
    assert_eq!(listed(b"/usr/bin/x"), None);
    let moved = listed(b"/usr/bin/x.real").unwrap();
    assert_eq!(moved.path, b"/usr/bin/x");
    assert!(moved.fits(&id("x")));
    let other = listed(b"/usr/bin/y").unwrap();
    assert_eq!(other.path, b"/usr/bin/y");
    assert!(other.fits(&id("y")));
}

#[test]
fn files_in_merged_directories_have_other_spellings() {
    let all = spellings(b"/usr/bin/bash");
    assert!(all.contains(&b"/bin/bash".to_vec()));
    assert!(!all.contains(&b"/usr/bin/bash".to_vec()));
    assert!(spellings(b"/usr/lib/x/y").contains(&b"/lib/x/y".to_vec()));
    assert!(spellings(b"/opt/bin/bash").is_empty());
}

proptest! {
    #[test]
    fn any_records_are_survived(bytes: Vec<u8>, cut in 0usize..400, path: Vec<u8>, name in "[a-z:]{0,5}") {
        for text in [&bytes[..], &LIST[..cut.min(LIST.len())], &STATUS[..cut.min(STATUS.len())], &SUMS[..cut.min(SUMS.len())]] {
            let _ = lists(text, &path);
            let _ = digest(text, &path);
            let _ = desktop_entries(text, 4);
            if let Some(package) = PackageId::new(&name) {
                let _ = version(text, &package);
            }
            let diversions = Diversions::parse(text);
            let _ = diversions.listed(&path);
        }
        let _ = spellings(&path);
    }

    #[test]
    fn what_is_listed_is_found(paths in prop::collection::vec("/[a-z/]{1,6}", 1..20), at: prop::sample::Index) {
        let list = paths.join("\n");
        let path = at.get(&paths);
        prop_assert!(lists(list.as_bytes(), path.as_bytes()));
        let with_other = path.clone() + "Z";
        prop_assert!(!lists(list.as_bytes(), with_other.as_bytes()));
    }
}
