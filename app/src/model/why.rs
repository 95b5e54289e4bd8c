//! Why something was decided, in sentences; and what today's rules would make of it.

use bastion_ipc::wire::{Event, ExplainQuery, Explanation, LadderStep};
use bastion_policy::rule::RuleId;
use bastion_policy::ruleset::Reason;

use super::names::Directory;
use super::verdict::{self, Verdict};
use crate::i18n::{gettext, gettext_f};

/// Why, as a sentence.
#[must_use]
pub fn sentence(event: &Event, directory: &Directory) -> String {
    let Ok(reason) = event.reason.parse::<Reason>() else {
        return verdict::why(event, directory);
    };
    let rule = |id: &RuleId| match event.rule_name.as_str() {
        "" => id.to_string(),
        name => name.to_owned(),
    };
    match (reason, Verdict::parse(&event.verdict)) {
        (Reason::Rule(id), Verdict::Allowed) => {
            gettext_f("The rule “{rule}” allows it.", &[("rule", &rule(&id))])
        }
        (Reason::Rule(id), Verdict::Dropped) => gettext_f(
            "The rule “{rule}” has it dropped silently.",
            &[("rule", &rule(&id))],
        ),
        (Reason::Rule(id), _) => gettext_f("The rule “{rule}” denies it.", &[("rule", &rule(&id))]),
        (Reason::Ended(id), _) => gettext_f(
            "It was open, and ended when the rule “{rule}” came to deny it.",
            &[("rule", &rule(&id))],
        ),
        (Reason::EndedBy(uid), _) => gettext_f(
            "It was open, and {user} ended it.",
            &[("user", &directory.user(uid))],
        ),
        (Reason::Answer(uid), Verdict::Allowed) => gettext_f(
            "No rule decided it; {user} was asked, and allowed it.",
            &[("user", &directory.user(uid))],
        ),
        (Reason::Answer(uid), _) => gettext_f(
            "No rule decided it; {user} was asked, and denied it.",
            &[("user", &directory.user(uid))],
        ),
        (Reason::Learn, _) => {
            gettext("No rule decided it. Bastion was learning, and allowed what no rule decides.")
        }
        (Reason::Paused, _) => gettext("The firewall was paused, and everything was allowed."),
        (Reason::TimedOut, _) => {
            gettext("No rule decided it, and nobody answered in time when asked.")
        }
        (Reason::NoAgent, _) => gettext("No rule decided it, and nobody was there to ask."),
        (Reason::Exited, _) => {
            gettext("No rule decided it, and the program had quit before anybody answered.")
        }
        (Reason::Before, _) => gettext("It was open before Bastion started, and goes on."),
        (Reason::Overload, _) => gettext(
            "No rule decided it, and more was undecided than anybody could have been asked about.",
        ),
        (Reason::Shutdown, _) => gettext("No rule decided it before the firewall was stopped."),
        (Reason::NoRule, _) => gettext("No rule decided it."),
    }
}

/// The id of the rule that decided or ended it.
#[must_use]
pub fn rule(event: &Event) -> Option<String> {
    match event.reason.parse() {
        Ok(Reason::Rule(id) | Reason::Ended(id)) => Some(id.to_string()),
        _ => None,
    }
}

/// What to ask, to know what would be decided today; none for what was no connection. `caller` is
/// who asks.
#[must_use]
pub fn query(event: &Event, caller: u32) -> Option<ExplainQuery> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let query = ExplainQuery {
        program: event.program.clone(),
        uid: Some(event.uid).filter(|uid| *uid != caller && *uid != u32::MAX),
        destination: event.destination.clone(),
        host: given(&event.host),
        port: event.destination_port,
        protocol: given(&event.protocol),
    };
    query.checked().ok()
}

/// What today's rules would do.
#[must_use]
pub fn today(explanation: &Explanation, directory: &Directory) -> String {
    let winner = explanation.ladder.first();
    let name = winner.map_or("", |winner| winner.name.as_str());
    let reason = verdict::reason(&explanation.reason, name, directory);
    let reason = [("reason", reason.as_str())];
    match explanation.outcome.as_str() {
        "allow" => gettext_f("Today’s rules would allow it: {reason}", &reason),
        "deny" => gettext_f("Today’s rules would deny it: {reason}", &reason),
        "drop" => gettext_f("Today’s rules would drop it: {reason}", &reason),
        _ => gettext("Today’s rules would have you asked."),
    }
}

/// What would be decided if the first of them were not there; empty where none is.
#[must_use]
pub fn otherwise(explanation: &Explanation) -> String {
    match explanation.without_winner.as_str() {
        "" => String::new(),
        "allow" => gettext("Without the first rule it would be allowed."),
        "deny" => gettext("Without the first rule it would be denied."),
        "drop" => gettext("Without the first rule it would be dropped."),
        _ => gettext("Without the first rule you would be asked."),
    }
}

