//! What was measured, in words and tables.

use crate::case::{Case, Metric};
use crate::figures::{Figures, Named as _};
use crate::target::Target;

/// All targets.
pub fn targets(figures: &Figures<Case, Metric>, datagrams: f64) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut at_most = |what: String, reached: f64, limit: f64| {
        targets.push(Target::at_most(what, reached, limit));
    };
    let p50 = Metric::ConnectP50;
    at_most(
        "connect of bastion-taught, times no-firewall".into(),
        figures.ratio(Case::BastionTaught, Case::NoFirewall, p50),
        1.1,
    );
    for case in Case::DECIDED {
        at_most(
            format!("connect of {}, times queue-accept-all", case.name()),
            figures.ratio(case, Case::QueueAcceptAll, p50),
            1.3,
        );
    }
    let mut at_least = |what: String, reached: f64, limit: f64| {
        targets.push(Target::at_least(what, reached, limit));
    };
    for (metric, what, limit) in [
        (p50, "connect", 5.0),
        (Metric::CpuPerConnection, "processor time", 10.0),
    ] {
        for case in Case::BASTION {
            at_least(
                format!("{what} of opensnitch, times {}", case.name()),
                figures.ratio(Case::OpenSnitch, case, metric),
                limit,
            );
        }
    }
    for case in Case::BASTION {
        at_least(
            format!("datagrams of a burst through {}, worst round", case.name()),
            figures.range(case, Metric::BurstReceived).0,
            datagrams,
        );
    }
    targets
}

/// The tables and targets, as lines.
pub fn lines(figures: &Figures<Case, Metric>, targets: &[Target]) -> Vec<String> {
    let mut lines = vec!["Medians of the rounds:".to_owned(), header()];
    for case in Case::ALL {
        lines.push(row(case, |metric| {
            metric.shown(figures.median(case, metric))
        }));
    }
    let compared = [
        Case::NoFirewall,
        Case::ConnectionTracking,
        Case::QueueAcceptAll,
        Case::OpenSnitch,
    ];
    for to in compared {
        lines.push(String::new());
        lines.push(format!("Times {}:", to.name()));
        lines.push(header());
        for case in Case::ALL.into_iter().filter(|case| *case != to) {
            lines.push(row(case, |metric| ratio(figures.ratio(case, to, metric))));
        }
    }
    lines.push(String::new());
    lines.push("Targets:".to_owned());
    lines.extend(targets.iter().map(Target::line));
    lines
}

/// Where there is nothing to divide by there is no ratio.
fn ratio(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.2}")
    } else {
        "-".to_owned()
    }
}

fn header() -> String {
    row_of("", Metric::ALL.map(|metric| metric.name().to_owned()))
}

fn row(case: Case, value: impl Fn(Metric) -> String) -> String {
    row_of(case.name(), Metric::ALL.map(value))
}

fn row_of(name: &str, cells: [String; Metric::ALL.len()]) -> String {
    let cells: String = Metric::ALL
        .into_iter()
        .zip(cells)
        .map(|(metric, cell)| format!("  {cell:>width$}", width = metric.name().len()))
        .collect();
    format!("  {name:<19}{cells}")
}
