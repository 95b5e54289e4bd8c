//! What the assistant of the first run offers, and what it says in the end.

use bastion_ipc::wire::WireSettings;
use bastion_policy::rule::Action;
use bastion_policy::settings::{Mode, Settings, WhenDown};

use crate::i18n::{gettext, ngettext_f};

/// Whether a user may change modes and settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Without another word, or once an administrator has authenticated.
    Granted,
    /// Not at all.
    Refused,
}

/// What a user chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    /// What happens to connections that no rule decides.
    pub mode: Mode,
    /// What happens to new connections while the firewall is not running.
    pub when_down: WhenDown,
    /// Whether the app starts with the session; `None` where it can't tell.
    pub autostart: Option<bool>,
}

impl Choices {
    /// What is so now.
    #[must_use]
    pub fn of(settings: &WireSettings, autostart: Option<bool>) -> Self {
        Self {
            // Words of a newer helper: the defaults are offered instead.
            mode: settings.mode.parse().unwrap_or_default(),
            when_down: settings.when_down.parse().unwrap_or_default(),
            autostart,
        }
    }

    /// The settings with what was chosen; all others stay. `None` if they are so already, and
    /// nobody has to authorise anything.
    #[must_use]
    pub fn change(&self, settings: &WireSettings) -> Option<WireSettings> {
        let wanted = WireSettings {
            mode: self.mode.to_string(),
            when_down: self.when_down.to_string(),
            ..settings.clone()
        };
        (wanted != *settings).then_some(wanted)
    }
}

/// Whether the assistant has anything to offer. Where an administrator has set the firewall up
/// already, somebody who may not change that has nothing to decide.
#[must_use]
pub fn is_wanted(settings: &WireSettings, rights: Rights) -> bool {
    let untouched = Settings::try_from(settings).is_ok_and(|set| set == Settings::default());
    rights == Rights::Granted || untouched
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// In a few words.
    pub title: String,
    /// Why nothing was changed; empty if what was chosen holds.
    pub description: String,
    /// What holds now, a sentence each.
    pub facts: Vec<String>,
    /// Whether it makes sense to try again.
    pub again: bool,
}

impl Outcome {
    /// What was chosen holds.
    #[must_use]
    pub fn set(choices: &Choices, settings: &WireSettings) -> Self {
        Self {
            title: gettext("All Set"),
            description: String::new(),
            facts: facts(choices, settings),
            again: false,
        }
    }

    /// The settings stayed as they were; `why` says why, `choices` what holds. With `again` another
    /// try may do.
    #[must_use]
    pub fn kept(why: String, choices: &Choices, settings: &WireSettings, again: bool) -> Self {
        Self {
            title: gettext("The Firewall Stays as It Is"),
            description: why,
            facts: facts(choices, settings),
            again,
        }
    }
}

fn facts(choices: &Choices, settings: &WireSettings) -> Vec<String> {
    let mut facts = vec![
        match choices.mode {
            Mode::Ask => asked(settings),
            Mode::Learn => gettext(
                "Connections that no rule decides are allowed and noted down. Ask once Bastion knows your programs.",
            ),
        },
        match choices.when_down {
            WhenDown::Open => {
                gettext("While the firewall is not running, connections pass unchecked.")
            }
            WhenDown::Closed => {
                gettext("While the firewall is not running, no new connection passes.")
            }
        },
    ];
    facts.extend(choices.autostart.map(|on| match on {
        true => gettext("Bastion starts when you log in, to be there for questions."),
        false => gettext(
            "Bastion does not start when you log in. Nobody can be asked until you open it.",
        ),
    }));
    facts
}

/// That questions are asked, and what becomes of them.
fn asked(settings: &WireSettings) -> String {
    let seconds = settings.prompt_timeout.into();
    match settings.unanswered() {
        Action::Allow => ngettext_f(
            "You are asked about connections that no rule decides. Without an answer within {n} second they are allowed.",
            "You are asked about connections that no rule decides. Without an answer within {n} seconds they are allowed.",
            seconds,
            &[],
        ),
        Action::Drop => ngettext_f(
            "You are asked about connections that no rule decides. Without an answer within {n} second they are dropped.",
            "You are asked about connections that no rule decides. Without an answer within {n} seconds they are dropped.",
            seconds,
            &[],
        ),
        Action::Deny => ngettext_f(
            "You are asked about connections that no rule decides. Without an answer within {n} second they are denied.",
            "You are asked about connections that no rule decides. Without an answer within {n} seconds they are denied.",
            seconds,
            &[],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> WireSettings {
        WireSettings::from(&Settings::default())
    }

    #[test]
    fn what_was_not_chosen_stays() {
        let settings = WireSettings {
            prompt_timeout: 17,
            ..usual()
        };
        let mut choices = Choices::of(&settings, Some(true));
        assert_eq!(choices.change(&settings), None);
        choices.mode = Mode::Learn;
        choices.when_down = WhenDown::Closed;
        let changed = choices.change(&settings).unwrap();
        assert_eq!(
            changed,
            WireSettings {
                mode: "learn".into(),
                when_down: "closed".into(),
                prompt_timeout: 17,
                ..usual()
            }
        );
        assert_eq!(Choices::of(&changed, Some(true)), choices);
    }

    #[test]
    fn who_may_change_nothing_is_not_bothered_with_what_an_administrator_has_set() {
        let settled = WireSettings {
            mode: "learn".into(),
            ..usual()
        };
        assert!(is_wanted(&usual(), Rights::Granted));
        assert!(is_wanted(&usual(), Rights::Refused));
        assert!(is_wanted(&settled, Rights::Granted));
        assert!(!is_wanted(&settled, Rights::Refused));
    }

    #[test]
    fn the_end_says_what_holds() {
        let choices = Choices {
            mode: Mode::Learn,
            when_down: WhenDown::Closed,
            autostart: Some(false),
        };
        let set = Outcome::set(&choices, &usual());
        let [mode, down, start] = set.facts.as_slice() else {
            panic!("{set:?}");
        };
        assert!(mode.contains("allowed and noted down"));
        assert!(down.contains("no new connection passes"));
        assert!(start.contains("does not start"));
        let unknown = Choices {
            autostart: None,
            mode: Mode::Ask,
            ..choices
        };
        let kept = Outcome::kept("Why.".into(), &unknown, &usual(), true);
        assert_eq!(kept.description, "Why.");
        assert_eq!(kept.facts.len(), 2);
        assert!(kept.facts.first().unwrap().contains("60 seconds"));
    }
}
