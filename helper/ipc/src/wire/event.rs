use std::net::IpAddr;

use bastion_policy::escape;
use bastion_policy::flow::{Flow, Tuple};
use bastion_policy::matcher::ExecutablePath;
use zbus::{DeserializeDict, SerializeDict, Type};

use super::WireError;

/// A decision about a flow, as logged; or, where the verdict is [`Event::MENDED`], that Bastion
/// mended its iptables rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Event {
    /// Ascending number in the log.
    pub id: u64,
    /// When it was decided.
    pub time: u64,
    /// `allow`, `deny` or `drop`; or `mended`.
    pub verdict: String,
    /// Why, in the text form of `bastion_policy::ruleset::Reason`.
    pub reason: String,
    /// Name of the rule that decided; empty when none did.
    pub rule_name: String,
    /// Escaped path of the executable, `kernel` or `unknown`.
    pub program: String,
    /// Process id; 0 when not known.
    pub pid: u32,
    /// The user; `u32::MAX` when not known.
    pub uid: u32,
    /// Text form of the protocol.
    pub protocol: String,
    /// Source address.
    pub source: String,
    /// Source port.
    pub source_port: u16,
    /// Destination address.
    pub destination: String,
    /// Destination port; 0 when the protocol has none.
    pub destination_port: u16,
    /// Name under which the destination was looked up; empty when not known.
    pub host: String,
    /// How many packets or flows this record stands for.
    pub count: u32,
}

impl Event {
    /// The verdict of an event about a fault of Bastion's own iptables rules that was mended, which
    /// everybody may see. Then
    /// - the reason is `missing`, `doubled`, `misplaced`, `changed` (the chain that asks the kernel
    ///   programs), `stray` or `elsewhere` (in the other iptables);
    /// - the rule's name is that of the iptables rule or chain, after its family: `IPv4
    ///   BASTION_NFQUEUE`; the family alone for `stray` and `elsewhere`;
    /// - the program is [`Event::BASTION`], the destination the place in the tables: `mangle
    ///   OUTPUT`;
    /// - the count is how many such rules there were where there should be another number.
    pub const MENDED: &str = "mended";
    /// The program of such an event.
    pub const BASTION: &str = "bastion";

    /// True where it tells that a fault of the iptables rules was mended.
    #[must_use]
    pub fn is_mending(&self) -> bool {
        self.verdict == Self::MENDED
    }
}

/// A live connection or one that waits for an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Connection {
    /// The decision that let it through; for one that waits, verdict is `ask`.
    pub event: Event,
    /// `open` or `waiting`.
    pub state: String,
}

/// Which open connection is meant: by its two ends, as [`Connection::event`] has them, and by when
/// it was let through, as others may have these ends by now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Ends {
    /// Text form of the protocol.
    pub protocol: String,
    /// Source address.
    pub source: String,
    /// Source port.
    pub source_port: u16,
    /// Destination address.
    pub destination: String,
    /// Destination port.
    pub destination_port: u16,
    /// [`Event::time`]; without it, whichever connection has these ends. Counts for TCP alone: of
    /// one UDP socket's datagrams several may be decided about, one after the other.
    pub time: Option<u64>,
}

impl From<&Event> for Ends {
    fn from(event: &Event) -> Self {
        Self {
            protocol: event.protocol.clone(),
            source: event.source.clone(),
            source_port: event.source_port,
            destination: event.destination.clone(),
            destination_port: event.destination_port,
            time: Some(event.time),
        }
    }
}

impl TryFrom<&Ends> for Tuple {
    type Error = WireError;

    fn try_from(ends: &Ends) -> Result<Self, WireError> {
        let address = |field, text: &str| {
            let shown = || format!("“{}” is no address", escape::excerpt(text));
            let address = text.parse::<IpAddr>();
            address.map_err(|_| WireError::new(field, shown()))
        };
        let protocol = ends.protocol.parse();
        let source = address("source", &ends.source)?;
        let destination = address("destination", &ends.destination)?;
        Ok(Self {
            protocol: protocol.map_err(|e| WireError::new("protocol", e))?,
            source: (source, ends.source_port).into(),
            destination: (destination, ends.destination_port).into(),
        })
    }
}

/// What to explain: a flow that need not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct ExplainQuery {
    /// An absolute path, `kernel` or `unknown`.
    pub program: String,
    /// The user; the caller when left out.
    pub uid: Option<u32>,
    /// An address or a host name.
    pub destination: String,
    /// Under which name the destination was looked up, where that is an address.
    pub host: Option<String>,
    /// Destination port; 0 for protocols without.
    pub port: u16,
    /// Text form of the protocol; TCP when left out.
    pub protocol: Option<String>,
}

impl ExplainQuery {
    /// The query, if it makes sense.
    ///
    /// # Errors
    /// Names the field that makes no sense.
    pub fn checked(self) -> Result<Self, WireError> {
        if !matches!(self.program.as_str(), "kernel" | "unknown") {
            self.program
                .parse::<ExecutablePath>()
                .map_err(|e| WireError::new("program", e))?;
        }
        self.flow()?;
        Ok(self)
    }

    /// The flow the query describes. A host name alone stands for a flow to an address nobody has,
    /// looked up under that name.
    ///
    /// # Errors
    /// Names the field that makes no sense.
    pub fn flow(&self) -> Result<Flow, WireError> {
        use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
        let protocol = self.protocol.as_deref().unwrap_or("tcp");
        let protocol = protocol
            .parse()
            .map_err(|e| WireError::new("protocol", e))?;
        let (destination, hosts) = match self.destination.parse::<IpAddr>() {
            Ok(address) => {
                let host = self.host.as_deref().map(str::parse).transpose();
                let host = host.map_err(|error| WireError::new("host", error))?;
                (address, Vec::from_iter(host))
            }
            Err(_) => {
                let host = self.destination.parse().map_err(|_| {
                    let shown = escape::printable(&self.destination);
                    WireError::new(
                        "destination",
                        format!("“{shown}” is neither an address nor a host name"),
                    )
                })?;
                (IpAddr::V4(Ipv4Addr::UNSPECIFIED), vec![host])
            }
        };
        let source = match destination {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Ok(Flow {
            protocol,
            source,
            source_port: 0,
            destination,
            destination_port: self.port,
            hosts,
        })
    }
}

/// One rule that matches, in order of precedence.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct LadderStep {
    /// Id of the rule.
    pub rule: String,
    /// Its name.
    pub name: String,
    /// Its action.
    pub action: String,
    /// Why it loses to the one before it; empty for the winner.
    pub loses_by: String,
}

/// What the helper would decide, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, SerializeDict, DeserializeDict, Type)]
#[zbus(signature = "a{sv}")]
pub struct Explanation {
    /// `allow`, `deny`, `drop` or `ask`.
    pub outcome: String,
    /// Text form of the reason.
    pub reason: String,
    /// Every rule that matches, the winner first.
    pub ladder: Vec<LadderStep>,
    /// What would happen without the winner; empty when no rule matches.
    pub without_winner: String,
}
