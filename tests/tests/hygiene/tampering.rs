//! What others do to the tables while the helper runs: flush them, double and delete rules, load a
//! firewall of their own, and switch from one iptables to the other.

use std::time::Duration;

use bastion_tests::{As, Desktop, Family, Find, Firewall, eventually, eventually_equal};

use serde_json::Value;

use super::{boot, check, check_gone, check_judging, destinations, others};

/// The helper looks at its rules once a minute.
const MONITOR: Duration = Duration::from_secs(100);

/// Waits until the running helper has mended the rules of both families.
fn wait_for_mending(firewall: &Firewall) {
    let pid = firewall.property("MainPID").unwrap();
    let right = || {
        let both = Family::ALL.map(|family| firewall.standing(family));
        Ok(both
            .into_iter()
            .flatten()
            .all(|standing| standing.is_right()))
    };
    eventually_equal("the mending", MONITOR, &true, right).unwrap();
    assert_eq!(
        firewall.property("MainPID").unwrap(),
        pid,
        "it was restarted"
    );
}

/// Checks that the journal has a warning of each of these faults.
fn check_told(firewall: &Firewall, faults: &[&str]) {
    let journal = firewall.journal().unwrap();
    for fault in faults {
        let warning = format!("{fault}; it is being mended");
        assert!(journal.contains(&warning), "“{warning}” in {journal}");
    }
    let mended = firewall.counter("mended").unwrap();
    let told = u64::try_from(faults.len()).unwrap();
    assert!(mended >= told, "{mended} faults were mended, not {told}");
}

/// Checks that the log has each of these mended once, by rule and fault, with how many there were;
/// and that users see it who may see nothing of others.
fn check_logged(firewall: &Firewall, faults: &[(&str, &str, u64)]) {
    let log = ["log", "--verdict", "mended"];
    let seen = firewall.bastionctl(As::Active("bob"), &log).unwrap();
    let seen: Vec<Value> = serde_json::from_str(&seen.stdout).unwrap();
    let mut logged: Vec<_> = seen
        .iter()
        .map(|event| {
            assert_eq!(event["program"], "bastion", "{event}");
            let text = |field: &str| event[field].as_str().unwrap();
            let count = event["count"].as_u64().unwrap();
            (text("rule_name"), text("reason"), count)
        })
        .collect();
    let mut faults = faults.to_vec();
    logged.sort_unstable();
    faults.sort_unstable();
    assert_eq!(logged, faults, "{seen:#?}");
    let whole = firewall.ask(&["log", "--all"]).unwrap();
    let whole = whole.as_array().unwrap().iter();
    let mended = whole.filter(|event| event["verdict"] == "mended");
    assert_eq!(mended.cloned().collect::<Vec<_>>(), seen);
}

/// Checks that the window's log names what was missing, to a user who is no administrator.
fn check_window(firewall: &Firewall) {
    let mut desktop = Desktop::start(firewall.sandbox(), "bob").unwrap();
    desktop.spawn(&["bastion"], "/tmp/bastion.log").unwrap();
    let log = Find::role("list item").named("Log");
    desktop.press(&log).unwrap();
    let table = Find::role("tree table").named("Log");
    for text in [
        "Bastion Firewall",
        "Mended",
        "IPv6 BASTION_NFQUEUE was missing",
    ] {
        let label = Find::role("label").named(text).within(table.clone());
        assert!(desktop.wait(&label).unwrap().is("showing"));
    }
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/reports");
    let file = directory.join("mended-log.png");
    desktop.resize("Bastion", 1200, 700).unwrap();
    desktop.screenshot(Some("Bastion"), &file).unwrap();
}

#[test]
fn a_flushed_table_is_mended_by_a_restart() {
    let Some(mut firewall) = boot("flushed") else {
        return;
    };
    let flush = "for t in iptables ip6tables; do $t -w -t mangle -F; $t -w -t mangle -X; done";
    firewall.sandbox().shell(flush).unwrap();
    for family in Family::ALL {
        assert!(firewall.traces(family).unwrap().is_empty());
    }
    firewall.systemctl("restart").unwrap();
    check(&firewall, &[vec![], vec![]], "after a flush and a restart");
    check_judging(&mut firewall, "after a flush and a restart");
}

