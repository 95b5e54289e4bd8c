use super::*;
use proptest::prelude::*;

const ENTRY: &str = "# A comment\n[Other]\nName=Wrong\n[Desktop Entry]\nType=Application\n\
    Name = Web\\sBrowser \nName[de]=Netz\nExec=env A=b --unset=X /usr/bin/web %u\nIcon=web\n\
    X-Flatpak=org.example.Web\nX-SnapInstanceName=web\n\n[Desktop Action new]\nName=New\nExec=other\n";

#[test]
fn an_entry_is_read() {
    let expected = Entry {
        name: "Web Browser".into(),
        icon: "web".into(),
        program: Some("/usr/bin/web".into()),
        hidden: false,
        flatpak: Some("org.example.Web".into()),
        snap: Some("web".into()),
    };
    assert_eq!(parse(ENTRY.as_bytes()), Some(expected));
}

#[test]
fn what_is_no_application_is_none() {
    for text in [
        "",
        "[Desktop Entry]",
        "[Desktop Entry]\nType=Link\nName=a",
        "[Desktop Entry]\nType=Application\nName=",
        "[Desktop Entry]\nName=a\n[x]\nType=Application",
        "Type=Application\nName=a",
    ] {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
    }
    assert_eq!(parse(b"[Desktop Entry]\nType=Application\nName=\xff"), None);
}

#[test]
fn nothing_in_it_hides() {
    let text = "[Desktop Entry]\nType=Application\nName=a\\nb\u{202e}c\nIcon=a\\tb\nHidden=true\nNoDisplay=false";
    let entry = parse(text.as_bytes()).unwrap();
    assert_eq!(entry.name, "a\\x0ab\\u{202e}c");
    assert_eq!(entry.icon, "");
    assert!(entry.hidden);
    let long = format!(
        "[Desktop Entry]\nType=Application\nName={}",
        "x".repeat(10_000)
    );
    assert!(parse(long.as_bytes()).unwrap().name.len() < 200);
}

#[test]
fn the_program_of_a_command_line() {
    for (command, expected) in [
        ("firefox %u", Some("firefox")),
        ("  /opt/a/b --x", Some("/opt/a/b")),
        ("\"/opt/a b/\\\"c\\\\\" x", Some("/opt/a b/\"c\\")),
        ("env -u X A=/b \"a=b c\" snap run x", Some("snap")),
        ("/usr/bin/env", None),
        ("/a=b", Some("/a=b")),
        ("\"never ends", None),
        ("", None),
        ("   ", None),
    ] {
        assert_eq!(program(command).as_deref(), expected, "{command}");
    }
}

#[test]
fn a_program_is_looked_for_where_the_system_keeps_them() {
    assert_eq!(places("/opt/x"), ["/opt/x"]);
    assert!(places("web").contains(&"/usr/bin/web".to_owned()));
    assert!(places("a/b").is_empty());
}

proptest! {
    #[test]
    fn any_entry_is_survived(bytes: Vec<u8>, lines in prop::collection::vec("(\\[Desktop Entry\\]|(Name|Exec|Icon|Type)=.{0,12}|Type=Application)", 0..8)) {
        for text in [&bytes[..], lines.join("\n").as_bytes()] {
            if let Some(entry) = parse(text) {
                prop_assert!(escape::is_printable(&entry.name));
                prop_assert!(escape::is_printable(&entry.icon));
                entry.program.as_deref().map(places);
            }
        }
    }

    #[test]
    fn any_quoted_path_is_found_again(path in "/[ a-z\"\\\\$`]{1,12}") {
        let mut quoted = String::new();
        for character in path.chars() {
            if "\"\\$`".contains(character) {
                quoted.push('\\');
            }
            quoted.push(character);
        }
        prop_assert_eq!(program(&format!("\"{quoted}\" x")), Some(path));
    }
}
