//! Live connections and logged decisions as rows: they show the same facts.

use std::net::IpAddr;

use bastion_ipc::wire::{Connection, Ends, Event, WireRule};

pub mod live;

use super::names::{self, Directory};
use super::verdict::{self, Verdict};
use crate::i18n::{gettext, gettext_f};

/// By which destinations are sorted: names by their letters, then addresses by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DestinationOrder {
    /// In lower case.
    Name(String),
    /// IPv4 before IPv6.
    Address(IpAddr),
}

/// A flow as tables show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRow {
    /// Names the row: the number of the event in the log.
    pub id: u64,
    /// When it was decided, in milliseconds since the epoch.
    pub time: u64,
    /// Name of the program.
    pub program: String,
    /// Its path, or `kernel`, or `unknown`.
    pub program_path: String,
    /// Name or address.
    pub destination: String,
    /// The address, where the destination is a name; else empty.
    pub address: String,
    /// Port and service; empty for protocols without ports.
    pub port: String,
    /// By which to sort ports.
    pub port_number: u16,
    /// Name of the protocol.
    pub protocol: String,
    /// Login name of the user.
    pub user: String,
    /// What became of it.
    pub verdict: Verdict,
    /// In a word: open, waiting, or the verdict.
    pub state: String,
    /// Why.
    pub reason: String,
    /// Names the connection, while it is open; `None` where there is none that could be ended.
    pub ends: Option<Ends>,
    /// How many flows this row stands for.
    pub count: u32,
    /// By which to sort programs.
    pub program_order: String,
    /// By which to sort destinations.
    pub destination_order: DestinationOrder,
    protocol_text: String,
    haystack: String,
}

impl FlowRow {
    /// The row of a logged decision.
    #[must_use]
    pub fn of_event(event: &Event, directory: &Directory) -> Self {
        let verdict = Verdict::parse(&event.verdict);
        let destination = names::host(&event.host, &event.destination).to_owned();
        let service = directory.service(event.destination_port, &event.protocol);
        let program = names::program(&event.program);
        let mut row = Self {
            id: event.id,
            time: event.time,
            program_order: program.to_lowercase(),
            destination_order: match destination.parse() {
                Ok(address) => DestinationOrder::Address(address),
                Err(_) => DestinationOrder::Name(destination.to_lowercase()),
            },
            program,
            program_path: event.program.clone(),
            address: if event.host.is_empty() {
                String::new()
            } else {
                event.destination.clone()
            },
            destination,
            port: names::port(event.destination_port, service),
            port_number: event.destination_port,
            protocol: if event.is_mending() {
                String::new()
            } else {
                names::protocol(&event.protocol)
            },
            user: directory.user(event.uid),
            verdict,
            state: verdict.label(),
            reason: verdict::why(event, directory),
            ends: None,
            count: event.count.max(1),
            protocol_text: event.protocol.clone(),
            haystack: String::new(),
        };
        row.haystack = [
            &row.program_path,
            &row.program,
            &row.destination,
            &row.address,
            &row.port,
            &row.protocol,
            &row.user,
            &row.reason,
        ]
        .map(|part| part.to_lowercase())
        .join("\n");
        row
    }

    /// The row of a live connection.
    #[must_use]
    pub fn of_connection(connection: &Connection, directory: &Directory) -> Self {
        let mut row = Self::of_event(&connection.event, directory);
        if connection.state == "waiting" {
            row.verdict = Verdict::Waiting;
            row.state = gettext("Waiting");
        } else {
            row.state = gettext("Open");
            row.ends = Some(Ends::from(&connection.event));
        }
        row
    }

