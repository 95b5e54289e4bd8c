//! `make bench`: what a firewall costs, measured on two machines with a cable between them, and what
//! its app costs.
//!
//! Every case is measured in every round, one after the other, and each round begins with another
//! one, so that whatever else happens on this computer happens to all of them alike. A case is
//! shown to be what it says: by what was queued, and by the rule that decided. Figures go to
//! `target/bench`: `results.jsonl` has the medians, `rounds.jsonl` all of them, `results.png`
//! shows them, `results.txt` is what was printed in the end.
//!
//! What the app costs is measured after that (`app`). `bastion-bench network` and `bastion-bench app`
//! measure one of the two; `bastion-bench app NAME` the cases with that in their names.
//!
//! Missed targets are no failure: computers differ. It fails if a case could not be measured.

mod app;
mod case;
mod figures;
mod guard;
mod measure;
mod opensnitch;
mod picture;
mod place;
mod report;
mod rules;
mod target;

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use case::{Case, Metric};
use figures::{Figures, Named as _};
use place::{Place, TARGET};

const RESULTS: &str = "target/bench";

/// Rounds, unless `BASTION_BENCH_ROUNDS` says otherwise.
const ROUNDS: usize = 5;
/// With fewer a median says little.
const FEWEST: usize = 3;

fn main() -> anyhow::Result<()> {
    let rounds = rounds()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            network(rounds.unwrap_or(ROUNDS))?;
            app::run(rounds, None)
        }
        ["network"] => network(rounds.unwrap_or(ROUNDS)),
        ["app"] => app::run(rounds, None),
        ["app", only] => app::run(rounds, Some(only)),
        _ => bail!(
            "“{}” is none of: network, app, app NAME",
            arguments.join(" ")
        ),
    }
}

/// What the firewall costs those who connect.
fn network(rounds: usize) -> anyhow::Result<()> {
    println!("Booting two machines, installing Bastion and OpenSnitch (about 10 s)");
    let mut place = Place::boot()?;
    place.install_bastion()?;
    let manner = opensnitch::install(&place)?;
    println!(
        "OpenSnitch {} works by “{}” and {} on this kernel",
        manner.version, manner.monitor, manner.firewall
    );
    let figures = measure_all(&mut place, rounds)?;
    drop(place);
    let subtitle = format!(
        "Medians of {rounds} rounds and their range; two network namespaces of one computer; \
         OpenSnitch {} ({}, {})",
        manner.version, manner.monitor, manner.firewall
    );
    keep(&figures, &subtitle)
}

fn rounds() -> anyhow::Result<Option<usize>> {
    let Ok(rounds) = std::env::var("BASTION_BENCH_ROUNDS") else {
        return Ok(None);
    };
    let rounds = rounds
        .parse()
        .context("BASTION_BENCH_ROUNDS is no number")?;
    ensure!(rounds >= FEWEST, "at least {FEWEST} rounds are needed");
    Ok(Some(rounds))
}

fn measure_all(place: &mut Place, rounds: usize) -> anyhow::Result<Figures<Case, Metric>> {
    let mut figures = Figures::default();
    for round in 0..rounds {
        let in_turn = Case::ALL.into_iter().cycle().skip(round);
        for case in in_turn.take(Case::ALL.len()) {
            let measured = measure::measure(place, case)
                .with_context(|| format!("{} could not be measured", case.name()))?;
            let shown: Vec<String> = measured
                .figures
                .iter()
                .map(|(metric, value)| format!("{} {}", metric.name(), metric.shown(*value)))
                .collect();
            println!(
                "round {} of {rounds}  {:<19}  {}",
                round + 1,
                case.name(),
                shown.join("  ")
            );
            if measured.resent > 0 {
                println!(
                    "    {} connections had to be tried again after a second: packets were lost",
                    measured.resent
                );
            }
            for (metric, value) in measured.figures {
                figures.add(case, metric, value);
            }
        }
    }
    Ok(figures)
}

/// Writes and prints the results.
fn keep(figures: &Figures<Case, Metric>, subtitle: &str) -> anyhow::Result<()> {
    let directory = Path::new(RESULTS);
    std::fs::create_dir_all(directory)?;
    figures.write_medians(&mut File::create(directory.join("results.jsonl"))?)?;
    figures.write_rounds(&mut File::create(directory.join("rounds.jsonl"))?)?;
    let svg = directory.join("results.svg");
    std::fs::write(&svg, picture::svg(figures, subtitle))?;
    picture::render(&svg)?;
    let targets = report::targets(figures, f64::from(TARGET.datagrams));
    let lines = report::lines(figures, &targets).join("\n");
    println!("\n{lines}\n\nFigures and a picture: {RESULTS}/results.*");
    std::fs::write(directory.join("results.txt"), lines + "\n")?;
    Ok(())
}
