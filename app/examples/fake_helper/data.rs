//! What the stand-in shows.

use bastion_ipc::wire::{Details, Event, Question, WireRule};
use bastion_policy::time::Timestamp;

use crate::now;

fn rule(id: &str, name: &str, action: &str, fields: &[(&str, &str)], hits: u64) -> WireRule {
    let field = |key| {
        let found = fields.iter().find(|(k, _)| *k == key);
        found.map(|(_, value)| (*value).to_owned())
    };
    WireRule {
        id: Some(id.into()),
        name: name.into(),
        enabled: Some(field("enabled").is_none()),
        action: action.into(),
        program: field("program"),
        destination: field("destination"),
        ports: field("ports"),
        protocol: field("protocol"),
        user: field("user"),
        lifetime: field("lifetime"),
        priority: field("priority"),
        creator: field("creator").or(Some("1000".into())),
        hits: Some(hits),
        last_hit: Some(match hits {
            0 => 0,
            hits => now() - 3_600_000 / hits,
        }),
        ..WireRule::default()
    }
}

fn until(millis: u64) -> String {
    format!("until:{}", Timestamp::from_millis(millis))
}

pub(crate) fn rules() -> Vec<WireRule> {
    let factory = |extra: &[(&'static str, &'static str)]| {
        let mut all = vec![("priority", "factory"), ("creator", "factory")];
        all.extend_from_slice(extra);
        all
    };
    vec![
        rule(
            "r1",
            "Firefox may browse",
            "allow",
            &[
                ("program", "/usr/lib/firefox/firefox"),
                ("ports", "80,443"),
                ("protocol", "tcp"),
            ],
            4182,
        ),
        rule(
            "r2",
            "Thunderbird mail",
            "allow",
            &[
                ("program", "/usr/bin/thunderbird"),
                ("destination", "domain:fastmail.com"),
                ("ports", "465,993"),
                ("protocol", "tcp"),
            ],
            236,
        ),
        rule(
            "r3",
            "No telemetry",
            "deny",
            &[
                ("destination", "domain:telemetry.example.com"),
                ("priority", "pinned"),
            ],
            58,
        ),
        rule(
            "r4",
            "Steam downloads",
            "allow",
            &[
                ("program", "flatpak:com.valvesoftware.Steam"),
                ("destination", "group:internet"),
            ],
            912,
        ),
        rule(
            "r5",
            "curl to example.org",
            "allow",
            &[
                ("program", "/usr/bin/curl"),
                ("destination", "example.org"),
                ("ports", "443"),
                ("protocol", "tcp"),
                ("lifetime", "restart"),
            ],
            3,
        ),
        rule(
            "r6",
            "Printer on the local network",
            "allow",
            &[
                ("destination", "group:lan"),
                ("ports", "631"),
                ("protocol", "tcp"),
                ("enabled", "no"),
            ],
            0,
        ),
        rule(
            "r7",
            "Old updater",
            "drop",
            &[("program", "pattern:/opt/acme/*/updater")],
            17,
        ),
        rule(
            "r8",
            "Calendar statistics",
            "allow",
            &[
                ("program", "/usr/bin/gnome-calendar"),
                ("destination", "stats.telemetry.example.com"),
            ],
            0,
        ),
        WireRule {
            lifetime: Some(until(now() + 5_000_000)),
            ..rule(
                "r9",
                "Video call",
                "allow",
                &[("program", "flatpak:org.example.Meet")],
                41,
            )
        },
        rule(
            "f1",
            "DNS lookups by the system",
            "allow",
            &factory(&[
                ("program", "/usr/lib/systemd/systemd-resolved"),
                ("ports", "53"),
                ("protocol", "udp"),
            ]),
            20_411,
        ),
        rule(
            "f2",
            "DHCP",
            "allow",
            &factory(&[
                ("program", "/usr/sbin/NetworkManager"),
                ("ports", "67"),
                ("protocol", "udp"),
            ]),
            12,
        ),
        rule(
            "f3",
            "Clock over NTP",
            "allow",
            &factory(&[
                ("program", "/usr/lib/systemd/systemd-timesyncd"),
                ("ports", "123"),
                ("protocol", "udp"),
            ]),
            84,
        ),
    ]
}

