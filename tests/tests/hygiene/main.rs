//! The iptables rules: never doubled, never left behind, and others' never touched.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod tampering;

use std::time::Duration;

use bastion_tests::{
    As, Destination, Family, Firewall, Manner, Outcome, Standing, Transport, eventually,
};

const PATIENCE: Duration = Duration::from_secs(20);
const PORT: u16 = 7000;
/// systemd shall not wait five seconds before each of many restarts.
const SOON: &str = "[Service]\nRestartSec=100ms";

/// Rules of other people, before, between and after ours.
const OTHERS: &str = r#"
    for t in iptables ip6tables; do
        $t -w -t mangle -S OUTPUT | grep somebody | sed 's/^-A/-D/' | while read -r rule; do
            eval "$t -w -t mangle $rule"
        done
        $t -w -t mangle -I OUTPUT 1 -p tcp --dport 9 -m comment --comment "somebody first" -j DROP
        $t -w -t mangle -I OUTPUT 3 -p udp --dport 9 -m comment --comment "somebody between" -j MARK --set-mark 7
        $t -w -t mangle -A OUTPUT -p sctp -m comment --comment "somebody, not BASTION_BYPASS" -j ACCEPT
    done"#;

/// Copies of what stands, at both ends of the chain, until there are 50 more.
const DUPLICATES: &str = r#"
    for t in iptables ip6tables; do
        $t -t mangle -S OUTPUT | grep -e '--comment BASTION_' | awk '
            { rules[NR] = $0 }
            END {
                print "*mangle"
                for (i = 0; i < 50; i++) {
                    rule = rules[i % NR + 1]
                    if (i % 2) sub(/^-A OUTPUT/, "-I OUTPUT 1", rule)
                    print rule
                }
                print "COMMIT"
            }' | $t-restore -w --noflush
    done"#;

fn others(firewall: &Firewall) -> [Vec<String>; 2] {
    Family::ALL.map(|family| firewall.standing(family).unwrap().others)
}

/// Checks that exactly our three rules stand at the head, before all of `others`.
fn check(firewall: &Firewall, others: &[Vec<String>; 2], when: &str) {
    for (family, others) in Family::ALL.into_iter().zip(others) {
        let standing = firewall.standing(family).unwrap();
        assert!(standing.is_right(), "{family:?} {when}: {standing:#?}");
        assert_eq!(&standing.others, others, "{family:?} {when}");
    }
}

/// Checks that nothing of ours is left in any table, and that all programs reach the internet.
fn check_gone(firewall: &mut Firewall, when: &str) {
    for family in Family::ALL {
        let traces = firewall.traces(family).unwrap();
        assert!(traces.is_empty(), "{family:?} {when}: {traces:#?}");
    }
    for to in destinations(firewall) {
        let free = firewall.program("without-a-rule").unwrap();
        let outcome = firewall.send(As::Background("bob"), &free, to, PATIENCE);
        assert_eq!(
            outcome.unwrap(),
            Outcome::Reply("hello".to_owned()),
            "{when}"
        );
    }
}

/// Checks that a program with an allowing rule passes in both families and one with a denying
/// rule does not.
fn check_judging(firewall: &mut Firewall, when: &str) {
    for to in destinations(firewall) {
        for (name, passes) in [("allowed", true), ("denied", false)] {
            let program = firewall.program(name).unwrap();
            let outcome = firewall.send(As::Background("bob"), &program, to, PATIENCE);
            let outcome = outcome.unwrap();
            assert_eq!(outcome.passed(), passes, "{name} {when}: {outcome:?}");
        }
    }
}

fn destinations(firewall: &mut Firewall) -> [Destination; 2] {
    let internet = firewall.internet();
    [internet.v4(3), internet.v6(3)].map(|address| Destination {
        transport: Transport::Tcp,
        address,
        port: PORT,
    })
}

/// A firewall with two rules, for the programs `allowed` and `denied`.
fn boot(purpose: &str) -> Option<Firewall> {
    let mut firewall = Firewall::boot_or_skip(purpose)?;
    let internet = firewall.internet();
    internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
    for (name, action) in [("allowed", "allow"), ("denied", "deny")] {
        let program = firewall.program(name).unwrap();
        firewall.add_rule(action, &["--program", &program]).unwrap();
    }
    Some(firewall)
}

