//! What is wrong with the rules, taken together.

use bastion_ipc::wire::WireRule;
use bastion_policy::rule::Rule;
use bastion_policy::ruleset::{Criterion, Problem, RuleSet};
use bastion_policy::time::Timestamp;
use serde::Serialize;

use super::all;
use crate::client::Client;
use crate::error::Error;
use crate::output::{Output, clean};

/// A rule with a problem, as `--json` prints it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    id: String,
    /// The rule that makes it one.
    other: String,
    /// What is wrong: a sentence.
    problem: String,
}

/// Prints them.
pub(super) async fn run(client: &Client, output: &Output) -> Result<(), Error> {
    let findings = findings(&all(client).await?, now());
    output.print(&findings, |view| match findings.as_slice() {
        [] => "No problems were found.\n".into(),
        found => {
            let line = |finding: &Finding| {
                let id = view.bold(&clean(&finding.id));
                format!("{id}: {}\n", clean(&finding.problem))
            };
            found.iter().map(line).collect()
        }
    })
}

pub(super) fn now() -> Timestamp {
    let millis = jiff::Timestamp::now().as_millisecond();
    Timestamp::from_millis(u64::try_from(millis).unwrap_or_default())
}

/// The problems in the order of the rules. Rules of a newer version are left out.
fn findings(rules: &[WireRule], now: Timestamp) -> Vec<Finding> {
    let understood: Vec<_> = rules
        .iter()
        .filter_map(|rule| Rule::try_from(rule).ok())
        .collect();
    // The helper has them as a set already.
    let set = RuleSet::new(understood).unwrap_or_default();
    let problems = set.problems(now);
    let finding = |rule: &Rule| {
        let problem = problems.get(rule.id())?;
        let other = set.get(problem.other())?;
        Some(Finding {
            id: rule.id().to_string(),
            other: other.id().to_string(),
            problem: sentence(problem, &other.spec().name),
        })
    };
    set.rules().filter_map(finding).collect()
}

fn sentence(problem: &Problem, other: &str) -> String {
    match problem {
        Problem::Shadowed { criterion, .. } => {
            let because = match criterion {
                Criterion::Priority => "has a higher priority",
                Criterion::Action => "blocks",
                Criterion::Created | Criterion::Id => "is newer",
                _ => "comes first",
            };
            format!("Never decides: “{other}” covers all of it and {because}.")
        }
        Problem::Double { .. } => format!("Not needed: “{other}” does the same."),
        Problem::Conflict { wins, .. } => {
            let winner = if *wins { "this" } else { "that" };
            format!("Contradicts “{other}” in part; there {winner} rule wins, because it blocks.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_names_both_rules() {
        let rule = |id: &str, action: &str, priority: &str| WireRule {
            id: Some(id.into()),
            name: format!("Rule {id}"),
            action: action.into(),
            program: Some("/usr/bin/curl".into()),
            priority: Some(priority.into()),
            ..WireRule::default()
        };
        let rules = [
            rule("a", "allow", "normal"),
            rule("b", "deny", "pinned"),
            rule("c", "deny", "pinned"),
        ];
        let found = findings(&rules, Timestamp::from_millis(0));
        let found: Vec<_> = found
            .iter()
            .map(|f| (f.id.as_str(), f.other.as_str(), f.problem.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (
                    "a",
                    "b",
                    "Never decides: “Rule b” covers all of it and has a higher priority."
                ),
                ("c", "b", "Not needed: “Rule b” does the same."),
            ]
        );
    }
}
