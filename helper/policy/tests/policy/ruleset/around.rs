//! Flows around those that a rule means.

use std::collections::BTreeSet;
use std::iter;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::matcher::{
    DestinationMatcher, PortMatcher, ProgramMatcher, ProtocolMatcher, UserMatcher,
};
use bastion_policy::process::{Ancestor, Identity, Process, ProcessKey, UnknownReason};
use bastion_policy::rule::Rule;

use super::{NOW, flow_to};
use crate::given;

/// A flow that this rule means, of one of its senders, if it means any.
pub fn sample(rule: &Rule) -> (Flow, Identity) {
    let spec = rule.spec();
    let protocol = match spec.protocol {
        ProtocolMatcher::Any => Protocol::Tcp,
        ProtocolMatcher::Only(protocol) => protocol,
    };
    let destination = addresses(&spec.destination)
        .into_iter()
        .next()
        .unwrap_or("192.0.2.77".parse().unwrap());
    let flow = Flow {
        protocol,
        destination,
        destination_port: ports(&spec.ports).into_iter().next().unwrap_or(0),
        hosts: match &spec.destination {
            DestinationMatcher::Host(name) | DestinationMatcher::Domain(name) => vec![name.clone()],
            _ => Vec::new(),
        },
        ..flow_to("192.0.2.77")
    };
    let uid = match spec.user {
        UserMatcher::Any => 4711,
        UserMatcher::Uid(uid) => uid,
    };
    (flow, sender(&spec.program, spec.started_by.as_ref(), uid))
}

fn sender(program: &ProgramMatcher, started_by: Option<&ProgramMatcher>, uid: u32) -> Identity {
    let mut path = "/nowhere/else".parse().unwrap();
    let mut app = None;
    match program {
        ProgramMatcher::Kernel => return Identity::Kernel,
        ProgramMatcher::Unknown => {
            return Identity::Unknown {
                uid: Some(uid),
                reason: UnknownReason::NoSocket,
            };
        }
        ProgramMatcher::Path(wanted) => path = wanted.clone(),
        ProgramMatcher::App(wanted) => app = Some(wanted.clone()),
        ProgramMatcher::Any | ProgramMatcher::Pattern(_) => {}
    }
    let Identity::Process(one) = given::numbered_process(0) else {
        unreachable!("it is a process");
    };
    let mut process = Process::clone(&one);
    process.executable.path = path;
    process.app = app;
    process.uid = uid;
    process.parents = started_by
        .map(|parent| Ancestor {
            key: ProcessKey {
                pid: 1,
                start_time: 0,
            },
            path: parent.to_string().parse().unwrap(),
        })
        .into_iter()
        .collect();
    Identity::Process(Arc::new(process))
}

/// Where the addresses meant begin and end, or near that.
fn addresses(destination: &DestinationMatcher) -> Vec<IpAddr> {
    match destination {
        DestinationMatcher::Address(address) => vec![*address],
        DestinationMatcher::Network(network) => vec![network.network(), network.broadcast()],
        DestinationMatcher::Range(_) => destination
            .to_string()
            .split('-')
            .map(|end| end.parse().unwrap())
            .collect(),
        DestinationMatcher::Group(group) => ends_of_groups()
            .filter(|address| group.contains(*address))
            .collect(),
        _ => Vec::new(),
    }
}

/// Where the networks begin and end of which groups are made, or what they leave out, and where all
/// addresses do: RFC 1112, 1918, 3927, 4193, 4291.
fn ends_of_groups() -> impl Iterator<Item = IpAddr> {
    [
        "224.0.0.0/4",
        "255.255.255.255/32",
        "ff00::/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
        "127.0.0.0/8",
        "::1/128",
        "0.0.0.0/0",
        "::/0",
    ]
    .into_iter()
    .map(|text| text.parse::<IpNet>().unwrap())
    .flat_map(|network| [network.network(), network.broadcast()])
}

