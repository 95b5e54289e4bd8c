//! A program that holds its own socket, so that the kernel can't end it: it holds up nobody else, and
//! no stop or restart of the helper.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use bastion_tests::{
    As, Destination, Family, Firewall, Holder, Manner, Outcome, Transport, eventually,
    eventually_equal,
};

const PATIENCE: Duration = Duration::from_secs(60);
const PORT: u16 = 7450;
/// Exit status of bastionctl when the service can't do it.
const EXIT_FAILED: i32 = 1;

/// A program with a rule that allows it everything.
fn allowed(firewall: &Firewall, name: &str) -> String {
    let program = firewall.program(name).unwrap();
    let options = ["--program", &program];
    firewall.add_rule("allow", &options).unwrap();
    program
}

fn deny(firewall: &Firewall, program: &str, to: Destination) {
    let options = ["--program", program, "--to", &to.address.to_string()];
    firewall.add_rule("deny", &options).unwrap();
}

#[test]
fn neither_others_nor_the_helper_wait_for_it() {
    let Some(mut firewall) = Firewall::boot_or_skip("held") else {
        return;
    };
    let internet = firewall.internet();
    internet.listen(Transport::Udp, PORT, Manner::Echo).unwrap();
    internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
    let datagrams = Destination {
        transport: Transport::Udp,
        address: internet.v4(3),
        port: PORT,
    };
    let connection = Destination {
        transport: Transport::Tcp,
        ..datagrams
    };
    let [stubborn, ordinary] = ["stubborn", "ordinary"].map(|name| allowed(&firewall, name));
    let mut holder = Holder::start(firewall.sandbox(), As::Root, &stubborn).unwrap();
    let own = holder.open("held", datagrams, true).unwrap();
    holder.open("free", connection, true).unwrap();
    holder.open("held too", connection, true).unwrap();
    let mut other = Holder::start(firewall.sandbox(), As::Background("alice"), &ordinary).unwrap();
    other.open("first", connection, true).unwrap();
    holder.hold("held").unwrap();
    holder.hold("held too").unwrap();

    // What is open is listed all the same.
    let list = ["connections", "list", "--all"];
    let listed = firewall.bastionctl(As::Root, &list).unwrap();
    assert!(listed.success(), "{listed:?}");
    assert!(listed.stdout.contains("\"open\""), "{listed:?}");

    // By hand: told that it can't be done.
    let remote = format!("{}:{}", datagrams.address, datagrams.port);
    let end = ["connections", "end", "udp", &own.to_string(), &remote];
    let ended = firewall.bastionctl(As::Root, &end).unwrap();
    assert_eq!(ended.status, EXIT_FAILED, "{ended:?}");
    assert!(ended.stderr.contains("hold its socket"), "{ended:?}");

    // By a rule: all others are ended, its own among them, and what can't be is told.
    deny(&firewall, &stubborn, datagrams);
    deny(&firewall, &ordinary, connection);
    let gone = Outcome::Error("ECONNABORTED".into());
    for (holder, name) in [(&mut other, "first"), (&mut holder, "free")] {
        eventually_equal(name, PATIENCE, &gone, || holder.use_again(name)).unwrap();
    }
    eventually("the trouble", PATIENCE, || {
        let troubles = firewall.troubles().ok()?;
        let told = |it: &String| it.contains("may hold its socket");
        troubles.iter().any(told).then_some(())
    })
    .unwrap();

    firewall.systemctl("restart").unwrap();
    firewall.wait_until_judging().unwrap();
    let denied = firewall
        .send(As::Background("alice"), &ordinary, connection, PATIENCE)
        .unwrap();
    assert_eq!(denied, gone);

    firewall.systemctl("stop").unwrap();
    for family in [Family::V4, Family::V6] {
        let traces = firewall.traces(family).unwrap();
        assert!(traces.is_empty(), "{traces:?}");
    }
    let sent = firewall
        .send(As::Background("alice"), &ordinary, connection, PATIENCE)
        .unwrap();
    assert_eq!(sent, Outcome::Reply("hello".into()));

    // When it lets go, its socket has been ended.
    holder.release().unwrap();
    holder.release().unwrap();
    eventually_equal("the end of its socket", PATIENCE, &gone, || {
        holder.use_again("held")
    })
    .unwrap();
}
