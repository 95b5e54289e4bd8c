//! Who is asked about whose programs, and whose answers count.

use bastion_tests::{As, Peer};
use serde_json::json;

use super::scene::{
    PATIENCE, Question, Scene, about, allowed, answer, answer_arguments, denied, lasting,
};

#[test]
fn nobody_is_asked_about_or_answers_for_another_users_program() {
    let Some(mut scene) = Scene::set("users") else {
        return;
    };
    let sandbox = scene.firewall.sandbox();
    let mut bob = Peer::start(sandbox, As::Active("bob")).unwrap();
    assert_eq!(bob.register_agent("main").unwrap().word(), "ok");
    let mut elsewhere = Peer::start(sandbox, As::Background("bob")).unwrap();
    assert_eq!(
        elsewhere.register_agent("main").unwrap().word(),
        "NotAuthorized",
        "somebody who is not at the screen became an agent"
    );

    // Bob is at the screen; the question is alice's all the same.
    let to = scene.to(7001);
    let mut talker = scene.talker(As::Background("alice"), "shared");
    talker.begin(to, PATIENCE).unwrap();
    let question = scene.asked(&about("shared", 7001));
    for (who, peer) in [("bob", &mut bob), ("bob elsewhere", &mut elsewhere)] {
        for more in [String::new(), lasting("program", "forever")] {
            let reply = answer(peer, &question, "allow", &more);
            assert_eq!(reply.word(), "NotFound", "{who}: {reply:?}");
        }
    }
    talker.waits().unwrap();
    assert_eq!(bob.history("main").unwrap(), [json!(null); 0]);

    // The same program of bob's asks bob.
    let mut bobs = scene.talker(As::Background("bob"), "shared");
    bobs.begin(to, PATIENCE).unwrap();
    let bobs_question = bob.asked("main", &about("shared", 7001)).map(Question);
    let bobs_question = bobs_question.unwrap();
    assert_eq!(bobs_question.0["uid"], 1001);
    assert_eq!(bobs_question.0["needs_administrator"], false);
    assert_eq!(
        scene.answer(&bobs_question, "allow", "").word(),
        "NotFound",
        "an administrator answered what somebody else was asked"
    );
    assert_eq!(scene.alice.history("main").unwrap().len(), 1);
    assert_eq!(scene.packets(7001), 0);

    talker.waits().unwrap();
    scene.alice.activate(scene.firewall.sandbox()).unwrap();
    scene.decide(&question, "deny", &lasting("program", "forever"));
    assert_eq!(talker.outcome(PATIENCE).unwrap(), denied());
    bobs.waits().unwrap();
    assert_eq!(scene.packets(7001), 0);
    bob.activate(scene.firewall.sandbox()).unwrap();
    assert!(answer(&mut bob, &bobs_question, "allow", "").is_done());
    assert_eq!(bobs.outcome(PATIENCE).unwrap(), allowed());
    assert_eq!(talker.send(to, PATIENCE).unwrap(), denied());
}

#[test]
fn the_systems_programs_ask_an_administrator_who_authenticates() {
    let Some(mut scene) = Scene::set("system") else {
        return;
    };
    let mut bob = Peer::start(scene.firewall.sandbox(), As::Active("bob")).unwrap();
    assert_eq!(bob.register_agent("main").unwrap().word(), "ok");
    scene.alice.activate(scene.firewall.sandbox()).unwrap();

    let mut daemon = scene.talker(As::Service, "daemon");
    let to = scene.to(7001);
    daemon.begin(to, PATIENCE).unwrap();
    let question = scene.asked(&about("daemon", 7001));
    assert_eq!(question.0["uid"], 0);
    assert_eq!(question.0["needs_administrator"], true);
    let more = lasting("flow", "forever");
    let arguments = answer_arguments(question.id(), "allow", &more);
    assert_eq!(
        scene.answer(&question, "allow", &more).word(),
        "NotAuthorized",
        "nobody authenticated"
    );
    scene.alice.dismiss_authentication().unwrap();
    let ask = |scene: &mut Scene| {
        let reply = scene.alice.call_interactively("Prompts.Answer", &arguments);
        reply.unwrap().word().to_owned()
    };
    assert_eq!(ask(&mut scene), "NotAuthorized", "a dismissed dialog");
    scene.alice.authenticate_as("bob", "bob").unwrap();
    assert_eq!(ask(&mut scene), "NotAuthorized", "no administrator");
    scene.alice.authenticate_as("alice", "wrong").unwrap();
    assert_eq!(ask(&mut scene), "NotAuthorized", "a wrong password");
    daemon.waits().unwrap();
    assert_eq!(scene.packets(7001), 0);
    assert!(scene.answered_rules().is_empty());

    scene.alice.authenticate_as("alice", "alice").unwrap();
    assert_eq!(ask(&mut scene), "ok");
    assert_eq!(daemon.outcome(PATIENCE).unwrap(), allowed());
    let rules = scene.answered_rules();
    assert_eq!(rules[0]["user"], "0", "{rules:?}");
    assert_eq!(daemon.send(to, PATIENCE).unwrap(), allowed());
    let asked = scene.alice.authentications().unwrap();
    let outcomes: Vec<_> = asked.iter().map(|a| a.outcome.as_str()).collect();
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    assert!(
        asked
            .iter()
            .all(|a| a.action == "org.bastionfirewall.answer-others")
    );
    assert!(bob.history("main").unwrap().is_empty(), "bob was asked");

    // The rule is for root: alice's own process of that program still asks.
    let mut own = scene.talker(As::Background("alice"), "daemon");
    own.begin(to, PATIENCE).unwrap();
    let question = scene.asked(&about("daemon", 7001));
    assert_eq!(question.0["uid"], 1000);
    scene.decide(&question, "deny", "");
    assert_eq!(own.outcome(PATIENCE).unwrap(), denied());
}