#[test]
fn a_flushed_table_is_noticed_and_mended() {
    let Some(mut firewall) = boot("monitor") else {
        return;
    };
    let flush = "iptables -w -t mangle -F; ip6tables -w -t mangle -F";
    firewall.sandbox().shell(flush).unwrap();
    wait_for_mending(&firewall);
    for family in ["IPv4", "IPv6"] {
        let missing = [
            "BASTION_BYPASS (loopback)",
            "BASTION_BYPASS (allowed in the kernel)",
            "BASTION_NFQUEUE",
        ];
        let missing = missing.map(|rule| format!("the {family} rule {rule} is missing"));
        check_told(&firewall, &missing.each_ref().map(String::as_str));
    }
    let rules = [
        "BASTION_BYPASS (loopback)",
        "BASTION_BYPASS (allowed in the kernel)",
        "BASTION_NFQUEUE",
    ];
    let rules = ["IPv4", "IPv6"].map(|it| rules.map(|rule| format!("{it} {rule}")));
    let mut missing: Vec<_> = rules
        .as_flattened()
        .iter()
        .map(|it| (it.as_str(), "missing", 1))
        .collect();
    // Without its chain the second rule could not have stood.
    missing.extend(["IPv4 BASTION_KERNEL", "IPv6 BASTION_KERNEL"].map(|it| (it, "changed", 1)));
    check_logged(&firewall, &missing);
    check_window(&firewall);
    check(&firewall, &[vec![], vec![]], "after a flush");
    check_judging(&mut firewall, "after a flush");
}

/// Copies of what stands in IPv4, a hundred: 50 of the first rule and 20 of the last at the end of
/// the chain, 30 of the second at its head.
const HUNDRED: &str = r#"
    iptables -t mangle -S OUTPUT | grep -e '--comment BASTION_' | awk '
        BEGIN { print "*mangle" }
        NR == 2 { sub(/^-A OUTPUT/, "-I OUTPUT 1") }
        { for (i = NR == 1 ? 50 : NR == 2 ? 30 : 20; i > 0; i--) print }
        END { print "COMMIT" }' | iptables-restore -w --noflush"#;

/// Deletes one of the rules of IPv6.
const DELETE: &str =
    "ip6tables -w -t mangle -D OUTPUT -o lo -m comment --comment BASTION_BYPASS -j ACCEPT";

#[test]
fn a_hundred_duplicates_and_a_deleted_rule_are_noticed_and_mended() {
    let Some(mut firewall) = boot("tampering") else {
        return;
    };
    let mine = "for t in iptables ip6tables; do
        $t -w -t mangle -A OUTPUT -p sctp -m comment --comment mine -j ACCEPT
    done";
    firewall.sandbox().shell(mine).unwrap();
    let kept = others(&firewall);
    for tamper in [HUNDRED, DELETE] {
        firewall.sandbox().shell(tamper).unwrap();
    }
    let standing = Family::ALL.map(|family| firewall.standing(family).unwrap().ours.len());
    assert_eq!(standing, [103, 2]);

    wait_for_mending(&firewall);
    check_told(
        &firewall,
        &[
            "the IPv4 rule BASTION_BYPASS (loopback) is there 51 times",
            "the IPv4 rule BASTION_BYPASS (allowed in the kernel) is there 31 times",
            "the IPv4 rule BASTION_NFQUEUE is there 21 times",
            "the IPv6 rule BASTION_BYPASS (loopback) is missing",
        ],
    );
    check_logged(
        &firewall,
        &[
            ("IPv4 BASTION_BYPASS (loopback)", "doubled", 51),
            ("IPv4 BASTION_BYPASS (allowed in the kernel)", "doubled", 31),
            ("IPv4 BASTION_NFQUEUE", "doubled", 21),
            // Copies of the second rule stand before it.
            ("IPv4 BASTION_BYPASS (loopback)", "misplaced", 1),
            ("IPv6 BASTION_BYPASS (loopback)", "missing", 1),
        ],
    );
    check(&firewall, &kept, "after tampering");
    check_judging(&mut firewall, "after tampering");
}

