//! The iptables rules that feed the queue.
//!
//! [`RulesetSpec`] says what shall stand; [`Netfilter::apply`] makes it so in one transaction per
//! family and reads it back; [`Netfilter::cleanup`] removes everything of ours; and
//! [`Netfilter::check`] says what is wrong. What to change is worked out by pure functions from
//! what `iptables-save` prints.
//!
//! # What is queued
//!
//! The rules stand at the head of OUTPUT in table mangle: after connection tracking has looked
//! at the packet, and before address translation, so that the destination is the one the program
//! asked for. Accepting there skips nobody's filter rules.
//!
//! The queue gets packets that connection tracking calls
//!
//! - **NEW**: the first packet of a connection, and all packets until something answers. The
//!   middle of a connection that was never tracked is NEW as well, so no connection escapes by
//!   being older than the rules.
//! - **RELATED**: connections that another one announced, such as FTP's data connections. A
//!   program is behind them, so they are judged on their own. ICMP errors that the kernel makes
//!   are RELATED as well; they come from no process's socket and are the kernel's.
//!
//! It does not get
//!
//! - **ESTABLISHED**: replies to others, and what follows an allowed packet.
//! - **INVALID**: packets that belong to no connection and begin none, such as a late RST or a
//!   segment outside the window. An ordinary program can't begin with one, since whatever its
//!   socket sends first is NEW. It takes CAP_NET_RAW to make one by hand, and who has that can
//!   send past OUTPUT altogether. Asking would interrupt the user with the dregs of finished
//!   connections.
//! - **UNTRACKED**: IPv6 neighbour discovery and multicast listener reports, without which
//!   there is no IPv6 and which the kernel sends, and what the administrator has taken out of
//!   tracking by a rule.

mod health;
mod plan;
mod save;
mod spec;
mod tools;

use tracing::{debug, info};

pub use health::{Fault, Health, Place};
pub use save::Dump;
pub use spec::{Family, KernelBypass, PinnedProgram, PinnedProgramError, Role, RulesetSpec};
pub use tools::Backend;
use tools::Tools;

use crate::program::ProgramError;

/// How often a change is tried. It is refused when somebody else changed one of our rules
/// between the look and the change; a second look settles that.
const ATTEMPTS: u32 = 3;

/// Why the rules could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum NetfilterError {
    /// iptables is not there.
    #[error("{program} is neither in /usr/sbin nor in /sbin; install the package iptables")]
    NotInstalled {
        /// The program's name.
        program: String,
    },
    /// A program did not do its work.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The rules were made, and yet are not right.
    #[error("the rules do not stand as they should after being made: {0}")]
    NotAsMade(Health),
    /// Rules of ours are there still after they were removed.
    #[error("{rules} {family} rules of ours are there still after being removed")]
    Remaining {
        /// Their family.
        family: Family,
        /// How many.
        rules: usize,
    },
}

/// The system's rules, in the calling thread's network namespace.
#[derive(Clone, Copy, Debug)]
pub struct Netfilter {
    backend: Backend,
}

impl Netfilter {
    /// The rules of the system's iptables.
    #[must_use]
    pub fn system() -> Self {
        Self::of(Backend::System)
    }

    /// The rules of one backend.
    #[must_use]
    pub fn of(backend: Backend) -> Self {
        Self { backend }
    }

    /// Puts exactly the rules of `spec` in place for both families, and removes everything else
    /// of ours, in the other backend too. No packet passes unjudged meanwhile.
    ///
    /// # Errors
    /// When a program is missing or fails, or the result is not what was made. Rules that were
    /// in place may be there still.
    pub fn apply(self, spec: &RulesetSpec) -> Result<(), NetfilterError> {
        for family in Family::present() {
            let tools = Tools::find(family, self.backend)?;
            repeat(|| replace(family, &tools, spec))?;
            remove_unused(family, self.backend)?;
        }
        info!(
            queue = spec.queue,
            fail_open = spec.fail_open,
            "the rules stand"
        );
        Ok(())
    }

    /// Removes everything of ours from both families, all tables and both backends. Does nothing
    /// where there is nothing of ours.
    ///
    /// # Errors
    /// When a program is missing or fails, or a rule is there still; what could be removed is.
    pub fn cleanup(self) -> Result<(), NetfilterError> {
        let mut outcome = Ok(());
        for family in Family::present() {
            let used = Tools::find(family, self.backend)
                .and_then(|tools| repeat(|| remove(family, &tools)));
            outcome = outcome.and(used).and(remove_unused(family, self.backend));
        }
        outcome
    }

    /// Compares the rules with `spec`. Changes nothing.
    ///
    /// # Errors
    /// When a program is missing or fails.
    pub fn check(self, spec: &RulesetSpec) -> Result<Health, NetfilterError> {
        let mut health = Health::default();
        for family in Family::present() {
            let dump = Tools::find(family, self.backend)?.save()?;
            health.faults.extend(Health::of(family, &dump, spec).faults);
            for (backend, _, dump) in unused(family, self.backend) {
                let unused = Health::of_unused(family, backend, &dump);
                health.faults.extend(unused.faults);
            }
        }
        Ok(health)
    }
}

/// The backends that are installed besides the one in use, with what stands there. One that
/// can't be read is left out: where the kernel does not have it, nothing can stand there.
fn unused(family: Family, used: Backend) -> impl Iterator<Item = (Backend, Tools, Dump)> {
    let mut seen: Vec<Tools> = Tools::find(family, used).into_iter().collect();
    Backend::ALL.into_iter().filter_map(move |backend| {
        let tools = Tools::find(family, backend).ok()?;
        if seen.iter().any(|it| it.is_same_as(&tools)) {
            return None;
        }
        seen.push(tools.clone());
        match tools.save() {
            Ok(dump) => Some((backend, tools, dump)),
            Err(error) => {
                debug!(%family, %backend, %error, "an unused iptables can't be read");
                None
            }
        }
    })
}

fn remove_unused(family: Family, used: Backend) -> Result<(), NetfilterError> {
    unused(family, used)
        .filter(|(_, _, dump)| plan::removing(dump).is_some())
        .map(|(_, tools, _)| repeat(|| remove(family, &tools)))
        .fold(Ok(()), Result::and)
}

fn replace(family: Family, tools: &Tools, spec: &RulesetSpec) -> Result<(), NetfilterError> {
    tools.restore(&plan::replacing(&tools.save()?, spec))?;
    let health = Health::of(family, &tools.save()?, spec);
    if health.is_sound() {
        Ok(())
    } else {
        Err(NetfilterError::NotAsMade(health))
    }
}

fn remove(family: Family, tools: &Tools) -> Result<(), NetfilterError> {
    let Some(plan) = plan::removing(&tools.save()?) else {
        return Ok(());
    };
    tools.restore(&plan)?;
    match spec::ours(&tools.save()?).count() {
        0 => Ok(()),
        rules => Err(NetfilterError::Remaining { family, rules }),
    }
}

/// Tries again what may have failed because somebody else was at work at the same time.
fn repeat(mut change: impl FnMut() -> Result<(), NetfilterError>) -> Result<(), NetfilterError> {
    for attempt in 1..ATTEMPTS {
        match change() {
            Err(
                error @ (NetfilterError::Program(ProgramError::Failed { .. })
                | NetfilterError::NotAsMade(_)
                | NetfilterError::Remaining { .. }),
            ) => debug!(%error, attempt, "changing the rules failed; trying again"),
            outcome => return outcome,
        }
    }
    change()
}
