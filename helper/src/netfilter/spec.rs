//! The rules Bastion wants, and how it knows its own.

use std::fmt;
use std::path::{Path, PathBuf};

use super::save::{Dump, Rule, Table};

/// Comment of the two rules that let packets pass without asking.
const BYPASS: &str = "BASTION_BYPASS";
/// Comment of the rule that queues.
const NFQUEUE: &str = "BASTION_NFQUEUE";
/// Chain that asks the kernel-side program.
pub(super) const KERNEL_CHAIN: &str = "BASTION_KERNEL";

/// What connection tracking calls the packets that are judged.
const NEW: &str = "NEW,RELATED";

/// Where the rules stand.
pub(super) const TABLE: &str = "mangle";
/// Where the rules stand.
pub(super) const CHAIN: &str = "OUTPUT";

/// An address family; each has its own rules and its own programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `iptables`.
    Ipv4,
    /// `ip6tables`.
    Ipv6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// Those this system speaks. Where IPv6 is switched off at boot (`ipv6.disable=1`, the
    /// kernel's Documentation/networking/ipv6.rst), nothing can leave by it and `ip6tables` may
    /// fail; the kernel then has no table of IPv6 addresses.
    pub fn present() -> impl Iterator<Item = Self> {
        let ipv6 = Path::new("/proc/thread-self/net/if_inet6").exists();
        Self::ALL
            .into_iter()
            .filter(move |family| ipv6 || *family == Self::Ipv4)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// One of the three rules, in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Lets loopback pass.
    Loopback,
    /// Lets flows pass that the kernel-side program knows to be allowed.
    Kernel,
    /// Queues new connections.
    Queue,
}

impl Role {
    /// All, in order.
    pub const ALL: [Self; 3] = [Self::Loopback, Self::Kernel, Self::Queue];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => write!(f, "{BYPASS} (loopback)"),
            Self::Kernel => write!(f, "{BYPASS} (allowed in the kernel)"),
            Self::Queue => f.write_str(NFQUEUE),
        }
    }
}

/// What decides in the kernel.
///
/// The rule jumps to a chain of ours, and the program is asked there. It is not asked in
/// OUTPUT itself because iptables, in both of its forms, compares the number of the file
/// descriptor through which a pinned program was loaded, so it can't delete such a rule by what
/// it says, and not even read it once the pin is gone. A chain can always be emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelBypass {
    /// Nothing: the chain is empty, so every packet returns from it and goes on to the queue.
    StandIn,
    /// These programs.
    Pinned {
        /// Accepts packets of new connections that it knows to be allowed.
        pass: PinnedProgram,
        /// Has datagrams queued that come from another socket than those of their tuple that were
        /// judged. Connection tracking takes them for the same connection's.
        taken_over: PinnedProgram,
    },
}

/// Path of a socket filter pinned in bpffs, as iptables can carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedProgram(String);

/// A path that iptables can't carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a pinned program's path must be absolute, of letters, digits, and “/_.-” alone, and shorter \
     than 512 bytes"
)]
pub struct PinnedProgramError;

impl PinnedProgram {
    /// `XT_BPF_PATH_MAX` of `linux/netfilter/xt_bpf.h`, with the closing zero.
    const LIMIT: usize = 512;

    /// Checks that the path survives `iptables-save`, which prints it unquoted.
    ///
    /// # Errors
    /// When it doesn't.
    pub fn new(path: &Path) -> Result<Self, PinnedProgramError> {
        let fine = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
        match path.to_str() {
            Some(text)
                if text.starts_with('/') && text.len() < Self::LIMIT && text.chars().all(fine) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(PinnedProgramError),
        }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(&self.0)
    }
}

/// The rules that shall stand, the same for both families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesetSpec {
    /// Number of the queue.
    pub queue: u16,
    /// Let new connections pass while nobody holds the queue; else they are dropped.
    pub fail_open: bool,
    /// What decides in the kernel.
    pub kernel_bypass: KernelBypass,
}

