//! The rules on disk: in one file those that survive a restart of the computer, in another, on a
//! file system that does not survive it, the rest.

mod edit;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use bastion_policy::rule::{Rule, RuleId};
use bastion_policy::ruleset::RuleSet;

use super::Paths;
use super::edited::{Current, Edited, Format, Reload};
use super::error::StoreError;
use parse::Place;

/// The rules Bastion starts with, as the file they are written to.
pub const FACTORY_RULES: &str = include_str!("../../../../data/factory-rules.toml");

/// A rules file has at most so many bytes; room for some 40,000 rules as Bastion writes them.
pub const MAX_BYTES: u64 = 8 << 20;

static PERMANENT: Format<Vec<Rule>> = Format {
    parse: |text| parse::rules(text, Place::Permanent),
    initial: FACTORY_RULES,
    // Rules tell which programs other users run.
    mode: 0o600,
    limit: MAX_BYTES,
};

static RUNTIME: Format<Vec<Rule>> = Format {
    parse: |text| parse::rules(text, Place::Runtime),
    initial: "\
# Rules of Bastion Firewall that end with a process, a session or the computer's restart.
# The format is that of /etc/bastion/rules.toml: see bastion-rules(5).

version = 1
",
    mode: 0o600,
    limit: MAX_BYTES,
};

/// The rules on disk and those in force, which are the same unless a file is broken.
#[derive(Debug)]
pub struct RuleStore {
    permanent: Edited<Vec<Rule>>,
    runtime: Edited<Vec<Rule>>,
}

impl RuleStore {
    /// Reads both files. A permanent one that does not exist is made from [`FACTORY_RULES`].
    /// Whatever goes wrong is told by [`Self::troubles`].
    #[must_use]
    pub fn open(paths: &Paths) -> Self {
        let last_good = Some(paths.rules_last_good.clone());
        Self {
            permanent: Edited::open_or_make(paths.rules.clone(), last_good, &PERMANENT),
            runtime: Edited::open(paths.runtime_rules.clone(), None, &RUNTIME),
        }
    }

