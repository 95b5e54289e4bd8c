//! Commands that end by themselves, and `watch`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use bastion_ipc::Error;
use bastion_ipc::names::HELPER_PATH;
use bastion_ipc::wire::Event;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use zbus::object_server::SignalEmitter;

use crate::fake::{Events, Fake, LOGGED};
use crate::world::{Bus, Ended, on_loop};

/// Runs the program once against a helper.
fn once(arguments: &[&str]) -> Option<(Ended, Fake)> {
    refused(arguments, None)
}

/// The same; the helper refuses everything like this.
fn refused(arguments: &[&str], refusal: Option<fn() -> Error>) -> Option<(Ended, Fake)> {
    let bus = Bus::start()?;
    let fake = Fake::default();
    if let Some(refusal) = refusal {
        fake.refuse(refusal);
    }
    let mut ended = None;
    on_loop(async {
        let _helper = bus.helper(&fake).await;
        ended = Some(bus.run(arguments).await);
    });
    ended.map(|ended| (ended, fake))
}

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn the_status_is_for_people_or_for_scripts() {
    let Some((ended, _)) = once(&["status"]) else {
        return;
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.starts_with("Bastion Firewall 9.8.7"), "{ended:?}");
    assert!(!ended.out.contains('\u{1b}'), "{ended:?}");
    let (ended, _) = once(&["status", "--json"]).unwrap();
    let status = json_of(&ended);
    assert_eq!(status["version"], json!("9.8.7"));
    assert_eq!(status["rules"], json!(3));
    assert_eq!(status["troubles"], json!(["something is wrong\u{1b}[2J"]));
}

#[test]
fn a_rule_arrives_as_it_was_typed() {
    let Some((ended, fake)) = once(&[
        "rules",
        "add",
        "deny",
        "--program",
        "/nonexistent/x",
        "--to",
        "domain:example.org",
        "--port",
        "443",
        "--user",
        "root",
        "--json",
    ]) else {
        return;
    };
    assert_eq!(
        (ended.code, json_of(&ended)),
        (Some(0), json!({"id": "new-1"}))
    );
    let rule = fake.rules().remove(0);
    assert_eq!(rule.name, "Deny x to domain:example.org, port 443");
    assert_eq!(rule.action, "deny");
    assert_eq!(rule.program.as_deref(), Some("/nonexistent/x"));
    assert_eq!(rule.user.as_deref(), Some("0"));
    assert_eq!(rule.enabled, Some(true));
}

