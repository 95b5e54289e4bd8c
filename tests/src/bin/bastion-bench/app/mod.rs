//! What the app costs: how soon it shows, how evenly it draws, and how much memory it takes.
//!
//! The app is the package's, in a user's session at a screen without a graphics card, beside the
//! real helper. Its frames are told by GTK itself, by the marks it makes for a profiler; nothing in
//! the app knows that it is measured. In the same rounds an empty window and a bare table are measured.

mod case;
mod measure;
mod pace;
mod report;
mod stage;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::RESULTS;
use crate::figures::{Figures, Named as _};
use case::{Case, Metric};
use stage::Stage;

/// Rounds, unless it is said otherwise.
const ROUNDS: usize = 3;

/// Measures, prints and keeps. With `only`, no more than the cases with that in their names, and
/// keeps nothing.
pub fn run(rounds: Option<usize>, only: Option<&str>) -> anyhow::Result<()> {
    let chosen = |case: &Case| only.is_none_or(|part| case.name().contains(part));
    ensure!(
        Case::ALL.iter().any(chosen),
        "no case has “{}” in its name: {}",
        only.unwrap_or_default(),
        Case::ALL.map(Case::name).join(", ")
    );
    let rounds = rounds.unwrap_or(ROUNDS);
    println!("Booting two machines, installing Bastion, filling a log (about 30 s)");
    let place = stage::prepare()?;
    let mut stage = Stage::new(&place)?;
    let mut figures = Figures::default();
    // Not measured: files are in memory then.
    measure::warm_up(&mut stage)?;
    for round in 0..rounds {
        for case in Case::ALL.into_iter().filter(chosen) {
            let measured = measure::measure(&mut stage, case)
                .with_context(|| format!("{} could not be measured", case.name()))?;
            let shown: Vec<String> = measured
                .iter()
                .map(|(metric, value)| format!("{} {}", metric.name(), metric.shown(*value)))
                .collect();
            println!(
                "round {} of {rounds}  {:<23}  {}",
                round + 1,
                case.name(),
                shown.join("  ")
            );
            for (metric, value) in measured {
                figures.add(case, metric, value);
            }
        }
    }
    match only {
        None => keep(&figures),
        Some(_) => {
            println!("{}", report::lines(&figures, &[]).join("\n"));
            Ok(())
        }
    }
}

/// Prints the results, and adds them to those of the network.
fn keep(figures: &Figures<Case, Metric>) -> anyhow::Result<()> {
    let directory = Path::new(RESULTS);
    std::fs::create_dir_all(directory)?;
    figures.write_medians(&mut without_own(&directory.join("results.jsonl"))?)?;
    figures.write_rounds(&mut without_own(&directory.join("rounds.jsonl"))?)?;
    let targets = report::targets(figures);
    let mut lines = report::lines(figures, &targets);
    lines.insert(1, stage::CONDITIONS.to_owned());
    let lines = lines.join("\n");
    println!("\n{lines}\n\nFigures: {RESULTS}/results.jsonl");
    std::fs::write(directory.join("app.txt"), lines + "\n")?;
    Ok(())
}

/// A file of results, to add to, without what was measured of the app before.
fn without_own(path: &Path) -> anyhow::Result<File> {
    let before = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    for line in before.lines().filter(|line| !line.contains("\"app-")) {
        writeln!(file, "{line}")?;
    }
    Ok(file)
}
