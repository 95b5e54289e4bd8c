//! Answers that become rules: how far they reach, and how long.

use std::time::Duration;

use bastion_tests::{As, eventually};
use serde_json::{Value, json};

use super::scene::{PATIENCE, Scene, about, allowed, denied, lasting};

const ALICE: As<'_> = As::Background("alice");

/// Waits until no rule from an answer is left.
fn wait_for_no_rule(scene: &Scene, what: &str) {
    eventually(what, PATIENCE, || {
        scene.answered_rules().is_empty().then_some(())
    })
    .unwrap();
}

fn ids(rules: &[Value]) -> Vec<&Value> {
    rules.iter().map(|rule| &rule["id"]).collect()
}

#[test]
fn forever_is_kept_for_the_asking_user_alone() {
    let Some(mut scene) = Scene::set("forever") else {
        return;
    };
    let mut talker = scene.talker(ALICE, "kept");
    let to = scene.to(7001);
    talker.begin(to, PATIENCE).unwrap();
    let question = scene.asked(&about("kept", 7001));
    scene.decide(&question, "allow", &lasting("flow", "forever"));
    assert_eq!(talker.outcome(PATIENCE).unwrap(), allowed());
    let rules = scene.answered_rules();
    assert_eq!(rules.len(), 1, "{rules:?}");
    for (field, value) in [
        ("program", json!("/opt/bastion-programs/kept")),
        ("user", json!("1000")),
        ("destination", json!(to.address)),
        ("ports", json!("7001")),
        ("protocol", json!("tcp")),
        ("lifetime", json!("forever")),
        ("action", json!("allow")),
        ("creator", json!("1000")),
    ] {
        assert_eq!(rules[0][field], value, "{field}");
    }
    assert_eq!(talker.send(to, PATIENCE).unwrap(), allowed());

    // The same program is another user's program, too, and that one is not allowed.
    let mut bobs = scene.talker(As::Background("bob"), "kept");
    bobs.begin(to, PATIENCE).unwrap();
    scene.firewall.wait_for_questions(1).unwrap();
    bobs.waits().unwrap();
    drop(bobs);
    scene.logged(&json!({ "uid": 1001, "verdict": "deny", "reason": "exited" }));
    scene.firewall.wait_for_questions(0).unwrap();

    scene.firewall.systemctl("restart").unwrap();
    scene.firewall.wait_until_judging().unwrap();
    assert_eq!(ids(&scene.answered_rules()), ids(&rules));
    assert_eq!(talker.send(to, PATIENCE).unwrap(), allowed());
    assert_eq!(scene.firewall.counter("asked").unwrap(), 0);
    assert_eq!(scene.alice.history("main").unwrap().len(), 1);

    // Nothing but what was allowed: another port asks.
    assert_eq!(scene.alice.register_agent("main").unwrap().word(), "ok");
    talker.begin(scene.to(7002), PATIENCE).unwrap();
    let question = scene.asked(&about("kept", 7002));
    scene.decide(&question, "deny", &lasting("flow", "forever"));
    assert_eq!(talker.outcome(PATIENCE).unwrap(), denied());
    assert_eq!(talker.send(scene.to(7002), PATIENCE).unwrap(), denied());
    assert_eq!(scene.packets(7002), 0);
}

