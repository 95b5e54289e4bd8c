//! Every method, tried by everybody.

use std::collections::BTreeSet;
use std::time::Duration;

use bastion_tests::{As, Firewall, Peer, Reply};

use super::calls::{CALLS, Call, Takes, declared, methods_of};

/// Who tries, and so what they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// At the screen, with nobody or not the right one to authenticate.
    AtScreen,
    /// Switched away from the screen.
    SwitchedAway,
    /// Not on this computer's seat at all.
    Elsewhere,
    /// Root, or an administrator who authenticates.
    Administrator,
}

impl Who {
    fn may(self, takes: Takes) -> bool {
        match self {
            Self::AtScreen => matches!(takes, Takes::View | Takes::Answer | Takes::AnswerInVain),
            Self::SwitchedAway => takes == Takes::View,
            Self::Elsewhere => false,
            Self::Administrator => true,
        }
    }

    /// What the call comes to; None for no matter what but a refusal for want of rights.
    fn gets(self, takes: Takes) -> &'static str {
        match takes {
            // Whoever became an agent just before can end it.
            Takes::Nothing("") if self.may(Takes::Answer) => "ok",
            Takes::Nothing("") => "NotFound",
            Takes::Nothing(word) => word,
            takes
            @ (Takes::AnswerInVain | Takes::AnswerOthersInVain | Takes::ManageRulesInVain)
                if self.may(takes) =>
            {
                "NotFound"
            }
            takes if self.may(takes) => "ok",
            _ => "NotAuthorized",
        }
    }
}

/// What nobody without rights may change.
fn state(firewall: &Firewall) -> String {
    let files = "cat /etc/bastion/*; cat /run/bastion/*.toml 2>/dev/null || true";
    let status = firewall.status().unwrap();
    let modes = ["mode", "paused_until", "when_down", "rules"].map(|field| &status[field]);
    format!("{modes:?}\n{}", firewall.sandbox().shell(files).unwrap())
}

/// A rule of root's that the calls can work on.
fn with_rule(firewall: &Firewall, (method, arguments, takes): Call) -> (String, String, Takes) {
    let port = "1234";
    let id = if arguments.contains("RULE") {
        firewall.add_rule("allow", &["--port", port]).unwrap()
    } else {
        String::new()
    };
    (method.to_owned(), arguments.replace("RULE", &id), takes)
}

/// Makes every call; `interactive` lets polkit ask the session's agent.
fn try_all(firewall: &Firewall, name: &str, who: Who, peer: &mut Peer, interactive: bool) {
    for call in CALLS {
        let (method, arguments, takes) = with_rule(firewall, call);
        let before = (!who.may(takes)).then(|| state(firewall));
        let reply = if interactive {
            peer.call_interactively(&method, &arguments)
        } else {
            peer.call(&method, &arguments)
        };
        let reply = reply.unwrap();
        let what = format!("{name}: {method}{arguments}: {reply:?}");
        assert_eq!(reply.word(), who.gets(takes), "{what}");
        if let Reply::Refused(error, text) = &reply {
            assert!(
                error.starts_with("org.bastionfirewall.Helper1.Error."),
                "{what}"
            );
            assert!(text.len() > 20, "{what}: a refusal says why");
        }
        if let Some(before) = before {
            assert_eq!(before, state(firewall), "{what}: something changed");
        }
    }
}

#[test]
fn every_method_is_for_those_whom_polkit_allows_it() {
    let Some(firewall) = Firewall::boot_or_skip("methods") else {
        return;
    };
    let sandbox = firewall.sandbox();
    let tried: BTreeSet<String> = CALLS.iter().map(|call| call.0.to_owned()).collect();
    assert_eq!(
        tried,
        declared(),
        "every method is tried, and no other exists"
    );

    let mut root = Peer::start(sandbox, As::Root).unwrap();
    let introspected = root
        .call_peer(
            "org.bastionfirewall.Helper1",
            "/org/bastionfirewall/Helper1",
            "org.freedesktop.DBus.Introspectable.Introspect",
            "()",
        )
        .unwrap();
    let xml = introspected.first().as_str().unwrap().to_owned();
    assert_eq!(methods_of(&xml), tried);
    let own = xml
        .split("<interface ")
        .filter(|part| part.contains("org.bastionfirewall."));
    assert!(
        own.clone().count() == 4 && own.clone().all(|part| !part.contains("<property")),
        "nothing can be written as a property"
    );

    let mut bob = Peer::start(sandbox, As::Active("bob")).unwrap();
    bob.activate(sandbox).unwrap();
    try_all(&firewall, "bob", Who::AtScreen, &mut bob, false);
    // His own password is no administrator's.
    bob.authenticate_as("bob", "bob").unwrap();
    try_all(
        &firewall,
        "bob authenticating",
        Who::AtScreen,
        &mut bob,
        true,
    );
    let asked = bob.authentications().unwrap();
    assert!(!asked.is_empty(), "polkit asked nobody");
    assert!(asked.iter().all(|a| a.outcome != "succeeded"), "{asked:?}");

    let mut alice = Peer::start(sandbox, As::Active("alice")).unwrap();
    alice.activate(sandbox).unwrap();
    try_all(&firewall, "bob away", Who::SwitchedAway, &mut bob, true);
    let mut elsewhere = Peer::start(sandbox, As::Background("carol")).unwrap();
    try_all(
        &firewall,
        "carol elsewhere",
        Who::Elsewhere,
        &mut elsewhere,
        false,
    );

    try_all(&firewall, "alice", Who::AtScreen, &mut alice, false);
    alice.dismiss_authentication().unwrap();
    try_all(
        &firewall,
        "alice dismissing",
        Who::AtScreen,
        &mut alice,
        true,
    );
    alice.authenticate_as("alice", "alice").unwrap();
    try_all(
        &firewall,
        "alice authenticating",
        Who::Administrator,
        &mut alice,
        true,
    );
    try_all(&firewall, "root", Who::Administrator, &mut root, false);
}

#[test]
fn an_open_question_is_answered_only_by_who_may() {
    let Some(firewall) = Firewall::boot_or_skip("away") else {
        return;
    };
    let sandbox = firewall.sandbox();
    let mut alice = Peer::start(sandbox, As::Active("alice")).unwrap();
    assert_eq!(alice.register_agent("main").unwrap().word(), "ok");
    // From no session of hers, as another one would make her count as present; see polkit(8).
    let send = "import socket; socket.create_connection(('203.0.113.9', 7001), 30)";
    let program = [
        "setpriv",
        "--reuid=alice",
        "--clear-groups",
        "python3",
        "-c",
        send,
    ];
    let mut program = sandbox.spawn(As::Service, &program).unwrap();
    let question = alice
        .asked("main", &serde_json::json!({ "port": 7001 }))
        .unwrap();
    assert_eq!(question["uid"], 1000);
    let answer = format!("(uint64 {}, {{'action': <'deny'>}})", question["id"]);

    let bob = Peer::start(sandbox, As::Active("bob")).unwrap();
    bob.activate(sandbox).unwrap();
    let reply = alice.call("Prompts.Answer", &answer).unwrap();
    assert_eq!(reply.word(), "NotAuthorized", "alice is not at the screen");
    assert!(program.is_running());
    alice.activate(sandbox).unwrap();
    assert_eq!(alice.call("Prompts.Answer", &answer).unwrap().word(), "ok");
    let ended = program.finish(Duration::from_secs(20)).unwrap();
    assert!(
        ended.stderr.contains("ConnectionAbortedError"),
        "{}",
        ended.stderr
    );
}
