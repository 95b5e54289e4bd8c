//! Connections that are open: a new deny ends those it covers and no others, and one can be ended by
//! hand, by who may.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use bastion_tests::{
    As, Destination, Firewall, Holder, Manner, Outcome, Running, Transport, eventually,
    eventually_equal,
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);
/// Where everybody connects.
const PORT: u16 = 7400;
/// Where the machine itself waits for a connection.
const OWN_PORT: u16 = 7401;
const EXIT_NOT_AUTHORISED: i32 = 4;
const EXIT_NOT_FOUND: i32 = 5;

/// The connections that each program has: name, transport, whether over IPv6, whether connected.
const KEPT: [(&str, Transport, bool, bool); 5] = [
    ("tcp4", Transport::Tcp, false, true),
    ("tcp6", Transport::Tcp, true, true),
    ("udp4", Transport::Udp, false, false),
    ("udp6", Transport::Udp, true, false),
    ("connected", Transport::Udp, false, true),
];

fn boot(purpose: &str) -> Option<Firewall> {
    let mut firewall = Firewall::boot_or_skip(purpose)?;
    for transport in [Transport::Tcp, Transport::Udp] {
        firewall
            .internet()
            .listen(transport, PORT, Manner::Echo)
            .unwrap();
    }
    Some(firewall)
}

/// A program with a rule that allows it everything.
fn allowed(firewall: &Firewall, name: &str) -> (String, String) {
    let program = firewall.program(name).unwrap();
    let rule = firewall
        .add_rule("allow", &["--program", &program])
        .unwrap();
    (program, rule)
}

fn to(firewall: &mut Firewall, transport: Transport, v6: bool, host: u8) -> Destination {
    let internet = firewall.internet();
    Destination {
        transport,
        address: if v6 {
            internet.v6(host)
        } else {
            internet.v4(host)
        },
        port: PORT,
    }
}

/// Opens all that a program has.
fn open_all(firewall: &mut Firewall, holder: &mut Holder, host: u8) {
    for (name, transport, v6, connected) in KEPT {
        let to = to(firewall, transport, v6, host);
        holder.open(name, to, connected).unwrap();
    }
}

/// All of them go on.
fn assert_alive(holder: &mut Holder, whose: &str) {
    for (name, ..) in KEPT {
        let used = holder.use_again(name).unwrap();
        assert_eq!(used, Outcome::Reply("hello".into()), "{whose}: {name}");
    }
}

/// Datagrams that have come out so far, over both families.
fn datagrams(firewall: &mut Firewall) -> u64 {
    let families = [false, true].map(|v6| {
        let to = to(firewall, Transport::Udp, v6, 3);
        let arrived = firewall.internet().arrived(to.transport, to.address, PORT);
        arrived.unwrap().datagrams
    });
    families.iter().sum()
}

/// What a connection says that was ended when it is sent on. A UDP socket tells of the abortion
/// whoever waits for its datagrams; for sending it has no other end any more.
fn aborted(transport: Transport) -> Outcome {
    let word = match transport {
        Transport::Tcp => "ECONNABORTED",
        Transport::Udp => "EDESTADDRREQ",
    };
    Outcome::Error(word.into())
}

/// All of them are ended: connections fail at once, and no datagram comes out.
fn assert_ended(firewall: &mut Firewall, holder: &mut Holder) {
    let before = datagrams(firewall);
    for (name, transport, _, connected) in KEPT {
        let used = holder.use_again(name).unwrap();
        match connected {
            true => assert_eq!(used, aborted(transport), "{name}"),
            false => assert!(!used.passed(), "{name}: {used:?}"),
        }
    }
    assert_eq!(datagrams(firewall), before, "datagrams came out");
}

/// How many events the log has of connections that this rule has ended.
fn logged(firewall: &Firewall, rule: &str) -> usize {
    let log = firewall.ask(&["log", "--all", "-n", "1000"]).unwrap();
    let reason = format!("ended:{rule}");
    let events = log.as_array().unwrap().iter();
    events
        .filter(|event| event["reason"] == reason.as_str())
        .count()
}

/// Waits until a rule has ended the three connections that have sockets of their own.
fn wait_until_ended(firewall: &Firewall, rule: &str) {
    eventually_equal("events of what was ended", PATIENCE, &3, || {
        Ok(logged(firewall, rule))
    })
    .unwrap();
}

