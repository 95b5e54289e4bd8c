//! The winner by a search through everything, in the documented order of precedence.

use std::cmp::Ordering;

use bastion_policy::flow::Flow;
use bastion_policy::matcher::{
    DestinationMatcher, Group, ProgramMatcher, ProtocolMatcher, UserMatcher,
};
use bastion_policy::process::Identity;
use bastion_policy::rule::{Action, Lifetime, Priority, Rule};
use bastion_policy::ruleset::Criterion;
use bastion_policy::time::Timestamp;

/// The documentation's order once more, written without the crate's: greater wins.
pub fn compare(a: &Rule, b: &Rule) -> (Ordering, Criterion) {
    let (x, y) = (a.spec(), b.spec());
    let priority = |rule: &Rule| match rule.spec().priority {
        Priority::Factory => 0,
        Priority::Normal => 1,
        Priority::Pinned => 2,
    };
    let blocks = |rule: &Rule| rule.spec().action != Action::Allow;
    let by = [
        (priority(a).cmp(&priority(b)), Criterion::Priority),
        (program(a).cmp(&program(b)), Criterion::Program),
        (
            destination(&x.destination).cmp(&destination(&y.destination)),
            Criterion::Destination,
        ),
        (meant_ports(b).cmp(&meant_ports(a)), Criterion::Ports),
        (
            (x.protocol != ProtocolMatcher::Any).cmp(&(y.protocol != ProtocolMatcher::Any)),
            Criterion::Protocol,
        ),
        (
            (x.user != UserMatcher::Any).cmp(&(y.user != UserMatcher::Any)),
            Criterion::User,
        ),
        (blocks(a).cmp(&blocks(b)), Criterion::Action),
        (x.created.cmp(&y.created), Criterion::Created),
        (b.id().as_str().cmp(a.id().as_str()), Criterion::Id),
    ];
    by.into_iter().find(|(order, _)| order.is_ne()).unwrap()
}

/// One process alone; kind; literal characters; what is asked about ancestors, and its literal
/// characters.
fn program(rule: &Rule) -> (bool, u8, usize, u8, usize) {
    let literal = |text: &str| text.chars().filter(|c| !"*?[]{},".contains(*c)).count();
    let spec = rule.spec();
    let (kind, letters) = match &spec.program {
        ProgramMatcher::Path(_) => (5, 0),
        ProgramMatcher::App(_) => (4, 0),
        ProgramMatcher::Pattern(pattern) => (3, literal(pattern.as_str())),
        ProgramMatcher::Kernel | ProgramMatcher::Unknown => (2, 0),
        ProgramMatcher::Any => (1, 0),
    };
    let (asks, ancestor_letters) = match &spec.started_by {
        Some(ProgramMatcher::Path(_)) => (2, 0),
        Some(ProgramMatcher::Pattern(pattern)) => (1, literal(pattern.as_str())),
        _ => (0, 0),
    };
    let one_process = matches!(spec.lifetime, Lifetime::Process(_));
    (one_process, kind, letters, asks, ancestor_letters)
}

/// Class, and what counts within it.
fn destination(destination: &DestinationMatcher) -> (u8, i32) {
    let text = destination.to_string();
    match destination {
        DestinationMatcher::Any => (0, 0),
        DestinationMatcher::Group(Group::Internet) => (1, 0),
        DestinationMatcher::Group(Group::Lan) => (2, 0),
        DestinationMatcher::Group(Group::Multicast) => (3, 0),
        DestinationMatcher::Network(network) => (
            4,
            i32::from(network.prefix_len()) - i32::from(network.max_prefix_len()),
        ),
        DestinationMatcher::Range(_) => {
            let (first, last) = text.split_once('-').unwrap();
            let number = |text: &str| match text.parse().unwrap() {
                std::net::IpAddr::V4(v4) => u128::from(u32::from(v4)),
                std::net::IpAddr::V6(v6) => u128::from(v6),
            };
            let size = (number(last) - number(first)).checked_add(1);
            (
                4,
                -size.map_or(128, |size| i32::try_from(size.ilog2()).unwrap()),
            )
        }
        DestinationMatcher::Domain(_) => (5, i32::try_from(text.split('.').count()).unwrap()),
        DestinationMatcher::Host(_) | DestinationMatcher::Address(_) => (6, 0),
    }
}

/// “any” means one more than every port: flows without ports too.
fn meant_ports(rule: &Rule) -> u32 {
    let text = rule.spec().ports.to_string();
    if text == "any" {
        return 65_536;
    }
    let size = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        last.parse::<u32>().unwrap() - first.parse::<u32>().unwrap() + 1
    };
    text.split(',').map(size).sum()
}

pub fn winner<'a>(
    rules: &'a [Rule],
    flow: &Flow,
    identity: &Identity,
    now: Timestamp,
) -> Option<&'a Rule> {
    rules
        .iter()
        .filter(|rule| rule.matches(flow, identity, now))
        .max_by(|a, b| compare(a, b).0)
}
