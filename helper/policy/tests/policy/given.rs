//! Made-up flows, senders and rules. They come from a small world, so that they often meet.

use std::net::IpAddr;
use std::sync::Arc;

use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::matcher::{
    AddressRange, DestinationMatcher, Group, PortMatcher, PortRange, ProgramMatcher,
    ProtocolMatcher, UserMatcher,
};
use bastion_policy::process::{
    Ancestor, Evidence, Executable, FileId, Identity, Process, ProcessKey, UnknownReason,
};
use bastion_policy::rule::{Action, Creator, Lifetime, Priority, Rule, RuleSpec};
use bastion_policy::text::RuleText;
use bastion_policy::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Deserialize;
use serde::de::value::MapDeserializer;

pub const PATHS: [&str; 5] = [
    "/usr/bin/curl",
    "/usr/bin/wget",
    "/opt/tool-1/bin/tool",
    "/opt/tool-2/bin/tool",
    "/home/u/é/tool",
];
const PATTERNS: [&str; 9] = [
    "/**",
    "/usr/bin/*",
    "/usr/bin/{curl,wget}",
    "/opt/*/bin/tool",
    "/opt/tool-[12]/bin/tool",
    "/opt/tool-?/bin/*",
    "/**/tool",
    "/home/u/é/*",
    "/opt/tool-1/bin/{tool,other}",
];
const APPS: [&str; 3] = ["flatpak:org.example.App", "snap:app", "appimage:Tool"];
const HOSTS: [&str; 5] = [
    "any",
    "example.org",
    "www.example.org",
    "cdn.example.net",
    "net",
];
const ADDRESSES: [&str; 8] = [
    "192.0.2.1",
    "192.0.2.9",
    "192.168.1.1",
    "10.0.0.1",
    "224.0.0.251",
    "2001:db8::1",
    "fd00::1",
    "ff02::fb",
];
const PORTS: [u16; 4] = [53, 80, 443, 8080];
const PROTOCOLS: [Protocol; 5] = [
    Protocol::Tcp,
    Protocol::Udp,
    Protocol::Icmp,
    Protocol::IcmpV6,
    Protocol::Other(99),
];
const UIDS: [u32; 3] = [0, 1000, 1001];

fn address() -> impl Strategy<Value = IpAddr> {
    select(&ADDRESSES[..]).prop_map(|text| text.parse().unwrap())
}

pub fn flow() -> impl Strategy<Value = Flow> {
    (
        select(&PROTOCOLS[..]),
        address(),
        select(&PORTS[..]),
        1024u16..,
        vec(select(&HOSTS[..]), 0..3),
    )
        .prop_map(|(protocol, destination, port, source_port, hosts)| Flow {
            protocol,
            source: match destination {
                IpAddr::V4(_) => "192.0.2.200".parse().unwrap(),
                IpAddr::V6(_) => "2001:db8::200".parse().unwrap(),
            },
            source_port,
            destination,
            destination_port: if protocol.has_ports() { port } else { 0 },
            hosts: hosts
                .into_iter()
                .map(|host| host.parse().unwrap())
                .collect(),
        })
}

fn key() -> impl Strategy<Value = ProcessKey> {
    (1u32..5, 1u64..3).prop_map(|(pid, start_time)| ProcessKey { pid, start_time })
}

/// A process whose facts follow from its key, as they do for real ones.
fn process_of(key: ProcessKey, path: &str, uid: u32, parent: Option<&str>) -> Process {
    let inode = PATHS.iter().position(|p| *p == path).unwrap() as u64;
    Process {
        key,
        uid,
        executable: Executable {
            path: path.parse().unwrap(),
            file: Some(FileId { device: 1, inode }),
            replaced: false,
        },
        arguments: Vec::new(),
        working_directory: String::new(),
        cgroup: String::new(),
        app: None,
        parents: parent
            .map(|path| Ancestor {
                key: ProcessKey {
                    pid: 1,
                    start_time: 0,
                },
                path: path.parse().unwrap(),
            })
            .into_iter()
            .collect(),
        evidence: Evidence::PacketPath,
        execs: None,
    }
}

pub fn identity() -> impl Strategy<Value = Identity> {
    let process = (
        key(),
        select(&PATHS[..]),
        select(&UIDS[..]),
        proptest::option::of(select(&PATHS[..])),
        proptest::option::of(select(&APPS[..])),
    )
        .prop_map(|(key, path, uid, parent, app)| {
            let mut process = process_of(key, path, uid, parent);
            process.app = app.map(|app| app.parse().unwrap());
            Identity::Process(Arc::new(process))
        });
    let unknown = proptest::option::of(select(&UIDS[..])).prop_map(|uid| Identity::Unknown {
        uid,
        reason: UnknownReason::NoSocket,
    });
    prop_oneof![8 => process, 1 => unknown, 1 => Just(Identity::Kernel)]
}

/// One of a few processes, always the same for the same number.
pub fn numbered_process(number: u32) -> Identity {
    let path = PATHS[number as usize % 2];
    let key = ProcessKey {
        pid: 100 + number,
        start_time: 7,
    };
    Identity::Process(Arc::new(process_of(key, path, 1000, None)))
}

/// An application's curl that wget started.
pub fn curl_in_an_app_started_by_wget() -> Identity {
    let key = ProcessKey {
        pid: 100,
        start_time: 7,
    };
    let mut process = process_of(key, PATHS[0], 1000, Some(PATHS[1]));
    process.app = Some(APPS[0].parse().unwrap());
    Identity::Process(Arc::new(process))
}

