//! Which recent connections a rule would have matched, judged by the policy's own matchers. What
//! the log does not keep of a connection is said to be unknown, never guessed.

use std::collections::HashSet;
use std::sync::Arc;

use bastion_ipc::wire::{Connection, Ends, Event};
use bastion_policy::flow::Flow;
use bastion_policy::matcher::AppId;
use bastion_policy::process::{Identity, Process, ProcessKey, UnknownReason};
use bastion_policy::rule::{Lifetime, Rule, RuleSpec};

use super::connections::FlowRow;
use super::names::Directory;
use crate::i18n::{gettext, gettext_f, ngettext_f};

/// How many events of the log are looked at.
pub const LAST: u32 = 500;
/// Most connections named one by one.
pub const SHOWN: usize = 20;

/// A connection of the past.
#[derive(Clone, Debug)]
struct Past {
    flow: Flow,
    identity: Identity,
    /// It is open now.
    open: bool,
    row: FlowRow,
}

/// The connections a rule is tried on, newest first.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    past: Vec<Past>,
}

impl Recent {
    /// The connections of the log and those that are open. What is in both counts once; what is no
    /// connection does not count.
    #[must_use]
    pub fn new(log: &[Event], open: &[Connection], directory: &Directory) -> Self {
        let live = open.iter().map(|connection| {
            let row = FlowRow::of_connection(connection, directory);
            (&connection.event, connection.state == "open", row)
        });
        let logged = log.iter().map(|event| {
            let row = FlowRow::of_event(event, directory);
            (event, false, row)
        });
        let mut seen = HashSet::new();
        let mut past: Vec<Past> = live
            .chain(logged)
            .filter(|(event, _, row)| seen.insert(same(event, row)))
            .filter_map(|(event, open, row)| Past::new(event, open, row))
            .collect();
        past.sort_by_key(|past| std::cmp::Reverse(past.row.time));
        Self { past }
    }

    /// The programs of these connections, as the log names them.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        self.past.iter().map(|past| past.row.program_path.as_str())
    }

    /// Tries a rule as if it had been in force all the time, whatever its lifetime, and whether or
    /// not it is enabled.
    #[must_use]
    pub fn preview(&self, rule: &Rule) -> Preview {
        let spec = rule.spec();
        let mut preview = Preview {
            of: self.past.len(),
            doubt: Doubt::of(spec),
            by_name: spec.destination.regards_names(),
            ..Preview::default()
        };
        for past in self.past.iter().filter(|past| past.fits(spec)) {
            if preview.doubt.is_some() && past.identity.process().is_some() {
                preview.uncertain += 1;
                continue;
            }
            preview.matched += 1;
            preview.open += usize::from(past.open);
            if preview.rows.len() < SHOWN {
                preview.rows.push(past.row.clone());
            }
        }
        preview
    }
}

/// By what the same connection is known in the log and among those that are open.
fn same(event: &Event, row: &FlowRow) -> (u64, String, [u16; 2], [String; 2]) {
    let Ends {
        protocol,
        source,
        source_port,
        destination,
        destination_port,
        ..
    } = Ends::from(event);
    let ports = [source_port, destination_port];
    (row.time, protocol, ports, [source, destination])
}

impl Past {
    /// What is known of a connection; none for events that are about none.
    fn new(event: &Event, open: bool, row: FlowRow) -> Option<Self> {
        let host = event.host.parse().ok();
        let flow = Flow {
            protocol: event.protocol.parse().ok()?,
            source: event.source.parse().ok()?,
            source_port: event.source_port,
            destination: event.destination.parse().ok()?,
            destination_port: event.destination_port,
            hosts: host.into_iter().collect(),
        };
        let identity = identity(event)?;
        Some(Self {
            flow,
            identity,
            open,
            row,
        })
    }