/// What ufw has made of the tables: everything that is not Bastion's.
fn made_by_ufw(firewall: &Firewall) -> Vec<String> {
    let save = "iptables-save; ip6tables-save";
    let saved = firewall.sandbox().shell(save).unwrap();
    let rules = saved.lines().filter(|line| line.starts_with("-A"));
    rules
        .filter(|line| !line.contains("BASTION"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn beside_ufw_both_firewalls_hold() {
    let Some(mut firewall) = boot("ufw") else {
        return;
    };
    let [v4, v6] = destinations(&mut firewall).map(|to| to.address);
    let enable = format!(
        "ufw reject out to {v4} port 9 >&2
         ufw reject out to {v6} port 9 >&2
         ufw --force enable"
    );
    let said = firewall.sandbox().shell(&enable).unwrap();
    assert!(said.contains("Firewall is active"), "{said}");
    let made = made_by_ufw(&firewall);
    let chain = |rule: &String| rule.starts_with("-A ufw-user-output") && rule.contains("dport 9 ");
    assert!(
        made.iter().filter(|rule| chain(rule)).count() >= 2,
        "{made:#?}"
    );
    check(&firewall, &[vec![], vec![]], "beside ufw");
    check_judging(&mut firewall, "beside ufw");

    firewall.sandbox().shell("ufw reload").unwrap();
    check(&firewall, &[vec![], vec![]], "after ufw reload");
    assert_eq!(made_by_ufw(&firewall), made);

    // Told to manage all chains, it flushes table mangle with each reload.
    let manage = "sed -i 's/^MANAGE_BUILTINS=no/MANAGE_BUILTINS=yes/' /etc/default/ufw; ufw reload";
    firewall.sandbox().shell(manage).unwrap();
    for family in Family::ALL {
        assert!(firewall.standing(family).unwrap().ours.is_empty());
    }
    wait_for_mending(&firewall);
    let missing = ["IPv4", "IPv6"].map(|it| format!("the {it} rule BASTION_NFQUEUE is missing"));
    check_told(&firewall, &missing.each_ref().map(String::as_str));
    check(&firewall, &[vec![], vec![]], "after ufw has flushed all");
    assert_eq!(made_by_ufw(&firewall), made);
    check_judging(&mut firewall, "after ufw has flushed all");

    firewall.systemctl("restart").unwrap();
    assert_eq!(made_by_ufw(&firewall), made);
    firewall.systemctl("stop").unwrap();
    assert_eq!(made_by_ufw(&firewall), made);
    check_gone(&mut firewall, "after a stop beside ufw");
}

/// Has the machine use another iptables from now on.
fn switch_to(firewall: &Firewall, backend: &str) {
    let switch = format!(
        "for t in iptables ip6tables; do
            update-alternatives --set $t /usr/sbin/$t-{backend}
        done"
    );
    firewall.sandbox().shell(&switch).unwrap();
}

/// Checks that our rules stand in the iptables that is used, and nowhere else.
fn check_only_in(firewall: &Firewall, backend: &str, when: &str) {
    check(firewall, &[vec![], vec![]], when);
    for family in Family::ALL {
        let save = format!("{}-{backend}-save", family.iptables());
        let used = firewall.sandbox().shell(&save).unwrap();
        let ours = used.lines().filter(|line| line.contains("BASTION"));
        // No trace anywhere else.
        let ours: Vec<_> = ours.map(|line| line.split('[').next()).collect();
        let traces = firewall.traces(family).unwrap();
        let traces: Vec<_> = traces.iter().map(|line| line.split('[').next()).collect();
        assert_eq!(traces, ours, "{family:?} {when}");
    }
}

#[test]
fn a_switch_to_the_other_iptables_leaves_nothing_behind() {
    let Some(mut firewall) = boot("switch") else {
        return;
    };
    check_only_in(&firewall, "nft", "before any switch");
    switch_to(&firewall, "legacy");
    wait_for_mending(&firewall);
    let settled = || {
        let nft = firewall
            .sandbox()
            .shell("iptables-nft-save; ip6tables-nft-save");
        (!nft.unwrap().contains("BASTION")).then_some(())
    };
    eventually("the end of the rules in the old iptables", MONITOR, settled).unwrap();
    check_only_in(&firewall, "legacy", "after a switch");
    check_told(
        &firewall,
        &[
            "the IPv4 rule BASTION_NFQUEUE is missing",
            "the IPv6 rule BASTION_NFQUEUE is missing",
        ],
    );
    let journal = firewall.journal().unwrap();
    let elsewhere = "rules stand in nft iptables, which this system does not use";
    assert!(journal.contains(elsewhere), "{journal}");
    check_judging(&mut firewall, "after a switch");

    switch_to(&firewall, "nft");
    firewall.systemctl("restart").unwrap();
    check_only_in(&firewall, "nft", "after a switch and a restart");
    check_judging(&mut firewall, "after a switch and a restart");

    switch_to(&firewall, "legacy");
    firewall.systemctl("stop").unwrap();
    check_gone(&mut firewall, "after a switch and a stop");
    firewall.systemctl("start").unwrap();
    check_only_in(&firewall, "legacy", "after a start");
    switch_to(&firewall, "nft");
    firewall.crash().unwrap();
    check_only_in(&firewall, "nft", "after a switch and a crash");
    firewall.systemctl("stop").unwrap();
    check_gone(&mut firewall, "at last");
}