    /// A rule for such connections, which does what was done with this one; none where a rule can't
    /// tell by whom they are made.
    #[must_use]
    pub fn rule(&self) -> Option<WireRule> {
        if matches!(self.program_path.as_str(), "" | "unknown") || self.destination.is_empty() {
            return None;
        }
        let name = gettext_f(
            "{program} to {destination}",
            &[
                ("program", &self.program),
                ("destination", &self.destination),
            ],
        );
        let action = match self.verdict {
            Verdict::Allowed | Verdict::Waiting => "allow",
            Verdict::Denied => "deny",
            Verdict::Dropped => "drop",
            Verdict::Mended => return None,
        };
        Some(WireRule {
            name,
            action: action.into(),
            program: Some(self.program_path.clone()),
            destination: Some(self.destination.clone()),
            ports: (self.port_number != 0).then(|| self.port_number.to_string()),
            protocol: Some(self.protocol_text.clone()),
            ..WireRule::default()
        })
    }

    /// True if every word of the query occurs somewhere in the row. The query is in lower case.
    #[must_use]
    pub fn matches(&self, query: &str) -> bool {
        query
            .split_whitespace()
            .all(|word| self.haystack.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn connection(id: u64, state: &str) -> Connection {
        Connection {
            event: Event {
                id,
                time: id,
                program: "/usr/bin/curl".into(),
                protocol: "tcp".into(),
                source: "192.0.2.9".into(),
                source_port: u16::try_from(id).unwrap(),
                destination: "192.0.2.1".into(),
                destination_port: 443,
                host: "example.org".into(),
                uid: 1000,
                verdict: "allow".into(),
                reason: "no-rule".into(),
                ..Event::default()
            },
            state: state.into(),
        }
    }

    pub(super) fn directory() -> Directory {
        Directory::fixed(&[(1000, "alice")], "https 443/tcp")
    }

    #[test]
    fn a_rule_is_made_of_what_is_known() {
        let mut connection = connection(1, "open");
        let rule =
            |connection: &Connection| FlowRow::of_connection(connection, &directory()).rule();
        let made = rule(&connection).unwrap();
        assert_eq!(made.name, "curl to example.org");
        assert_eq!(made.action, "allow");
        assert_eq!(made.id, None);
        assert_eq!(made.program.as_deref(), Some("/usr/bin/curl"));
        assert_eq!(made.destination.as_deref(), Some("example.org"));
        assert_eq!(made.ports.as_deref(), Some("443"));
        assert_eq!(made.protocol.as_deref(), Some("tcp"));
        // The policy takes it as it is.
        let id = Some("r1".into());
        bastion_policy::rule::Rule::try_from(&WireRule { id, ..made }).unwrap();
        connection.event.program = "unknown".into();
        assert_eq!(rule(&connection), None);
    }

    #[test]
    fn destinations_are_sorted_as_what_they_are() {
        let order = |host: &str, address: &str| {
            let mut connection = connection(1, "open");
            connection.event.host = host.into();
            connection.event.destination = address.into();
            FlowRow::of_connection(&connection, &directory()).destination_order
        };
        let sorted = [
            order("Alpha.example", "203.0.113.1"),
            order("beta.example", "192.0.2.1"),
            order("", "192.0.2.9"),
            order("", "192.0.2.10"),
            order("", "2001:db8::9"),
            order("", "2001:db8::10"),
        ];
        assert!(sorted.is_sorted(), "{sorted:?}");
    }

    #[test]
    fn a_row_names_what_it_can() {
        let row = FlowRow::of_connection(&connection(1, "open"), &directory());
        assert_eq!(
            (row.program.as_str(), row.port.as_str()),
            ("curl", "443 (https)")
        );
        assert_eq!(
            (row.destination.as_str(), row.address.as_str()),
            ("example.org", "192.0.2.1")
        );
        assert_eq!((row.user.as_str(), row.state.as_str()), ("alice", "Open"));
        assert_eq!(row.ends.map(|ends| ends.destination_port), Some(443));
        let waiting = FlowRow::of_connection(&connection(1, "waiting"), &directory());
        assert_eq!(waiting.ends, None, "it is no connection yet");
        let logged = FlowRow::of_event(&connection(1, "open").event, &directory());
        assert_eq!(logged.ends, None);
        let row = FlowRow::of_connection(&connection(1, "open"), &directory());
        assert!(row.matches("alice https"));
        assert!(!row.matches("bob"));
    }
}