/// Restarts ten times by systemd and ten times by SIGKILL, with `before` run before each.
fn restart_twenty_times(firewall: &Firewall, before: &str) {
    for round in 1..=10 {
        firewall.sandbox().shell(before).unwrap();
        let others = others(firewall);
        firewall.systemctl("restart").unwrap();
        check(firewall, &others, &format!("after restart {round}"));
    }
    for round in 1..=10 {
        firewall.sandbox().shell(before).unwrap();
        let others = others(firewall);
        firewall.crash().unwrap();
        check(firewall, &others, &format!("after crash {round}"));
    }
}

#[test]
fn exactly_three_rules_stand_after_every_restart_and_none_after_a_stop() {
    let Some(mut firewall) = boot("restarts") else {
        return;
    };
    firewall.drop_in(SOON).unwrap();
    check(&firewall, &[vec![], vec![]], "after the installation");
    restart_twenty_times(&firewall, "true");
    check_judging(&mut firewall, "after twenty restarts");

    firewall.systemctl("stop").unwrap();
    assert_eq!(firewall.property("Result").unwrap(), "success");
    check_gone(&mut firewall, "after a stop");
    firewall.systemctl("start").unwrap();
    check_judging(&mut firewall, "after a stop and a start");

    // Not by way of systemd, which then takes it for an end in peace and starts no other.
    let pid = firewall.property("MainPID").unwrap();
    firewall
        .sandbox()
        .run(As::Root, &["kill", "-TERM", &pid])
        .unwrap();
    let ended = || (firewall.property("ActiveState").unwrap() == "inactive").then_some(());
    eventually("the end of the service", PATIENCE, ended).unwrap();
    assert_eq!(firewall.property("Result").unwrap(), "success");
    assert_eq!(firewall.property("ExecMainStatus").unwrap(), "0");
    check_gone(&mut firewall, "after SIGTERM");
}

#[test]
fn others_rules_keep_their_order_and_duplicates_go() {
    let Some(mut firewall) = boot("others") else {
        return;
    };
    firewall.drop_in(SOON).unwrap();
    restart_twenty_times(&firewall, &format!("{OTHERS}\n{DUPLICATES}"));
    let kept = others(&firewall);
    for rules in &kept {
        let whose: Vec<bool> = ["first", "between", "not BASTION_BYPASS"]
            .iter()
            .zip(rules)
            .map(|(whose, rule)| rule.contains(whose))
            .collect();
        assert_eq!(whose, [true; 3], "{rules:#?}");
    }
    check_judging(&mut firewall, "after twenty restarts");

    // The same is cleaned up by a stop.
    firewall.sandbox().shell(DUPLICATES).unwrap();
    let planted = firewall.standing(Family::V6).unwrap();
    assert_eq!(planted.ours.len(), Standing::WANTED.len() + 50);
    firewall.systemctl("stop").unwrap();
    assert_eq!(others(&firewall), kept);
    for family in Family::ALL {
        let ours = firewall.standing(family).unwrap().ours;
        assert!(ours.is_empty(), "{family:?}: {ours:?}");
    }
}

/// What older versions, and a Bastion that used iptables-legacy, leave; and rules of others that
/// look much like it.
const LEFTOVERS: &str = r#"
    for t in iptables ip6tables; do
        for n in 1 2; do
            $t -w -A OUTPUT -m owner --uid-owner 0 -m comment --comment BASTION_BYPASS -j ACCEPT
            $t -w -A OUTPUT -m state --state NEW -j NFQUEUE --queue-num 1
            $t -w -A OUTPUT -m state --state NEW -j NFQUEUE --queue-num 1 --queue-bypass
        done
        $t -w -t raw -A PREROUTING -m comment --comment BASTION_BYPASS -j ACCEPT
        $t -w -A OUTPUT -p sctp -m comment --comment "BASTION_BYPASS of mine" -j ACCEPT
        $t -w -A OUTPUT -p sctp -m state --state NEW -j NFQUEUE --queue-num 1
        l=${t%tables}tables-legacy
        $l -w -t mangle -A OUTPUT -o lo -m comment --comment BASTION_BYPASS -j ACCEPT
        $l -w -t mangle -N BASTION_KERNEL
        $l -w -t mangle -A OUTPUT -m comment --comment BASTION_BYPASS -j BASTION_KERNEL
        $l -w -t mangle -A OUTPUT -m conntrack --ctstate NEW -m comment --comment BASTION_NFQUEUE -j NFQUEUE --queue-num 6789
        $l -w -t mangle -A OUTPUT -p sctp -m comment --comment "legacy of mine" -j ACCEPT
    done"#;

