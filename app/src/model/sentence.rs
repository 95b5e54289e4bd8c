//! What a rule does, in a plain sentence.

use bastion_policy::matcher::{
    DestinationMatcher, Group, PortMatcher, ProgramMatcher, ProtocolMatcher, UserMatcher,
};
use bastion_policy::rule::{Action, Lifetime, Priority, Rule, RuleSpec};

use super::names::{self, Directory};
use crate::i18n::{gettext, gettext_f};

/// The sentence.
#[must_use]
pub fn sentence(rule: &Rule, directory: &Directory) -> String {
    let spec = rule.spec();
    let program = program(&spec.program);
    let destination = destination(&spec.destination);
    let values = [
        ("program", program.as_str()),
        ("destination", destination.as_str()),
    ];
    let main = match spec.action {
        Action::Allow => gettext_f("Allow {program} to connect to {destination}", &values),
        Action::Deny => gettext_f("Deny {program} to connect to {destination}", &values),
        Action::Drop => gettext_f(
            "Silently drop what {program} sends to {destination}",
            &values,
        ),
    };
    let mut parts = vec![main];
    parts.extend(conditions(spec, directory));
    gettext_f("{parts}.", &[("parts", &parts.join(&gettext(", ")))])
}

fn conditions(spec: &RuleSpec, directory: &Directory) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(parent) = &spec.started_by {
        let parent = program(parent);
        parts.push(gettext_f(
            "if started by {program}",
            &[("program", &parent)],
        ));
    }
    if spec.ports != PortMatcher::Any {
        let ports = spec.ports.to_string().replace(',', ", ");
        parts.push(if spec.ports.count() == 1 {
            gettext_f("on port {ports}", &[("ports", &ports)])
        } else {
            gettext_f("on ports {ports}", &[("ports", &ports)])
        });
    }
    if let ProtocolMatcher::Only(protocol) = spec.protocol {
        let protocol = names::protocol(&protocol.to_string());
        parts.push(gettext_f("over {protocol}", &[("protocol", &protocol)]));
    }
    if let UserMatcher::Uid(uid) = spec.user {
        let user = directory.user(uid);
        parts.push(gettext_f("for the user {user}", &[("user", &user)]));
    }
    parts.extend(lifetime(&spec.lifetime));
    if spec.priority == Priority::Pinned {
        parts.push(gettext("before all rules that are not pinned"));
    }
    parts
}

/// What to call the programs a matcher means.
#[must_use]
pub fn program(matcher: &ProgramMatcher) -> String {
    match matcher {
        ProgramMatcher::Any => gettext("every program"),
        ProgramMatcher::Kernel => gettext("the system kernel"),
        ProgramMatcher::Unknown => gettext("unknown programs"),
        ProgramMatcher::Path(path) => path.file_name().to_owned(),
        ProgramMatcher::Pattern(pattern) => {
            gettext_f("programs like {pattern}", &[("pattern", pattern.as_str())])
        }
        ProgramMatcher::App(app) => app.id().to_owned(),
    }
}

/// What to call the destinations a matcher means.
#[must_use]
pub fn destination(matcher: &DestinationMatcher) -> String {
    match matcher {
        DestinationMatcher::Any => gettext("everywhere"),
        DestinationMatcher::Domain(domain) => {
            gettext_f("{domain} and all below it", &[("domain", domain.as_str())])
        }
        DestinationMatcher::Group(Group::Lan) => gettext("the local network"),
        DestinationMatcher::Group(Group::Internet) => gettext("the internet"),
        DestinationMatcher::Group(Group::Multicast) => gettext("multicast addresses"),
        other => other.to_string(),
    }
}

/// Until when; nothing for a rule that holds for good.
#[must_use]
pub fn lifetime(lifetime: &Lifetime) -> Option<String> {
    Some(match lifetime {
        Lifetime::Forever => return None,
        Lifetime::Restart => gettext("until the computer restarts"),
        Lifetime::Until(end) => {
            gettext_f("until {time}", &[("time", &local_time(end.as_millis()))])
        }
        Lifetime::Session(_) => gettext("until the session ends"),
        Lifetime::Process(key) => {
            gettext_f("until process {pid} ends", &[("pid", &key.pid.to_string())])
        }
    })
}

/// A point in time by the clock on the wall, as the locale writes it.
#[must_use]
pub fn local_time(millis: u64) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX);
    gtk::glib::DateTime::from_unix_local(seconds)
        .and_then(|time| time.format("%x %R"))
        .map_or_else(|_| String::new(), |text| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bastion_ipc::wire::WireRule;

    fn said(change: impl FnOnce(&mut WireRule)) -> String {
        let mut wire = WireRule {
            id: Some("r".into()),
            name: "n".into(),
            action: "allow".into(),
            ..WireRule::default()
        };
        change(&mut wire);
        let directory = Directory::fixed(&[(1000, "alice")], "");
        sentence(&Rule::try_from(&wire).unwrap(), &directory)
    }

    #[test]
    fn the_widest_rule_says_so() {
        assert_eq!(
            said(|_| {}),
            "Allow every program to connect to everywhere."
        );
    }

    #[test]
    fn each_condition_is_named() {
        let text = said(|rule| {
            rule.action = "deny".into();
            rule.program = Some("/usr/bin/curl".into());
            rule.started_by = Some("/usr/bin/bash".into());
            rule.destination = Some("domain:example.org".into());
            rule.ports = Some("80,443".into());
            rule.protocol = Some("tcp".into());
            rule.user = Some("1000".into());
            rule.lifetime = Some("restart".into());
            rule.priority = Some("pinned".into());
        });
        assert_eq!(
            text,
            "Deny curl to connect to example.org and all below it, if started by bash, on ports 80, 443, over TCP, for the user alice, until the computer restarts, before all rules that are not pinned."
        );
    }
}
