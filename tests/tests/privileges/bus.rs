//! Who may be the helper, and who may put questions to an agent.

use std::time::Duration;

use bastion_tests::{As, Desktop, Firewall, Peer, eventually};

const PATIENCE: Duration = Duration::from_secs(20);
const BUS: (&str, &str) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
const AGENT: &str = "/org/bastionfirewall/Agent1";
const ASK: &str = "org.bastionfirewall.Agent1.Ask";
const QUESTION: &str = "({'id': <uint64 1>, 'opened': <uint64 0>, \
    'deadline': <uint64 9999999999999>, 'program': <'/usr/bin/forged'>, 'app': <''>, \
    'replaced': <false>, 'unknown_reason': <''>, 'pid': <uint32 1>, 'uid': <uint32 1000>, \
    'user': <'alice'>, 'arguments': <@as []>, 'working_directory': <''>, 'parents': <@as []>, \
    'protocol': <'tcp'>, 'destination': <'192.0.2.1'>, 'port': <uint16 443>, \
    'service': <'https'>, 'host': <''>, 'needs_administrator': <false>, \
    'scopes': <['flow']>, 'lifetimes': <['once']>},)";

#[test]
fn nobody_but_root_can_be_the_helper() {
    let Some(firewall) = Firewall::boot_or_skip("name") else {
        return;
    };
    let sandbox = firewall.sandbox();
    let mut alice = Peer::start(sandbox, As::Active("alice")).unwrap();
    let mut bob = Peer::start(sandbox, As::Background("bob")).unwrap();
    // Flags: take it over; don't wait for it.
    let request = "('org.bastionfirewall.Helper1', uint32 6)";
    let request = |peer: &mut Peer| {
        let method = "org.freedesktop.DBus.RequestName";
        peer.call_peer(BUS.0, BUS.1, method, request).unwrap()
    };
    for peer in [&mut alice, &mut bob] {
        assert_eq!(request(peer).word(), "AccessDenied");
    }
    firewall.systemctl("stop").unwrap();
    for peer in [&mut alice, &mut bob] {
        assert_eq!(request(peer).word(), "AccessDenied", "without a helper");
    }
    firewall.systemctl("start").unwrap();
    firewall.wait_until_judging().unwrap();
    // Not even root takes it from a helper that has it (3: it exists).
    let mut root = Peer::start(sandbox, As::Root).unwrap();
    assert_eq!(request(&mut root).first(), 3);
}

#[test]
fn nobody_but_the_helper_puts_questions_to_an_agent() {
    let Some(firewall) = Firewall::boot_or_skip("forge") else {
        return;
    };
    let sandbox = firewall.sandbox();
    let mut desktop = Desktop::start(sandbox, "alice").unwrap();
    desktop
        .spawn(&["bastion", "--background"], "/tmp/bastion.log")
        .unwrap();
    let terminal = [
        "script",
        "--quiet",
        "--command",
        "bastionctl prompt",
        "/dev/null",
    ];
    desktop.spawn(&terminal, "/tmp/terminal.log").unwrap();
    eventually("both agents", PATIENCE, || {
        (firewall.counter("agents").ok()? == 2).then_some(())
    })
    .unwrap();
    let agents: Vec<String> = ["bastion", "bastionctl"]
        .iter()
        .map(|program| {
            let list = format!(
                "busctl list --system --no-legend | awk '$3 == \"{program}\" {{ print $1 }}'"
            );
            let names = sandbox.shell(&list).unwrap();
            let name = names.lines().find(|name| name.starts_with(':'));
            name.unwrap_or_else(|| panic!("{program} is not on the bus"))
                .to_owned()
        })
        .collect();

    let mut alice = Peer::start(sandbox, As::Background("alice")).unwrap();
    let mut bob = Peer::start(sandbox, As::Background("bob")).unwrap();
    let mut root = Peer::start(sandbox, As::Root).unwrap();
    for agent in &agents {
        // The bus keeps users away; the agents themselves keep away whoever else may call them.
        for (who, peer) in [
            ("alice", &mut alice),
            ("bob", &mut bob),
            ("root", &mut root),
        ] {
            for (method, arguments) in [
                (ASK, QUESTION),
                (
                    "org.bastionfirewall.Agent1.Withdraw",
                    "(uint64 1, 'timeout')",
                ),
            ] {
                let reply = peer.call_peer(agent, AGENT, method, arguments).unwrap();
                assert_eq!(reply.word(), "AccessDenied", "{who}: {reply:?}");
            }
        }
    }
    let shown = desktop.tree().unwrap();
    assert!(!shown.contains("forged"), "{shown}");
    let printed = sandbox.shell("cat /tmp/terminal.log").unwrap();
    assert!(printed.contains("Waiting for questions"), "{printed}");
    assert!(!printed.contains("forged"), "{printed}");
}