impl RulesetSpec {
    /// A rule's matches and target, spelled as `iptables-save` prints them.
    pub(super) fn text(&self, role: Role) -> String {
        match role {
            Role::Loopback => format!("-o lo -m comment --comment {BYPASS} -j ACCEPT"),
            Role::Kernel => format!("-m comment --comment {BYPASS} -j {KERNEL_CHAIN}"),
            Role::Queue => format!(
                "-m conntrack --ctstate {NEW} -m comment --comment {NFQUEUE} {}",
                self.queue_target()
            ),
        }
    }

    /// The rules of the kernel chain.
    ///
    /// Each program is asked about no more packets than it has to be: the first about those of
    /// new connections, the other about datagrams that are not replies.
    pub(super) fn kernel_texts(&self) -> Vec<String> {
        let KernelBypass::Pinned { pass, taken_over } = &self.kernel_bypass else {
            return Vec::new();
        };
        let PinnedProgram(pass) = pass;
        let PinnedProgram(taken_over) = taken_over;
        let queue = self.queue_target();
        let new = format!("-m conntrack --ctstate {NEW} -m bpf --object-pinned {pass} -j ACCEPT");
        let datagrams = ["udp", "udplite"].map(|protocol| {
            format!(
                "-p {protocol} -m conntrack --ctstate ESTABLISHED --ctdir ORIGINAL \
                 -m bpf --object-pinned {taken_over} {queue}"
            )
        });
        [new].into_iter().chain(datagrams).collect()
    }

    fn queue_target(&self) -> String {
        let bypass = if self.fail_open {
            " --queue-bypass"
        } else {
            ""
        };
        format!("-j NFQUEUE --queue-num {}{bypass}", self.queue)
    }

    /// The role that a rule of mangle OUTPUT plays exactly as it should.
    pub(super) fn role(&self, rule: &Rule) -> Option<Role> {
        Role::ALL
            .into_iter()
            .find(|role| says(rule, &self.text(*role)))
    }

    /// True when the kernel chain is there and holds what it should.
    pub(super) fn kernel_chain_is_right(&self, mangle: &Table) -> bool {
        let texts = self.kernel_texts();
        let mut wanted = texts.iter();
        let right = mangle
            .chain(KERNEL_CHAIN)
            .all(|rule| wanted.next().is_some_and(|text| says(rule, text)));
        right && wanted.next().is_none() && has_kernel_chain(mangle)
    }
}

/// True when the rule says this, in whatever order connection states are listed.
fn says(rule: &Rule, text: &str) -> bool {
    let mut after_ctstate = false;
    let same = |(mine, its): (&str, &String)| {
        let states = std::mem::replace(&mut after_ctstate, mine == "--ctstate");
        mine == its || states && sorted(mine) == sorted(its)
    };
    let words = || text.split(' ');
    words().count() == rule.words.len() && words().zip(&rule.words).all(same)
}

fn sorted(list: &str) -> Vec<&str> {
    let mut items: Vec<&str> = list.split(',').collect();
    items.sort_unstable();
    items
}

pub(super) fn has_kernel_chain(table: &Table) -> bool {
    table.chains.iter().any(|chain| chain == KERNEL_CHAIN)
}

/// True when somebody else's rule leads to the kernel chain, which then can't be removed.
pub(super) fn kernel_chain_is_used(table: &Table) -> bool {
    table.rules.iter().any(|rule| {
        let leads = |pair: &[String]| {
            matches!(pair, [option, chain] if (option == "-j" || option == "-g") && chain == KERNEL_CHAIN)
        };
        !is_ours(&table.name, rule) && rule.words.windows(2).any(leads)
    })
}

/// All rules of ours with their tables, wherever they stand, from whatever version; not the
/// contents of the kernel chain.
pub(super) fn ours(dump: &Dump) -> impl Iterator<Item = (&Table, &Rule)> {
    dump.tables
        .iter()
        .flat_map(|table| table.rules.iter().map(move |rule| (table, rule)))
        .filter(|(table, rule)| is_ours(&table.name, rule))
}

