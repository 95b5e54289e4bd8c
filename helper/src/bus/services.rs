//! Names of services by port, from services(5).

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::LazyLock;

use bastion_policy::flow::Protocol;

const FILE: &str = "/etc/services";
/// Debian's file has 13 kB; the largest in use, IANA's own, 700 kB.
const MAX_FILE: u64 = 2 * 1024 * 1024;
/// Longest name accepted, in bytes; RFC 6335, section 5.1, allows 15.
const MAX_NAME: usize = 32;

/// What people meet most, for systems without the file.
const WELL_KNOWN: &str = "\
ftp 21/tcp\nssh 22/tcp\nsmtp 25/tcp\ndomain 53/tcp\ndomain 53/udp\nbootps 67/udp\nhttp 80/tcp\n\
pop3 110/tcp\nntp 123/udp\nimap2 143/tcp\nsnmp 161/udp\nhttps 443/tcp\nhttps 443/udp\n\
submissions 465/tcp\nsubmission 587/tcp\nipp 631/tcp\ndomain-s 853/tcp\ndomain-s 853/udp\n\
imaps 993/tcp\npop3s 995/tcp\nmdns 5353/udp\n";

static SERVICES: LazyLock<HashMap<(u16, Protocol), String>> = LazyLock::new(|| {
    let mut services = parse(WELL_KNOWN);
    let mut text = Vec::new();
    if let Ok(file) = std::fs::File::open(FILE)
        && file.take(MAX_FILE).read_to_end(&mut text).is_ok()
    {
        services.extend(parse(&String::from_utf8_lossy(&text)));
    }
    services
});

/// The name of the service at this port, such as `https`; empty when it has none. The first call
/// reads a file.
pub(super) fn name(port: u16, protocol: Protocol) -> &'static str {
    SERVICES.get(&(port, protocol)).map_or("", String::as_str)
}

/// Reads lines like `https 443/tcp # comment`; the first name of a port counts, and lines that
/// say something else say nothing.
fn parse(text: &str) -> HashMap<(u16, Protocol), String> {
    let mut services = HashMap::new();
    for line in text.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        if let (Some(name), Some(place)) = (words.next(), words.next())
            && name.len() <= MAX_NAME
            && name.bytes().all(|b| b.is_ascii_graphic())
            && let Some((port, protocol)) = place.split_once('/')
            && let (Ok(port), Ok(protocol)) = (port.parse(), protocol.parse())
        {
            services
                .entry((port, protocol))
                .or_insert_with(|| name.to_owned());
        }
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_name_of_a_port_counts_and_nonsense_nothing() {
        let services = parse(
            "https 443/tcp www # secure\nother 443/tcp\n# 1/tcp\nx 99999/tcp\ny 5\nz 6/ddp/7\n\
             evil\x1b 7/tcp\n",
        );
        assert_eq!(services.len(), 1);
        assert_eq!(services[&(443, Protocol::Tcp)], "https");
    }

    #[test]
    fn everyday_ports_have_names_with_and_without_the_file() {
        for (port, protocol, expected) in [
            (443, Protocol::Tcp, "https"),
            (53, Protocol::Udp, "domain"),
            (22, Protocol::Tcp, "ssh"),
        ] {
            assert_eq!(name(port, protocol), expected);
            assert_eq!(parse(WELL_KNOWN)[&(port, protocol)], expected);
        }
        assert_eq!(name(0, Protocol::Icmp), "");
    }

    proptest! {
        #[test]
        fn no_file_makes_it_fail(text: String) {
            for name in parse(&text).values() {
                prop_assert!(bastion_policy::escape::is_printable(name));
            }
        }
    }
}
