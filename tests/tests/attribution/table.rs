//! What should stand in the log, what does, and the table that shows both.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::IpAddr;

use bastion_tests::Announced;
use serde::Deserialize;

/// A decision, as `bastionctl --json log` prints it; what is not looked at is left out.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    pub verdict: String,
    pub rule_name: String,
    pub program: String,
    pub pid: u32,
    pub uid: u32,
    pub protocol: String,
    pub destination: IpAddr,
    pub destination_port: u16,
    pub count: u64,
}

/// Who sent a packet, and what was decided by which rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Judged {
    pub program: String,
    pub pid: u32,
    pub uid: u32,
    pub verdict: String,
    /// The name of the rule. Rules of these tests are called like the program they are for.
    pub rule: String,
}

impl Judged {
    /// What should be logged of a process: that the rule for its program decided.
    pub fn by_its_rule(sender: &Announced, verdict: &str) -> Self {
        Self {
            program: sender.program.clone(),
            pid: sender.pid,
            uid: sender.uid,
            verdict: verdict.to_owned(),
            rule: base(&sender.program).to_owned(),
        }
    }

    /// What should be logged of the kernel's own packets: that a factory rule lets them pass.
    pub fn kernel(rule: &str) -> Self {
        Self {
            program: "kernel".to_owned(),
            pid: 0,
            uid: u32::MAX,
            verdict: "allow".to_owned(),
            rule: rule.to_owned(),
        }
    }
}

impl From<&Event> for Judged {
    fn from(event: &Event) -> Self {
        Self {
            program: event.program.clone(),
            pid: event.pid,
            uid: event.uid,
            verdict: event.verdict.clone(),
            rule: event.rule_name.clone(),
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (program, pid, uid) = (base(&self.program), self.pid, i64::from(self.uid));
        let uid = if self.uid == u32::MAX { -1 } else { uid };
        let by = match self.rule.as_str() {
            "" => "no rule".to_owned(),
            rule => format!("rule “{rule}”"),
        };
        write!(
            f,
            "{program} (pid {pid}, uid {uid}): {} by {by}",
            self.verdict
        )
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Packets of each sender.
pub type Counts = BTreeMap<Judged, u64>;

/// One kind of sending, as it should be and as it is.
#[derive(Debug, Default)]
pub struct Row {
    pub name: String,
    /// Packets that came to the other end.
    pub arrived: u64,
    /// How many should have.
    pub wanted_arrivals: u64,
    /// Most packets that may come, or be logged, as one.
    pub merged: u64,
    pub expected: Counts,
    pub seen: Counts,
    /// Why there is nothing to see.
    pub skipped: Option<String>,
}

impl Row {
    /// Adds what was logged.
    pub fn see(&mut self, event: &Event) {
        *self.seen.entry(event.into()).or_default() += event.count.max(1);
    }

    fn enough(&self, count: u64, wanted: u64) -> bool {
        (wanted.div_ceil(self.merged.max(1))..=wanted).contains(&count)
    }

    pub fn is_right(&self) -> bool {
        self.skipped.is_some() || self.problems().is_empty()
    }

    /// Whatever is not as it should be.
    pub fn problems(&self) -> Vec<String> {
        let mut all = Vec::new();
        if !self.enough(self.arrived, self.wanted_arrivals) {
            let (arrived, wanted) = (self.arrived, self.wanted_arrivals);
            all.push(format!("{arrived} packets arrived, not {wanted}"));
        }
        for (who, wanted) in &self.expected {
            let count = self.seen.get(who).copied().unwrap_or_default();
            if !self.enough(count, *wanted) {
                all.push(format!("seen {count} of {wanted} times: {who}"));
            }
        }
        let others = self
            .seen
            .iter()
            .filter(|(who, _)| !self.expected.contains_key(who));
        all.extend(others.map(|(who, count)| format!("seen {count} times, but wrong: {who}")));
        all
    }
}

/// How many packets of how many processes, by program.
fn summary(counts: &Counts) -> String {
    let mut programs: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    for (who, count) in counts {
        let (packets, processes) = programs.entry(base(&who.program)).or_default();
        *packets += count;
        *processes += 1;
    }
    let shown = programs
        .iter()
        .map(|(program, (packets, processes))| match processes {
            1 => format!("{packets} {program}"),
            _ => format!("{packets} {program} ({processes} processes)"),
        });
    shown.collect::<Vec<_>>().join(", ")
}

/// The table of all rows.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut line = |cells: [&str; 5]| {
        let [kind, packets, expected, seen, ok] = cells;
        let _ = writeln!(
            text,
            "{kind:<22} | {packets:>7} | {expected:<42} | {seen:<42} | {ok}"
        );
    };
    line(["kind", "packets", "expected", "seen", "ok"]);
    for row in rows {
        let (expected, seen) = (summary(&row.expected), summary(&row.seen));
        let arrived = row.arrived.to_string();
        match &row.skipped {
            Some(why) => line([&row.name, "-", why, "-", "skipped"]),
            None if row.is_right() => line([&row.name, &arrived, &expected, &seen, "yes"]),
            None => line([&row.name, &arrived, &expected, &seen, "NO"]),
        }
    }
    text
}

/// What is wrong with the rows that are, at some length.
pub fn complaints(rows: &[Row]) -> String {
    const MOST: usize = 6;
    let mut text = String::new();
    for row in rows.iter().filter(|row| !row.is_right()) {
        let problems = row.problems();
        let _ = writeln!(text, "{}:", row.name);
        for problem in problems.iter().take(MOST) {
            let _ = writeln!(text, "  {problem}");
        }
        if let Some(left @ 1..) = problems.len().checked_sub(MOST) {
            let _ = writeln!(text, "  and {left} more like these");
        }
    }
    text
}
