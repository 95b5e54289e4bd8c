//! What was measured of the app, in words and tables.

use super::case::{Case, Metric};
use crate::figures::{Figures, Named as _};
use crate::target::Target;

/// How much more memory load may take, in KiB, once everything kept has reached its bounds.
const GROWTH: f64 = 8_192.0;

pub fn targets(figures: &Figures<Case, Metric>) -> Vec<Target> {
    let mut targets = Vec::new();
    for case in [Case::Start, Case::Rules10000] {
        targets.push(Target::at_most(
            format!("first frame of {} (ms)", case.name()),
            figures.median(case, Metric::FirstFrame),
            500.0,
        ));
    }
    for case in [Case::ScrollLog, Case::Arriving500] {
        targets.push(Target::at_most(
            format!("frames over 50 ms of {}", case.name()),
            figures.median(case, Metric::FramesOver50),
            0.0,
        ));
    }
    targets.push(Target::at_most(
        format!(
            "growth after the first third of {} (KiB)",
            Case::Arriving500.name()
        ),
        figures.median(Case::Arriving500, Metric::RssGrowthLate),
        GROWTH,
    ));
    targets
}

fn ratio(figures: &Figures<Case, Metric>, case: Case, to: Case, metric: Metric) -> String {
    let ratio = figures.ratio(case, to, metric);
    format!("  {:<23}  {} {ratio:.2}", case.name(), metric.name())
}

/// The tables and targets, as lines.
pub fn lines(figures: &Figures<Case, Metric>, targets: &[Target]) -> Vec<String> {
    let mut lines = vec!["The app, medians of the rounds:".to_owned()];
    for case in Case::ALL {
        let shown: Vec<String> = Metric::ALL
            .into_iter()
            .map(|metric| (metric, figures.median(case, metric)))
            .filter(|(_, value)| value.is_finite())
            .map(|(metric, value)| format!("{} {}", metric.name(), metric.shown(value)))
            .collect();
        lines.push(format!("  {:<23}  {}", case.name(), shown.join("  ")));
    }
    lines.push(String::new());
    lines.push(format!("Times {}:", Case::EmptyWindow.name()));
    for (case, metric) in [
        (Case::Start, Metric::FirstFrame),
        (Case::Rules10000, Metric::FirstFrame),
        (Case::Rest, Metric::Rss),
        (Case::Rules10000, Metric::Rss),
    ] {
        lines.push(ratio(figures, case, Case::EmptyWindow, metric));
    }
    lines.push(String::new());
    lines.push(format!("Times {}:", Case::BareTable.name()));
    for metric in [Metric::FrameP50, Metric::FrameP99, Metric::FrameMax] {
        lines.push(ratio(figures, Case::ScrollLog, Case::BareTable, metric));
    }
    lines.push(String::new());
    lines.push("Targets of the app:".to_owned());
    lines.extend(targets.iter().map(Target::line));
    lines
}