    /// The rules in force: the permanent ones in the order of their file, then the others.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        let permanent = self.permanent.value();
        let ids = ids(permanent);
        let doubled = |rule: &&Rule| !ids.contains(rule.id());
        let runtime = self.runtime.value().iter().filter(doubled);
        permanent.iter().chain(runtime).cloned().collect()
    }

    /// What does not work: sentences with the remedy.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let files = self.permanent.troubles().chain(self.runtime.troubles());
        let ids = ids(self.permanent.value());
        let doubled = self.runtime.value().iter().find(|r| ids.contains(r.id()));
        let doubled = doubled.map(|rule| {
            format!(
                "The rule “{}” in {} is left out, because one in {} has the same id; remove one \
                 of them.",
                rule.id(),
                self.runtime.path().display(),
                self.permanent.path().display()
            )
        });
        files.chain(doubled).collect()
    }

    /// Takes over hand edits of both files. A broken file changes nothing. What the store itself
    /// wrote is no change.
    pub fn reload(&mut self) -> [Reload; 2] {
        [self.permanent.reload(), self.runtime.reload()]
    }

    /// Tries again to keep the copy of the permanent rules for bad times, if that failed. True when
    /// [`Self::troubles`] has something else to say since.
    pub fn retry_last_good(&mut self) -> bool {
        self.permanent.retry_last_good()
    }

    /// Adds rules, or replaces those of the same id: all of them or, on an error, none. Each goes
    /// to the file where its lifetime belongs. Hand edits made meanwhile are taken over too, so
    /// afterwards [`Self::rules`] has more to say than what was put.
    ///
    /// # Errors
    /// If a file is broken, can't be written or would hold too many rules.
    pub fn upsert(&mut self, rules: &[Rule]) -> Result<(), StoreError> {
        self.change(rules, |_| Ok(HashSet::new()))
    }

    /// Replaces the rule that has this one's id.
    ///
    /// # Errors
    /// If there is none, or as [`Self::upsert`].
    pub fn replace(&mut self, rule: &Rule) -> Result<(), StoreError> {
        let change = |known: &HashSet<RuleId>| match known.contains(rule.id()) {
            true => Ok(HashSet::new()),
            false => Err(StoreError::NotFound(rule.id().clone())),
        };
        self.change(std::slice::from_ref(rule), change)
    }

    /// Removes all of these rules or, on an error, none.
    ///
    /// # Errors
    /// If one does not exist, or as [`Self::upsert`].
    pub fn remove(&mut self, ids: &[RuleId]) -> Result<(), StoreError> {
        self.change(&[], |known| {
            match ids.iter().find(|id| !known.contains(id)) {
                Some(id) => Err(StoreError::NotFound(id.clone())),
                None => Ok(ids.iter().collect()),
            }
        })
    }

    /// Puts `rules`, and removes what `gone` says, given the ids of all rules there are.
    fn change<'a>(
        &mut self,
        rules: &'a [Rule],
        gone: impl FnOnce(&HashSet<RuleId>) -> Result<HashSet<&'a RuleId>, StoreError>,
    ) -> Result<(), StoreError> {
        let permanent = self.permanent.current()?;
        let runtime = self.runtime.current()?;
        let both = permanent.value.iter().chain(&runtime.value);
        let known: HashSet<RuleId> = both.map(|rule| rule.id().clone()).collect();
        let gone = gone(&known)?;
        let new = rules.iter().filter(|rule| !known.contains(rule.id()));
        let count = known.len() + new.count();
        if !rules.is_empty() && count > RuleSet::MAX_RULES {
            let max = RuleSet::MAX_RULES;
            return Err(StoreError::TooManyRules { count, max });
        }
        let permanent = self.changed(Place::Permanent, &permanent, rules, &gone)?;
        let runtime = self.changed(Place::Runtime, &runtime, rules, &gone)?;
        self.commit(permanent, runtime)
    }

    /// The new text of a file; `None` if it stays as it is.
    fn changed(
        &self,
        place: Place,
        file: &Current<Vec<Rule>>,
        rules: &[Rule],
        gone: &HashSet<&RuleId>,
    ) -> Result<Option<Change>, StoreError> {
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            rules.iter().partition(|rule| Place::of(rule) == place);
        let mut drop = gone.clone();
        drop.extend(elsewhere.iter().map(|rule| rule.id()));
        let text = edit::changed(&file.text, &file.value, &here, &drop).map_err(|problem| {
            let path = self.file(place).path().display().to_string();
            StoreError::Broken { path, problem }
        })?;
        Ok((text != file.text).then(|| Change {
            before: file.text.clone(),
            after: text,
            loses: file.value.iter().any(|rule| drop.contains(rule.id())),
        }))
    }

    fn file(&self, place: Place) -> &Edited<Vec<Rule>> {
        match place {
            Place::Permanent => &self.permanent,
            Place::Runtime => &self.runtime,
        }
    }

    /// Writes what changes. A rule that moves is written to its new place before it leaves the
    /// old one, so that no crash can lose it.
    fn commit(
        &mut self,
        permanent: Option<Change>,
        runtime: Option<Change>,
    ) -> Result<(), StoreError> {
        let leaves_permanent = permanent.as_ref().is_some_and(|change| change.loses);
        let permanent = (&mut self.permanent, permanent);
        let runtime = (&mut self.runtime, runtime);
        let (first, second) = match leaves_permanent {
            true => (runtime, permanent),
            false => (permanent, runtime),
        };
        let before = match first.1 {
            Some(change) => {
                first.0.commit(change.after)?;
                Some(change.before)
            }
            None => None,
        };
        let Some(change) = second.1 else {
            return Ok(());
        };
        let Err(error) = second.0.commit(change.after) else {
            return Ok(());
        };
        if let Some(text) = before {
            // All or nothing. If even this fails, its own error says why.
            first.0.commit(text)?;
        }
        Err(error)
    }
}

/// What becomes of a file.
struct Change {
    before: String,
    after: String,
    /// Whether a rule leaves it.
    loses: bool,
}

fn ids(rules: &[Rule]) -> HashSet<&RuleId> {
    rules.iter().map(Rule::id).collect()
}
