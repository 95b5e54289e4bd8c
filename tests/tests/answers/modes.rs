//! Modes, pauses, and packets that no program made.

use bastion_tests::{As, eventually};
use serde_json::json;

use super::scene::{PATIENCE, Scene, about, allowed, answer_arguments, denied};

const ALICE: As<'_> = As::Background("alice");

#[test]
fn learning_allows_and_tells_and_a_pause_allows_for_its_time_alone() {
    let Some(mut scene) = Scene::set("modes") else {
        return;
    };
    let mut talker = scene.talker(ALICE, "learner");
    talker.begin(scene.to(7001), PATIENCE).unwrap();
    let question = scene.asked(&about("learner", 7001));
    scene.firewall.ask(&["mode", "learn"]).unwrap();
    // What waits is let go, what comes is not asked about, and what a rule denies is denied.
    assert_eq!(talker.outcome(PATIENCE).unwrap(), allowed());
    assert_eq!(
        scene.alice.withdrawn("main", question.id()).unwrap(),
        "learn"
    );
    assert_eq!(talker.send(scene.to(7002), PATIENCE).unwrap(), allowed());
    for port in [7001, 7002] {
        scene.logged(&json!({ "destination_port": port, "verdict": "allow", "reason": "learn" }));
    }
    scene
        .firewall
        .add_rule("deny", &["--port", "7009"])
        .unwrap();
    assert_eq!(talker.send(scene.to(7009), PATIENCE).unwrap(), denied());
    assert_eq!(scene.packets(7009), 0);

    scene.firewall.ask(&["mode", "ask"]).unwrap();
    talker.begin(scene.to(7003), PATIENCE).unwrap();
    let question = scene.asked(&about("learner", 7003));
    talker.waits().unwrap();
    assert_eq!(scene.packets(7003), 0);
    scene.firewall.ask(&["pause", "10m"]).unwrap();
    assert_eq!(talker.outcome(PATIENCE).unwrap(), allowed());
    assert_eq!(
        scene.alice.withdrawn("main", question.id()).unwrap(),
        "paused"
    );
    assert_eq!(talker.send(scene.to(7004), PATIENCE).unwrap(), allowed());
    scene.logged(&json!({ "destination_port": 7004, "verdict": "allow", "reason": "paused" }));
    // A pause is no state of the process: it goes on after a crash.
    scene.firewall.crash().unwrap();
    assert_eq!(scene.alice.register_agent("main").unwrap().word(), "ok");
    assert_eq!(talker.send(scene.to(7004), PATIENCE).unwrap(), allowed());

    scene.firewall.ask(&["resume"]).unwrap();
    talker.begin(scene.to(7005), PATIENCE).unwrap();
    let question = scene.asked(&about("learner", 7005));
    scene.decide(&question, "deny", "");
    assert_eq!(talker.outcome(PATIENCE).unwrap(), denied());
    assert_eq!(scene.packets(7005), 0);

    // It ends by itself, too.
    scene.firewall.ask(&["pause", "1s"]).unwrap();
    eventually("the end of the pause", PATIENCE, || {
        (scene.firewall.counter("paused_until").unwrap() == 0).then_some(())
    })
    .unwrap();
    talker.begin(scene.to(7006), PATIENCE).unwrap();
    let question = scene.asked(&about("learner", 7006));
    talker.waits().unwrap();
    scene.decide(&question, "deny", "");
    assert_eq!(scene.packets(7006), 0);
    assert_eq!(talker.outcome(PATIENCE).unwrap(), denied());
}

#[test]
fn what_the_kernel_sends_by_itself_is_judged_as_the_kernels() {
    let Some(mut scene) = Scene::set("kernel") else {
        return;
    };
    // A datagram to a closed port: the kernel wants to answer that nobody is there.
    let provoke = "import socket\n\
                   s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                   s.sendto(b'anybody there?', ('10.77.0.1', 9))";
    let provoke = ["python3", "-c", provoke];
    let send = |scene: &mut Scene| {
        let internet = scene.firewall.internet().sandbox();
        internet.run(As::Root, &provoke).unwrap();
    };
    // What comes with the firewall lets it.
    send(&mut scene);
    let logged = scene.logged(&json!({ "program": "kernel", "protocol": "icmp" }));
    assert_eq!(logged["reason"], "rule:factory-kernel-icmp");
    eventually("the kernel's message", PATIENCE, || {
        (scene.counted("icmp") == 1).then_some(())
    })
    .unwrap();

    let disable = ["rules", "disable", "factory-kernel-icmp"];
    scene.firewall.ask(&disable).unwrap();
    send(&mut scene);
    let question = scene.asked(&json!({ "program": "kernel" }));
    for (field, value) in [
        ("protocol", json!("icmp")),
        ("destination", json!("10.77.0.2")),
        ("uid", json!(u32::MAX)),
        ("needs_administrator", json!(true)),
    ] {
        assert_eq!(question.0[field], value, "{field}");
    }
    assert_eq!(scene.counted("icmp"), 1);
    assert_eq!(scene.answer(&question, "allow", "").word(), "NotAuthorized");
    scene.alice.authenticate_as("alice", "alice").unwrap();
    let arguments = answer_arguments(question.id(), "allow", "");
    let reply = scene
        .alice
        .call_interactively("Prompts.Answer", &arguments)
        .unwrap();
    assert!(reply.is_done(), "{reply:?}");
    eventually("the kernel's message", PATIENCE, || {
        (scene.counted("icmp") == 2).then_some(())
    })
    .unwrap();

    scene
        .firewall
        .add_rule("drop", &["--program", "kernel"])
        .unwrap();
    send(&mut scene);
    let logged = scene.logged(&json!({ "program": "kernel", "verdict": "drop" }));
    assert_eq!(logged["protocol"], "icmp");
    assert_eq!(scene.counted("icmp"), 2);
}
