//! Rules to and from files.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;

use bastion_ipc::wire::WireRule;
use bastion_policy::file::{self, Entry};
use bastion_policy::rule::Rule;
use bastion_policy::text::RuleText;
use serde::Serialize;

use super::check::now;
use super::{all, count};
use crate::client::{Client, authenticated};
use crate::error::{Error, path_text};
use crate::output::{Output, clean};

/// Most bytes of a file: as many as a rules file may have.
const MAX_BYTES: u64 = 8 << 20;

/// Prints all rules as a rules file.
pub(super) async fn export(client: &Client, output: &Output) -> Result<(), Error> {
    let wires = all(client).await?;
    let rules: Vec<_> = wires
        .iter()
        .filter_map(|wire| Rule::try_from(wire).ok())
        .collect();
    output.print(&wires, |_| file::export(&rules))
}

/// What becomes of the rules of a file, as `--json` prints it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Report {
    /// Names of those added.
    added: Vec<String>,
    /// Names of those that were there already.
    known: Vec<String>,
    /// Those that can't be had.
    refused: Vec<Refused>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Refused {
    name: String,
    problem: String,
}

/// Adds the rules of a file.
pub(super) async fn import(
    path: &Path,
    dry_run: bool,
    client: &Client,
    output: &Output,
) -> Result<(), Error> {
    let wrong = |problem: String| Error::Import {
        path: path_text(path),
        problem: clean(&problem).into_owned(),
    };
    let text = read(path).map_err(|error| wrong(error.to_string()))?;
    let entries = file::import(&text, now()).map_err(|error| wrong(error.to_string()))?;
    let (new, mut report) = sort(entries, &all(client).await?);
    let rules = client.rules().await?;
    for rule in new {
        if !dry_run {
            authenticated(rules.add(&rule)).await?;
        }
        report.added.push(rule.name);
    }
    output.print(&report, |_| said(&report, dry_run))
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// Those to add, and a report on the others.
fn sort(entries: Vec<Entry>, there: &[WireRule]) -> (Vec<WireRule>, Report) {
    let texts: Vec<RuleText> = there.iter().map(WireRule::text).collect();
    let known: HashSet<_> = texts.iter().map(RuleText::effect).collect();
    let mut report = Report::default();
    let mut new = Vec::new();
    for entry in entries {
        match entry.rule {
            Ok(rule) if known.contains(&RuleText::from(&rule).effect()) => {
                report.known.push(rule.spec().name.clone());
            }
            Ok(rule) => new.push(WireRule::imported(&rule)),
            Err(problem) => report.refused.push(Refused {
                name: entry.name,
                problem,
            }),
        }
    }
    (new, report)
}

fn said(report: &Report, dry_run: bool) -> String {
    let mut said = String::new();
    for refused in &report.refused {
        let (name, problem) = (clean(&refused.name), clean(&refused.problem));
        said.push_str(&format!("“{name}” can't be imported: {problem}\n"));
    }
    let added = count(report.added.len());
    said.push_str(&match dry_run {
        true => format!("{added} would be added"),
        false => format!("Added {added}"),
    });
    if !report.known.is_empty() {
        let there = report.known.len();
        said.push_str(&format!("; {there} already there"));
    }
    said.push_str(".\n");
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_and_what_makes_no_sense_is_told_apart() {
        let there = WireRule {
            id: Some("r1".into()),
            name: "Web".into(),
            action: "allow".into(),
            ports: Some("443".into()),
            ..WireRule::default()
        };
        let file = "version = 1\n\
            [[rule]]\nname = \"Other name\"\naction = \"allow\"\nports = 443\n\
            [[rule]]\nname = \"New\"\naction = \"deny\"\ncreator = \"1000\"\n\
            [[rule]]\nname = \"Odd\"\naction = \"maybe\"\n";
        let entries = file::import(file, now()).unwrap();
        let (new, report) = sort(entries, &[there]);
        let names: Vec<_> = new.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, ["New"]);
        // Whoever made it where the file comes from did not make it here.
        assert_eq!(new[0].creator.as_deref(), Some("import"));
        assert_eq!(report.known, ["Other name"]);
        let text = said(&report, false);
        assert!(text.starts_with("“Odd” can't be imported: line "), "{text}");
        assert!(
            text.ends_with("Added 0 rules; 1 already there.\n"),
            "{text}"
        );
    }
}
