//! The iptables rules that stand in a machine.

/// The families, by the iptables that keeps their rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `iptables`.
    V4,
    /// `ip6tables`.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Its iptables; with `-save`, `-restore`, `-legacy` or `-nft` appended, that one.
    #[must_use]
    pub fn iptables(self) -> &'static str {
        match self {
            Self::V4 => "iptables",
            Self::V6 => "ip6tables",
        }
    }
}

/// What stands in mangle OUTPUT of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The comments of Bastion's rules, first to last.
    pub ours: Vec<String>,
    /// Everybody else's rules, first to last, as `iptables -S` prints them.
    pub others: Vec<String>,
    /// Whether one of the others stands before one of ours.
    pub led_by_others: bool,
}

impl Standing {
    /// Comments of the rules that stand while the service runs, first to last.
    pub const WANTED: [&'static str; 3] = ["BASTION_BYPASS", "BASTION_BYPASS", "BASTION_NFQUEUE"];

    /// Reads what `iptables -t mangle -S OUTPUT` prints.
    #[must_use]
    pub fn of(printed: &str) -> Self {
        let mut standing = Self {
            ours: Vec::new(),
            others: Vec::new(),
            led_by_others: false,
        };
        for rule in printed.lines().filter(|line| line.starts_with("-A ")) {
            let comment = rule
                .split_once(" --comment ")
                .and_then(|(_, rest)| rest.split(' ').next())
                .filter(|comment| Self::WANTED.contains(comment));
            match comment {
                Some(comment) => {
                    standing.led_by_others |= !standing.others.is_empty();
                    standing.ours.push(comment.to_owned());
                }
                None => standing.others.push(rule.to_owned()),
            }
        }
        standing
    }

    /// Whether exactly the three rules stand at the head: two BYPASS, then one NFQUEUE.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.ours == Self::WANTED && !self.led_by_others
    }
}