/// A program whose first packet was dropped, which is no connection; and the rule.
fn wait_in_vain(firewall: &Firewall, who: As<'_>, to: Destination) -> (Running, String) {
    let program = firewall.program("dropped").unwrap();
    let rule = firewall.add_rule("drop", &["--program", &program]).unwrap();
    let (address, port) = (to.address, to.port);
    let call = format!("import socket; socket.create_connection(('{address}', {port}))");
    let command = [program.as_str(), "-c", &call];
    let waiting = firewall.sandbox().spawn(who, &command).unwrap();
    eventually("the drop", PATIENCE, || {
        let log = firewall.ask(&["log", "--all"]).ok()?;
        let mut events = log.as_array()?.iter();
        events.find(|it| it["verdict"] == "drop").map(drop)
    })
    .unwrap();
    (waiting, rule)
}

#[test]
fn a_new_deny_ends_what_it_covers_and_nothing_else() {
    let Some(mut firewall) = boot("live") else {
        return;
    };
    let (program, _) = allowed(&firewall, "victim");
    let (other, _) = allowed(&firewall, "other");
    let alice = As::Background("alice");
    let mut victim = Holder::start(firewall.sandbox(), alice, &program).unwrap();
    let mut bystander = Holder::start(firewall.sandbox(), alice, &other).unwrap();
    open_all(&mut firewall, &mut victim, 3);
    open_all(&mut firewall, &mut bystander, 3);
    // To another place, and from elsewhere.
    let elsewhere = to(&mut firewall, Transport::Tcp, false, 4);
    victim.open("elsewhere", elsewhere, true).unwrap();
    victim.listen(OWN_PORT).unwrap();
    let internet = firewall.internet().sandbox();
    let mut caller = Holder::start(internet, As::Root, "/usr/bin/python3").unwrap();
    let own = Destination {
        transport: Transport::Tcp,
        address: "10.77.0.1".parse().unwrap(),
        port: OWN_PORT,
    };
    thread::scope(|scope| {
        let called = scope.spawn(|| caller.open("in", own, true).unwrap());
        victim.accept("in").unwrap();
        called.join().unwrap();
    });
    assert_alive(&mut victim, "victim");

    let (_waiting, silent) = wait_in_vain(&firewall, alice, elsewhere);

    // Rules that decide nothing about them.
    firewall
        .add_rule("deny", &["--program", &program, "--port", "1"])
        .unwrap();
    firewall.add_rule("deny", &["--program", "any"]).unwrap();
    // Then those that do, one for each family; the last ends as many connections as the first.
    let [v4, v6] = [false, true].map(|v6| to(&mut firewall, Transport::Tcp, v6, 3).address);
    let deny = |to: &str| {
        let options = ["--name", "no more", "--program", &program, "--to", to];
        firewall.add_rule("deny", &options).unwrap()
    };
    let [four, six] = [deny(&v4.to_string()), deny(&v6.to_string())];
    eventually_equal("events of what was ended", PATIENCE, &(2, 1), || {
        Ok((logged(&firewall, &four), logged(&firewall, &six)))
    })
    .unwrap();
    assert_eq!(logged(&firewall, &silent), 0);
    assert_ended(&mut firewall, &mut victim);
    assert_alive(&mut bystander, "bystander");
    for name in ["elsewhere", "in"] {
        // Whoever has called is sent five bytes; it says nothing by itself.
        let used = victim.use_again(name).unwrap();
        let lives = used.passed() || used == Outcome::Error("TIMEOUT".into());
        assert!(lives, "{name}: {used:?}");
    }
    assert_eq!(
        caller.use_again("in").unwrap(),
        Outcome::Reply("hello".into())
    );
    let journal = firewall.journal().unwrap();
    let named = format!("{program} (pid ");
    let why = "was ended, because the rule “no more” denies it now";
    let told = journal
        .lines()
        .filter(|line| line.contains(&named) && line.contains(why));
    assert_eq!(told.count(), 3, "{journal}");

    // What was denied is asked for anew, and allowed again.
    for id in [&four, &six] {
        firewall.ask(&["rules", "remove", id]).unwrap();
    }
    open_all(&mut firewall, &mut victim, 3);
    assert_alive(&mut victim, "victim, allowed again");
}

