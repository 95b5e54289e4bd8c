//! The socket tables that exist as text only: ping and raw sockets, and SCTP associations.

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::str::SplitAsciiWhitespace;

use bastion_policy::flow::Protocol;

use super::{SocketEntry, SocketState};

/// More than any of these tables has outside of an attack; a longer one is read so far.
const LIMIT: u64 = 4 * 1024 * 1024;

/// The table of the network namespace this thread is in; empty where the kernel has none.
///
/// # Errors
/// If it exists but can't be read.
pub(super) fn read(table: &str) -> io::Result<String> {
    // Not /proc/net: that is the namespace of the process's first thread.
    let path = Path::new("/proc/thread-self/net").join(table);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One line of `icmp`, `icmp6`, `raw` or `raw6` (proc_net(5)), with what stands in place of the
/// local port: the echo identifier of a ping socket, the protocol of a raw one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub local: IpAddr,
    pub number: u16,
    pub remote: SocketAddr,
    pub state: u8,
    pub uid: u32,
    pub inode: u64,
}

impl Line {
    pub fn entry(self, protocol: Protocol) -> SocketEntry {
        let port = if protocol.has_ports() { 0 } else { self.number };
        let connected = !self.remote.ip().is_unspecified();
        SocketEntry {
            protocol,
            local: SocketAddr::new(self.local, port),
            remote: connected.then_some(self.remote),
            state: SocketState::from_number(self.state),
            inode: self.inode,
            uid: self.uid,
            cookie: None,
            interface: 0,
            ipv6: self.local.is_ipv6(),
            ipv6_only: self.local.is_ipv6(),
        }
    }
}

/// The lines that can be read; others, such as the heading, are left out.
pub(super) fn lines(table: &str) -> impl Iterator<Item = Line> {
    table.lines().filter_map(line)
}

/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`, numbers of the
/// third to sixth column in hexadecimal (`raw_sock_seq_show`, `ping_v4_format_sock`).
fn line(text: &str) -> Option<Line> {
    let mut words = text.split_ascii_whitespace();
    let local = words.by_ref().nth(1).and_then(end)?;
    let remote = words.next().and_then(end)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let uid = words.by_ref().nth(3)?.parse().ok()?;
    let inode = words.by_ref().nth(1)?.parse().ok()?;
    Some(Line {
        local: local.ip(),
        number: local.port(),
        remote,
        state,
        uid,
        inode,
    })
}

/// `ADDRESS:PORT`: the address as words of 32 bits in host order, the port as a number.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| {
        let digits = address.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (at, chunk) in octets.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// An SCTP association: it may have several addresses on either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Association {
    pub uid: u32,
    pub inode: u64,
    pub local_port: u16,
    pub remote_port: u16,
    pub locals: Vec<IpAddr>,
    pub remotes: Vec<IpAddr>,
}

/// The lines of `sctp/assocs` that can be read.
pub(super) fn associations(table: &str) -> impl Iterator<Item = Association> {
    table.lines().filter_map(association)
}

/// `ASSOC SOCK STY SST ST HBKT ASSOC-ID TX RX UID INODE LPORT RPORT LADDRS <-> RADDRS …`, the
/// primary address with a star before it (`sctp_assocs_seq_show`).
fn association(text: &str) -> Option<Association> {
    fn addresses(words: &mut SplitAsciiWhitespace<'_>) -> Vec<IpAddr> {
        words
            .map_while(|word| word.trim_start_matches('*').parse().ok())
            .collect()
    }
    let (before, after) = text.split_once("<->")?;
    let mut words = before.split_ascii_whitespace();
    let uid = words.by_ref().nth(9)?.parse().ok()?;
    let inode = words.next()?.parse().ok()?;
    let local_port = words.next()?.parse().ok()?;
    let remote_port = words.next()?.parse().ok()?;
    Some(Association {
        uid,
        inode,
        local_port,
        remote_port,
        locals: addresses(&mut words),
        remotes: addresses(&mut after.split_ascii_whitespace()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RAW: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
        \x20  1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 31870 2 0000000000000000 0\n\
        \x20255: 0100007F:00FF 0200007F:0000 01 00000000:00000000 00:00000000 00000000     0        0 31871 2 0000000000000000 0\n";

    const RAW6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
        \x20  58: B80D0120000000000000000001000000:003A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 42 2 0000000000000000 0\n";

    const SCTP: &str = " ASSOC     SOCK   STY SST ST HBKT ASSOC-ID TX_QUEUE RX_QUEUE UID INODE LPORT RPORT LADDRS <-> RADDRS HBINT INS OUTS MAXRT T1X T2X RTXC wmema wmemq sndbuf rcvbuf\n\
        0000000000000000 0000000000000000 2   1   1  0       3        0        0    1000 24571 35000   5001  *192.0.2.1 192.0.2.2 <-> *198.51.100.1 2001:db8::1 \t    7500    10    10   10    0    0        0        1        0   212992   212992\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn raw_sockets_are_read() {
        let read: Vec<_> = lines(RAW).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(
            (read[0].number, read[0].uid, read[0].inode),
            (1, 1000, 31870)
        );
        let entry = read[1].entry(Protocol::Other(255));
        assert_eq!(entry.local.ip(), IpAddr::from([127, 0, 0, 1]));
        assert_eq!(entry.remote, Some("127.0.0.2:0".parse().unwrap()));
        assert!(entry.connected());
        assert!(!read[0].entry(Protocol::Icmp).connected());
        let read: Vec<_> = lines(RAW6).collect();
        assert_eq!(read[0].local, "2001:db8::1".parse::<IpAddr>().unwrap());
        assert_eq!(read[0].number, 58);
    }

    #[test]
    fn associations_are_read() {
        let read: Vec<_> = associations(SCTP).collect();
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].uid, read[0].inode), (1000, 24571));
        assert_eq!((read[0].local_port, read[0].remote_port), (35000, 5001));
        assert_eq!(read[0].locals.len(), 2);
        assert_eq!(
            read[0].remotes.last(),
            Some(&"2001:db8::1".parse().unwrap())
        );
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text: String, cut in 0usize..600) {
            let _ = lines(&text).count();
            let _ = associations(&text).count();
            for table in [RAW, RAW6, SCTP] {
                let _ = lines(table.get(..cut).unwrap_or_default()).count();
                let _ = associations(table.get(..cut).unwrap_or_default()).count();
            }
        }
    }
}