/// True for the rules Bastion makes and has made: those with a comment of ours, in any table and
/// chain, and the uncommented queue rules that versions before 3 left in filter OUTPUT.
///
/// A rule with a line break in it is nobody's: no version made one, and `iptables-restore` can't
/// name it.
pub(super) fn is_ours(table: &str, rule: &Rule) -> bool {
    let commented = |four: &[String]| {
        matches!(four, [m, comment, option, name]
            if m == "-m" && comment == "comment" && option == "--comment"
                && (name == BYPASS || name == NFQUEUE))
    };
    if rule.printed.contains(&b'\n') {
        return false;
    }
    rule.words.windows(4).any(commented)
        || table == "filter" && rule.chain == CHAIN && is_old_queue_rule(rule)
}

fn is_old_queue_rule(rule: &Rule) -> bool {
    let old = "-m state --state NEW -j NFQUEUE --queue-num 1";
    says(rule, old) || says(rule, &format!("{old} --queue-bypass"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        let dump = Dump::parse(format!("*t\n-A OUTPUT {text}\n").as_bytes());
        dump.tables[0].rules[0].clone()
    }

    #[test]
    fn knows_its_own_and_nothing_else() {
        for (table, text) in [
            ("raw", "-m comment --comment BASTION_BYPASS -j RETURN"),
            (
                "filter",
                "-m owner --uid-owner 0 -m comment --comment BASTION_BYPASS -j ACCEPT",
            ),
            (
                "filter",
                "-m owner --gid-owner 998 -m comment --comment \"BASTION_BYPASS\" -j ACCEPT",
            ),
            (
                "nat",
                "-m comment --comment BASTION_NFQUEUE -j NFQUEUE --queue-num 9",
            ),
            ("filter", "-m state --state NEW -j NFQUEUE --queue-num 1"),
            (
                "filter",
                "-m state --state NEW -j NFQUEUE --queue-num 1 --queue-bypass",
            ),
        ] {
            assert!(is_ours(table, &rule(text)), "{table}: {text}");
        }
        for (table, text) in [
            ("filter", "-m comment --comment BASTION_BYPASSED -j ACCEPT"),
            (
                "filter",
                "-m comment --comment \"not BASTION_BYPASS\" -j ACCEPT",
            ),
            (
                "filter",
                "-m string --string BASTION_BYPASS --algo bm -j ACCEPT",
            ),
            (
                "filter",
                "-m comment --comment \"-m comment --comment BASTION_BYPASS\" -j ACCEPT",
            ),
            (
                "filter",
                "-m comment --comment \"BASTION_BYPASS\n\" -j ACCEPT",
            ),
            ("filter", "-m state --state NEW -j NFQUEUE --queue-num 10"),
            (
                "filter",
                "-p tcp -m state --state NEW -j NFQUEUE --queue-num 1",
            ),
            ("mangle", "-m state --state NEW -j NFQUEUE --queue-num 1"),
            ("mangle", "-j ACCEPT"),
        ] {
            assert!(!is_ours(table, &rule(text)), "{table}: {text}");
        }
    }

    #[test]
    fn roles_are_exact_but_for_the_order_of_states() {
        let spec = RulesetSpec {
            queue: 7,
            fail_open: true,
            kernel_bypass: KernelBypass::StandIn,
        };
        for role in Role::ALL {
            assert_eq!(spec.role(&rule(&spec.text(role))), Some(role));
        }
        let turned = spec.text(Role::Queue).replace("NEW,RELATED", "RELATED,NEW");
        assert_eq!(spec.role(&rule(&turned)), Some(Role::Queue));
        for other in [
            turned.replace("RELATED,", ""),
            turned.replace("--queue-num 7", "--queue-num 8"),
            turned.replace(" --queue-bypass", ""),
            format!("-p tcp {turned}"),
        ] {
            assert_eq!(spec.role(&rule(&other)), None, "{other}");
        }
    }

    #[test]
    fn pinned_paths_survive_printing() {
        let new = |text: &str| PinnedProgram::new(Path::new(text));
        assert!(new("/sys/fs/bpf/bastion/allowed_v1.2-x").is_ok());
        let long = format!("/{}", "a".repeat(511));
        for bad in ["", "relative", "/a b", "/a\"b", "/a\nb", "/ä", &long] {
            assert_eq!(new(bad), Err(PinnedProgramError), "{bad}");
        }
    }
}
