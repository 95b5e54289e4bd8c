//! What learn mode allows is suggested, and what is accepted passes when questions are asked again.

use bastion_tests::{As, Destination, Transport, eventually};
use serde_json::{Value, json};

use super::scene::{PATIENCE, Scene, about, allowed, denied};

const ALICE: As<'_> = As::Background("alice");

/// The open suggestions about a program, once there are so many.
fn suggested(scene: &Scene, program: &str, count: usize) -> Vec<Value> {
    let path = about(program, 0)["program"].clone();
    eventually(&format!("{count} suggestions"), PATIENCE, || {
        let open = scene.firewall.ask(&["suggestions", "list", "--all"]).ok()?;
        let open = open.as_array()?.iter();
        let found: Vec<Value> = open.filter(|it| it["program"] == path).cloned().collect();
        (found.len() == count).then_some(found)
    })
    .unwrap()
}

#[test]
fn what_was_learned_and_accepted_passes_without_a_question() {
    let Some(mut scene) = Scene::set("suggestions") else {
        return;
    };
    scene.firewall.ask(&["mode", "learn"]).unwrap();
    let mut talker = scene.talker(ALICE, "learner");
    let (kept, dropped) = (scene.to(7001), scene.to(7002));
    let datagram = Destination {
        transport: Transport::Udp,
        ..scene.to(7003)
    };
    for to in [kept, kept, dropped, datagram] {
        assert_eq!(talker.send(to, PATIENCE).unwrap(), allowed());
    }
    let open = suggested(&scene, "learner", 3);
    let find = |port: u16| -> &Value {
        let found = open.iter().find(|it| it["destination_port"] == port);
        found.unwrap()
    };
    for (field, value) in [
        ("uid", json!(1000)),
        ("protocol", json!("tcp")),
        ("destination", json!(kept.address)),
        ("count", json!(2)),
        ("host", json!("")),
    ] {
        assert_eq!(find(7001)[field], value, "{field}");
    }
    assert_eq!(find(7003)["protocol"], "udp");

    // Alice reviews her own without authentication; nobody else's.
    let reply = scene
        .alice
        .call("Rules.ListSuggestions", "(false,)")
        .unwrap();
    assert_eq!(reply.first().as_array().unwrap().len(), 3, "{reply:?}");
    let call = |scene: &mut Scene, method: &str, port: u16, more: &str| {
        let arguments = format!("([uint64 {}], {more}false)", find(port)["id"]);
        scene.alice.call(method, &arguments).unwrap()
    };
    let reply = call(&mut scene, "Rules.AcceptSuggestions", 7001, "'flow', ");
    assert!(reply.is_done(), "{reply:?}");
    let reply = call(&mut scene, "Rules.DropSuggestions", 7002, "");
    assert!(reply.is_done(), "{reply:?}");
    let id = find(7003)["id"].to_string();
    scene
        .firewall
        .ask(&["suggestions", "accept", &id, "--scope", "port", "--all"])
        .unwrap();
    suggested(&scene, "learner", 0);
    let again = call(&mut scene, "Rules.AcceptSuggestions", 7001, "'flow', ");
    assert_eq!(again.word(), "NotFound", "it is accepted already");

    // What was dropped is not suggested again, over a restart of the helper either.
    scene.firewall.systemctl("restart").unwrap();
    scene.firewall.wait_until_judging().unwrap();
    assert_eq!(scene.alice.register_agent("main").unwrap().word(), "ok");
    assert_eq!(talker.send(dropped, PATIENCE).unwrap(), allowed());
    scene.logged(&json!({ "destination_port": 7002, "reason": "learn" }));
    suggested(&scene, "learner", 0);

    let rules = scene.firewall.ask(&["rules", "list"]).unwrap();
    let rules = rules.as_array().unwrap().iter();
    let learned: Vec<_> = rules.filter(|rule| rule["creator"] == "learned").collect();
    assert_eq!(learned.len(), 2, "{learned:?}");
    let by_port = |port: &str| learned.iter().find(|rule| rule["ports"] == port).unwrap();
    assert_eq!(by_port("7001")["user"], "1000");
    assert_eq!(by_port("7001")["destination"], json!(kept.address));
    assert_eq!(by_port("7003")["user"], "any");
    assert_eq!(by_port("7003")["destination"], "any");

    scene.firewall.ask(&["mode", "ask"]).unwrap();
    let asked = scene.firewall.counter("asked").unwrap();
    let elsewhere = Destination {
        address: scene.at(4, 7003).address,
        ..datagram
    };
    for to in [kept, datagram, elsewhere] {
        assert_eq!(talker.send(to, PATIENCE).unwrap(), allowed());
    }
    assert_eq!(scene.firewall.counter("asked").unwrap(), asked);
    talker.begin(dropped, PATIENCE).unwrap();
    let question = scene.asked(&about("learner", 7002));
    scene.decide(&question, "deny", "");
    assert_eq!(talker.outcome(PATIENCE).unwrap(), denied());

    // Another user's program is not the one that was learned.
    let mut bobs = scene.talker(As::Background("bob"), "learner");
    assert_eq!(bobs.send(datagram, PATIENCE).unwrap(), allowed());
    bobs.begin(kept, PATIENCE).unwrap();
    scene.firewall.wait_for_questions(1).unwrap();
    bobs.waits().unwrap();
}