#[test]
fn an_answer_reaches_as_far_as_its_scope_and_survives_the_helper_until_a_restart() {
    let Some(mut scene) = Scene::set("scopes") else {
        return;
    };
    // Scope, then (host, port) that are covered besides host 3, port 7001, and one that is not.
    let cases = [
        ("flow", &[][..], (3, 7002)),
        ("destination", &[(3, 7002)][..], (4, 7001)),
        ("port", &[(4, 7001)][..], (3, 7002)),
        ("program", &[(4, 7001), (5, 7002)][..], (0, 0)),
    ];
    let mut talkers = Vec::new();
    for (scope, covered, open) in cases {
        let mut talker = scene.talker(ALICE, scope);
        talker.begin(scene.to(7001), PATIENCE).unwrap();
        let question = scene.asked(&about(scope, 7001));
        scene.decide(&question, "allow", &lasting(scope, "restart"));
        assert_eq!(talker.outcome(PATIENCE).unwrap(), allowed(), "{scope}");
        talkers.push((talker, scope, covered, open));
    }
    let before = scene.answered_rules();
    assert_eq!(before.len(), cases.len());
    let sandbox = scene.firewall.sandbox();
    let kept = sandbox.shell("cat /run/bastion/*.toml").unwrap();
    let permanent = sandbox.shell("cat /etc/bastion/rules.toml").unwrap();
    for (scope, ..) in cases {
        let program = format!("/opt/bastion-programs/{scope}\"");
        assert!(kept.contains(&program), "{scope} is not in /run: {kept}");
        assert!(!permanent.contains(&program), "{scope} outlives a restart");
    }
    scene.firewall.crash().unwrap();
    assert_eq!(ids(&scene.answered_rules()), ids(&before));
    assert_eq!(scene.alice.register_agent("main").unwrap().word(), "ok");
    for (mut talker, scope, covered, open) in talkers {
        for &(host, port) in covered.iter().chain([&(3, 7001)]) {
            let to = scene.at(host, port);
            assert_eq!(
                talker.send(to, PATIENCE).unwrap(),
                allowed(),
                "{scope}: {to:?}"
            );
        }
        if scope == "program" {
            continue;
        }
        talker.begin(scene.at(open.0, open.1), PATIENCE).unwrap();
        let question = scene.asked(&about(scope, open.1));
        scene.decide(&question, "deny", "");
        assert_eq!(talker.outcome(PATIENCE).unwrap(), denied(), "{scope}");
    }
}

#[test]
fn rules_end_with_their_process_their_time_and_their_session() {
    let Some(mut scene) = Scene::set("lifetimes") else {
        return;
    };
    let to = scene.to(7001);
    let mut talker = scene.talker(ALICE, "mortal");
    talker.begin(to, PATIENCE).unwrap();
    let question = scene.asked(&about("mortal", 7001));
    scene.decide(&question, "allow", &lasting("flow", "process"));
    assert_eq!(talker.outcome(PATIENCE).unwrap(), allowed());
    assert_eq!(talker.send(to, PATIENCE).unwrap(), allowed());
    // Another process of the same program is not the one that was allowed.
    let mut other = scene.talker(ALICE, "mortal");
    other.begin(to, PATIENCE).unwrap();
    let question = scene.asked(&about("mortal", 7001));
    assert_eq!(question.0["pid"], other.pid());
    scene.decide(&question, "deny", "");
    assert_eq!(other.outcome(PATIENCE).unwrap(), denied());
    drop(talker);
    wait_for_no_rule(&scene, "the end of the process's rule");

    other.begin(to, PATIENCE).unwrap();
    let question = scene.asked(&about("mortal", 7001));
    scene.decide(&question, "allow", &lasting("flow", "seconds:2"));
    assert_eq!(other.outcome(PATIENCE).unwrap(), allowed());
    wait_for_no_rule(&scene, "the end of the rule's time");
    other.begin(to, Duration::from_secs(60)).unwrap();
    let question = scene.asked(&about("mortal", 7001));

    scene.decide(&question, "allow", &lasting("flow", "session"));
    assert_eq!(other.outcome(PATIENCE).unwrap(), allowed());
    assert_eq!(other.send(to, PATIENCE).unwrap(), allowed());
    let rules = scene.answered_rules();
    assert_eq!(rules.len(), 1);
    let lifetime = format!("session:{}", scene.alice.session());
    assert_eq!(rules[0]["lifetime"], lifetime.as_str());
    // She logs out.
    let Scene { alice, firewall } = scene;
    drop(alice);
    eventually("the end of the session's rule", PATIENCE, || {
        let rules = firewall.ask(&["rules", "list"]).ok()?;
        let gone = !rules.to_string().contains("/opt/bastion-programs/mortal");
        gone.then_some(())
    })
    .unwrap();
    other.begin(to, PATIENCE).unwrap();
    firewall.wait_for_questions(1).unwrap();
    other.waits().unwrap();
}
