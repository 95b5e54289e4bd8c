//! What to feed to `iptables-restore --noflush`, worked out from what stands there.
//!
//! All lines of one table take effect at once. Rules are deleted by what they say, never by
//! number, so that a rule somebody else adds or removes in the meantime can't be hit: at worst
//! the whole change is refused, and made anew from a fresh look.

use super::save::{Dump, Table};
use super::spec::{self, CHAIN, KERNEL_CHAIN, Role, RulesetSpec, TABLE};

/// Replaces all rules of ours by the three of `spec`, at the head of mangle OUTPUT. That table
/// comes first: what older versions left in others goes only once the new rules stand.
pub(super) fn replacing(dump: &Dump, spec: &RulesetSpec) -> Vec<u8> {
    let mut plan = Plan::default();
    plan.begin(TABLE);
    // Makes the chain, or empties it.
    plan.line(&format!(":{KERNEL_CHAIN} - [0:0]"));
    for text in spec.kernel_texts() {
        plan.line(&format!("-A {KERNEL_CHAIN} {text}"));
    }
    if let Some(table) = dump.table(TABLE) {
        plan.delete_rules(table);
    }
    for (position, role) in (1..).zip(Role::ALL) {
        plan.line(&format!("-I {CHAIN} {position} {}", spec.text(role)));
    }
    plan.commit();
    for table in dump.tables.iter().filter(|table| table.name != TABLE) {
        plan.clear(table);
    }
    plan.0
}

/// Removes all rules of ours, and the chain; `None` when there is nothing to remove.
pub(super) fn removing(dump: &Dump) -> Option<Vec<u8>> {
    let mut plan = Plan::default();
    for table in &dump.tables {
        plan.clear(table);
    }
    (!plan.0.is_empty()).then_some(plan.0)
}

#[derive(Default)]
struct Plan(Vec<u8>);

impl Plan {
    fn clear(&mut self, table: &Table) {
        let chain = spec::has_kernel_chain(table) && !spec::kernel_chain_is_used(table);
        if !chain
            && !table
                .rules
                .iter()
                .any(|rule| spec::is_ours(&table.name, rule))
        {
            return;
        }
        self.begin(&table.name);
        self.delete_rules(table);
        if chain {
            self.line(&format!("-F {KERNEL_CHAIN}"));
            self.line(&format!("-X {KERNEL_CHAIN}"));
        }
        self.commit();
    }

    fn delete_rules(&mut self, table: &Table) {
        let ours = |rule: &&super::save::Rule| spec::is_ours(&table.name, rule);
        for rule in table.rules.iter().filter(ours) {
            self.0.extend_from_slice(b"-D ");
            self.0.extend_from_slice(&rule.printed);
            self.0.push(b'\n');
        }
    }

    fn begin(&mut self, table: &str) {
        self.line(&format!("*{table}"));
    }

    fn commit(&mut self) {
        self.line("COMMIT");
    }

