//! The iptables programs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::NetfilterError;
use super::save::Dump;
use super::spec::Family;
use crate::program;

/// Where distributions put iptables.
const DIRECTORIES: [&str; 2] = ["/usr/sbin", "/sbin"];

/// How long iptables waits for another iptables.
const LOCK_SECONDS: &str = "--wait=5";

/// How long a program may run. Reading a rule set of ten thousand rules takes a tenth of a
/// second; what takes this long hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// One of the two implementations of iptables, whose rules stand in different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The one that the system uses: `iptables`.
    System,
    /// `iptables-nft`.
    Nft,
    /// `iptables-legacy`.
    Legacy,
}

impl Backend {
    /// All, those with names of their own first: the system's is one of them.
    pub(super) const ALL: [Self; 3] = [Self::Nft, Self::Legacy, Self::System];

    fn suffix(self) -> &'static str {
        match self {
            Self::System => "",
            Self::Nft => "-nft",
            Self::Legacy => "-legacy",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "the system's",
            Self::Nft => "nft",
            Self::Legacy => "legacy",
        })
    }
}

/// The programs of one family and backend.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    save: PathBuf,
    restore: PathBuf,
}

impl Tools {
    /// Finds the programs.
    pub(super) fn find(family: Family, backend: Backend) -> Result<Self, NetfilterError> {
        let base = match family {
            Family::Ipv4 => "iptables",
            Family::Ipv6 => "ip6tables",
        };
        let find = |what| {
            let name = format!("{base}{}-{what}", backend.suffix());
            program::locate(&name, &DIRECTORIES)
                .ok_or(NetfilterError::NotInstalled { program: name })
        };
        Ok(Self {
            save: find("save")?,
            restore: find("restore")?,
        })
    }

    /// True when both are the same programs under different names, so that they see the same
    /// rules.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        match (self.save.canonicalize(), other.save.canonicalize()) {
            (Ok(mine), Ok(its)) => mine == its,
            _ => false,
        }
    }

    /// All rules of all tables.
    pub(super) fn save(&self) -> Result<Dump, NetfilterError> {
        Ok(Dump::parse(&program::run(&self.save, &[], &[], LIMIT)?))
    }

    /// Carries a plan out, each of its tables as a whole or not at all.
    pub(super) fn restore(&self, plan: &[u8]) -> Result<(), NetfilterError> {
        let arguments = [LOCK_SECONDS, "--noflush"];
        program::run(&self.restore, &arguments, plan, LIMIT)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_programs_name_the_remedy() {
        assert_eq!(program::locate("no-such-program", &DIRECTORIES), None);
        let error = NetfilterError::NotInstalled {
            program: "iptables-save".to_owned(),
        };
        assert!(error.to_string().contains("install the package iptables"));
    }
}
