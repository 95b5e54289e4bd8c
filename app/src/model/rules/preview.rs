//! What an import would add.

use std::collections::HashSet;

use bastion_ipc::wire::WireRule;
use bastion_policy::file::Entry;
use bastion_policy::rule::Rule;
use bastion_policy::text::RuleText;

use crate::i18n::gettext;
use crate::model::names::Directory;
use crate::model::sentence;

/// How a rule that could be imported stands to those there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none like it.
    New,
    /// One of the same name says something else; it stays as it is.
    Differs,
    /// One says the same already.
    Known,
    /// It can't be had.
    Broken,
}

impl Standing {
    /// In a few words; empty for what needs none.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::New => String::new(),
            Self::Differs => gettext("Differs from the one of the same name"),
            Self::Known => gettext("Already there"),
            Self::Broken => gettext("Can’t be imported"),
        }
    }
}

/// A rule that could be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it is called.
    pub name: String,
    /// What it does, or why it can't be had.
    pub sentence: String,
    /// How it stands to those there are.
    pub standing: Standing,
    /// The rule, if it can be had.
    pub rule: Option<WireRule>,
}

impl Candidate {
    /// True if it is imported unless the user says otherwise.
    #[must_use]
    pub fn is_suggested(&self) -> bool {
        matches!(self.standing, Standing::New | Standing::Differs)
    }

    fn new(entry: Entry, there: &There, directory: &Directory) -> Self {
        match entry.rule {
            Ok(rule) => Self {
                name: rule.spec().name.clone(),
                sentence: sentence::sentence(&rule, directory),
                standing: there.standing(&rule),
                rule: Some(WireRule::imported(&rule)),
            },
            Err(problem) => Self {
                name: match entry.name.is_empty() {
                    true => gettext("Rule without a name"),
                    false => entry.name,
                },
                sentence: problem,
                standing: Standing::Broken,
                rule: None,
            },
        }
    }
}

/// The rules there are, to compare others with.
struct There {
    effects: HashSet<[String; 9]>,
    names: HashSet<String>,
}

fn effect(text: &RuleText) -> [String; 9] {
    text.effect().map(ToOwned::to_owned)
}

impl There {
    fn new(rules: &[WireRule]) -> Self {
        // Values that mean the same are spelt the same in a rule that was read.
        let texts = rules.iter().map(|wire| match Rule::try_from(wire) {
            Ok(rule) => RuleText::from(&rule),
            Err(_) => wire.text(),
        });
        Self {
            effects: texts.map(|text| effect(&text)).collect(),
            names: rules.iter().map(|rule| rule.name.clone()).collect(),
        }
    }

    fn standing(&self, rule: &Rule) -> Standing {
        if self.effects.contains(&effect(&rule.into())) {
            Standing::Known
        } else if self.names.contains(&rule.spec().name) {
            Standing::Differs
        } else {
            Standing::New
        }
    }
}

/// The rules of a file, beside those there are.
#[must_use]
pub fn candidates(
    entries: Vec<Entry>,
    there: &[WireRule],
    directory: &Directory,
) -> Vec<Candidate> {
    let there = There::new(there);
    entries
        .into_iter()
        .map(|entry| Candidate::new(entry, &there, directory))
        .collect()
}

#[cfg(test)]
mod tests {
    use bastion_policy::file::import;
    use bastion_policy::time::Timestamp;

    use super::*;

    #[test]
    fn each_rule_is_held_against_those_there_are() {
        let web = WireRule {
            id: Some("r1".into()),
            name: "Web".into(),
            action: "allow".into(),
            ports: Some("443,80".into()),
            hits: Some(7),
            ..WireRule::default()
        };
        let file = r#"
            version = 1
            [[rule]]
            name = "The same"
            action = "allow"
            ports = "80,443"
            [[rule]]
            name = "Web"
            action = "deny"
            [[rule]]
            name = "Mail"
            action = "allow"
            ports = 993
            [[rule]]
            action = "perhaps"
        "#;
        let entries = import(file, Timestamp::from_millis(0)).unwrap();
        let found = candidates(entries, &[web], &Directory::fixed(&[], ""));
        let standings: Vec<_> = found.iter().map(|found| found.standing).collect();
        assert_eq!(
            standings,
            [
                Standing::Known,
                Standing::Differs,
                Standing::New,
                Standing::Broken
            ]
        );
        let suggested: Vec<_> = found.iter().map(Candidate::is_suggested).collect();
        assert_eq!(suggested, [false, true, true, false]);
        assert_eq!(
            found[2].sentence,
            "Allow every program to connect to everywhere, on port 993."
        );
        assert_eq!(found[2].rule.as_ref().unwrap().id, None);
        assert_eq!(found[3].name, "Rule without a name");
        assert!(found[3].sentence.contains("line"), "{}", found[3].sentence);
    }
}