    fn line(&mut self, line: &str) {
        self.0.extend_from_slice(line.as_bytes());
        self.0.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::spec::{KernelBypass, PinnedProgram};
    use super::*;

    fn spec() -> RulesetSpec {
        RulesetSpec {
            queue: 5,
            fail_open: false,
            kernel_bypass: KernelBypass::StandIn,
        }
    }

    const FRESH: &str = "*mangle
:BASTION_KERNEL - [0:0]
-I OUTPUT 1 -o lo -m comment --comment BASTION_BYPASS -j ACCEPT
-I OUTPUT 2 -m comment --comment BASTION_BYPASS -j BASTION_KERNEL
-I OUTPUT 3 -m conntrack --ctstate NEW,RELATED -m comment --comment BASTION_NFQUEUE -j NFQUEUE --queue-num 5
COMMIT
";

    const PINNED: &str = "-A BASTION_KERNEL -m conntrack --ctstate NEW,RELATED -m bpf --object-pinned /sys/fs/bpf/bastion/pass -j ACCEPT
-A BASTION_KERNEL -p udp -m conntrack --ctstate ESTABLISHED --ctdir ORIGINAL -m bpf --object-pinned /sys/fs/bpf/bastion/taken-over -j NFQUEUE --queue-num 5
-A BASTION_KERNEL -p udplite -m conntrack --ctstate ESTABLISHED --ctdir ORIGINAL -m bpf --object-pinned /sys/fs/bpf/bastion/taken-over -j NFQUEUE --queue-num 5
";

    fn replaced(save: &str, spec: &RulesetSpec) -> String {
        String::from_utf8(replacing(&Dump::parse(save.as_bytes()), spec)).unwrap()
    }

    #[test]
    fn a_fresh_system_gets_three_rules() {
        assert_eq!(replaced("", &spec()), FRESH);
        let open = RulesetSpec {
            fail_open: true,
            ..spec()
        };
        assert!(replaced("", &open).contains("--queue-num 5 --queue-bypass\n"));
        let program = |path| PinnedProgram::new(Path::new(path)).unwrap();
        let pinned = RulesetSpec {
            kernel_bypass: KernelBypass::Pinned {
                pass: program("/sys/fs/bpf/bastion/pass"),
                taken_over: program("/sys/fs/bpf/bastion/taken-over"),
            },
            ..spec()
        };
        let chain = ":BASTION_KERNEL - [0:0]\n";
        assert_eq!(
            replaced("", &pinned),
            FRESH.replace(chain, &format!("{chain}{PINNED}"))
        );
    }

    const CROWDED: &str = r#"*raw
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p udp -j NOTRACK
COMMIT
*mangle
:OUTPUT ACCEPT [0:0]
:BASTION_KERNEL - [0:0]
-A OUTPUT -m comment --comment "before BASTION_BYPASS" -j ACCEPT
-A OUTPUT -o lo -m comment --comment BASTION_BYPASS -j ACCEPT
-A OUTPUT -o lo -m comment --comment BASTION_BYPASS -j ACCEPT
-A OUTPUT -m string --string "a \"b" --algo bm -m comment --comment BASTION_NFQUEUE -j DROP
-A BASTION_KERNEL -j ACCEPT
COMMIT
*filter
:OUTPUT ACCEPT [0:0]
-A OUTPUT -m owner --uid-owner 0 -m comment --comment BASTION_BYPASS -j ACCEPT
-A OUTPUT -m state --state NEW -j NFQUEUE --queue-num 1
-A OUTPUT -j REJECT
COMMIT
"#;

    const DELETIONS: &str = r#"-D OUTPUT -o lo -m comment --comment BASTION_BYPASS -j ACCEPT
-D OUTPUT -o lo -m comment --comment BASTION_BYPASS -j ACCEPT
-D OUTPUT -m string --string "a \"b" --algo bm -m comment --comment BASTION_NFQUEUE -j DROP
"#;

    const OLD: &str = "*filter
-D OUTPUT -m owner --uid-owner 0 -m comment --comment BASTION_BYPASS -j ACCEPT
-D OUTPUT -m state --state NEW -j NFQUEUE --queue-num 1
COMMIT
";

    #[test]
    fn replacing_deletes_first_and_leaves_other_tables_for_later() {
        let insertions = FRESH.replace("-I OUTPUT 1", &format!("{DELETIONS}-I OUTPUT 1"));
        assert_eq!(replaced(CROWDED, &spec()), format!("{insertions}{OLD}"));
    }

    #[test]
    fn removing_takes_the_chain_too_unless_others_use_it() {
        let removed = |save: &str| {
            removing(&Dump::parse(save.as_bytes())).map(|plan| String::from_utf8(plan).unwrap())
        };
        let chain = "-F BASTION_KERNEL\n-X BASTION_KERNEL\n";
        assert_eq!(
            removed(CROWDED),
            Some(format!("*mangle\n{DELETIONS}{chain}COMMIT\n{OLD}"))
        );
        let used = CROWDED.replace(
            "-A BASTION_KERNEL -j ACCEPT",
            "-A PREROUTING -g BASTION_KERNEL",
        );
        assert_eq!(
            removed(&used),
            Some(format!("*mangle\n{DELETIONS}COMMIT\n{OLD}"))
        );
        assert_eq!(removed("*filter\n-A OUTPUT -j REJECT\nCOMMIT\n"), None);
        assert_eq!(removed(""), None);
    }
}
