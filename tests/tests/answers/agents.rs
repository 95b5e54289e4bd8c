//! Agents come and go, and so do programs; a question is always put to somebody who can answer
//! it, or waits, or ends.

use bastion_tests::{As, Peer, Transport};
use serde_json::json;

use super::scene::{PATIENCE, Question, Scene, about, allowed, answer_arguments, denied};

const ALICE: As<'_> = As::Background("alice");

#[test]
fn a_question_goes_to_whoever_can_answer_it_and_ends_with_its_time() {
    let Some(mut scene) = Scene::set_without_agent("agents") else {
        return;
    };
    let mut root = Peer::start(scene.firewall.sandbox(), As::Root).unwrap();
    wait_for_answers(&mut root, "");

    // Nobody is there to be asked.
    let mut talker = scene.talker(ALICE, "lonely");
    talker.begin(scene.to(7001), PATIENCE).unwrap();
    scene.firewall.wait_for_questions(1).unwrap();
    assert_eq!(talker.outcome(PATIENCE).unwrap(), denied());
    scene.logged(&json!({ "destination_port": 7001, "verdict": "deny", "reason": "timeout" }));

    // Somebody comes while the question is open.
    talker.begin(scene.to(7002), PATIENCE).unwrap();
    scene.firewall.wait_for_questions(1).unwrap();
    assert_eq!(scene.alice.register_agent("main").unwrap().word(), "ok");
    let question = scene.asked(&about("lonely", 7002));
    scene.decide(&question, "allow", "");
    assert_eq!(talker.outcome(PATIENCE).unwrap(), allowed());

    // The newest agent is asked; when it vanishes the other is, and when that one vanishes too,
    // the question ends with its time.
    scene.alice.connect("second").unwrap();
    assert_eq!(scene.alice.register_agent("second").unwrap().word(), "ok");
    let before = scene.alice.history("main").unwrap();
    talker.begin(scene.to(7003), PATIENCE).unwrap();
    let put = scene
        .alice
        .asked("second", &about("lonely", 7003))
        .map(Question)
        .unwrap();
    assert_eq!(
        scene.answer(&put, "allow", "").word(),
        "NotFound",
        "an agent answered what another one was asked"
    );
    assert_eq!(scene.alice.history("main").unwrap(), before);
    scene.alice.close("second").unwrap();
    let moved = scene.asked(&about("lonely", 7003));
    assert_eq!(moved.id(), put.id());
    talker.waits().unwrap();
    scene.alice.connect("third").unwrap();
    scene.alice.close("main").unwrap();
    let answer = answer_arguments(moved.id(), "allow", "");
    let reply = scene
        .alice
        .call_on("third", "Prompts.Answer", &answer, false);
    assert_eq!(
        reply.unwrap().word(),
        "NotFound",
        "a connection answered what another one of the same program was asked"
    );
    assert_eq!(talker.outcome(PATIENCE).unwrap(), denied());
    scene.logged(&json!({ "destination_port": 7003, "verdict": "deny", "reason": "timeout" }));

    // An agent that says nothing.
    assert_eq!(scene.alice.register_agent("third").unwrap().word(), "ok");
    talker.begin(scene.to(7004), PATIENCE).unwrap();
    let fields = about("lonely", 7004);
    let question = scene.alice.asked("third", &fields).map(Question).unwrap();
    assert_eq!(talker.outcome(PATIENCE).unwrap(), denied());
    assert_eq!(
        scene.alice.withdrawn("third", question.id()).unwrap(),
        "timeout"
    );
    scene.logged(&json!({ "destination_port": 7004, "verdict": "deny", "reason": "timeout" }));
    for port in [7001, 7003, 7004] {
        assert_eq!(scene.packets(port), 0, "port {port}");
    }

    // An administrator wants it otherwise, and who is asked is told.
    wait_for_answers(&mut root, "'prompt_default': <'allow'>, ");
    talker.begin(scene.to(7005), PATIENCE).unwrap();
    let mut fields = about("lonely", 7005);
    fields["otherwise"] = json!("allow");
    scene.alice.asked("third", &fields).unwrap();
    assert_eq!(talker.outcome(PATIENCE).unwrap(), allowed());
    scene.logged(&json!({ "destination_port": 7005, "verdict": "allow", "reason": "timeout" }));
}

/// Has questions wait for five seconds.
fn wait_for_answers(root: &mut Peer, more: &str) {
    let settings = format!(
        "({{'mode': <'ask'>, 'when_down': <'open'>, 'prompt_timeout': <uint32 5>, {more}\
           'log_days': <uint32 30>, 'log_events': <uint32 1000000>}},)"
    );
    let reply = root.call("Control.SetSettings", &settings).unwrap();
    assert!(reply.is_done(), "{reply:?}");
}

#[test]
fn a_question_closes_when_its_program_ends_or_a_rule_decides_it() {
    let Some(mut scene) = Scene::set("closing") else {
        return;
    };
    let mut talker = scene.talker(ALICE, "quitter");
    talker.begin(scene.to(7001), PATIENCE).unwrap();
    let question = scene.asked(&about("quitter", 7001));
    drop(talker);
    assert_eq!(
        scene.alice.withdrawn("main", question.id()).unwrap(),
        "exited"
    );
    scene.logged(&json!({ "destination_port": 7001, "verdict": "deny", "reason": "exited" }));
    assert_eq!(scene.answer(&question, "allow", "").word(), "NotFound");
    assert_eq!(scene.packets(7001), 0);

    for (n, (action, outcome)) in (0..).zip([("allow", allowed()), ("deny", denied())]) {
        let port = 7002 + n;
        let mut talker = scene.talker(ALICE, "patient");
        talker.begin(scene.to(port), PATIENCE).unwrap();
        let question = scene.asked(&about("patient", port));
        let port = port.to_string();
        let rule = scene.firewall.add_rule(action, &["--port", &port]).unwrap();
        assert_eq!(talker.outcome(PATIENCE).unwrap(), outcome);
        let reason = scene.alice.withdrawn("main", question.id()).unwrap();
        assert_eq!(reason, format!("rule:{rule}"));
    }
    assert_eq!(scene.packets(7003), 0);
}

#[test]
fn what_waits_when_the_helper_ends_never_leaves() {
    let Some(mut scene) = Scene::set("ends") else {
        return;
    };
    // Datagrams, because a program sends them once; TCP would try again.
    for (port, crash) in [(7001, true), (7002, false)] {
        let mut to = scene.to(port);
        to.transport = Transport::Udp;
        let mut talker = scene.talker(ALICE, "held");
        talker.begin(to, PATIENCE).unwrap();
        scene.asked(&about("held", port));
        if crash {
            scene.firewall.crash().unwrap();
        } else {
            scene.firewall.systemctl("restart").unwrap();
        }
        scene.firewall.wait_until_judging().unwrap();
        assert_eq!(scene.alice.register_agent("main").unwrap().word(), "ok");
        // What is sent after it arrives, so it would have arrived, too.
        let mut after = scene.talker(ALICE, "after");
        to.port = 7003;
        after.begin(to, PATIENCE).unwrap();
        let question = scene.asked(&about("after", 7003));
        scene.decide(&question, "allow", "");
        assert_eq!(after.outcome(PATIENCE).unwrap(), allowed());
        assert_eq!(scene.packets(port), 0, "crash: {crash}");
    }
}
