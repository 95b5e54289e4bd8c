//! Who sees whose connections and rules.

use std::time::Duration;

use bastion_tests::{As, Destination, Firewall, Manner, Peer, Talker, Transport};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

/// The users in a list of records of events, or of connections with events in them.
fn users(reply: &Value) -> Vec<u64> {
    let event = |record: &Value| {
        record.get("event").unwrap_or(record)["uid"]
            .as_u64()
            .unwrap()
    };
    let mut users: Vec<u64> = reply.as_array().unwrap().iter().map(event).collect();
    users.sort_unstable();
    users.dedup();
    users
}

#[test]
fn nobody_sees_another_users_connections_rules_or_events() {
    let Some(mut firewall) = Firewall::boot_or_skip("sight") else {
        return;
    };
    firewall
        .internet()
        .listen(Transport::Tcp, 7001, Manner::Echo)
        .unwrap();
    let to = Destination {
        transport: Transport::Tcp,
        address: firewall.internet().v4(3),
        port: 7001,
    };
    let sandbox = firewall.sandbox();
    let mut alice = Peer::start(sandbox, As::Active("alice")).unwrap();
    assert!(
        alice
            .call("Events.Subscribe", "(false,)")
            .unwrap()
            .is_done()
    );
    let mut bob = Peer::start(sandbox, As::Active("bob")).unwrap();
    bob.activate(sandbox).unwrap();
    let monitors = [
        "dbus-monitor --system",
        "gdbus monitor --system --dest org.bastionfirewall.Helper1",
    ];
    let mut monitors = monitors.map(|monitor| {
        let command = ["sh", "-c", &format!("exec stdbuf -oL {monitor}")];
        sandbox.spawn(As::Background("bob"), &command).unwrap()
    });
    // Each shows that it works by what everybody may see: the helper's own name.
    monitors[0].line_with("NameAcquired", PATIENCE).unwrap();
    monitors[1].line_with("is owned by", PATIENCE).unwrap();

    let port = ["--port", "7001"];
    firewall.add_rule("allow", &port).unwrap();
    for (user, name) in [("1000", "alices"), ("1001", "bobs"), ("0", "roots")] {
        let options = ["--user", user, "--name", name, "--port", "7999"];
        firewall.add_rule("allow", &options).unwrap();
    }
    let mut open = Vec::new();
    for who in [As::Background("alice"), As::Background("bob"), As::Service] {
        let path = firewall.program("seen").unwrap();
        let mut talker = Talker::start(&firewall, who, &path).unwrap();
        talker.begin_and_keep(to, PATIENCE).unwrap();
        assert!(talker.outcome(PATIENCE).unwrap().passed());
        open.push(talker);
    }
    // Bob subscribes late, so that his signals come after all of that.
    let mine = json!({ "uid": 1000, "destination_port": 7001 });
    alice.decided(&mine).unwrap();
    assert!(bob.call("Events.Subscribe", "(false,)").unwrap().is_done());
    let mut last = Talker::start(
        &firewall,
        As::Background("bob"),
        &firewall.program("last").unwrap(),
    )
    .unwrap();
    assert!(last.send(to, PATIENCE).unwrap().passed());
    bob.decided(&json!({ "uid": 1001, "program": "/opt/bastion-programs/last" }))
        .unwrap();

    for (name, peer, uid, rule, foreign) in [
        ("alice", &mut alice, 1000, "alices", "bobs"),
        ("bob", &mut bob, 1001, "bobs", "alices"),
    ] {
        let log = peer.call("Events.GetLog", "(@a{sv} {}, false)").unwrap();
        assert_eq!(users(log.first()), [uid], "{name}");
        let connections = peer.call("Events.GetConnections", "(false,)").unwrap();
        assert_eq!(users(connections.first()), [uid], "{name}");
        let rules = peer.call("Rules.List", "()").unwrap();
        let rules = rules.first().as_array().unwrap().iter();
        let rules: Vec<&str> = rules.map(|rule| rule["name"].as_str().unwrap()).collect();
        assert!(rules.contains(&rule), "{name}: {rules:?}");
        assert!(
            !rules.contains(&foreign) && !rules.contains(&"roots"),
            "{name}: {rules:?}"
        );
        let decided: Vec<Value> = peer
            .signals()
            .unwrap()
            .into_iter()
            .filter(|(signal, _)| signal == "Decided")
            .flat_map(|(_, arguments)| arguments[0].as_array().unwrap().clone())
            .collect();
        assert_eq!(users(&json!(decided)), [uid], "{name}");
    }
    let mut root = Peer::start(sandbox, As::Root).unwrap();
    let log = root.call("Events.GetLog", "(@a{sv} {}, true)").unwrap();
    let all = users(log.first());
    assert!(
        [0, 1000, 1001].iter().all(|uid| all.contains(uid)),
        "{all:?}"
    );

    // What a monitor of bob's has seen up to a signal that everybody may see, sent after them.
    let marker = format!("\"{}\"", root.connect("marker").unwrap());
    let mut seen = String::new();
    loop {
        let line = monitors[0].next_line(PATIENCE).unwrap().unwrap();
        if line.contains(&marker) {
            break;
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    for secret in [
        "Decided",
        "StatusChanged",
        "RulesChanged",
        "bastion-programs",
    ] {
        assert!(
            !seen.contains(secret),
            "bob's monitor saw {secret}:\n{seen}"
        );
    }
    firewall.systemctl("stop").unwrap();
    loop {
        let line = monitors[1].next_line(PATIENCE).unwrap().unwrap();
        assert!(!line.contains("Helper1."), "bob's monitor saw {line}");
        if line.contains("does not have an owner") {
            break;
        }
    }
}
