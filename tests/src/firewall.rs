//! A machine with the firewall installed, and an internet to be kept from.

use std::time::Duration;

use serde_json::Value;

use crate::process::Output;
use crate::sandbox::{As, Sandbox, required};
use crate::{
    Attempt, Destination, Error, Family, Internet, Outcome, Package, Result, Standing, eventually,
    eventually_equal,
};

/// How long anything may take that takes a moment; far more than it should need.
const PATIENCE: Duration = Duration::from_secs(30);

/// A machine that has the package installed from the file, its service started by systemd, and a
/// cable to an [`Internet`].
pub struct Firewall {
    internet: Internet,
    sandbox: Sandbox,
}

impl Firewall {
    /// The service's unit.
    pub const UNIT: &'static str = "bastion-helper.service";
    /// Copies of programs stand here, so that a test has as many as it needs.
    pub const PROGRAMS: &'static str = "/opt/bastion-programs";
    /// The package's name.
    pub const PACKAGE: &'static str = "bastion-firewall";

    /// Boots both machines and installs the package; returns once packets are judged.
    ///
    /// # Errors
    /// When a machine does not boot, there is no package, or its service does not start.
    pub fn boot(purpose: &str) -> Result<Self> {
        let bare = Self::boot_bare(purpose)?;
        bare.install()?;
        bare.wait_until_judging()?;
        Ok(bare)
    }

    /// Boots both machines, and installs nothing.
    ///
    /// # Errors
    /// When a machine does not boot.
    pub fn boot_bare(purpose: &str) -> Result<Self> {
        let sandbox = Sandbox::boot(purpose)?;
        let internet = Internet::boot(&sandbox)?;
        Ok(Self { internet, sandbox })
    }

