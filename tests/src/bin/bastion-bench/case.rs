//! What is compared, and by what.

use crate::figures::Named;

/// A state of the machine whose cost is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// No rule of anybody's.
    NoFirewall,
    /// No more than a rule that has the kernel track connections, as each firewall does that tells
    /// new ones from others: what Bastion can't be cheaper than.
    ConnectionTracking,
    /// Every new connection is put to a program that accepts it: what asking costs at least.
    QueueAcceptAll,
    /// Bastion, with a lasting rule: the kernel was taught.
    BastionTaught,
    /// Bastion, with a rule that ends with a time, so that each connection is decided by the
    /// engine; among so many rules.
    BastionRule1,
    /// The same.
    BastionRule1000,
    /// The same.
    BastionRule10000,
    /// OpenSnitch as Debian packages it, with the same rule.
    OpenSnitch,
}

impl Case {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::NoFirewall,
        Self::ConnectionTracking,
        Self::QueueAcceptAll,
        Self::BastionTaught,
        Self::BastionRule1,
        Self::BastionRule1000,
        Self::BastionRule10000,
        Self::OpenSnitch,
    ];

    /// Those of Bastion.
    pub const BASTION: [Self; 4] = [
        Self::BastionTaught,
        Self::BastionRule1,
        Self::BastionRule1000,
        Self::BastionRule10000,
    ];

    /// Those in which Bastion decides in user space.
    pub const DECIDED: [Self; 3] = [
        Self::BastionRule1,
        Self::BastionRule1000,
        Self::BastionRule10000,
    ];
}

impl Named for Case {
    fn name(self) -> &'static str {
        match self {
            Self::NoFirewall => "no-firewall",
            Self::ConnectionTracking => "connection-tracking",
            Self::QueueAcceptAll => "queue-accept-all",
            Self::BastionTaught => "bastion-taught",
            Self::BastionRule1 => "bastion-rule-1",
            Self::BastionRule1000 => "bastion-rule-1000",
            Self::BastionRule10000 => "bastion-rule-10000",
            Self::OpenSnitch => "opensnitch",
        }
    }
}

/// A figure that is measured in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Half of all connections are made within so many microseconds.
    ConnectP50,
    /// 99 of 100 are.
    ConnectP99,
    /// Connections in a second, one after the other.
    PerSecond,
    /// The same from four threads.
    PerSecond4,
    /// How many of a burst's datagrams arrive.
    BurstReceived,
    /// Microseconds of processor time that the firewall's processes take for a connection.
    CpuPerConnection,
    /// Memory that the firewall's main process has in use after the load, in KiB.
    Rss,
}

impl Metric {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::ConnectP50,
        Self::ConnectP99,
        Self::PerSecond,
        Self::PerSecond4,
        Self::BurstReceived,
        Self::CpuPerConnection,
        Self::Rss,
    ];

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::ConnectP50 => "Connect, median (µs)",
            Self::ConnectP99 => "Connect, 99th percentile (µs)",
            Self::PerSecond => "Connections per second, one thread",
            Self::PerSecond4 => "Connections per second, four threads",
            Self::BurstReceived => "Datagrams received of a burst of 5,000",
            Self::CpuPerConnection => "Firewall’s processor time per connection (µs)",
            Self::Rss => "Firewall’s memory (KiB)",
        }
    }

    /// True where less is better.
    pub fn is_cost(self) -> bool {
        !matches!(
            self,
            Self::PerSecond | Self::PerSecond4 | Self::BurstReceived
        )
    }

    /// The value as people read it.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::ConnectP50 | Self::ConnectP99 | Self::CpuPerConnection => format!("{value:.1}"),
            Self::PerSecond | Self::PerSecond4 | Self::BurstReceived | Self::Rss => {
                format!("{value:.0}")
            }
        }
    }
}

impl Named for Metric {
    fn name(self) -> &'static str {
        match self {
            Self::ConnectP50 => "connect_p50_us",
            Self::ConnectP99 => "connect_p99_us",
            Self::PerSecond => "connections_per_s",
            Self::PerSecond4 => "connections_per_s_4",
            Self::BurstReceived => "burst_received",
            Self::CpuPerConnection => "cpu_us_per_connection",
            Self::Rss => "rss_kib",
        }
    }
}
