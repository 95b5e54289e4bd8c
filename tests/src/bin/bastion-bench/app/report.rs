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
        if !shown.is_empty() {
            lines.push(format!("  {:<23}  {}", case.name(), shown.join("  ")));
        }
    }
    section(
        &mut lines,
        &format!("Times {}:", Case::EmptyWindow.name()),
        ratios(
            figures,
            Case::EmptyWindow,
            &[
                (Case::Start, Metric::FirstFrame),
                (Case::Rules10000, Metric::FirstFrame),
                (Case::Rest, Metric::Rss),
                (Case::Rules10000, Metric::Rss),
            ],
        ),
    );
    let frames = [Metric::FrameP50, Metric::FrameP99, Metric::FrameMax];
    section(
        &mut lines,
        &format!("Times {}:", Case::BareTable.name()),
        ratios(
            figures,
            Case::BareTable,
            &frames.map(|metric| (Case::ScrollLog, metric)),
        ),
    );
    section(
        &mut lines,
        "Targets of the app:",
        targets.iter().map(Target::line).collect(),
    );
    lines
}

/// Adds what there is to say of something.
fn section(lines: &mut Vec<String>, title: &str, of: Vec<String>) {
    if !of.is_empty() {
        lines.extend([String::new(), title.to_owned()]);
        lines.extend(of);
    }
}

/// How many times the figures of a case those of others are, where both were measured.
fn ratios(figures: &Figures<Case, Metric>, to: Case, of: &[(Case, Metric)]) -> Vec<String> {
    of.iter()
        .map(|&(case, metric)| (case, metric, figures.ratio(case, to, metric)))
        .filter(|(.., ratio)| ratio.is_finite())
        .map(|(case, metric, ratio)| format!("  {:<23}  {} {ratio:.2}", case.name(), metric.name()))
        .collect()
}