#[test]
fn an_edited_rule_keeps_what_was_not_named() {
    let Some((ended, fake)) = once(&["rules", "edit", "web", "--action", "drop"]) else {
        return;
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let rule = fake.rules().remove(0);
    assert_eq!(
        (rule.action.as_str(), rule.note.as_deref()),
        ("drop", Some("kept"))
    );
}

#[test]
fn changes_reach_the_helper() {
    for (arguments, call) in [
        (&["rules", "remove", "a", "b"][..], "remove a b"),
        (&["rules", "enable", "a"], "enabled a true"),
        (&["rules", "disable", "a"], "enabled a false"),
        (&["mode", "learn"], "mode learn"),
        (&["pause", "10m"], "pause 600"),
        (&["resume"], "resume"),
        (&["safeguard", "show"], "safeguard false"),
        (&["safeguard", "leave", "--all"], "leave safeguard true"),
        (
            &[
                "explain",
                "unknown",
                "192.0.2.1",
                "53",
                "--protocol",
                "udp",
                "--user",
                "root",
            ],
            "explain unknown 0 192.0.2.1 53 udp",
        ),
    ] {
        let Some((ended, fake)) = once(arguments) else {
            return;
        };
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(fake.calls(), [call]);
    }
}

#[test]
fn suggestions_are_listed_accepted_and_dropped() {
    let Some((ended, fake)) = once(&["suggestions", "list", "--all", "--json"]) else {
        return;
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let listed = json_of(&ended);
    assert_eq!((&listed[0]["id"], &listed[1]["id"]), (&json!(7), &json!(9)));
    assert_eq!(fake.calls(), ["suggestions true"]);

    let accept = ["suggestions", "accept", "7", "--scope", "port", "--json"];
    let (ended, fake) = once(&accept).unwrap();
    assert_eq!(json_of(&ended), json!(["new-1"]));
    assert_eq!(fake.calls(), ["accept [7] port false"]);

    let everything = ["suggestions", "accept", "--everything", "--all"];
    let (ended, fake) = once(&everything).unwrap();
    assert_eq!(ended.out, "Accepted 2 suggestions: 1 rule (new-1).\n");
    assert_eq!(
        fake.calls(),
        ["suggestions true", "accept [9, 7] flow true"]
    );

    let (ended, fake) = once(&["suggestions", "drop", "7", "9", "--all"]).unwrap();
    let back = "bastionctl suggestions restore 7 9 --all";
    assert!(ended.out.contains(back), "{ended:?}");
    assert_eq!(fake.calls(), ["drop [7, 9] true"]);
    let (ended, fake) = once(&["suggestions", "restore", "7", "9", "--all"]).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(fake.calls(), ["restore [7, 9] true"]);
    let refusal: fn() -> Error = || Error::NotFound("No such.".into());
    let (ended, _) = refused(&["suggestions", "drop", "1"], Some(refusal)).unwrap();
    assert_eq!(ended.code, Some(5), "{ended:?}");
}

#[test]
fn nonsense_never_reaches_the_helper() {
    for arguments in [
        &["rules", "add", "allow", "--ports", "99999"][..],
        &["rules", "add", "maybe"],
        &["suggestions", "accept"],
        &["suggestions", "accept", "1", "--scope", "all"],
        &["suggestions", "drop", "1", "--everything"],
        &["explain", "kernel", "example.org"],
        &["explain", "no-such-command", "example.org", "1"],
        &["pause", "2d"],
        &["log", "--since", "whenever"],
        &["log", "--until", "whenever"],
        &["log", "--destination", "192.0.2.0/24"],
        &["log", "--program", ""],
        &["prompt"],
    ] {
        let Some((ended, fake)) = once(arguments) else {
            return;
        };
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(!ended.error.is_empty());
        assert_eq!(fake.calls(), [""; 0]);
    }
}

#[test]
fn refusals_have_exit_codes_and_say_why() {
    for (refusal, code) in [
        (
            (|| Error::NotAuthorized("Because.".into())) as fn() -> Error,
            4,
        ),
        (|| Error::NotFound("Because.".into()), 5),
        (|| Error::InvalidArgument("Because.".into()), 2),
        (|| Error::NotStored("Because.".into()), 1),
        (|| Error::Unavailable("Because.".into()), 1),
    ] {
        let Some((ended, _)) = refused(&["rules", "remove", "a"], Some(refusal)) else {
            return;
        };
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.error.contains("Because."), "{ended:?}");
        assert_eq!(ended.out, "");
    }
    let (ended, _) = once(&["rules", "show", "nothing"]).unwrap();
    assert_eq!(ended.code, Some(5), "{ended:?}");
}

#[test]
fn without_a_helper_or_a_bus_the_remedy_is_named() {
    let Some(bus) = Bus::start() else {
        return;
    };
    on_loop(async {
        let ended = bus.run(&["status"]).await;
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(
            ended.error.contains("systemctl start bastion-helper"),
            "{ended:?}"
        );
    });
    let mut program = bus.program(&["status"]);
    program.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    let ended = Ended::from(program.output().unwrap());
    assert_eq!(ended.code, Some(3), "{ended:?}");
}

#[test]
fn a_long_log_comes_whole_and_in_order() {
    let Some((ended, fake)) = once(&["log", "-n", "2000", "--all", "--json"]) else {
        return;
    };
    let ids: Vec<u64> = json_of(&ended)
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, (1..=LOGGED).collect::<Vec<_>>());
    assert_eq!(
        fake.calls(),
        ["log 1000 before 1201 true", "log 1000 before 201 true"]
    );
}

