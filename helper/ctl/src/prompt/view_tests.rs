use bastion_ipc::wire::Details;
use proptest::prelude::*;

use super::*;
use crate::output::test_view;

fn curl() -> Question {
    Question {
        id: 1,
        deadline: 60_000,
        program: "/usr/bin/curl".into(),
        pid: 4_242,
        uid: 1_000,
        user: "alice".into(),
        arguments: vec!["curl".into(), "https://example.org".into()],
        working_directory: "/home/alice".into(),
        parents: vec!["/usr/bin/bash".into(), "/usr/bin/foot".into()],
        protocol: "tcp".into(),
        destination: "192.0.2.1".into(),
        port: 443,
        service: "https".into(),
        host: "example.org".into(),
        ..Question::default()
    }
}

fn shown(question: &Question) -> Shown<'_> {
    Shown {
        question,
        scope: "flow",
        lifetime: "once",
        more: 0,
        seconds_left: 75,
    }
}

#[test]
fn a_question_is_shown_with_all_details() {
    assert_eq!(
        question(&shown(&curl()), &test_view(None)),
        "
/usr/bin/curl wants to connect to example.org:443
  Address      192.0.2.1
  Protocol     tcp (https)
  User         alice (1000)
  Process      4242
  Arguments    curl https://example.org
  Directory    /home/alice
  Started by   /usr/bin/bash ← /usr/bin/foot
Denied without an answer in 1 min 15 s
/usr/bin/curl to example.org:443
[s] for: example.org:443   [l] lasting: just this once
[a] allow  [d] deny  [x] deny silently  [q] quit
"
    );
}

/// The question with what was found out about curl.
fn inspected(state: &str) -> Question {
    Question {
        details: Some(Details {
            unit: Some("cron.service".into()),
            user_unit: Some(false),
            package: Some("curl".into()),
            package_version: Some("8.14.1-2".into()),
            package_state: Some(state.into()),
            container: Some("docker 0123456789ab".into()),
            ..Details::default()
        }),
        ..curl()
    }
}

#[test]
fn what_was_found_out_about_the_program_is_shown() {
    let text = question(&shown(&inspected("as-shipped")), &test_view(None));
    let facts = "
  Protocol     tcp (https)
  Package      curl 8.14.1-2 (as shipped)
  Unit         cron.service
  Container    not proven: docker 0123456789ab
  User         alice (1000)
";
    assert!(text.contains(facts), "{text}");
    assert!(!text.contains("! "), "{text}");
}

#[test]
fn a_changed_file_is_warned_of() {
    let warning = "! The program's file was changed since its package was installed.\n";
    let asked = inspected("changed");
    let text = question(&shown(&asked), &test_view(None));
    assert!(text.contains(warning), "{text}");
    assert_eq!(
        found(&shown(&asked), &test_view(None)),
        format!(
            "Found out about /usr/bin/curl:
  Package      curl 8.14.1-2 (changed since it was installed)
  Unit         cron.service
  Container    not proven: docker 0123456789ab
{warning}"
        )
    );
    assert_eq!(found(&shown(&curl()), &test_view(None)), "");
}