#[test]
fn what_was_open_before_the_helper_is_ended_too_also_by_a_hand_edit_and_after_a_pause() {
    let Some(mut firewall) = boot("before") else {
        return;
    };
    let (program, rule) = allowed(&firewall, "victim");
    let (other, _) = allowed(&firewall, "other");
    let mut victim = Holder::start(firewall.sandbox(), As::Background("alice"), &program).unwrap();
    let mut bystander = Holder::start(firewall.sandbox(), As::Background("bob"), &other).unwrap();
    open_all(&mut firewall, &mut victim, 3);
    open_all(&mut firewall, &mut bystander, 3);
    firewall.systemctl("restart").unwrap();
    firewall.wait_until_judging().unwrap();
    // That the helper starts ends nothing, and neither does a pause.
    assert_alive(&mut victim, "victim");
    firewall.ask(&["pause", "10m"]).unwrap();
    let edit = format!(
        "awk '/^id = \"{rule}\"/ {{ mine = 1 }} mine && /^action/ {{ $0 = \"action = \\\"deny\\\"\"; mine = 0 }} {{ print }}' \
            /etc/bastion/rules.toml >/tmp/rules && cat /tmp/rules >/etc/bastion/rules.toml"
    );
    firewall.sandbox().shell(&edit).unwrap();
    let denies = || {
        let rules = firewall.ask(&["rules", "list"]).ok()?;
        let mine = |it: &&Value| it["id"] == rule.as_str() && it["action"] == "deny";
        rules.as_array()?.iter().find(mine).map(drop)
    };
    eventually("the edit", PATIENCE, denies).unwrap();
    assert_alive(&mut victim, "victim in a pause");
    assert_eq!(logged(&firewall, &rule), 0);
    firewall.ask(&["resume"]).unwrap();
    wait_until_ended(&firewall, &rule);
    assert_ended(&mut firewall, &mut victim);
    assert_alive(&mut bystander, "bystander");
}

#[test]
fn a_thousand_are_ended_at_once_by_one_of_ten_thousand_rules() {
    // Of no more does the kernel keep records, if they all come within seconds.
    const MANY: usize = 1_000;
    let Some(mut firewall) = boot("many") else {
        return;
    };
    let (program, _) = allowed(&firewall, "crowd");
    let (other, _) = allowed(&firewall, "other");
    let filler = "for n in $(seq 9900); do
            printf '[[rule]]\\nid = \"n%d\"\\nname = \"n%d\"\\naction = \"deny\"\\nprogram = \"/opt/n%d\"\\n' $n $n $n
        done >/tmp/more; cat /tmp/more >>/etc/bastion/rules.toml";
    firewall.sandbox().shell(filler).unwrap();
    eventually("ten thousand rules", PATIENCE, || {
        (firewall.counter("rules").ok()? > 9_900).then_some(())
    })
    .unwrap();
    let alice = As::Background("alice");
    let mut crowd = Holder::start(firewall.sandbox(), alice, &program).unwrap();
    let mut bystander = Holder::start(firewall.sandbox(), alice, &other).unwrap();
    let place = to(&mut firewall, Transport::Tcp, false, 3);
    crowd.crowd(place, MANY).unwrap();
    bystander.crowd(place, MANY).unwrap();
    let options = ["--program", &program, "--to", &place.address.to_string()];
    let rule = firewall.add_rule("deny", &options).unwrap();
    let mut aborted = 0;
    let all = || {
        aborted += crowd.aborted().ok()?;
        (aborted == MANY).then_some(())
    };
    eventually("the end of all", PATIENCE, all).unwrap();
    assert_eq!(bystander.aborted().unwrap(), 0);
    bystander.open("new", place, true).unwrap();
    let journal = firewall.journal().unwrap();
    assert!(
        journal.contains(&format!("{MANY} connections in all were ended")),
        "{journal}"
    );
    // All of them are in the log, and few of them in the journal.
    let why = format!("ended:{rule}");
    let told = journal
        .lines()
        .filter(|line| line.contains("denies it now"));
    assert_eq!(told.count(), 100);
    eventually("events of what was ended", PATIENCE, || {
        let log = firewall.ask(&["log", "--all", "-n", "20000"]).ok()?;
        let events = log
            .as_array()?
            .iter()
            .filter(|it| it["reason"] == why.as_str());
        let ended: u64 = events.filter_map(|it| it["count"].as_u64()).sum();
        (ended == MANY as u64).then_some(())
    })
    .unwrap();
}