/// Fields of a rule's record and their texts.
pub type Fields = [(&'static str, &'static str)];

/// A record with these fields; those left out are left out in the file too. All but `id` have a
/// default here.
pub fn rule_text(fields: &Fields) -> RuleText {
    let named = |name| fields.iter().any(|(field, _)| *field == name);
    let needed = [("name", "a rule"), ("action", "allow")];
    let filled = needed.into_iter().filter(|(name, _)| !named(*name));
    let map = fields.iter().copied().chain(filled);
    RuleText::deserialize(MapDeserializer::<_, serde::de::value::Error>::new(map)).unwrap()
}

/// The rule that [`rule_text`] describes.
pub fn rule(fields: &Fields) -> Rule {
    rule_text(fields).parse().unwrap()
}

fn text<T: std::str::FromStr<Err: std::fmt::Debug> + Clone + std::fmt::Debug>(
    texts: &'static [&'static str],
) -> impl Strategy<Value = T> {
    select(texts).prop_map(|text| text.parse().unwrap())
}

fn program() -> impl Strategy<Value = ProgramMatcher> {
    prop_oneof![
        Just(ProgramMatcher::Any),
        Just(ProgramMatcher::Kernel),
        Just(ProgramMatcher::Unknown),
        text(&PATHS).prop_map(ProgramMatcher::Path),
        text(&PATTERNS).prop_map(ProgramMatcher::Pattern),
        text(&APPS).prop_map(ProgramMatcher::App),
    ]
}

fn destination() -> impl Strategy<Value = DestinationMatcher> {
    let network = (address(), 0u8..=128)
        .prop_filter_map("longer than the family allows", |(a, n)| {
            ipnet::IpNet::new(a, n).ok()
        });
    let range = (address(), address()).prop_filter_map("families differ", |(a, b)| {
        AddressRange::new(a.min(b), a.max(b))
    });
    prop_oneof![
        2 => Just(DestinationMatcher::Any),
        2 => address().prop_map(DestinationMatcher::Address),
        2 => text(&HOSTS).prop_map(DestinationMatcher::Host),
        2 => text(&HOSTS).prop_map(DestinationMatcher::Domain),
        2 => network.prop_map(DestinationMatcher::Network),
        1 => range.prop_map(DestinationMatcher::Range),
        1 => select(vec![Group::Lan, Group::Internet, Group::Multicast])
            .prop_map(DestinationMatcher::Group),
    ]
}

/// Also such as no text gives: out of order, touching, doubled.
fn ports() -> impl Strategy<Value = PortMatcher> {
    let range = (select(&PORTS[..]), 0u16..500)
        .prop_map(|(first, more)| PortRange::new(first, first + more).unwrap());
    prop_oneof![
        2 => Just(PortMatcher::Any),
        2 => select(&PORTS[..]).prop_map(|port| PortMatcher::one(port).unwrap()),
        1 => vec(range, 1..4).prop_map(PortMatcher::In),
    ]
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![
        6 => Just(Lifetime::Forever),
        1 => Just(Lifetime::Restart),
        2 => (0u64..2_000).prop_map(|at| Lifetime::Until(Timestamp::from_millis(at))),
        1 => Just(Lifetime::Session("c2".into())),
        2 => key().prop_map(Lifetime::Process),
    ]
}

fn spec() -> impl Strategy<Value = RuleSpec> {
    let who = (
        program(),
        proptest::option::weighted(0.2, program()),
        prop_oneof![
            Just(UserMatcher::Any),
            select(&UIDS[..]).prop_map(UserMatcher::Uid)
        ],
    );
    let what = (
        destination(),
        ports(),
        prop_oneof![
            Just(ProtocolMatcher::Any),
            select(&PROTOCOLS[..]).prop_map(ProtocolMatcher::Only)
        ],
    );
    let how = (
        select(vec![Action::Allow, Action::Deny, Action::Drop]),
        proptest::bool::weighted(0.9),
        lifetime(),
        select(vec![Priority::Factory, Priority::Normal, Priority::Pinned]),
    );
    let about = (
        "[a-zé ]{1,20}",
        "[a-z\\n]{0,20}",
        prop_oneof![
            select(vec![
                Creator::Factory,
                Creator::Learned,
                Creator::Import,
                Creator::Hand
            ]),
            any::<u32>().prop_map(Creator::User),
        ],
        prop_oneof![0u64..5, any::<u64>()],
    );
    (who, what, how, about).prop_map(
        |(
            (program, started_by, user),
            (destination, ports, protocol),
            (action, enabled, lifetime, priority),
            (name, note, creator, created),
        )| RuleSpec {
            name,
            enabled,
            action,
            program,
            started_by,
            user,
            destination,
            ports,
            protocol,
            lifetime,
            priority,
            note,
            creator,
            created: Timestamp::from_millis(created),
        },
    )
}

/// Rules with ids of their own; contradictory specs are left out.
pub fn rules(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Rule>> {
    vec(spec(), count).prop_map(|specs| {
        specs
            .into_iter()
            .enumerate()
            .filter_map(|(number, spec)| {
                Rule::new(format!("r{number}").parse().unwrap(), spec).ok()
            })
            .collect()
    })
}
