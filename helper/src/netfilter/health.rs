//! Whether the rules stand as they should.

use std::fmt;

use bastion_policy::escape;

use super::save::Dump;
use super::spec::{self, CHAIN, Family, KERNEL_CHAIN, Role, RulesetSpec, TABLE};
use super::tools::Backend;

/// What is wrong with the rules; nothing, when they are sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Family by family, in the rules' order.
    pub faults: Vec<Fault>,
}

impl Health {
    /// True when exactly the three rules of each family stand where they belong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    /// Compares what stands there with what should.
    #[must_use]
    pub fn of(family: Family, dump: &Dump, spec: &RulesetSpec) -> Self {
        let mut faults = role_faults(family, dump, spec);
        if !dump
            .table(TABLE)
            .is_some_and(|mangle| spec.kernel_chain_is_right(mangle))
        {
            faults.push(Fault::KernelChain { family });
        }
        let stray = spec::ours(dump).filter(|(table, rule)| {
            table.name != TABLE || rule.chain != CHAIN || spec.role(rule).is_none()
        });
        faults.extend(stray.map(|(table, rule)| Fault::Stray {
            family,
            table: table.name.clone(),
            rule: escape::bytes(&rule.printed),
        }));
        Self { faults }
    }

    /// What of ours stands in a backend where nothing should.
    #[must_use]
    pub(super) fn of_unused(family: Family, backend: Backend, dump: &Dump) -> Self {
        let rules = spec::ours(dump).count();
        let faults = (rules > 0).then_some(Fault::OtherBackend {
            family,
            backend,
            rules,
        });
        Self {
            faults: faults.into_iter().collect(),
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_sound() {
            return f.write_str("the rules stand as they should");
        }
        for (n, fault) in self.faults.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A rule is not there.
    #[error("the {family} rule {role} is missing")]
    Missing {
        /// Its family.
        family: Family,
        /// Which.
        role: Role,
    },
    /// A rule is there more than once.
    #[error("the {family} rule {role} is there {times} times")]
    Doubled {
        /// Its family.
        family: Family,
        /// Which.
        role: Role,
        /// How often.
        times: usize,
    },
    /// Something stands before a rule that should not.
    #[error("the {family} rule {role} is not in its place at the head of mangle OUTPUT")]
    Misplaced {
        /// Its family.
        family: Family,
        /// Which.
        role: Role,
    },
    /// The chain that asks the kernel-side program is not there, or holds something else.
    #[error("the {family} chain {KERNEL_CHAIN} does not hold what it should")]
    KernelChain {
        /// Its family.
        family: Family,
    },
    /// A rule of ours, or of an older version, that should not be there at all.
    #[error("table {table} holds a stray {family} rule: {rule}")]
    Stray {
        /// Its family.
        family: Family,
        /// Its table.
        table: String,
        /// Its chain and what it says, escaped.
        rule: String,
    },
    /// Rules of ours in the iptables backend that the system does not use.
    #[error("{rules} {family} rules stand in {backend} iptables, which this system does not use")]
    OtherBackend {
        /// Their family.
        family: Family,
        /// Where.
        backend: Backend,
        /// How many.
        rules: usize,
    },
}

/// What a fault is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its family.
    pub family: Family,
    /// The rule or chain of ours; none where it is about rules that should not be there.
    pub rule: Option<String>,
    /// Where it belongs, or stands: the table, its chain.
    pub at: String,
}

impl Fault {
    /// What it is about.
    #[must_use]
    pub fn place(&self) -> Place {
        let (family, rule, at) = match self {
            Self::Missing { family, role }
            | Self::Doubled { family, role, .. }
            | Self::Misplaced { family, role } => {
                (family, Some(role.to_string()), format!("{TABLE} {CHAIN}"))
            }
            Self::KernelChain { family } => (family, Some(KERNEL_CHAIN.into()), TABLE.into()),
            Self::Stray { family, table, .. } => (family, None, escape::printable(table)),
            Self::OtherBackend {
                family, backend, ..
            } => (family, None, format!("{backend} iptables")),
        };
        Place {
            family: *family,
            rule,
            at,
        }
    }
}

/// A rule is in its place when nothing but rules that belong before it stands before its first
/// occurrence.
fn role_faults(family: Family, dump: &Dump, spec: &RulesetSpec) -> Vec<Fault> {
    let output: Vec<Option<Role>> = dump
        .table(TABLE)
        .into_iter()
        .flat_map(|mangle| mangle.chain(CHAIN))
        .map(|rule| spec.role(rule))
        .collect();
    let mut faults = Vec::new();
    for role in Role::ALL {
        let times = output.iter().filter(|it| **it == Some(role)).count();
        match times {
            0 => faults.push(Fault::Missing { family, role }),
            1 => {}
            times => faults.push(Fault::Doubled {
                family,
                role,
                times,
            }),
        }
        let mut before = output.iter().take_while(|it| **it != Some(role));
        if times > 0 && !before.all(|it| it.is_some_and(|it| it < role)) {
            faults.push(Fault::Misplaced { family, role });
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::spec::KernelBypass;
    use super::*;

    const LOOPBACK: &str = "-A OUTPUT -o lo -m comment --comment BASTION_BYPASS -j ACCEPT\n";
    const KERNEL: &str = "-A OUTPUT -m comment --comment BASTION_BYPASS -j BASTION_KERNEL\n";
    const QUEUE: &str = "-A OUTPUT -m conntrack --ctstate NEW,RELATED -m comment --comment BASTION_NFQUEUE -j NFQUEUE --queue-num 5\n";
    const FOREIGN: &str = "-A OUTPUT -j LOG\n";

    fn faults(rules: &[&str]) -> Vec<Fault> {
        let save = format!(
            "*mangle\n:OUTPUT ACCEPT [0:0]\n:BASTION_KERNEL - [0:0]\n{}COMMIT\n",
            rules.concat()
        );
        faults_of(&save)
    }

    fn faults_of(save: &str) -> Vec<Fault> {
        let spec = RulesetSpec {
            queue: 5,
            fail_open: false,
            kernel_bypass: KernelBypass::StandIn,
        };
        Health::of(Family::Ipv4, &Dump::parse(save.as_bytes()), &spec).faults
    }

    fn missing(role: Role) -> Fault {
        let family = Family::Ipv4;
        Fault::Missing { family, role }
    }

    fn doubled(role: Role, times: usize) -> Fault {
        let family = Family::Ipv4;
        Fault::Doubled {
            family,
            role,
            times,
        }
    }

    fn misplaced(role: Role) -> Fault {
        let family = Family::Ipv4;
        Fault::Misplaced { family, role }
    }

    #[test]
    fn three_rules_at_the_head_are_sound() {
        assert_eq!(faults(&[LOOPBACK, KERNEL, QUEUE]), []);
        assert_eq!(faults(&[LOOPBACK, KERNEL, QUEUE, FOREIGN]), []);
    }

    #[test]
    fn missing_doubled_and_misplaced_rules_are_named() {
        use Role::{Kernel, Loopback, Queue};
        assert_eq!(
            faults(&[FOREIGN]),
            [missing(Loopback), missing(Kernel), missing(Queue)]
        );
        assert_eq!(faults(&[KERNEL, QUEUE]), [missing(Loopback)]);
        assert_eq!(
            faults(&[LOOPBACK, LOOPBACK, KERNEL, QUEUE, QUEUE, QUEUE]),
            [doubled(Loopback, 2), doubled(Queue, 3)]
        );
        assert_eq!(
            faults(&[LOOPBACK, FOREIGN, KERNEL, QUEUE]),
            [misplaced(Kernel), misplaced(Queue)]
        );
        assert_eq!(
            faults(&[LOOPBACK, QUEUE, KERNEL]),
            [misplaced(Kernel)],
            "what stands too early pushes others back"
        );
        assert_eq!(
            faults(&[FOREIGN, LOOPBACK, KERNEL, QUEUE]).len(),
            3,
            "all three stand behind another's rule"
        );
    }

    #[test]
    fn strays_and_a_filled_chain_are_named() {
        let other_queue = QUEUE.replace("--queue-num 5", "--queue-num 6");
        let found = faults(&[LOOPBACK, KERNEL, QUEUE, &other_queue]);
        assert!(matches!(&found[..], [Fault::Stray { table, rule, .. }]
            if table == "mangle" && rule.ends_with("--queue-num 6")));

        let chain = KERNEL.replace("-j BASTION_KERNEL", "-j ACCEPT");
        let filled = chain.replace("OUTPUT", "BASTION_KERNEL");
        let found = faults(&[LOOPBACK, KERNEL, QUEUE, &filled]);
        assert!(matches!(
            &found[..],
            [Fault::KernelChain { .. }, Fault::Stray { .. }]
        ));
        let found = faults_of(&format!("*mangle\n{LOOPBACK}{KERNEL}{QUEUE}"));
        assert!(matches!(&found[..], [Fault::KernelChain { .. }]));
    }

    #[test]
    fn reads_like_a_sentence() {
        let health = Health {
            faults: faults(&[LOOPBACK, LOOPBACK, KERNEL]),
        };
        assert_eq!(
            health.to_string(),
            "the IPv4 rule BASTION_BYPASS (loopback) is there 2 times; \
             the IPv4 rule BASTION_NFQUEUE is missing"
        );
    }
}