/// Program, host, address, port, protocol, verdict, reason, rule.
type Flow = (
    &'static str,
    &'static str,
    &'static str,
    u16,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const FLOWS: [Flow; 10] = [
    (
        "/usr/lib/firefox/firefox",
        "www.wikipedia.org",
        "198.51.100.14",
        443,
        "tcp",
        "allow",
        "rule:r1",
        "Firefox may browse",
    ),
    (
        "/usr/bin/curl",
        "example.org",
        "192.0.2.10",
        443,
        "tcp",
        "allow",
        "rule:r5",
        "curl to example.org",
    ),
    (
        "/usr/bin/thunderbird",
        "imap.fastmail.com",
        "203.0.113.44",
        993,
        "tcp",
        "allow",
        "rule:r2",
        "Thunderbird mail",
    ),
    (
        "/opt/acme/4.2/updater",
        "collect.acme.example",
        "203.0.113.9",
        443,
        "tcp",
        "drop",
        "rule:r7",
        "Old updater",
    ),
    (
        "/usr/bin/gnome-calendar",
        "telemetry.example.com",
        "198.51.100.77",
        443,
        "tcp",
        "deny",
        "rule:r3",
        "No telemetry",
    ),
    (
        "/usr/lib/systemd/systemd-resolved",
        "",
        "192.0.2.53",
        53,
        "udp",
        "allow",
        "rule:f1",
        "DNS lookups by the system",
    ),
    (
        "/usr/bin/ping",
        "gnome.org",
        "203.0.113.80",
        0,
        "icmp",
        "allow",
        "answer:1000",
        "",
    ),
    (
        "unknown",
        "",
        "2001:db8::17",
        8080,
        "tcp",
        "deny",
        "timeout",
        "",
    ),
    (
        "kernel",
        "",
        "198.51.100.200",
        51820,
        "udp",
        "allow",
        "no-rule",
        "",
    ),
    (
        "/usr/bin/git",
        "git.example.net",
        "2001:db8:44::5",
        22,
        "tcp",
        "allow",
        "answer:1000",
        "",
    ),
];

pub(crate) fn event(id: u64, age: u64) -> Event {
    let (program, host, destination, port, protocol, verdict, reason, rule) =
        FLOWS[usize::try_from(id).unwrap() % FLOWS.len()];
    Event {
        id,
        time: now() - age * 1000,
        verdict: verdict.into(),
        reason: reason.into(),
        rule_name: rule.into(),
        program: program.into(),
        pid: 4000 + u32::try_from(id % 28_000).unwrap(),
        uid: if program == "kernel" {
            u32::MAX
        } else if program.contains("systemd") {
            0
        } else {
            1000
        },
        protocol: protocol.into(),
        source: "192.0.2.2".into(),
        source_port: 40_000 + u16::try_from(id % 25_000).unwrap(),
        destination: destination.into(),
        destination_port: port,
        host: host.into(),
        count: 1,
    }
}

/// One of four questions.
pub(crate) fn question(id: u64) -> Question {
    let (program, host, port, service) = match id {
        1 => ("/usr/bin/curl", "downloads.example.org", 443, "https"),
        2 => ("/home/alice/.local/share/game/bin/launcher", "", 27_015, ""),
        3 => ("/usr/sbin/cupsd", "printers.example.net", 631, "ipp"),
        _ => ("/usr/lib/reader/reader", "books.example.com", 443, "https"),
    };
    Question {
        id,
        opened: now(),
        deadline: now() + 60_000,
        program: program.into(),
        pid: 4711,
        uid: 1000,
        user: "alice".into(),
        arguments: [
            "curl",
            "--location",
            "--output",
            "archive.tar.gz",
            "https://downloads.example.org/archive.tar.gz",
        ]
        .map(String::from)
        .to_vec(),
        working_directory: "/home/alice/Downloads".into(),
        parents: [
            "/usr/bin/bash",
            "/usr/libexec/gnome-terminal-server",
            "/usr/lib/systemd/systemd",
        ]
        .map(String::from)
        .to_vec(),
        protocol: "tcp".into(),
        destination: "203.0.113.20".into(),
        port,
        service: service.into(),
        host: host.into(),
        replaced: id == 4,
        needs_administrator: id == 3,
        scopes: ["flow", "destination", "domain", "port", "program"]
            .map(String::from)
            .to_vec(),
        lifetimes: [
            "once",
            "process",
            "seconds:3600",
            "session",
            "restart",
            "forever",
        ]
        .map(String::from)
        .to_vec(),
        ..Question::default()
    }
}

/// What is known of the program of a question, later than the question itself.
pub(crate) fn details(id: u64) -> Details {
    let text = |text: &str| Some(text.to_owned());
    match id {
        1 => Details {
            package: text("curl"),
            package_version: text("8.14.1-2"),
            package_state: text("as-shipped"),
            unit: text("app-gnome-org.gnome.Terminal-4242.scope"),
            user_unit: Some(true),
            script: text("/home/alice/bin/fetch.sh"),
            container: text("toolbox trixie"),
            ..Details::default()
        },
        2 => Details {
            package_state: text("unpackaged"),
            appimage: text("/home/alice/Games/Racer.AppImage"),
            ..Details::default()
        },
        3 => Details {
            package: text("cups-daemon"),
            package_version: text("2.4.10-3"),
            package_state: text("changed"),
            unit: text("cups.service"),
            user_unit: Some(false),
            ..Details::default()
        },
        4 => Details {
            package: text("reader"),
            package_version: text("2:1.9+dfsg-4"),
            package_state: text("unknown"),
            unit: text("app-gnome-org.example.Reader-5151.scope"),
            user_unit: Some(true),
            container: text("podman 0123456789ab"),
            desktop_entry: text("org.example.Reader.desktop"),
            name: text("E-Book Reader"),
            icon: text("ebook-reader"),
            ..Details::default()
        },
        _ => Details::default(),
    }
}
