//! Which rules of the list are shown.

use bastion_policy::rule::Creator;

use super::{Ends, RuleRow};
use crate::i18n::gettext;
use crate::model::verdict::Verdict;

/// Who made a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A user, by answering a prompt or in the editor.
    User,
    /// Somebody who wrote it into the rules file.
    File,
    /// Bastion came with it.
    Factory,
    /// Learn mode.
    Learned,
    /// Another firewall.
    Imported,
}

impl Origin {
    /// Each, in the order in which they are offered.
    pub const EACH: [Self; 5] = [
        Self::User,
        Self::File,
        Self::Factory,
        Self::Learned,
        Self::Imported,
    ];

    /// The origin of a rule with this creator and priority.
    pub(super) fn of(creator: &str, priority: &str) -> Self {
        if priority == "factory" {
            return Self::Factory;
        }
        match creator.parse() {
            Ok(Creator::User(_)) => Self::User,
            Ok(Creator::Factory) => Self::Factory,
            Ok(Creator::Learned) => Self::Learned,
            Ok(Creator::Import) => Self::Imported,
            Ok(Creator::Hand) | Err(_) => Self::File,
        }
    }

    /// For people.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::User => gettext("Prompts and editor"),
            Self::File => gettext("Written by hand"),
            Self::Factory => gettext("Factory"),
            Self::Learned => gettext("Learned"),
            Self::Imported => gettext("Imported"),
        }
    }
}

/// In what state a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Switched on.
    Enabled,
    /// Switched off.
    Disabled,
    /// It ends by itself.
    Temporary,
    /// Something is wrong with it.
    Problem,
}

impl State {
    /// Each, in the order in which they are offered.
    pub const EACH: [Self; 4] = [
        Self::Enabled,
        Self::Disabled,
        Self::Temporary,
        Self::Problem,
    ];

    /// For people.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Enabled => gettext("On"),
            Self::Disabled => gettext("Off"),
            Self::Temporary => gettext("Temporary"),
            Self::Problem => gettext("With problems"),
        }
    }

    fn is_of(self, row: &RuleRow) -> bool {
        match self {
            Self::Enabled => row.enabled,
            Self::Disabled => !row.enabled,
            Self::Temporary => row.ends != Ends::Never,
            Self::Problem => !row.problem.is_empty(),
        }
    }
}

/// What has to be true of a rule for it to be shown; nothing where a field is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words that occur in it, in lower case.
    pub text: String,
    /// Its state.
    pub state: Option<State>,
    /// Who made it.
    pub origin: Option<Origin>,
    /// What it does.
    pub action: Option<Verdict>,
    /// The programs it means, as the row names them.
    pub program: Option<String>,
}

impl Filter {
    /// The actions in the order in which they are offered.
    pub const ACTIONS: [Verdict; 3] = [Verdict::Allowed, Verdict::Denied, Verdict::Dropped];

    /// True if the row is shown.
    #[must_use]
    pub fn shows(&self, row: &RuleRow) -> bool {
        self.state.is_none_or(|state| state.is_of(row))
            && self.origin.is_none_or(|origin| origin == row.origin)
            && self.action.is_none_or(|action| action == row.verdict)
            && self
                .program
                .as_ref()
                .is_none_or(|program| *program == row.program)
            && row.matches(&self.text)
    }

    /// True if it hides nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use bastion_ipc::wire::WireRule;

    use super::*;
    use crate::model::names::Directory;
    use crate::model::rules::listing;

    fn rule(name: &str, fields: [&str; 4]) -> WireRule {
        let [action, creator, lifetime, program] = fields.map(String::from);
        WireRule {
            id: Some(name.into()),
            name: name.into(),
            action,
            creator: Some(creator),
            lifetime: Some(lifetime),
            program: Some(program),
            ..WireRule::default()
        }
    }

    fn shown(filter: &Filter) -> Vec<String> {
        let mut off = rule("off", ["allow", "1000", "forever", "any"]);
        off.enabled = Some(false);
        let rules = vec![
            rule("brief", ["allow", "1000", "restart", "/usr/bin/curl"]),
            rule("deny", ["deny", "hand", "forever", "/usr/bin/wget"]),
            rule("factory", ["allow", "factory", "forever", "kernel"]),
            rule("import", ["drop", "import", "forever", "/usr/bin/curl"]),
            off,
        ];
        let listing = listing(rules, &Directory::fixed(&[], ""), 0);
        let rows = listing.rows.into_iter().filter(|row| filter.shows(row));
        rows.map(|row| row.name).collect()
    }

    #[test]
    fn each_field_narrows_down() {
        let all = Filter::default();
        assert!(all.is_empty());
        assert_eq!(shown(&all).len(), 5);
        let state = |state| {
            shown(&Filter {
                state: Some(state),
                ..Filter::default()
            })
        };
        assert_eq!(state(State::Enabled).len(), 4);
        assert_eq!(state(State::Disabled), ["off"]);
        assert_eq!(state(State::Temporary), ["brief"]);
        assert_eq!(state(State::Problem), ["brief"]);
        let origin = |origin| {
            shown(&Filter {
                origin: Some(origin),
                ..Filter::default()
            })
        };
        assert_eq!(origin(Origin::User), ["brief", "off"]);
        assert_eq!(origin(Origin::File), ["deny"]);
        assert_eq!(origin(Origin::Factory), ["factory"]);
        assert_eq!(origin(Origin::Imported), ["import"]);
        let filter = Filter {
            action: Some(Verdict::Allowed),
            program: Some("curl".into()),
            text: "curl".into(),
            ..Filter::default()
        };
        assert_eq!(shown(&filter), ["brief"]);
        assert!(!filter.is_empty());
    }
}
