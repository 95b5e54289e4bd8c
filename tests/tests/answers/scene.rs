//! Where questions are asked: a machine with the firewall, alice at its screen, and an internet
//! that counts every packet.

use std::time::Duration;

use bastion_tests::{
    As, Destination, Firewall, Manner, Outcome, Peer, Reply, Talker, Transport, eventually,
};
use serde_json::{Value, json};

/// Far more than anything should need.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Ports that are listened on, and counted.
pub const PORTS: std::ops::RangeInclusive<u16> = 7001..=7010;
/// What a program gets that is told at once that it may not.
pub fn denied() -> Outcome {
    Outcome::Error("ECONNABORTED".to_owned())
}
/// What a program gets that may.
pub fn allowed() -> Outcome {
    Outcome::Reply("hello".to_owned())
}
/// What a program gets that never hears anything.
pub fn silence() -> Outcome {
    Outcome::Error("TIMEOUT".to_owned())
}

/// See the module's documentation.
pub struct Scene {
    pub alice: Peer,
    pub firewall: Firewall,
}

impl Scene {
    /// Alice is at the screen and has an agent on her connection `main`.
    pub fn set(purpose: &str) -> Option<Self> {
        let mut scene = Self::set_without_agent(purpose)?;
        assert_eq!(scene.alice.register_agent("main").unwrap().word(), "ok");
        Some(scene)
    }

    /// Alice is at the screen; nobody has an agent.
    pub fn set_without_agent(purpose: &str) -> Option<Self> {
        let mut firewall = Firewall::boot_or_skip(purpose)?;
        for port in PORTS {
            for transport in [Transport::Tcp, Transport::Udp] {
                let internet = firewall.internet();
                internet.listen(transport, port, Manner::Echo).unwrap();
            }
        }
        count_packets(&mut firewall);
        let alice = Peer::start(firewall.sandbox(), As::Active("alice")).unwrap();
        Some(Self { alice, firewall })
    }

    /// A port of host 3 of the internet, over TCP and IPv4.
    pub fn to(&mut self, port: u16) -> Destination {
        self.at(3, port)
    }

    /// A port of a host of the internet, over TCP and IPv4.
    pub fn at(&mut self, host: u8, port: u16) -> Destination {
        Destination {
            transport: Transport::Tcp,
            address: self.firewall.internet().v4(host),
            port,
        }
    }

    /// A running program; each name is a program of its own.
    pub fn talker(&self, who: As<'_>, name: &str) -> Talker {
        let path = self.firewall.program(name).unwrap();
        Talker::start(&self.firewall, who, &path).unwrap()
    }

    /// How many packets to this port, in both families and over both transports, the internet
    /// has seen, of whatever kind.
    pub fn packets(&mut self, port: u16) -> u64 {
        self.counted(&format!("dpt:{port}"))
    }

    /// How many packets the counting rules with this text have seen.
    pub fn counted(&mut self, rule: &str) -> u64 {
        let list = "for i in iptables ip6tables; do $i -w -t raw -nvxL PREROUTING; done";
        let listed = self.firewall.internet().sandbox().shell(list).unwrap();
        let lines = listed
            .lines()
            .filter(|line| line.split_whitespace().any(|word| word == rule));
        let counts: Vec<u64> = lines
            .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
            .collect();
        assert!(!counts.is_empty(), "{rule} is not counted");
        counts.iter().sum()
    }

    /// The next question to alice's agent with these fields.
    pub fn asked(&mut self, fields: &Value) -> Question {
        Question(self.alice.asked("main", fields).unwrap())
    }

    /// Alice answers over `main`, without authentication.
    pub fn answer(&mut self, question: &Question, action: &str, more: &str) -> Reply {
        answer(&mut self.alice, question, action, more)
    }

    /// As [`Scene::answer`], which must be taken.
    pub fn decide(&mut self, question: &Question, action: &str, more: &str) {
        let reply = self.answer(question, action, more);
        assert!(reply.is_done(), "{reply:?}");
    }

    /// Waits until the log has a decision with these fields.
    pub fn logged(&self, fields: &Value) -> Value {
        let find = || {
            let log = self.firewall.ask(&["log", "--all", "-n", "1000"]).ok()?;
            let wanted = fields.as_object().unwrap();
            let fits = |event: &&Value| wanted.iter().all(|(name, value)| event[name] == *value);
            log.as_array()?.iter().find(fits).cloned()
        };
        eventually(&format!("{fields} in the log"), PATIENCE, find).unwrap()
    }

    /// The rules that alice made.
    pub fn answered_rules(&self) -> Vec<Value> {
        let rules = self.firewall.ask(&["rules", "list"]).unwrap();
        let rules = rules.as_array().unwrap().iter();
        let made = |rule: &&Value| rule["creator"] == "1000";
        rules.filter(made).cloned().collect()
    }
}

/// What an agent was asked.
pub struct Question(pub Value);

impl Question {
    pub fn id(&self) -> u64 {
        self.0["id"].as_u64().unwrap()
    }
}

/// Answers over `main`; `more` are further fields of the answer, as GVariant text.
pub fn answer(peer: &mut Peer, question: &Question, action: &str, more: &str) -> Reply {
    let arguments = answer_arguments(question.id(), action, more);
    peer.call("Prompts.Answer", &arguments).unwrap()
}

/// The arguments of an answer.
pub fn answer_arguments(id: u64, action: &str, more: &str) -> String {
    format!("(uint64 {id}, {{'action': <'{action}'>{more}}})")
}

/// Scope and lifetime of an answer, for [`answer`].
pub fn lasting(scope: &str, lifetime: &str) -> String {
    format!(", 'scope': <'{scope}'>, 'lifetime': <'{lifetime}'>")
}

/// The fields by which a question about a program is known.
pub fn about(program: &str, port: u16) -> Value {
    json!({ "program": format!("/opt/bastion-programs/{program}"), "port": port })
}

fn count_packets(firewall: &mut Firewall) {
    let mut rules = String::from("*raw\n");
    for port in PORTS {
        for transport in ["tcp", "udp"] {
            rules.push_str(&format!(
                "-A PREROUTING -i eth0 -p {transport} --dport {port}\n"
            ));
        }
    }
    let script = format!(
        "(cat; echo '-A PREROUTING -i eth0 -p icmp'; echo COMMIT) <<'END' | iptables-restore -w --noflush
{rules}END
(cat; echo COMMIT) <<'END' | ip6tables-restore -w --noflush
{rules}END"
    );
    firewall.internet().sandbox().shell(&script).unwrap();
}
