//! Names of destinations, on real look-ups: rules by name match what the machine's own servers
//! answered, and nothing that a program can make up.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

use std::net::IpAddr;
use std::time::Duration;

use bastion_tests::{As, Destination, Firewall, Manner, Running, Transport, eventually};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
/// How long an answer is waited for that must not come.
const LONG_ENOUGH: Duration = Duration::from_secs(2);
const BOB: As<'static> = As::Background("bob");
const PORT: u16 = 7400;
const DNS: u16 = 53;

/// A machine whose server knows some names, and a program with rules by name.
struct Scene {
    firewall: Firewall,
    visitor: String,
}

impl Scene {
    fn set(purpose: &str) -> Option<Self> {
        let mut firewall = Firewall::boot_or_skip(purpose)?;
        let internet = firewall.internet();
        internet.listen(Transport::Tcp, PORT, Manner::Echo).unwrap();
        let visitor = firewall.program("visitor").unwrap();
        for to in ["www.example.test", "domain:example.org"] {
            let rule = ["--program", visitor.as_str(), "--destination", to];
            firewall.add_rule("allow", &rule).unwrap();
        }
        let asker = firewall.program("asker").unwrap();
        let rule = ["--program", asker.as_str(), "--ports", "53"];
        for protocol in ["udp", "tcp"] {
            let rule = [&rule[..], &["--protocol", protocol]].concat();
            firewall.add_rule("allow", &rule).unwrap();
        }
        Some(Self { firewall, visitor })
    }

    fn addresses(&mut self, n: u8) -> [IpAddr; 2] {
        let internet = self.firewall.internet();
        [internet.v4(n), internet.v6(n)]
    }

    fn ask(&self, words: &[&str]) -> Running {
        let asker = self.firewall.program("asker").unwrap();
        let command = [&[asker.as_str(), "/opt/bastion-tests/net/names.py"], words].concat();
        self.firewall.sandbox().spawn(BOB, &command).unwrap()
    }

    /// Looks a name up in both families, as programs do.
    fn look_up(&mut self, name: &str, n: u8) {
        for (family, address) in ["4", "6"].into_iter().zip(self.addresses(n)) {
            let mut asked = self.ask(&["look-up", name, family]);
            assert_eq!(got(&mut asked), json!([address]), "{name}");
        }
    }

    /// Checks that the program reaches a host, under a name, in both families.
    fn check_reached(&mut self, n: u8, name: &str) {
        for address in self.addresses(n) {
            assert!(self.visit(address, PATIENCE), "{name} {address}");
            let find = || {
                let log = self.firewall.ask(&["log", "--all", "-n", "100"]).ok()?;
                let text = address.to_string();
                let fits =
                    |event: &&Value| event["destination"] == text && event["verdict"] == "allow";
                log.as_array()?.iter().find(fits).cloned()
            };
            let event = eventually("a connection in the log", PATIENCE, find).unwrap();
            assert_eq!(event["host"], name, "{event:#}");
            assert_eq!(event["program"], self.visitor, "{event:#}");
        }
    }

    /// Checks that nothing of the program's reaches these addresses.
    fn check_kept_from(&mut self, addresses: &[IpAddr], why: &str) {
        for address in addresses {
            assert!(!self.visit(*address, LONG_ENOUGH), "{why}: {address}");
        }
    }

    /// Whether the program gets through to an address; what arrives there is no more and no less.
    fn visit(&mut self, address: IpAddr, patience: Duration) -> bool {
        self.firewall.internet().forget().unwrap();
        let to = Destination {
            transport: Transport::Tcp,
            address,
            port: PORT,
        };
        let sent = self
            .firewall
            .send(BOB, &self.visitor, to, patience)
            .unwrap();
        let internet = self.firewall.internet();
        let arrived = internet.arrived(Transport::Tcp, address, PORT).unwrap();
        assert_eq!(arrived.connections, u64::from(sent.passed()), "{sent:?}");
        sent.passed()
    }
}

fn got(running: &mut Running) -> Value {
    let line = running.line_with("got", PATIENCE).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    line["got"].clone()
}

#[test]
fn what_was_looked_up_is_allowed_by_its_name_and_nothing_else_is() {
    let Some(mut scene) = Scene::set("names") else {
        return;
    };
    let internet = scene.firewall.internet();
    internet.name("www.example.test", 5).unwrap();
    internet.name("other.example.test", 6).unwrap();
    internet.name("deep.below.example.org", 7).unwrap();
    internet
        .name_by_alias("go.example.org", "cdn.example.net", 8)
        .unwrap();
    internet.name_at_length("long.example.org", 9).unwrap();

    let unknown = scene.addresses(5);
    scene.check_kept_from(&unknown, "never looked up");
    scene.look_up("www.example.test", 5);
    scene.check_reached(5, "www.example.test");
    scene.look_up("other.example.test", 6);
    let other = scene.addresses(6);
    scene.check_kept_from(&other, "another name's");
    scene.look_up("deep.below.example.org", 7);
    scene.check_reached(7, "deep.below.example.org");
    scene.look_up("go.example.org", 8);
    scene.check_reached(8, "go.example.org");

    let server = scene.addresses(1)[0];
    let by_tcp = |scene: &mut Scene| {
        let internet = scene.firewall.internet();
        internet.arrived(Transport::Tcp, server, DNS).unwrap()
    };
    scene.firewall.internet().forget().unwrap();
    scene.look_up("long.example.org", 9);
    assert_eq!(by_tcp(&mut scene).connections, 2, "one for each family");
    scene.check_reached(9, "long.example.org");
}

#[test]
fn no_program_makes_names_up() {
    let Some(mut scene) = Scene::set("made-up") else {
        return;
    };
    let [own, accomplice] = [scene.addresses(1)[0], scene.addresses(2)[0]];
    let [v4_of_10, v4_of_11, v4_of_12] = [10, 11, 12].map(|n| scene.addresses(n)[0]);
    let internet = scene.firewall.internet();
    internet
        .name_by(accomplice, "www.example.test", 10)
        .unwrap();
    internet.name("www.example.test", 12).unwrap();

    // A server of the program's own choice says what the program likes.
    let mut asked = scene.ask(&["ask", &accomplice.to_string(), "www.example.test"]);
    assert_eq!(got(&mut asked), json!(v4_of_10));
    scene.check_kept_from(&[v4_of_10], "told by an accomplice");

    // An answer from the machine's own server, to a question that nobody asked.
    let mut waiting = scene.ask(&["wait", "5353", "30"]);
    waiting.line_with("ready", PATIENCE).unwrap();
    let to = "10.77.0.1:5353".parse().unwrap();
    let internet = scene.firewall.internet();
    internet.forge(own, to, "www.example.test", 11).unwrap();
    assert_eq!(got(&mut waiting), json!(v4_of_11));
    scene.check_kept_from(&[v4_of_11], "told without being asked");

    // The same question to the machine's own server counts, so the two above could have.
    let mut asked = scene.ask(&["ask", &own.to_string(), "www.example.test"]);
    assert_eq!(got(&mut asked), json!(v4_of_12));
    assert!(scene.visit(v4_of_12, PATIENCE));
}
