//! Rules of opposite actions that mean the same things equally closely.

use std::collections::{HashMap, HashSet};

use super::Problem;
use crate::matcher::{DestinationMatcher, PortMatcher, ProtocolMatcher, UserMatcher};
use crate::process::ProcessKey;
use crate::rule::{Lifetime, Priority, Rule, RuleSpec};
use crate::ruleset::Criterion;
use crate::ruleset::precedence::Precedence;

/// What has to be the same in two rules for one to be as close as the other and for both to match
/// the same flow, but for what they ask of ancestors, destination and ports.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Kind {
    priority: Priority,
    /// In its text form: a pattern has a cache that changes, and is no key.
    program: String,
    process: Option<ProcessKey>,
    user: UserMatcher,
    protocol: ProtocolMatcher,
}

impl Kind {
    pub(super) fn of(spec: &RuleSpec) -> Self {
        Self {
            priority: spec.priority,
            program: spec.program.to_string(),
            process: match spec.lifetime {
                Lifetime::Process(key) => Some(key),
                _ => None,
            },
            user: spec.user,
            protocol: spec.protocol,
        }
    }
}

/// Destinations that are equally close and could meet.
#[derive(PartialEq, Eq, Hash)]
enum Place<'a> {
    /// They meet only if they are equal.
    Exactly(&'a DestinationMatcher),
    /// Networks and ranges of one family and size, where there are ranges of that size.
    Sized(Option<bool>, u32),
}

/// Ports that are equally close and could meet.
#[derive(PartialEq, Eq, Hash)]
enum Ports {
    One(u16),
    /// So many, or all.
    Several(u32),
}

fn size(destination: &DestinationMatcher) -> (Option<bool>, u32) {
    (destination.is_ipv4(), destination.specificity())
}

/// Rules of one kind, place and number of ports, those that allow apart from those that block.
#[derive(Default)]
struct Group<'a> {
    allow: Vec<&'a Rule>,
    block: Vec<&'a Rule>,
}

/// The rules of these that are in conflict with another of them, which are given in order of
/// precedence.
pub(super) fn among<'a>(rules: &[&'a Rule]) -> Vec<(&'a Rule, Problem)> {
    let ranges: HashSet<_> = rules
        .iter()
        .map(|rule| &rule.spec().destination)
        .filter(|destination| matches!(destination, DestinationMatcher::Range(_)))
        .map(size)
        .collect();
    let mut groups: HashMap<_, Group<'a>> = HashMap::new();
    for rule in rules {
        let spec = rule.spec();
        let size = size(&spec.destination);
        let place = match ranges.contains(&size) {
            true => Place::Sized(size.0, size.1),
            false => Place::Exactly(&spec.destination),
        };
        let ports = match spec.ports.only() {
            Some(port) => Ports::One(port),
            None => Ports::Several(spec.ports.count()),
        };
        let group = groups.entry((Kind::of(spec), place, ports)).or_default();
        match spec.action.allows() {
            true => group.allow.push(rule),
            false => group.block.push(rule),
        }
    }
    groups.values().flat_map(Group::conflicts).collect()
}

impl<'a> Group<'a> {
    fn conflicts(&self) -> impl Iterator<Item = (&'a Rule, Problem)> {
        let between = |some: &[&'a Rule], others: &[&'a Rule], wins| {
            let first = |rule: &&'a Rule| {
                let other = others.iter().find(|other| conflict(rule, other))?;
                let with = other.id().clone();
                Some((*rule, Problem::Conflict { with, wins }))
            };
            some.iter().filter_map(first).collect::<Vec<_>>()
        };
        let winners = between(&self.block, &self.allow, true);
        winners
            .into_iter()
            .chain(between(&self.allow, &self.block, false))
    }
}

/// True if two rules of a group match the same flow at times, and the action decides between them.
fn conflict(a: &Rule, b: &Rule) -> bool {
    let by = Precedence::of(a).compare(&Precedence::of(b)).1;
    by == Criterion::Action
        && PortMatcher::meets(&a.spec().ports, &b.spec().ports)
        && a.spec().destination.meets(&b.spec().destination)
}