/// The command that ends a connection.
fn end(own: SocketAddr, to: Destination) -> [String; 5] {
    let other = SocketAddr::from((to.address, to.port));
    let protocol = match to.transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    };
    [
        "connections",
        "end",
        protocol,
        &own.to_string(),
        &other.to_string(),
    ]
    .map(str::to_owned)
}

#[test]
fn a_connection_is_ended_by_hand_by_its_user_or_an_administrator() {
    let Some(mut firewall) = boot("byhand") else {
        return;
    };
    let (program, _) = allowed(&firewall, "shared");
    let mut own = Holder::start(firewall.sandbox(), As::Background("alice"), &program).unwrap();
    let mut bobs = Holder::start(firewall.sandbox(), As::Background("bob"), &program).unwrap();
    let place = to(&mut firewall, Transport::Tcp, true, 3);
    let first = own.open("first", place, true).unwrap();
    own.open("second", place, true).unwrap();
    let his = bobs.open("his", place, true).unwrap();
    let datagrams = to(&mut firewall, Transport::Udp, false, 3);
    let connected = own.open("connected", datagrams, true).unwrap();

    let alice = As::Active("alice");
    let run = |who, command: &[String], all: bool| {
        let mut command: Vec<&str> = command.iter().map(String::as_str).collect();
        command.extend(all.then_some("--all"));
        firewall.bastionctl(who, &command).unwrap()
    };
    // As it is listed, once it is logged.
    let listed = eventually("the list", PATIENCE, || {
        let list = ["connections", "list"].map(str::to_owned);
        let listed: Value = serde_json::from_str(&run(alice, &list, false).stdout).ok()?;
        let open = listed.as_array()?.iter();
        let port = |it: &Value| u16::try_from(it["event"]["source_port"].as_u64()?).ok();
        let ports: Vec<u16> = open.filter_map(port).collect();
        let mut own = [first, connected].into_iter();
        let all = own.all(|own| ports.contains(&own.port()));
        all.then_some(ports)
    })
    .unwrap();
    let others = listed.contains(&his.port());
    assert!(!others, "{listed:?}");

    for (socket, to) in [(first, place), (connected, datagrams)] {
        let ended = run(alice, &end(socket, to), false);
        assert!(ended.success(), "{ended:?}");
        let again = run(alice, &end(socket, to), false);
        assert_eq!(again.status, EXIT_NOT_FOUND, "{again:?}");
    }
    for (name, transport) in [("first", Transport::Tcp), ("connected", Transport::Udp)] {
        let used = own.use_again(name).unwrap();
        assert_eq!(used, aborted(transport), "{name}");
    }
    // Another user's, for which nobody is there to authenticate.
    for all in [false, true] {
        let refused = run(alice, &end(his, place), all);
        assert_eq!(refused.status, EXIT_NOT_AUTHORISED, "{refused:?}");
    }
    for (holder, name) in [(&mut own, "second"), (&mut bobs, "his")] {
        let used = holder.use_again(name).unwrap();
        assert_eq!(used, Outcome::Reply("hello".into()), "{name}");
    }
    let ended = run(As::Root, &end(his, place), true);
    assert!(ended.success(), "{ended:?}");
    let used = bobs.use_again("his").unwrap();
    assert_eq!(used, aborted(Transport::Tcp));
    // Nothing is ended that is no outbound connection.
    let nonsense = end(SocketAddr::from(([10, 77, 0, 1], 22)), place);
    assert_eq!(run(As::Root, &nonsense, true).status, EXIT_NOT_FOUND);
    eventually("events of what was ended", PATIENCE, || {
        let log = firewall.ask(&["log", "--all"]).ok()?;
        let by = |who: &str| {
            log.as_array()
                .unwrap()
                .iter()
                .filter(|it| it["reason"] == who)
                .count()
        };
        (by("ended-by:1000") == 2 && by("ended-by:0") == 1).then_some(())
    })
    .unwrap();
}