#[test]
fn leftovers_of_older_versions_and_of_the_other_iptables_go() {
    let Some(mut firewall) = boot("leftovers") else {
        return;
    };
    firewall.systemctl("stop").unwrap();
    let clean = Family::ALL.map(|family| firewall.traces(family).unwrap());
    assert_eq!(clean, [vec![], vec![]] as [Vec<String>; 2]);
    firewall.sandbox().shell(LEFTOVERS).unwrap();

    let mine = |trace: &String| trace.contains("of mine") || trace.contains("-p sctp");
    firewall.systemctl("start").unwrap();
    check(&firewall, &[vec![], vec![]], "after a start with leftovers");
    for family in Family::ALL {
        let traces = firewall.traces(family).unwrap();
        let (others, ours): (Vec<String>, Vec<String>) = traces.into_iter().partition(mine);
        assert_eq!(others.len(), 2, "{family:?}: {others:#?}");
        // The three rules, and the chain with three of its own.
        assert_eq!(ours.len(), 7, "{family:?}: {ours:#?}");
        let legacy = format!("{}-legacy", family.iptables());
        let legacy = [&legacy, "-w", "-t", "mangle", "-S"];
        let legacy = firewall.sandbox().run(As::Root, &legacy).unwrap();
        assert!(legacy.contains("legacy of mine"), "{family:?}: {legacy}");
        assert!(!legacy.contains("BASTION"), "{family:?}: {legacy}");
    }
    check_judging(&mut firewall, "after a start with leftovers");

    firewall.systemctl("stop").unwrap();
    firewall.sandbox().shell(LEFTOVERS).unwrap();
    let cleanup = ["/usr/libexec/bastion-helper", "cleanup"];
    firewall.sandbox().run(As::Service, &cleanup).unwrap();
    for family in Family::ALL {
        let traces = firewall.traces(family).unwrap();
        assert_eq!(traces.len(), 4, "{family:?}: {traces:#?}");
        assert!(traces.iter().all(mine), "{family:?}: {traces:#?}");
    }
}

#[test]
fn a_second_helper_goes_away_and_harms_nothing() {
    let Some(mut firewall) = boot("second") else {
        return;
    };
    let pid = firewall.property("MainPID").unwrap();
    for who in [As::Service, As::Root] {
        let second = ["timeout", "20", "/usr/libexec/bastion-helper", "run"];
        let ended = firewall.sandbox().output(who, &second).unwrap();
        assert_eq!(ended.status, 1, "{ended:?}");
        assert!(
            ended.stderr.contains("taken by another program")
                && ended.stderr.contains("second helper"),
            "it does not tell what is wrong: {}",
            ended.stderr
        );
        check(&firewall, &[vec![], vec![]], "after a second helper");
    }
    assert_eq!(firewall.property("MainPID").unwrap(), pid);
    assert_eq!(firewall.troubles().unwrap(), [""; 0]);
    check_judging(&mut firewall, "after a second helper");
}

#[test]
fn without_iptables_the_service_names_the_package_and_the_network_works() {
    let Some(mut firewall) = boot("missing") else {
        return;
    };
    firewall.drop_in(SOON).unwrap();
    firewall.systemctl("stop").unwrap();
    let hide = "mkdir /var/tmp/hidden; mv /usr/sbin/xtables-*-multi /var/tmp/hidden/";
    firewall.sandbox().shell(hide).unwrap();
    firewall.systemctl("start").unwrap_err();
    let journal = firewall.journal().unwrap();
    assert!(
        journal.contains("iptables-save is neither in /usr/sbin nor in /sbin")
            && journal.contains("install the package iptables"),
        "{journal}"
    );
    for to in destinations(&mut firewall) {
        let free = firewall.program("without-a-rule").unwrap();
        let outcome = firewall.send(As::Background("bob"), &free, to, PATIENCE);
        assert_eq!(outcome.unwrap(), Outcome::Reply("hello".to_owned()));
    }
    // Once the package is installed, systemd's next attempt succeeds.
    let back = "mv /var/tmp/hidden/* /usr/sbin/";
    firewall.sandbox().shell(back).unwrap();
    firewall.wait_until_judging().unwrap();
    check(&firewall, &[vec![], vec![]], "after iptables came back");
    check_judging(&mut firewall, "after iptables came back");
}
