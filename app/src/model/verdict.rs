//! Verdicts and the reasons for them, in words.

use bastion_ipc::wire::Event;
use bastion_policy::rule::RuleId;
use bastion_policy::ruleset::Reason;

use super::names::Directory;
use crate::i18n::{gettext, gettext_f, ngettext_f};

/// What became of a flow, as far as colours and words go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// It was let through.
    Allowed,
    /// It was refused.
    Denied,
    /// Its packets were dropped silently.
    Dropped,
    /// It waits for an answer.
    Waiting,
    /// No flow: Bastion mended its own iptables rules.
    Mended,
}

impl Verdict {
    /// The verdict with this text form; whatever is none waits.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "allow" => Self::Allowed,
            "deny" => Self::Denied,
            "drop" => Self::Dropped,
            Event::MENDED => Self::Mended,
            _ => Self::Waiting,
        }
    }

    /// For people.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Allowed => gettext("Allowed"),
            Self::Denied => gettext("Denied"),
            Self::Dropped => gettext("Dropped"),
            Self::Waiting => gettext("Waiting"),
            Self::Mended => gettext("Mended"),
        }
    }

    /// The style class that colours it.
    #[must_use]
    pub fn style(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied | Self::Dropped => "denied",
            Self::Waiting | Self::Mended => "waiting",
        }
    }
}

/// Why an event was: the reason of a decision, or what was mended.
#[must_use]
pub fn why(event: &Event, directory: &Directory) -> String {
    if event.is_mending() {
        fault(event)
    } else {
        reason(&event.reason, &event.rule_name, directory)
    }
}

/// What was wrong with the iptables rules.
fn fault(event: &Event) -> String {
    let rule = [("rule", event.rule_name.as_str())];
    match event.reason.as_str() {
        "missing" => gettext_f("{rule} was missing", &rule),
        "doubled" => ngettext_f(
            "{rule} was there {n} time",
            "{rule} was there {n} times",
            event.count.into(),
            &rule,
        ),
        "misplaced" => gettext_f("{rule} was not in its place", &rule),
        "changed" => gettext_f("{rule} did not hold what it should", &rule),
        "stray" => gettext_f("A stray {rule} rule of Bastion’s", &rule),
        "elsewhere" => gettext_f(
            "{rule} rules of Bastion’s stood in iptables that are not used",
            &rule,
        ),
        other => other.to_owned(),
    }
}

/// Why, from the text form of a reason. `rule` is the name of the rule that decided.
#[must_use]
pub fn reason(text: &str, rule: &str, directory: &Directory) -> String {
    let named = |id: &RuleId| match rule {
        "" => id.to_string(),
        name => name.to_owned(),
    };
    match text.parse() {
        Ok(Reason::Rule(id)) => gettext_f("Rule “{name}”", &[("name", &named(&id))]),
        Ok(Reason::Ended(id)) => {
            gettext_f("Ended while open: rule “{name}”", &[("name", &named(&id))])
        }
        Ok(Reason::EndedBy(uid)) => {
            let name = directory.user(uid);
            gettext_f("Ended by {name}", &[("name", &name)])
        }
        Ok(Reason::Learn) => gettext("Learning"),
        Ok(Reason::Paused) => gettext("Firewall paused"),
        Ok(Reason::Answer(uid)) => {
            let name = directory.user(uid);
            gettext_f("Answered by {name}", &[("name", &name)])
        }
        Ok(Reason::TimedOut) => gettext("No answer in time"),
        Ok(Reason::NoAgent) => gettext("Nobody there to ask"),
        Ok(Reason::Exited) => gettext("Program had quit"),
        Ok(Reason::Before) => gettext("Open before Bastion started"),
        Ok(Reason::Overload) => gettext("Too many questions at once"),
        Ok(Reason::Shutdown) => gettext("Firewall stopped"),
        Ok(Reason::NoRule) => gettext("No rule"),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_name_the_rule_or_the_person() {
        let directory = Directory::fixed(&[(1000, "alice")], "");
        assert_eq!(reason("rule:r1", "Web", &directory), "Rule “Web”");
        assert_eq!(reason("rule:r1", "", &directory), "Rule “r1”");
        assert_eq!(reason("answer:1000", "", &directory), "Answered by alice");
        assert_eq!(
            reason("ended:r1", "Web", &directory),
            "Ended while open: rule “Web”"
        );
        assert_eq!(reason("ended-by:1000", "", &directory), "Ended by alice");
        assert_eq!(reason("timeout", "", &directory), "No answer in time");
        assert_eq!(reason("from the future", "", &directory), "from the future");
    }

    #[test]
    fn what_was_mended_is_named() {
        let directory = Directory::fixed(&[], "");
        let mended = |reason: &str, count| {
            let event = Event {
                verdict: Event::MENDED.into(),
                reason: reason.into(),
                rule_name: "IPv4 BASTION_NFQUEUE".into(),
                count,
                ..Event::default()
            };
            why(&event, &directory)
        };
        assert_eq!(Verdict::parse(Event::MENDED), Verdict::Mended);
        assert_eq!(mended("missing", 1), "IPv4 BASTION_NFQUEUE was missing");
        assert_eq!(
            mended("doubled", 21),
            "IPv4 BASTION_NFQUEUE was there 21 times"
        );
        assert_eq!(mended("from the future", 1), "from the future");
    }
}
