//! What is wrong with a rule, in words.

use bastion_policy::ruleset::{Criterion, Problem};

use crate::i18n::gettext_f;

/// The sentence, given the name of the other rule.
#[must_use]
pub fn sentence(problem: &Problem, other: &str) -> String {
    let rule = [("rule", other)];
    match problem {
        Problem::Shadowed { criterion, .. } => match criterion {
            Criterion::Priority => gettext_f(
                "Never decides: “{rule}” covers all of it and has a higher priority.",
                &rule,
            ),
            Criterion::Action => gettext_f(
                "Never decides: “{rule}” covers all of it and blocks.",
                &rule,
            ),
            Criterion::Created | Criterion::Id => gettext_f(
                "Never decides: “{rule}” covers all of it and is newer.",
                &rule,
            ),
            _ => gettext_f(
                "Never decides: “{rule}” covers all of it and comes first.",
                &rule,
            ),
        },
        Problem::Double { .. } => gettext_f("Not needed: “{rule}” does the same.", &rule),
        Problem::Conflict { wins: true, .. } => gettext_f(
            "Contradicts “{rule}” in part; there this rule wins, because it blocks.",
            &rule,
        ),
        Problem::Conflict { wins: false, .. } => gettext_f(
            "Contradicts “{rule}” in part; there that rule wins, because it blocks.",
            &rule,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_names_the_other_rule() {
        let id = || "x".parse().unwrap();
        let shadowed = |criterion| Problem::Shadowed {
            by: id(),
            criterion,
        };
        let problems = [
            shadowed(Criterion::Priority),
            shadowed(Criterion::Action),
            shadowed(Criterion::Created),
            shadowed(Criterion::Program),
            Problem::Double { of: id() },
            Problem::Conflict {
                with: id(),
                wins: true,
            },
            Problem::Conflict {
                with: id(),
                wins: false,
            },
        ];
        let said: std::collections::HashSet<_> = problems
            .iter()
            .map(|problem| sentence(problem, "Web"))
            .collect();
        assert_eq!(said.len(), problems.len());
        assert!(said.iter().all(|text| text.contains("“Web”")));
    }
}
