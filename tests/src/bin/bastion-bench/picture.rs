//! The figures as a picture: one panel for each metric, with a bar for each case and a line from
//! the least to the greatest of the rounds.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::case::{Case, Metric};
use crate::figures::{Figures, Named as _};

const WIDTH: f64 = 1180.0;
const PANEL_WIDTH: f64 = 560.0;
const PANEL_HEIGHT: f64 = 277.0;
const TOP: f64 = 96.0;
const MARGIN: f64 = 30.0;
/// Where bars begin within a panel, after the names of the cases.
const BARS: f64 = 140.0;
/// How long the longest may be, so that its value fits behind it.
const LONGEST: f64 = 330.0;
const STEP: f64 = 27.0;
const BAR: f64 = 18.0;

/// The picture as SVG, under this subtitle.
pub fn svg(figures: &Figures<Case, Metric>, subtitle: &str) -> String {
    let rows = Metric::ALL.len().div_ceil(2);
    // At most four.
    let height = TOP + PANEL_HEIGHT * f64::from(u8::try_from(rows).unwrap_or(u8::MAX));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"Inter, DejaVu Sans, sans-serif\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    text(
        &mut svg,
        MARGIN,
        42.0,
        "start",
        22,
        "#1e1e24",
        "What a firewall costs each connection",
    );
    text(&mut svg, MARGIN, 68.0, "start", 13, "#5e5c64", subtitle);
    let (mut x, mut y) = (MARGIN, TOP);
    for metric in Metric::ALL {
        panel(&mut svg, figures, metric, x, y);
        if x > MARGIN {
            (x, y) = (MARGIN, y + PANEL_HEIGHT);
        } else {
            x += PANEL_WIDTH;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, figures: &Figures<Case, Metric>, metric: Metric, x: f64, y: f64) {
    let better = if metric.is_cost() {
        "less is better"
    } else {
        "more is better"
    };
    text(
        svg,
        x,
        y + 16.0,
        "start",
        14,
        "#1e1e24",
        &format!("{}: {better}", metric.title()),
    );
    let most = Case::ALL
        .map(|case| figures.range(case, metric).1)
        .into_iter()
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut row = y + 30.0;
    for case in Case::ALL {
        let median = figures.median(case, metric);
        let (least, greatest) = figures.range(case, metric);
        let (start, scale) = (x + BARS, LONGEST / most);
        let middle = row + BAR / 2.0;
        text(
            svg,
            start - 8.0,
            middle + 4.0,
            "end",
            12,
            "#1e1e24",
            case.name(),
        );
        // Writing to a string never fails.
        let _ = writeln!(
            svg,
            "<rect x=\"{start:.1}\" y=\"{row:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{}\"/>\
             <path d=\"M{:.1} {middle:.1}H{:.1}\" stroke=\"#1e1e24\" stroke-opacity=\"0.6\" stroke-width=\"1.5\"/>",
            median * scale,
            colour(case),
            start + least * scale,
            start + greatest * scale,
        );
        let shown = metric.shown(median);
        text(
            svg,
            start + greatest * scale + 8.0,
            middle + 4.0,
            "start",
            12,
            "#1e1e24",
            &shown,
        );
        row += STEP;
    }
}

fn colour(case: Case) -> &'static str {
    match case {
        Case::NoFirewall | Case::ConnectionTracking | Case::QueueAcceptAll => "#c0bfbc",
        Case::OpenSnitch => "#e5a50a",
        _ => "#3584e4",
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, size: u32, fill: &str, text: &str) {
    // Writing to a string never fails.
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"{fill}\">{text}</text>"
    );
}

/// Turns the SVG at a path below the project into a PNG beside it.
pub fn render(svg: &Path) -> anyhow::Result<()> {
    let png = svg.with_extension("png");
    let done = Command::new("tests/sandbox/in-root.sh")
        .args(["python3", "tests/bench/picture.py"])
        .args([svg, &png])
        .output()
        .context("tests/sandbox/in-root.sh does not start")?;
    ensure!(
        done.status.success() && png.exists(),
        "the picture could not be drawn: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}