/// An address before, at and after each of these.
fn around(addresses: impl Iterator<Item = IpAddr>) -> impl Iterator<Item = IpAddr> {
    addresses.flat_map(|address| match address {
        IpAddr::V4(v4) => [-1i64, 0, 1].map(|step| {
            IpAddr::V4(
                (i64::from(v4.to_bits()) + step)
                    .max(0)
                    .try_into()
                    .unwrap_or(u32::MAX)
                    .into(),
            )
        }),
        IpAddr::V6(v6) => [
            v6.to_bits().saturating_sub(1),
            v6.to_bits(),
            v6.to_bits().saturating_add(1),
        ]
        .map(|bits| IpAddr::V6(bits.into())),
    })
}

/// Where the ports meant begin and end.
fn ports(ports: &PortMatcher) -> Vec<u16> {
    let text = ports.to_string();
    let ends = text.split([',', '-']).filter_map(|end| end.parse().ok());
    ends.collect()
}

/// True if one of the flows around those of the rule, and around those of the other, is as asked:
/// all that a flow is made of in every combination.
pub fn any_around(
    rule: &Rule,
    other: &Rule,
    mut is_so: impl FnMut(&Flow, &Identity) -> bool,
) -> bool {
    let (spec, not) = (rule.spec(), other.spec());
    let (base, identity) = sample(rule);
    let protocols = [1, 6, 17, 58, 99, 200].map(Protocol::from_number);
    let meant = [addresses(&spec.destination), addresses(&not.destination)].concat();
    let ends = meant.into_iter().chain(ends_of_groups());
    let destinations = with(base.destination, around(ends));
    let ends = [ports(&spec.ports), ports(&not.ports), vec![0]].concat();
    let ports = ends
        .into_iter()
        .flat_map(|port| [port.saturating_sub(1), port, port.saturating_add(1)]);
    let ports = with(base.destination_port, ports);
    let below = base.hosts.iter().map(|name| format!("below.{name}"));
    let below = below.map(|name| vec![name.parse().unwrap()]);
    let hosts = [base.hosts.clone(), Vec::new()].into_iter().chain(below);
    let programs = [
        &ProgramMatcher::Kernel,
        &ProgramMatcher::Unknown,
        &ProgramMatcher::Any,
    ];
    let others = programs.map(|program| sender(program, None, 4711));
    let identities: Vec<_> = iter::once(identity).chain(others).collect();

    let mut flow = base.clone();
    for hosts in hosts {
        flow.hosts = hosts;
        for protocol in with(base.protocol, protocols) {
            flow.protocol = protocol;
            for destination in &destinations {
                flow.destination = *destination;
                for port in &ports {
                    flow.destination_port = *port;
                    if identities.iter().any(|identity| is_so(&flow, identity)) {
                        return true;
                    }
                }
            }
        }
    }
    false
}

/// The one, then the others, each once.
fn with<T: Ord + Copy>(one: T, others: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    iter::once(one)
        .chain(others)
        .filter(|value| seen.insert(*value))
        .collect()
}

/// True if a flow can be found that both mean.
pub fn meet(rule: &Rule, other: &Rule) -> bool {
    let (flow, identity) = sample(rule);
    let (there, _) = sample(other);
    let identity = match (&identity, &rule.spec().started_by, &other.spec().started_by) {
        (Identity::Process(process), Some(a), Some(b)) if a != b => {
            let mut process = Process::clone(process);
            let parent = process.parents[0].clone();
            let path = b.to_string().parse().unwrap();
            process.parents.push(Ancestor { path, ..parent });
            Identity::Process(Arc::new(process))
        }
        _ => identity,
    };
    let places = [&flow, &there].map(|flow| (flow.destination, flow.hosts.clone()));
    let ends = [
        ports(&rule.spec().ports),
        ports(&other.spec().ports),
        vec![0],
    ]
    .concat();
    let flows = places.into_iter().flat_map(|(destination, hosts)| {
        let base = Flow {
            destination,
            hosts,
            ..flow.clone()
        };
        ends.iter().map(move |port| Flow {
            destination_port: *port,
            ..base.clone()
        })
    });
    let mut flows = flows.collect::<Vec<_>>().into_iter();
    flows.any(|flow| rule.matches(&flow, &identity, NOW) && other.matches(&flow, &identity, NOW))
}
