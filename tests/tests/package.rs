//! The package: what installing it starts, what an upgrade keeps, and what removing it leaves,
//! which is a working network and no rule.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use bastion_tests::{
    As, Destination, Family, Firewall, Manner, Outcome, Standing, Transport, eventually,
};

const PATIENCE: Duration = Duration::from_secs(20);
const PORT: u16 = 7000;
const RULES: &str = "/etc/bastion/rules.toml";

fn boot(purpose: &str) -> Option<Firewall> {
    let mut firewall = Firewall::boot_bare_or_skip(purpose)?;
    let internet = firewall.internet();
    internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
    firewall.install().unwrap();
    Some(firewall)
}

fn send(firewall: &mut Firewall, name: &str) -> [Outcome; 2] {
    let program = firewall.program(name).unwrap();
    let internet = firewall.internet();
    [internet.v4(5), internet.v6(5)].map(|address| {
        let to = Destination {
            transport: Transport::Tcp,
            address,
            port: PORT,
        };
        firewall.send(As::Root, &program, to, PATIENCE).unwrap()
    })
}

/// Checks that a program with a denying rule is denied, so that packets are judged.
fn check_judging(firewall: &mut Firewall, when: &str) {
    let denied = send(firewall, "denied");
    assert!(!denied.iter().any(Outcome::passed), "{when}: {denied:?}");
}

/// Checks that no rule of ours is left and that all programs reach the internet.
fn check_gone(firewall: &mut Firewall, when: &str) {
    for family in Family::ALL {
        let traces = firewall.traces(family).unwrap();
        assert!(traces.is_empty(), "{family:?} {when}: {traces:#?}");
    }
    for name in ["denied", "without-a-rule"] {
        let sent = send(firewall, name);
        assert!(sent.iter().all(Outcome::passed), "{name} {when}: {sent:?}");
    }
}

fn deny(firewall: &Firewall) {
    let program = firewall.program("denied").unwrap();
    let added = firewall.add_rule("deny", &["--program", &program]);
    added.unwrap();
}

fn exists(firewall: &Firewall, path: &str) -> bool {
    let test = ["test", "-e", path];
    firewall
        .sandbox()
        .output(As::Root, &test)
        .unwrap()
        .success()
}

fn text(firewall: &Firewall, path: &str) -> String {
    firewall.sandbox().run(As::Root, &["cat", path]).unwrap()
}

#[test]
fn installed_upgraded_removed_installed_again_and_purged() {
    let Some(mut firewall) = boot("package") else {
        return;
    };
    // No waiting here: the service judges when apt is done.
    assert_eq!(firewall.property("ActiveState").unwrap(), "active");
    assert_eq!(firewall.property("UnitFileState").unwrap(), "enabled");
    for family in Family::ALL {
        assert!(firewall.standing(family).unwrap().is_right(), "{family:?}");
    }
    deny(&firewall);
    let edit = format!("echo '# A word of my own.' >>{RULES}");
    firewall.sandbox().shell(&edit).unwrap();
    let edited = text(&firewall, RULES);
    check_judging(&mut firewall, "after the installation");

    let pid = firewall.property("MainPID").unwrap();
    firewall.install().unwrap();
    assert_eq!(firewall.property("ActiveState").unwrap(), "active");
    assert_ne!(firewall.property("MainPID").unwrap(), pid, "not restarted");
    assert_eq!(text(&firewall, RULES), edited);
    check_judging(&mut firewall, "after an upgrade");
    for family in Family::ALL {
        assert!(firewall.standing(family).unwrap().is_right(), "{family:?}");
    }

    firewall.remove(false).unwrap();
    check_gone(&mut firewall, "after removal");
    assert_ne!(firewall.property("ActiveState").unwrap(), "active");
    assert_eq!(text(&firewall, RULES), edited);
    assert!(!exists(&firewall, "/usr/libexec/bastion-helper"));

    firewall.install().unwrap();
    firewall.wait_until_judging().unwrap();
    assert_eq!(text(&firewall, RULES), edited);
    assert_eq!(firewall.property("UnitFileState").unwrap(), "enabled");
    check_judging(&mut firewall, "after another installation");

    // The rules are taken from where they are, and that is the other iptables by now.
    let legacy = "for t in iptables ip6tables; do
        update-alternatives --set $t /usr/sbin/$t-legacy
    done";
    firewall.sandbox().shell(legacy).unwrap();
    firewall.systemctl("restart").unwrap();
    let saved = "iptables-legacy-save; ip6tables-legacy-save";
    let saved = firewall.sandbox().shell(saved).unwrap();
    let ours = saved.matches("--comment BASTION_").count();
    assert_eq!(ours, 2 * Standing::WANTED.len(), "{saved}");
    check_judging(&mut firewall, "with iptables-legacy");
    firewall.remove(true).unwrap();
    check_gone(&mut firewall, "after a purge");
    for directory in ["/etc/bastion", "/var/lib/bastion", "/run/bastion"] {
        assert!(!exists(&firewall, directory), "{directory}");
    }
    let left = "find /etc/systemd /var/lib/systemd/deb-systemd-helper-* -name '*bastion*'";
    assert_eq!(firewall.sandbox().shell(left).unwrap(), "");
}

