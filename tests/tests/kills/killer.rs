//! Kills of the helper, and what stands in the tables after each.

use bastion_tests::{As, Family, Sandbox, Standing};

use crate::random::Random;

/// Waits for a process of the service that is not `$1`, in a state that fits `$2`: `early`, as
/// soon as there is one, or `ready`, once it judges. Who ended the service in peace has to start
/// it again. Prints its number, then what stands in both families.
const WAIT: &str = r#"
    found=
    for _ in $(seq 2000); do
        eval "$(systemctl show -p MainPID -p ActiveState bastion-helper.service)"
        case $ActiveState in inactive | failed) systemctl start --no-block bastion-helper.service ;; esac
        if [ "$MainPID" != 0 ] && [ "$MainPID" != "$1" ]; then
            if [ "$2" = early ] || [ "$ActiveState" = active ]; then found=1; break; fi
        fi
        sleep 0.01
    done
    if [ ! "$found" ]; then echo "no helper that is $2: $MainPID, $ActiveState" >&2; exit 1; fi
"#;

/// What stands, after a line that says so for each family.
const TABLES: &str = "
    for t in iptables ip6tables; do echo table $t; $t -w -t mangle -S OUTPUT; done
";

/// Waits as [`WAIT`] does. When it judges: lets the process `$5` go on. Then, `$4` seconds later,
/// sends the signal `$3`, before which the process is stopped if that is a request to end. Of
/// SIGSEGV it takes more than one: the first only takes away the handler by which Rust's runtime
/// recognises a stack that overflows.
const KILL: &str = r#"
    echo "pid $MainPID"
    if [ "$2" = ready ]; then kill -CONT "$5"; fi
    sleep "$4"
    if [ "$3" = TERM ]; then kill -STOP "$5"; fi
    if kill "-$3" "$MainPID" 2>/dev/null; then echo hit; else echo missed; fi
    while [ "$3" = SEGV ] && kill -SEGV "$MainPID" 2>/dev/null; do sleep 0.001; done
"#;

/// How the helper is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// As by the kernel when memory is short.
    Kill,
    /// As by somebody who wants it to end.
    Term,
    /// As by a crash.
    Segv,
}

impl Signal {
    const ALL: [Self; 3] = [Self::Kill, Self::Term, Self::Segv];

    fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Term => "TERM",
            Self::Segv => "SEGV",
        }
    }
}

/// Kills the helper of a machine.
///
/// Who ends the helper in peace wants the rules gone, and then nothing is denied. So the denied
/// program is stopped before SIGTERM, and goes on once there is a helper again.
pub struct Killer<'a> {
    sandbox: &'a Sandbox,
    others: &'a [Vec<String>; 2],
    denied: String,
    last: String,
    hits: [usize; 3],
    early: usize,
}

impl<'a> Killer<'a> {
    /// One that expects these rules of others in the tables, and stops this denied program.
    pub fn new(sandbox: &'a Sandbox, others: &'a [Vec<String>; 2], denied: u64) -> Self {
        Self {
            sandbox,
            others,
            denied: denied.to_string(),
            last: "0".to_owned(),
            hits: [0; 3],
            early: 0,
        }
    }

    /// How many signals have hit so far.
    pub fn kills(&self) -> usize {
        self.hits.iter().sum()
    }

    /// What it did.
    pub fn summary(&self) -> String {
        let each = Signal::ALL.iter().zip(&self.hits);
        let each: Vec<_> = each
            .map(|(signal, hits)| format!("{hits} SIG{}", signal.name()))
            .collect();
        format!(
            "{} kills ({}), {} of them of a helper that started",
            self.kills(),
            each.join(", "),
            self.early
        )
    }

    /// Kills once: of five helpers two that judge, and three at any moment of their start.
    pub fn kill(&mut self, random: &mut Random) {
        let signal = Signal::ALL[usize::try_from(random.below(3)).unwrap()];
        let (moment, most) = match random.below(5) {
            0..3 => ("early", 150_000),
            _ => ("ready", 50_000),
        };
        let seconds = format!(
            "{:.6}",
            f64::from(u32::try_from(random.below(most)).unwrap()) / 1e6
        );
        let stands = if moment == "ready" { TABLES } else { "" };
        let script = format!("{WAIT}{stands}{KILL}{TABLES}");
        let printed = self.run(&script, &[moment, signal.name(), &seconds]);
        let (before, rest) = printed.split_once("pid ").unwrap();
        let (pid, rest) = rest.split_once('\n').unwrap();
        let (end, after) = rest.split_once('\n').unwrap();
        let when = format!(
            "kill {} ({signal:?}, {moment}, {seconds} s)",
            self.kills() + 1
        );
        if moment == "ready" {
            self.check(before, true, &format!("before {when}"));
        }
        self.check(after, false, &format!("after {when}"));
        self.last = pid.to_owned();
        if end == "hit" {
            self.hits[signal as usize] += 1;
            self.early += usize::from(moment == "early");
        }
    }

    /// Waits until there is a helper that judges, for the last time.
    pub fn settle(&mut self) {
        let script = format!("{WAIT}{TABLES}");
        let printed = self.run(&script, &["ready"]);
        self.check(&printed, true, "at the end");
        let go_on = ["kill", "-CONT", &self.denied];
        self.sandbox.run(As::Root, &go_on).unwrap();
    }

    fn run(&self, script: &str, arguments: &[&str]) -> String {
        let mut command = vec!["sh", "-euc", script, "kill", &self.last];
        command.extend(arguments);
        command.push(&self.denied);
        self.sandbox.run(As::Root, &command).unwrap()
    }

    /// Checks what stands: all of ours where there is a helper that judges, all or nothing at any
    /// other moment; and others' rules always.
    fn check(&self, printed: &str, all: bool, when: &str) {
        let tables: Vec<_> = printed.split("table ").skip(1).collect();
        assert_eq!(tables.len(), 2, "{when}: {printed}");
        for ((family, others), table) in Family::ALL.iter().zip(self.others).zip(tables) {
            let standing = Standing::of(table);
            let nothing = standing.ours.is_empty() && !all;
            assert!(
                nothing || standing.is_right(),
                "{family:?} {when}: {standing:#?}"
            );
            assert_eq!(&standing.others, others, "{family:?} {when}");
        }
    }
}