    /// True if nothing that is known of it speaks against the rule.
    fn fits(&self, spec: &RuleSpec) -> bool {
        let same_process = match &spec.lifetime {
            Lifetime::Process(key) => {
                let process = self.identity.process();
                process.is_some_and(|process| process.key.pid == key.pid)
            }
            _ => true,
        };
        same_process
            && spec.destination.matches(&self.flow)
            && spec.protocol.matches(self.flow.protocol)
            && spec.ports.matches(self.flow.destination_port)
            && spec.user.matches(self.identity.uid())
            && spec.program.matches(&self.identity)
            && (spec.started_by.is_none() || self.identity.process().is_some())
    }
}

/// Who made a connection, as far as the log tells.
fn identity(event: &Event) -> Option<Identity> {
    let uid = (event.uid != u32::MAX).then_some(event.uid);
    Some(match event.program.as_str() {
        "kernel" => Identity::Kernel,
        "unknown" => Identity::Unknown {
            uid,
            // Which it was is not kept, and no rule asks.
            reason: UnknownReason::NoRecord,
        },
        path => Identity::Process(Arc::new(Process {
            key: ProcessKey {
                pid: event.pid,
                start_time: 0,
            },
            ..Process::imagined(path.parse().ok()?, AppId::owner_of(path), event.uid)
        })),
    })
}

/// What a rule asks of a connection that the log does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// What had started its program.
    StartedBy,
    /// Whether its process is the one with this number that is meant.
    Process,
}

impl Doubt {
    fn of(spec: &RuleSpec) -> Option<Self> {
        match spec.lifetime {
            Lifetime::Process(_) => Some(Self::Process),
            _ => spec.started_by.as_ref().map(|_| Self::StartedBy),
        }
    }
}

/// What a rule would have matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// How many connections it was tried on.
    pub of: usize,
    /// How many of them it would have matched.
    pub matched: usize,
    /// How many of those are open now.
    pub open: usize,
    /// How many more it may have matched.
    pub uncertain: usize,
    /// Why that is not known.
    pub doubt: Option<Doubt>,
    /// The rule goes by names, of which the log keeps one for each connection.
    pub by_name: bool,
    /// The first of those it would have matched, newest first.
    pub rows: Vec<FlowRow>,
}

impl Preview {
    /// The count in a sentence.
    #[must_use]
    pub fn title(&self) -> String {
        let all = number(self.of);
        match (self.of, self.matched) {
            (0, _) => gettext("No recent connections are known."),
            (_, 0) if self.uncertain > 0 => ngettext_f(
                "May have matched {n} of the last {all} connections",
                "May have matched {n} of the last {all} connections",
                count(self.uncertain),
                &[("all", &all)],
            ),
            (_, 0) => ngettext_f(
                "Would not have matched the last connection",
                "Would have matched none of the last {n} connections",
                count(self.of),
                &[],
            ),
            (_, matched) => ngettext_f(
                "Would have matched {n} of the last {all} connections",
                "Would have matched {n} of the last {all} connections",
                count(matched),
                &[("all", &all)],
            ),
        }
    }

    /// What else is to be said of the count; empty when nothing is.
    #[must_use]
    pub fn note(&self) -> String {
        let mut parts = Vec::new();
        if self.open > 0 {
            parts.push(ngettext_f(
                "{n} of them is open now.",
                "{n} of them are open now.",
                count(self.open),
                &[],
            ));
        }
        if let Some(doubt) = self.doubt.filter(|_| self.uncertain > 0) {
            parts.push(match doubt {
                Doubt::StartedBy => gettext("The log does not tell what had started a program."),
                Doubt::Process => {
                    gettext("The log does not tell apart processes that had the same number.")
                }
            });
        }
        if self.by_name && self.of > 0 {
            parts.push(gettext("The log keeps one name of each destination."));
        }
        if self.rows.len() < self.matched {
            parts.push(gettext_f(
                "The newest {shown} are shown.",
                &[("shown", &number(self.rows.len()))],
            ));
        }
        parts.join(" ")
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn number(n: usize) -> String {
    super::names::number(count(n))
}

#[cfg(test)]
mod tests;