#[test]
fn an_administrators_choice_survives_an_upgrade() {
    let Some(mut firewall) = boot("disabled") else {
        return;
    };
    deny(&firewall);
    firewall.systemctl("disable").unwrap();
    firewall.systemctl("stop").unwrap();
    firewall.install().unwrap();
    assert_eq!(firewall.property("UnitFileState").unwrap(), "disabled");
    assert_eq!(firewall.property("ActiveState").unwrap(), "inactive");
    check_gone(&mut firewall, "after an upgrade while switched off");
}

/// Ends the service so that nothing of it can clean up: `$0` is what the helper is replaced by.
const BREAK: &str = r#"
    pid=$(systemctl show --value -P MainPID bastion-helper)
    rm /usr/libexec/bastion-helper
    case $0 in
        missing) ;;
        failing) printf '#!/bin/sh\nexit 1\n' >/usr/libexec/bastion-helper ;;
        garbage) head -c 4096 /dev/urandom >/usr/libexec/bastion-helper ;;
    esac
    [ ! -e /usr/libexec/bastion-helper ] || chmod 755 /usr/libexec/bastion-helper
    kill -KILL $pid
    for t in iptables ip6tables; do
        $t -w -t mangle -I OUTPUT 1 -p sctp -m comment --comment "somebody, not BASTION_BYPASS" -j ACCEPT
        $t -w -t mangle -A OUTPUT -o lo -m comment --comment BASTION_BYPASS -j ACCEPT
        $t -w -A OUTPUT -m owner --uid-owner 0 -m comment --comment BASTION_BYPASS -j ACCEPT
    done"#;

#[test]
fn removing_with_a_broken_helper_leaves_a_working_network() {
    let Some(mut firewall) = boot("broken") else {
        return;
    };
    for broken in ["missing", "failing", "garbage"] {
        firewall.wait_until_judging().unwrap();
        let sandbox = firewall.sandbox();
        sandbox
            .run(As::Root, &["sh", "-euc", BREAK, broken])
            .unwrap();
        let down = || (firewall.property("ActiveState").unwrap() != "active").then_some(());
        eventually("the end of the service", PATIENCE, down).unwrap();
        for family in Family::ALL {
            let ours = firewall.standing(family).unwrap().ours;
            assert!(ours.len() > Standing::WANTED.len(), "{broken}: {ours:?}");
        }

        firewall.remove(false).unwrap();
        for family in Family::ALL {
            // What somebody else has put there stays.
            let others = firewall.standing(family).unwrap().others;
            assert_eq!(others.len(), 1, "{family:?} {broken}: {others:?}");
            let clean = format!("{} -w -t mangle -F OUTPUT", family.iptables());
            firewall.sandbox().shell(&clean).unwrap();
        }
        check_gone(&mut firewall, broken);
        firewall.install().unwrap();
    }
}
