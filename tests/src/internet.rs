//! A second machine that plays the internet for the first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::sandbox::{As, Sandbox};
use crate::{Result, Running};

pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Hosts of this internet, by their last number: 203.0.113.N and 2001:db8::N.
const HOSTS: std::ops::RangeInclusive<u8> = 1..=20;
/// The host that answers DNS.
const RESOLVER: u8 = 1;

/// How a port is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What a port does with what it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Sends it back.
    Echo,
    /// Answers each request with "hello from the internet" (TCP alone).
    Http,
    /// Says nothing.
    Silent,
}

impl Manner {
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Http => "http",
            Self::Silent => "silent",
        }
    }
}

/// What has reached a port since it opened, or since [`Internet::forget`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Arrived {
    /// Connections that were accepted.
    pub connections: u64,
    /// Datagrams that came.
    pub datagrams: u64,
    /// Bytes of payload, over all of them.
    pub bytes: u64,
}

/// The internet: twenty hosts, 203.0.113.1 to .20 and 2001:db8::1 to ::14 (the
/// same number in hexadecimal), a resolver among them, and counters.
pub struct Internet {
    server: Running,
    sandbox: Sandbox,
}

impl Internet {
    /// Boots it and gives `client` a cable (`eth0`), default routes and a resolver.
    ///
    /// # Errors
    /// When a machine does not boot or the client has an `eth0` already.
    pub fn boot(client: &Sandbox) -> Result<Self> {
        let sandbox = Sandbox::boot("internet")?;
        client.link(
            "eth0",
            &["10.77.0.1/24", "fd77::1/64"],
            &sandbox,
            &["10.77.0.2/24", "fd77::2/64"],
        )?;
        let addresses: String = HOSTS
            .map(|n| {
                format!(
                    "ip addr add {}/32 dev lo; ip addr add {}/128 dev lo\n",
                    v4(n),
                    v6(n)
                )
            })
            .collect();
        sandbox.shell(&addresses)?;
        client.shell(&format!(
            "ip route add default via 10.77.0.2; ip -6 route add default via fd77::2
             rm -f /etc/resolv.conf; echo nameserver {} >/etc/resolv.conf",
            v4(RESOLVER)
        ))?;
        let hosts: Vec<String> = HOSTS
            .flat_map(|n| [v4(n).to_string(), v6(n).to_string()])
            .collect();
        let mut command = vec!["python3", "/opt/bastion-tests/net/internet.py"];
        command.extend(hosts.iter().map(String::as_str));
        let mut server = sandbox.spawn(As::Service, &command)?;
        server.answer("start the internet", ANSWER_TIMEOUT)?;
        Ok(Self { server, sandbox })
    }

    /// The IPv4 address of host `n`, 1 to 20.
    #[must_use]
    pub fn v4(&self, n: u8) -> IpAddr {
        v4(n)
    }

    /// The IPv6 address of host `n`, 1 to 20.
    #[must_use]
    pub fn v6(&self, n: u8) -> IpAddr {
        v6(n)
    }

    /// The machine it runs in.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Opens a port on all hosts, in both families.
    ///
    /// # Errors
    /// When it is open already.
    pub fn listen(&mut self, transport: Transport, port: u16, manner: Manner) -> Result<()> {
        let request = json!({
            "op": "listen", "transport": transport.name(), "port": port, "manner": manner.name(),
        });
        self.request(&request).map(drop)
    }

    /// Gives host `n` a name that the resolver knows, in both families.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn name(&mut self, name: &str, n: u8) -> Result<()> {
        self.tell(name, n, &json!({}))
    }

    /// As [`Internet::name`], by way of an alias, whose addresses they are.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn name_by_alias(&mut self, name: &str, alias: &str, n: u8) -> Result<()> {
        self.tell(name, n, &json!({ "alias": alias }))
    }

    /// As [`Internet::name`], in an answer that comes over TCP alone.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn name_at_length(&mut self, name: &str, n: u8) -> Result<()> {
        self.tell(name, n, &json!({ "long": true }))
    }

    /// As [`Internet::name`], but only one server says so.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn name_by(&mut self, server: IpAddr, name: &str, n: u8) -> Result<()> {
        self.tell(name, n, &json!({ "server": server }))
    }

    fn tell(&mut self, name: &str, n: u8, more: &Value) -> Result<()> {
        let addresses = [v4(n).to_string(), v6(n).to_string()];
        let mut request = json!({ "op": "name", "name": name, "addresses": addresses });
        let more = more.as_object().into_iter().flatten();
        if let Some(request) = request.as_object_mut() {
            request.extend(more.map(|(key, value)| (key.clone(), value.clone())));
        }
        self.request(&request).map(drop)
    }

    /// Has a server answer somebody who has asked nothing, that a name is host `n`'s.
    ///
    /// # Errors
    /// When there is no such server.
    pub fn forge(&mut self, server: IpAddr, to: SocketAddr, name: &str, n: u8) -> Result<()> {
        let to = json!([to.ip(), to.port()]);
        let address = v4(n);
        self.request(&json!({
            "op": "forge", "server": server, "to": to, "name": name, "address": address,
        }))
        .map(drop)
    }

    /// What has reached a port, over all hosts of `address`'s family.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn arrived(&mut self, transport: Transport, address: IpAddr, port: u16) -> Result<Arrived> {
        let family = if address.is_ipv6() { 6 } else { 4 };
        let request = json!({ "transport": transport.name(), "family": family, "port": port });
        self.server.perform_for("arrived", request, ANSWER_TIMEOUT)
    }

    /// Sets all counters to zero.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn forget(&mut self) -> Result<()> {
        self.request(&json!({ "op": "forget" })).map(drop)
    }

    /// Leaves its machine up; the servers go on only while this process lives.
    ///
    /// # Errors
    /// As [`Sandbox::keep`].
    pub fn keep(self) -> Result<()> {
        self.sandbox.keep()
    }

    fn request(&mut self, request: &Value) -> Result<Value> {
        self.server.request(request, ANSWER_TIMEOUT)
    }
}

fn v4(n: u8) -> IpAddr {
    Ipv4Addr::new(203, 0, 113, n).into()
}

fn v6(n: u8) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()).into()
}
