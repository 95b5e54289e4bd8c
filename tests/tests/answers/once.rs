//! Answers that hold once, and what waits meanwhile.

use std::time::Duration;

use bastion_tests::{As, Destination, Manner, Transport};
use serde_json::json;

use super::scene::{PATIENCE, Scene, about, allowed, denied, lasting, silence};

const ALICE: As<'_> = As::Background("alice");

#[test]
fn a_question_holds_up_nothing_else_and_its_answer_holds_once() {
    let Some(mut scene) = Scene::set("once") else {
        return;
    };
    let ruled = scene.firewall.program("ruled").unwrap();
    scene
        .firewall
        .add_rule("allow", &["--program", &ruled])
        .unwrap();
    let to = scene.to(7001);
    let mut first = scene.talker(ALICE, "first");
    first.begin(to, PATIENCE).unwrap();
    let question = scene.asked(&about("first", 7001));
    for (field, value) in [
        ("uid", json!(1000)),
        ("user", json!("alice")),
        ("protocol", json!("tcp")),
        ("destination", json!(to.address)),
        ("pid", json!(first.pid())),
        ("needs_administrator", json!(false)),
    ] {
        assert_eq!(question.0[field], value, "{field}");
    }

    let mut second = scene.talker(ALICE, "ruled");
    assert_eq!(second.send(scene.to(7002), PATIENCE).unwrap(), allowed());
    let mut third = scene.talker(ALICE, "third");
    third.begin(to, PATIENCE).unwrap();
    let other = scene.asked(&about("third", 7001));
    assert_ne!(question.id(), other.id());
    first.waits().unwrap();
    third.waits().unwrap();
    assert_eq!(scene.packets(7001), 0, "something left undecided");

    scene.decide(&question, "allow", "");
    assert_eq!(first.outcome(PATIENCE).unwrap(), allowed());
    assert_ne!(scene.packets(7001), 0, "nothing is counted");
    third.waits().unwrap();
    scene.decide(&other, "deny", "");
    assert_eq!(third.outcome(PATIENCE).unwrap(), denied());
    assert_eq!(scene.answer(&question, "allow", "").word(), "NotFound");

    first.begin(to, PATIENCE).unwrap();
    let again = scene.asked(&about("first", 7001));
    assert_ne!(question.id(), again.id());
    scene.decide(&again, "deny", "");
    assert_eq!(first.outcome(PATIENCE).unwrap(), denied());
    let arrived = scene
        .firewall
        .internet()
        .arrived(Transport::Tcp, to.address, 7001)
        .unwrap();
    assert_eq!(
        (arrived.connections, arrived.bytes),
        (1, 5),
        "only the first of three connections was allowed"
    );
    for (program, verdict) in [("first", "allow"), ("third", "deny"), ("first", "deny")] {
        let program = format!("/opt/bastion-programs/{program}");
        let reason = "answer:1000";
        scene.logged(&json!({ "program": program, "verdict": verdict, "reason": reason }));
    }
    assert!(scene.answered_rules().is_empty());
}

#[test]
fn both_families_and_transports_are_allowed_denied_and_dropped() {
    let Some(mut scene) = Scene::set("families") else {
        return;
    };
    let mut dropped = Vec::new();
    for (n, (transport, name)) in (0..).zip([(Transport::Tcp, "tcp"), (Transport::Udp, "udp")]) {
        let (v4, v6) = (
            scene.firewall.internet().v4(4),
            scene.firewall.internet().v6(4),
        );
        for (n, address) in (0..).zip([v4, v6]).map(|(m, address)| (2 * n + m, address)) {
            let to = |port| Destination {
                transport,
                address,
                port,
            };
            let fields =
                |port: u16| json!({ "port": port, "protocol": name, "destination": address });
            let mut talker = scene.talker(ALICE, "talker");
            talker.begin(to(7001), PATIENCE).unwrap();
            let question = scene.asked(&fields(7001));
            talker.waits().unwrap();
            let before = scene.packets(7001);
            scene.decide(&question, "allow", "");
            assert_eq!(
                talker.outcome(PATIENCE).unwrap(),
                allowed(),
                "{to:?}",
                to = to(7001)
            );
            assert!(scene.packets(7001) > before, "nothing is counted");

            let port = 7002 + n;
            talker.begin(to(port), PATIENCE).unwrap();
            let question = scene.asked(&fields(port));
            talker.waits().unwrap();
            scene.decide(&question, "deny", "");
            assert_eq!(
                talker.outcome(PATIENCE).unwrap(),
                denied(),
                "{to:?}",
                to = to(port)
            );
            assert_eq!(scene.packets(port), 0);

            // Until it quits: what TCP sends again a second later is dropped as well.
            let port = 7006 + n;
            talker.begin(to(port), Duration::from_secs(3)).unwrap();
            let question = scene.asked(&fields(port));
            scene.decide(&question, "drop", &lasting("flow", "process"));
            dropped.push((talker, port));
        }
    }
    for (mut talker, port) in dropped {
        assert_eq!(talker.outcome(PATIENCE).unwrap(), silence(), "port {port}");
        assert_eq!(scene.packets(port), 0);
    }
}

#[test]
fn an_everyday_program_is_let_through_and_refused() {
    let Some(mut scene) = Scene::set("curl") else {
        return;
    };
    let internet = scene.firewall.internet();
    internet.listen(Transport::Tcp, 80, Manner::Http).unwrap();
    let page = format!("http://{}/", internet.v4(5));
    for (action, status, printed) in [("allow", 0, "hello from the internet\n"), ("deny", 7, "")] {
        let curl = ["curl", "-sS", "--max-time", "20", &page];
        let mut curl = scene.firewall.sandbox().spawn(ALICE, &curl).unwrap();
        let question = scene.asked(&json!({ "program": "/usr/bin/curl" }));
        assert_eq!(question.0["service"], "http");
        assert_eq!(question.0["arguments"][4], page.as_str());
        assert!(curl.is_running());
        scene.decide(&question, action, "");
        let ended = curl.finish(PATIENCE).unwrap();
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (status, printed),
            "{}",
            ended.stderr
        );
    }
}