    /// As [`Firewall::boot`] for a test, which returns on None: where there are no machines, or
    /// nothing to install. That the package does not work is no reason to skip a test of it.
    ///
    /// # Panics
    /// When that is so and `BASTION_REQUIRE_REAL` is set; and when the package does not install
    /// or its service does not start.
    #[must_use]
    #[expect(
        clippy::panic,
        reason = "the face of the harness in tests, where a panic is a failed test"
    )]
    pub fn boot_or_skip(purpose: &str) -> Option<Self> {
        let bare = Self::boot_bare_or_skip(purpose)?;
        if let Err(error) = bare.install().and_then(|()| bare.wait_until_judging()) {
            panic!("{error}");
        }
        Some(bare)
    }

    /// As [`Firewall::boot_bare`] for a test, which returns on None: where there are no machines,
    /// or nothing to install.
    ///
    /// # Panics
    /// When that is so and `BASTION_REQUIRE_REAL` is set.
    #[must_use]
    pub fn boot_bare_or_skip(purpose: &str) -> Option<Self> {
        required(Package::find())?;
        required(Self::boot_bare(purpose))
    }

    /// The machine with the firewall.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The machine it is connected to.
    pub fn internet(&mut self) -> &mut Internet {
        &mut self.internet
    }

    /// Leaves both machines up.
    ///
    /// # Errors
    /// As [`Sandbox::keep`].
    pub fn keep(self) -> Result<()> {
        self.internet.keep()?;
        self.sandbox.keep()
    }

    /// Installs the package.
    ///
    /// # Errors
    /// As [`Package::install`].
    pub fn install(&self) -> Result<()> {
        Package::find()?.install(&self.sandbox)
    }

    /// Removes the package; `purge` takes configuration and state along.
    ///
    /// # Errors
    /// As [`Package::remove`].
    pub fn remove(&self, purge: bool) -> Result<()> {
        Package::remove(&self.sandbox, Self::PACKAGE, purge)
    }

    /// Waits until the service has told systemd that it judges packets, and answers on the bus.
    ///
    /// # Errors
    /// [`Error::TimedOut`] with the service's journal when it does not come to that.
    pub fn wait_until_judging(&self) -> Result<()> {
        let judges = || {
            let active = self.property("ActiveState").ok()? == "active";
            (active && self.status().is_ok()).then_some(())
        };
        eventually("the service's start", PATIENCE, judges).map_err(|_| Error::TimedOut {
            what: format!(
                "the service's start (its journal: {})",
                self.journal().unwrap_or_default()
            ),
            after: PATIENCE,
        })
    }

    /// Runs `systemctl VERB` on the service, which must succeed.
    ///
    /// # Errors
    /// [`Error::Failed`] with what systemctl says.
    pub fn systemctl(&self, verb: &str) -> Result<()> {
        let command = ["systemctl", verb, Self::UNIT];
        self.sandbox.run(As::Root, &command).map(drop)
    }

    /// Adds settings to the service's unit for this machine: lines of a drop-in file.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn drop_in(&self, lines: &str) -> Result<()> {
        let unit = Self::UNIT;
        self.sandbox
            .shell(&format!(
                "mkdir -p /etc/systemd/system/{unit}.d
                 printf '%s\\n' '{lines}' >/etc/systemd/system/{unit}.d/test.conf
                 systemctl daemon-reload"
            ))
            .map(drop)
    }

    /// A property of the service's unit, as `systemctl show` prints it.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub fn property(&self, name: &str) -> Result<String> {
        let command = ["systemctl", "show", "--value", "-P", name, Self::UNIT];
        Ok(self.sandbox.run(As::Root, &command)?.trim().to_owned())
    }

    /// Kills the service with SIGKILL, as a crash would, and waits until systemd has started
    /// another one.
    ///
    /// # Errors
    /// When it does not come back.
    pub fn crash(&self) -> Result<()> {
        let before = self.property("MainPID")?;
        let kill = [
            "systemctl",
            "kill",
            "--kill-whom=main",
            "--signal=KILL",
            Self::UNIT,
        ];
        self.sandbox.run(As::Root, &kill)?;
        eventually("another process of the service", PATIENCE, || {
            let now = self.property("MainPID").ok()?;
            (now != before && now != "0").then_some(())
        })?;
        self.wait_until_judging()
    }

    /// The journal of the service.
    ///
    /// # Errors
    /// When journalctl fails.
    pub fn journal(&self) -> Result<String> {
        self.sandbox.journal(Some(Self::UNIT))
    }

    /// Runs `bastionctl --json ARGS` for somebody; gives its output, whatever it reports.
    ///
    /// # Errors
    /// When it could not be started.
    pub fn bastionctl(&self, who: As<'_>, args: &[&str]) -> Result<Output> {
        self.sandbox
            .output(who, &[&["bastionctl", "--json"], args].concat())
    }

    /// Runs `bastionctl --json ARGS` as root, which must succeed; gives what it prints. Null where
    /// it prints nothing.
    ///
    /// # Errors
    /// [`Error::Failed`] when it reports failure.
    pub fn ask(&self, args: &[&str]) -> Result<Value> {
        let text = self
            .sandbox
            .run(As::Root, &[&["bastionctl", "--json"], args].concat())?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|source| Error::Answer {
            command: format!("bastionctl {}", args.join(" ")),
            line: text,
            source,
        })
    }

    /// The helper's status: the fields of `Status` in the contract.
    ///
    /// # Errors
    /// When the helper does not answer.
    pub fn status(&self) -> Result<Value> {
        self.ask(&["status"])
    }

    /// What the status complains of.
    ///
    /// # Errors
    /// When the helper does not answer.
    pub fn troubles(&self) -> Result<Vec<String>> {
        let status = self.status()?;
        let troubles = status.get("troubles").and_then(Value::as_array);
        let text = |trouble: &Value| trouble.as_str().map(str::to_owned);
        Ok(troubles.into_iter().flatten().filter_map(text).collect())
    }

    /// A counter of the status, such as `questions`; 0 where there is none of that name.
    ///
    /// # Errors
    /// When the helper does not answer.
    pub fn counter(&self, name: &str) -> Result<u64> {
        let status = self.status()?;
        Ok(status.get(name).and_then(Value::as_u64).unwrap_or_default())
    }

    /// Waits until so many questions are open.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when it does not come to that.
    pub fn wait_for_questions(&self, count: u64) -> Result<()> {
        eventually_equal("open questions", PATIENCE, &count, || {
            self.counter("questions")
        })
    }

    /// Adds a rule as root, by the options of `bastionctl rules add`; gives its id.
    ///
    /// # Errors
    /// When the helper refuses it.
    pub fn add_rule(&self, action: &str, options: &[&str]) -> Result<String> {
        let added = self.ask(&[&["rules", "add", action], options].concat())?;
        let id = added.get("id").and_then(Value::as_str);
        Ok(id.unwrap_or_default().to_owned())
    }

    /// The names of the rules in force, in the order of the list.
    ///
    /// # Errors
    /// When the helper does not answer.
    pub fn rule_names(&self) -> Result<Vec<String>> {
        let rules = self.ask(&["rules", "list"])?;
        let name = |rule: &Value| rule.get("name")?.as_str().map(str::to_owned);
        Ok(rules
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(name)
            .collect())
    }

    /// The path of a program that no other test name has: each name is an executable of its own.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn program(&self, name: &str) -> Result<String> {
        let (programs, path) = (Self::PROGRAMS, format!("{}/{name}", Self::PROGRAMS));
        self.sandbox.shell(&format!(
            "mkdir -p {programs}; [ -e {path} ] || install -m 755 \"$(readlink -f /usr/bin/python3)\" {path}"
        ))?;
        Ok(path)
    }

    /// Has a program (see [`Firewall::program`]) send five bytes somewhere, and expect an answer.
    ///
    /// # Errors
    /// When it could not be started.
    pub fn start_sending(
        &self,
        who: As<'_>,
        program: &str,
        to: Destination,
        timeout: Duration,
    ) -> Result<Attempt> {
        let [transport, address, port, seconds] = [
            to.transport.name().to_owned(),
            to.address.to_string(),
            to.port.to_string(),
            timeout.as_secs_f64().to_string(),
        ];
        let command = [
            program,
            "/opt/bastion-tests/net/client.py",
            &transport,
            &address,
            &port,
            &seconds,
        ];
        Ok(Attempt::of(self.sandbox.spawn(who, &command)?))
    }

    /// As [`Firewall::start_sending`], and waits for the outcome.
    ///
    /// # Errors
    /// When it could not be started.
    pub fn send(
        &self,
        who: As<'_>,
        program: &str,
        to: Destination,
        timeout: Duration,
    ) -> Result<Outcome> {
        self.start_sending(who, program, to, timeout)?
            .outcome(timeout + PATIENCE)
    }

    /// The rules of mangle OUTPUT.
    ///
    /// # Errors
    /// When iptables fails.
    pub fn standing(&self, family: Family) -> Result<Standing> {
        let list = [family.iptables(), "-w", "-t", "mangle", "-S", "OUTPUT"];
        Ok(Standing::of(&self.sandbox.run(As::Root, &list)?))
    }

    /// Everything of Bastion's that stands in any table of a family, in the iptables that is used
    /// and in the other one: rules and chains, as `iptables-save` prints them.
    ///
    /// # Errors
    /// When iptables-save fails.
    pub fn traces(&self, family: Family) -> Result<Vec<String>> {
        // A kernel need not have what iptables-legacy talks to; then nothing stands there.
        let iptables = family.iptables();
        let saved = self.sandbox.shell(&format!(
            "{iptables}-nft-save; {iptables}-legacy-save 2>/dev/null || true"
        ))?;
        Ok(saved
            .lines()
            .filter(|line| line.contains("BASTION") || line.contains("NFQUEUE"))
            .map(str::to_owned)
            .collect())
    }
}
