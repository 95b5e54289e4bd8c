//! Names for what the helper reports by number or path: programs, users, services.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bastion_ipc::wire::Event;

use crate::i18n::{gettext, gettext_f};

/// What to call the program at this path, which may be `kernel`, `unknown`, `any` or `bastion`.
#[must_use]
pub fn program(path: &str) -> String {
    match path {
        "kernel" => gettext("The system kernel"),
        "unknown" | "" => gettext("Unknown program"),
        "any" => gettext("Any program"),
        Event::BASTION => gettext("Bastion Firewall"),
        _ if !path.starts_with('/') => path.split_once(':').map_or(path, |(_, id)| id).to_owned(),
        _ => path.rsplit('/').next().unwrap_or(path).to_owned(),
    }
}

/// A number with its digits in groups of three, parted by narrow spaces, which no language takes
/// for a decimal mark.
#[must_use]
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// The service of a port, or the port alone: `443 (https)`. Empty for protocols without ports.
#[must_use]
pub fn port(port: u16, service: &str) -> String {
    match (port, service) {
        (0, _) => String::new(),
        (port, "") => port.to_string(),
        (port, service) => format!("{port} ({service})"),
    }
}

/// The name of a protocol from its text form.
#[must_use]
pub fn protocol(text: &str) -> String {
    match text {
        "any" | "" => gettext("Any protocol"),
        "tcp" => "TCP".into(),
        "udp" => "UDP".into(),
        "udplite" => "UDP-Lite".into(),
        "icmp" => "ICMP".into(),
        "icmpv6" => "ICMPv6".into(),
        "sctp" => "SCTP".into(),
        number => gettext_f("Protocol {number}", &[("number", number)]),
    }
}

/// Where a flow goes: its name if it has one, else its address.
#[must_use]
pub fn host<'a>(name: &'a str, address: &'a str) -> &'a str {
    if name.is_empty() { address } else { name }
}

/// Login names by uid and services by port, as this system knows them. Clones share their cache.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    users: Arc<Mutex<HashMap<u32, String>>>,
    /// Login names of people; users of services are none.
    people: Arc<[String]>,
    services: Arc<HashMap<(u16, bool), String>>,
}

impl Directory {
    /// The directory of this system.
    #[must_use]
    pub fn of_system() -> Self {
        // Without the file ports have no names, which is no trouble.
        let services = std::fs::read("/etc/services").unwrap_or_default();
        let users = std::fs::read("/etc/passwd").unwrap_or_default();
        Self {
            users: Arc::default(),
            people: parse_people(&String::from_utf8_lossy(&users)),
            services: Arc::new(parse_services(&String::from_utf8_lossy(&services))),
        }
    }

    /// A directory that knows these users and the services of this text in the form of
    /// `/etc/services`.
    #[must_use]
    pub fn fixed(users: &[(u32, &str)], services: &str) -> Self {
        let people = users.iter().filter(|(uid, _)| PEOPLE.contains(uid));
        let people = people.map(|(_, name)| (*name).to_owned()).collect();
        let users = users.iter().map(|(uid, name)| (*uid, (*name).to_owned()));
        Self {
            users: Arc::new(Mutex::new(users.collect())),
            people,
            services: Arc::new(parse_services(services)),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<u32, String>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The login name of a user; its number when it has none; empty when the user is not known.
    #[must_use]
    pub fn user(&self, uid: u32) -> String {
        if uid == u32::MAX {
            return String::new();
        }
        let mut users = self.known();
        users.entry(uid).or_insert_with(|| login_name(uid)).clone()
    }

    /// The user of this login name or number.
    #[must_use]
    pub fn uid(&self, user: &str) -> Option<u32> {
        if let Ok(uid) = user.parse() {
            return Some(uid);
        }
        let known = self.known();
        if let Some((uid, _)) = known.iter().find(|(_, name)| *name == user) {
            return Some(*uid);
        }
        drop(known);
        let found = nix::unistd::User::from_name(user).ok().flatten();
        found.map(|user| user.uid.as_raw())
    }

    /// Login names of the people who have an account on this computer, sorted.
    #[must_use]
    pub fn people(&self) -> &[String] {
        &self.people
    }

    /// The name of the service at a port; empty when it has none.
    #[must_use]
    pub fn service(&self, port: u16, protocol: &str) -> &str {
        let udp = match protocol {
            "tcp" => false,
            "udp" => true,
            _ => return "",
        };
        self.services.get(&(port, udp)).map_or("", String::as_str)
    }
}

fn login_name(uid: u32) -> String {
    match nix::unistd::User::from_uid(uid.into()) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

/// The uids of people: `UID_MIN` to `UID_MAX` of login.defs(5), as everybody has them.
const PEOPLE: RangeInclusive<u32> = 1000..=60_000;

/// Reads passwd(5): `name:password:uid:gid:comment:home:shell`. Who can't log in is nobody.
fn parse_people(text: &str) -> Arc<[String]> {
    let name = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, _, _, _, shell] = fields.as_slice() else {
            return None;
        };
        let can_log_in = !shell.ends_with("/nologin") && !shell.ends_with("/false");
        let uid = uid.parse().ok()?;
        (can_log_in && PEOPLE.contains(&uid)).then(|| (*name).to_owned())
    };
    let mut people: Vec<String> = text.lines().filter_map(name).collect();
    people.sort_unstable();
    people.into()
}

/// Reads services(5): `name port/protocol aliases`; the first name of a port counts.
fn parse_services(text: &str) -> HashMap<(u16, bool), String> {
    let mut services = HashMap::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let (Some(name), Some(at)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((port, protocol)) = at.split_once('/') else {
            continue;
        };
        let udp = match protocol {
            "tcp" => false,
            "udp" => true,
            _ => continue,
        };
        if let Ok(port) = port.parse() {
            services
                .entry((port, udp))
                .or_insert_with(|| name.to_owned());
        }
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_by_port_and_protocol() {
        let text = "# a comment\nhttps 443/tcp # web\nhttp3 443/udp\nother 443/tcp\nbad x/tcp\nodd";
        let directory = Directory::fixed(&[(7, "seven")], text);
        assert_eq!(directory.service(443, "tcp"), "https");
        assert_eq!(directory.service(443, "udp"), "http3");
        assert_eq!(directory.service(443, "icmp"), "");
        assert_eq!(directory.service(1, "tcp"), "");
        assert_eq!(directory.user(7), "seven");
        assert_eq!(directory.user(u32::MAX), "");
    }

    #[test]
    fn people_are_those_who_can_log_in() {
        let text = [
            "root:x:0:0:root:/root:/bin/bash",
            "bob:x:1001:1001::/home/bob:/bin/sh",
            "alice:x:1000:1000:Alice,,,:/home/alice:/usr/bin/zsh",
            "backup:x:1002:1002::/srv:/usr/sbin/nologin",
            "nobody:x:65534:65534::/nonexistent:/bin/bash",
            "odd:x:1003",
            "",
            "worse:x:many:1:::/bin/sh",
        ];
        assert_eq!(*parse_people(&text.join("\n")), ["alice", "bob"]);
        let directory = Directory::fixed(&[(0, "root"), (1000, "alice")], "");
        assert_eq!(directory.people(), ["alice"]);
    }

    #[test]
    fn this_system_knows_root() {
        assert_eq!(Directory::of_system().user(0), "root");
    }

    #[test]
    fn programs_without_a_path_have_names() {
        assert_eq!(program("/usr/bin/curl"), "curl");
        assert_eq!(program("kernel"), "The system kernel");
        assert_eq!(program("flatpak:org.a.B"), "org.a.B");
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