#[test]
fn the_log_is_filtered_by_the_helper() {
    let filters = [
        "log",
        "--program",
        "curl",
        "--destination",
        "Example.org",
        "--rule",
        "No telemetry",
        "--until",
        "1m",
    ];
    let Some((ended, fake)) = once(&filters) else {
        return;
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let query = "program curl destination example.org rule No telemetry";
    assert_eq!(fake.calls(), [format!("log 50 before 1201 {query} false")]);
}

#[test]
fn decisions_are_shown_as_they_come_until_interrupted() {
    let Some(bus) = Bus::start() else {
        return;
    };
    let fake = Fake::default();
    on_loop(async {
        let helper = bus.helper(&fake).await;
        let mut program = bus.program(&["watch", "--json", "--verdict", "deny"]);
        let mut child = program.stdout(Stdio::piped()).spawn().unwrap();
        let subscriber = loop {
            if let Some(subscriber) = fake.subscriber() {
                break subscriber;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        let event = |id, verdict: &str| Event {
            id,
            verdict: verdict.into(),
            ..Event::default()
        };
        let emitter = SignalEmitter::new(&helper, HELPER_PATH)
            .unwrap()
            .set_destination(subscriber.into());
        let events = vec![event(1, "allow"), event(2, "deny"), event(3, "deny")];
        Events::decided(&emitter, events).await.unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let lines = tokio::task::spawn_blocking(move || {
            out.lines().take(2).map(Result::unwrap).collect::<Vec<_>>()
        });
        let ids: Vec<Value> = lines
            .await
            .unwrap()
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone())
            .collect();
        assert_eq!(ids, [json!(2), json!(3)]);
        kill(
            Pid::from_raw(child.id().try_into().unwrap()),
            Signal::SIGINT,
        )
        .unwrap();
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap());
        assert_eq!(status.await.unwrap().code(), Some(0));
    });
    assert_eq!(fake.calls(), ["subscribe false"]);
}

#[test]
fn open_connections_are_listed_and_ended() {
    let Some((ended, fake)) = once(&["connections", "list", "--all", "--json"]) else {
        return;
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(json_of(&ended)[0]["event"]["source_port"], json!(40_000));
    assert_eq!(fake.calls(), ["connections true"]);

    let end = [
        "connections",
        "end",
        "tcp",
        "[2001:db8::1]:40000",
        "[2001:db8::2]:443",
    ];
    let (ended, fake) = once(&end).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        fake.calls(),
        ["end tcp 2001:db8::1 40000 2001:db8::2 443 false"]
    );
    for (refusal, code) in [
        ((|| Error::NotFound("No such.".into())) as fn() -> Error, 5),
        (|| Error::NotAuthorized("Another's.".into()), 4),
    ] {
        let (ended, _) = refused(&end, Some(refusal)).unwrap();
        assert_eq!(ended.code, Some(code), "{ended:?}");
    }
    let (ended, fake) =
        once(&["connections", "end", "tcp", "192.0.2.1:1", "example.org:2"]).unwrap();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(fake.calls().is_empty());
}

#[test]
fn the_rules_of_a_file_are_added_and_what_is_wrong_with_others_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rules.toml");
    let rules = "version = 1\n[[rule]]\nname = \"Mail\"\naction = \"allow\"\nports = 993\n\
                 [[rule]]\nname = \"Odd\"\naction = \"allow\"\nports = 0\n";
    std::fs::write(&file, rules).unwrap();
    let file = file.to_str().unwrap();
    let Some((ended, fake)) = once(&["rules", "import", "--dry-run", file]) else {
        return;
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(fake.rules().is_empty());
    let (ended, fake) = once(&["rules", "import", file]).unwrap();
    assert!(
        ended
            .out
            .contains("“Odd” can't be imported: line 9, column 9"),
        "{ended:?}"
    );
    assert!(ended.out.ends_with("Added 1 rule.\n"), "{ended:?}");
    let [rule] = fake.rules().try_into().unwrap();
    assert_eq!(rule.name, "Mail");
    assert_eq!(rule.creator.as_deref(), Some("import"));

    std::fs::write(file, "nonsense").unwrap();
    let (ended, fake) = once(&["rules", "import", file]).unwrap();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.error.contains("can't be imported: line 1, column 9"),
        "{ended:?}"
    );
    assert!(fake.rules().is_empty());
}

#[test]
fn what_is_exported_can_be_imported() {
    let Some((ended, _)) = once(&["rules", "export"]) else {
        return;
    };
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.out.starts_with("version = 1\n\n[[rule]]\n"),
        "{ended:?}"
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rules.toml");
    std::fs::write(&file, &ended.out).unwrap();
    let (ended, fake) = once(&["rules", "import", file.to_str().unwrap()]).unwrap();
    assert!(ended.out.contains("already there"), "{ended:?}");
    assert!(fake.rules().is_empty());
}