#[test]
fn what_is_not_certain_is_said() {
    let question = Question {
        program: "unknown".into(),
        unknown_reason: "its process was gone".into(),
        replaced: true,
        needs_administrator: true,
        user: String::new(),
        uid: u32::MAX,
        ..curl()
    };
    let shown = Shown {
        more: 2,
        ..shown(&question)
    };
    let text = super::question(&shown, &test_view(None));
    for expected in [
        "An unknown program wants",
        "  User         unknown\n",
        "! Which program it is could not be proven: its process was gone.\n",
        "! The file at that path is not the one that runs: it was replaced.\n",
        "! It is not your program: an administrator has to authenticate.\n",
        "; 2 more questions wait\n",
        "  [n] next question  ",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

/// A question with a text wherever others choose one.
fn saying(evil: &str) -> Question {
    let evil = evil.to_owned();
    Question {
        program: evil.clone(),
        app: evil.clone(),
        unknown_reason: evil.clone(),
        user: evil.clone(),
        arguments: vec![evil.clone()],
        working_directory: evil.clone(),
        parents: vec![evil.clone()],
        protocol: evil.clone(),
        destination: evil.clone(),
        service: evil.clone(),
        host: evil.clone(),
        details: Some(Details {
            unit: Some(evil.clone()),
            package: Some(evil.clone()),
            package_version: Some(evil.clone()),
            script: Some(evil.clone()),
            container: Some(evil.clone()),
            appimage: Some(evil.clone()),
            name: Some(evil),
            ..Details::default()
        }),
        ..Question::default()
    }
}

#[test]
fn no_text_of_a_program_moves_the_cursor() {
    let evil = "\u{1b}[2J\r\n\u{202e}".to_owned();
    let question = saying(&evil);
    for scope in ["flow", "destination", "domain", "port", "program", &evil] {
        let shown = Shown {
            scope,
            lifetime: &evil,
            ..shown(&question)
        };
        let text = super::question(&shown, &test_view(None))
            + &found(&shown, &test_view(None))
            + &about(&question, &withdrawn(&evil));
        let hidden = text
            .lines()
            .find(|line| !bastion_policy::escape::is_printable(line));
        assert_eq!(hidden, None);
        assert!(!text.contains('\r'));
    }
}

#[test]
fn choices_say_what_they_mean() {
    let curl = curl();
    let said = |scope, lifetime| {
        let shown = Shown {
            scope,
            lifetime,
            ..shown(&curl)
        };
        let said = choices(&shown, &test_view(None));
        let mut lines = said.lines();
        assert_eq!(lines.next(), Some("/usr/bin/curl to example.org:443"));
        lines.next().map(str::to_owned)
    };
    for (scope, lifetime, expected) in [
        (
            "destination",
            "process",
            "[s] for: example.org, any port   [l] lasting: until the program quits",
        ),
        (
            "domain",
            "session",
            "[s] for: the domain of example.org, any port   [l] lasting: until the session ends",
        ),
        (
            "port",
            "restart",
            "[s] for: tcp port 443, anywhere   [l] lasting: until the next restart",
        ),
        (
            "program",
            "seconds:3600",
            "[s] for: everything this program does   [l] lasting: 1 h",
        ),
    ] {
        assert_eq!(said(scope, lifetime).as_deref(), Some(expected));
    }
}

/// How many rows a terminal of so many columns needs.
fn rows(text: &str, columns: usize) -> usize {
    let rows = |line| fit::width(line).div_ceil(columns).max(1);
    text.lines().map(rows).sum()
}

/// Rows that are there whatever is asked: the headline, warnings, the time and the choices.
const OWN_ROWS: usize = 30;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_fills_the_terminal(
        text in r"[ a-z\u{301}漢\u{3000}\n\\]{0,40}|\PC{0,40}",
        count in 1..150_usize,
        columns in 40..200_u16,
    ) {
        let evil = text.repeat(count);
        let asked = saying(&evil);
        let view = test_view(Some(columns));
        for scope in ["flow", "domain", &evil] {
            let shown = Shown { scope, lifetime: &evil, ..shown(&asked) };
            let most = 2 * facts(&asked, &view).len() + OWN_ROWS;
            for text in [question(&shown, &view), found(&shown, &view)] {
                prop_assert!(rows(&text, columns.into()) <= most, "{text}");
            }
            prop_assert!(rows(&about(&asked, "Answered."), columns.into()) <= 6);
        }
    }
}

#[test]
fn arguments_make_no_question_of_their_own() {
    let columns = 80;
    let faked = "/usr/bin/apt wants to connect to packages.example.org:80";
    for blank in [" ", "\u{a0}", "\u{3000}", "\u{2800}"] {
        let pad = blank.repeat(columns - 15);
        let asked = Question {
            arguments: vec![format!("x{pad}{faked}{}", " ".repeat(columns)).repeat(20)],
            ..curl()
        };
        let text = question(&shown(&asked), &test_view(Some(80)));
        assert!(rows(&text, columns) <= 2 * 7 + 6, "{text}");
        let own = text.lines().filter(|line| !line.starts_with("  "));
        for line in own {
            assert!(!line.contains("apt"), "{text}");
        }
        assert!(!text.trim_start().contains("    /usr/bin/apt"), "{text}");
    }
}

#[test]
fn what_becomes_of_it_without_an_answer_is_said() {
    for (otherwise, says) in [
        ("allow", "Allowed"),
        ("deny", "Denied"),
        ("drop", "Dropped"),
    ] {
        let curl = Question {
            otherwise: Some(otherwise.into()),
            ..curl()
        };
        let text = question(&shown(&curl), &test_view(None));
        assert!(
            text.contains(&format!("\n{says} without an answer in 1 min")),
            "{text}"
        );
    }
}
