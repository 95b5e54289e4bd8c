//! One flow out of those that a rule means. A rule that means them all means this one, so the index
//! finds it there.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::flow::{Flow, Protocol};
use crate::matcher::{
    AppId, DestinationMatcher, ExecutablePath, PathPattern, PortMatcher, PortRange, ProgramMatcher,
    ProtocolMatcher,
};
use crate::process::{Identity, Process, UnknownReason};
use crate::rule::Rule;

/// The flow and its sender, as far as the index looks at them; nothing for a pattern that matches
/// no path.
pub(super) fn of(rule: &Rule) -> Option<(Flow, Identity)> {
    let spec = rule.spec();
    let identity = match &spec.program {
        // A rule that means the kernel's packets and all else is found among those of any program.
        ProgramMatcher::Any | ProgramMatcher::Kernel => Identity::Kernel,
        ProgramMatcher::Unknown => Identity::Unknown {
            uid: None,
            reason: UnknownReason::NoSocket,
        },
        ProgramMatcher::Path(path) => process(path.clone(), None),
        ProgramMatcher::Pattern(pattern) => process(path_like(pattern)?, None),
        ProgramMatcher::App(app) => process("/app".parse().ok()?, Some(app.clone())),
    };
    Some((
        flow(&spec.destination, &spec.ports, spec.protocol),
        identity,
    ))
}

fn flow(to: &DestinationMatcher, ports: &PortMatcher, protocol: ProtocolMatcher) -> Flow {
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let port = match ports {
        PortMatcher::Any => None,
        PortMatcher::In(ranges) => ranges.first().copied().map(PortRange::ends),
    };
    Flow {
        protocol: match protocol {
            ProtocolMatcher::Any => Protocol::Tcp,
            ProtocolMatcher::Only(protocol) => protocol,
        },
        source: nowhere,
        source_port: 0,
        destination: to.some_address().unwrap_or(nowhere),
        destination_port: port.map_or(0, |(first, _)| first),
        hosts: match to {
            DestinationMatcher::Host(name) | DestinationMatcher::Domain(name) => vec![name.clone()],
            _ => Vec::new(),
        },
    }
}

/// A path with everything that the index files a pattern under.
fn path_like(pattern: &PathPattern) -> Option<ExecutablePath> {
    let name = pattern.literal_file_name().unwrap_or("x");
    format!("{}{name}", pattern.literal_dir()).parse().ok()
}

fn process(path: ExecutablePath, app: Option<AppId>) -> Identity {
    Identity::Process(Arc::new(Process::imagined(path, app, 0)))
}