/// What a rule of the ladder does, and why the one before it goes first.
#[must_use]
pub fn rung(step: &LadderStep) -> String {
    let does = match step.action.as_str() {
        "allow" => gettext("Allows"),
        "deny" => gettext("Denies"),
        _ => gettext("Drops"),
    };
    match loses_by(&step.loses_by) {
        why if why.is_empty() => does,
        why => gettext_f("{does}; {why}", &[("does", &does), ("why", &why)]),
    }
}

fn loses_by(criterion: &str) -> String {
    match criterion {
        "" => String::new(),
        "priority" => gettext("has a lower priority"),
        "program" => gettext("names the program less closely"),
        "destination" => gettext("names the destination less closely"),
        "ports" => gettext("names more ports"),
        "protocol" => gettext("names no protocol"),
        "user" => gettext("names no user"),
        "action" => gettext("what blocks goes first"),
        "created" => gettext("is older"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(verdict: &str, reason: &str) -> Event {
        Event {
            verdict: verdict.into(),
            reason: reason.into(),
            rule_name: "Web".into(),
            program: "/usr/bin/curl".into(),
            destination: "192.0.2.1".into(),
            host: "example.org".into(),
            destination_port: 443,
            protocol: "tcp".into(),
            uid: 1000,
            ..Event::default()
        }
    }

    #[test]
    fn every_reason_is_a_sentence() {
        let directory = Directory::fixed(&[(1000, "alice")], "");
        for (verdict, reason, expected) in [
            ("allow", "rule:r1", "The rule “Web” allows it."),
            ("deny", "rule:r1", "The rule “Web” denies it."),
            (
                "deny",
                "ended:r1",
                "It was open, and ended when the rule “Web” came to deny it.",
            ),
            (
                "allow",
                "answer:1000",
                "No rule decided it; alice was asked, and allowed it.",
            ),
            ("deny", "ended-by:1000", "It was open, and alice ended it."),
            ("deny", "from the future", "from the future"),
        ] {
            assert_eq!(sentence(&event(verdict, reason), &directory), expected);
        }
        for word in [
            "learn", "paused", "timeout", "no-agent", "exited", "overload", "shutdown", "no-rule",
            "before",
        ] {
            let said = sentence(&event("deny", word), &directory);
            assert!(said.ends_with('.') && said.len() > 15, "{word}: {said}");
        }
    }

    #[test]
    fn only_rules_can_be_opened() {
        assert_eq!(rule(&event("deny", "rule:r1")).as_deref(), Some("r1"));
        assert_eq!(rule(&event("deny", "ended:r1")).as_deref(), Some("r1"));
        assert_eq!(rule(&event("deny", "timeout")), None);
    }

    #[test]
    fn the_helper_is_asked_about_connections_alone() {
        let asked = query(&event("deny", "timeout"), 1000).unwrap();
        assert_eq!(asked.uid, None, "everybody may ask about their own");
        assert_eq!(asked.host.as_deref(), Some("example.org"));
        assert_eq!(query(&event("deny", "timeout"), 0).unwrap().uid, Some(1000));
        let mended = Event {
            program: Event::BASTION.into(),
            destination: "mangle OUTPUT".into(),
            ..event(Event::MENDED, "missing")
        };
        assert_eq!(query(&mended, 1000), None);
    }

    #[test]
    fn todays_rules_are_told_with_what_would_be_without_them() {
        let directory = Directory::fixed(&[], "");
        let step = |name: &str, action: &str, loses_by: &str| LadderStep {
            rule: "r".into(),
            name: name.into(),
            action: action.into(),
            loses_by: loses_by.into(),
        };
        let explanation = Explanation {
            outcome: "deny".into(),
            reason: "rule:r1".into(),
            ladder: vec![
                step("No ads", "deny", ""),
                step("Web", "allow", "destination"),
            ],
            without_winner: "allow".into(),
        };
        assert_eq!(
            today(&explanation, &directory),
            "Today’s rules would deny it: Rule “No ads”"
        );
        assert_eq!(
            otherwise(&explanation),
            "Without the first rule it would be allowed."
        );
        assert_eq!(rung(&explanation.ladder[0]), "Denies");
        assert_eq!(
            rung(&explanation.ladder[1]),
            "Allows; names the destination less closely"
        );
        let asked = Explanation {
            outcome: "ask".into(),
            reason: "no-rule".into(),
            ..Explanation::default()
        };
        assert_eq!(
            today(&asked, &directory),
            "Today’s rules would have you asked."
        );
        assert_eq!(otherwise(&asked), "");
    }
}
