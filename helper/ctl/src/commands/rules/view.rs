//! Rules as people see them.

use bastion_ipc::wire::WireRule;
use bastion_policy::rule::{Creator, Lifetime};
use bastion_policy::text::RuleText;

use crate::output::{Table, View, clean};

/// All rules, a line each.
pub(super) fn list(rules: &[WireRule], view: &View) -> String {
    if rules.is_empty() {
        return "There are no rules.\n".into();
    }
    let headings = [
        "ID",
        "ACTION",
        "PROGRAM",
        "DESTINATION",
        "ONLY",
        "HITS",
        "NAME",
    ];
    let mut table = Table::new(view, &headings).align_right(5);
    for rule in rules {
        let text = rule.text();
        table.row([
            text.id.clone(),
            text.action.clone(),
            text.program.clone(),
            destination(&text),
            limits(&text, view),
            rule.hits.unwrap_or_default().to_string(),
            text.name.clone(),
        ]);
    }
    table.render()
}

/// `example.org, tcp 443`; `any` when nothing is restricted.
fn destination(text: &RuleText) -> String {
    let service: Vec<&str> = [&text.protocol, &text.ports]
        .into_iter()
        .map(String::as_str)
        .filter(|part| *part != "any")
        .collect();
    match (text.destination.as_str(), service.join(" ")) {
        (place, service) if service.is_empty() => place.to_owned(),
        ("any", service) => service,
        (place, service) => format!("{place}, {service}"),
    }
}

/// What else restricts the rule, if anything does.
fn limits(text: &RuleText, view: &View) -> String {
    let mut limits = Vec::new();
    if !text.enabled {
        limits.push("switched off".to_owned());
    }
    if text.user != "any" {
        limits.push(format!("user {}", user(&text.user, view)));
    }
    if !text.started_by.is_empty() {
        limits.push(format!("started by {}", text.started_by));
    }
    if text.lifetime != "forever" {
        limits.push(lifetime(&text.lifetime, view));
    }
    if text.priority != "normal" {
        limits.push(text.priority.clone());
    }
    limits.join(", ")
}

fn user(text: &str, view: &View) -> String {
    text.parse()
        .map_or_else(|_| text.to_owned(), |uid| view.user(uid))
}

fn lifetime(text: &str, view: &View) -> String {
    match text.parse::<Lifetime>() {
        Ok(Lifetime::Forever) => "forever".into(),
        Ok(Lifetime::Restart) => "until the next restart".into(),
        Ok(Lifetime::Until(end)) => format!("until {}", view.time(end.as_millis())),
        Ok(Lifetime::Session(id)) => format!("until session {id} ends"),
        Ok(Lifetime::Process(key)) => format!("until process {} ends", key.pid),
        Err(_) => text.to_owned(),
    }
}

fn creator(text: &str, view: &View) -> String {
    match text.parse::<Creator>() {
        Ok(Creator::Factory) => "came with Bastion".into(),
        Ok(Creator::Learned) => "learned".into(),
        Ok(Creator::Import) => "imported".into(),
        Ok(Creator::Hand) => "written by hand".into(),
        Ok(Creator::User(uid)) => view.user(uid),
        Err(_) => text.to_owned(),
    }
}

/// Everything about one rule.
pub(super) fn whole(rule: &WireRule, view: &View) -> String {
    let text = rule.text();
    let created = text.created.parse().map_or_else(
        |_| text.created.clone(),
        |time: bastion_policy::time::Timestamp| view.time(time.as_millis()),
    );
    let facts = [
        ("Id", text.id.clone()),
        (
            "Enabled",
            if text.enabled { "yes" } else { "no" }.to_owned(),
        ),
        ("Action", text.action.clone()),
        ("Program", text.program.clone()),
        ("Started by", text.started_by.clone()),
        ("User", user(&text.user, view)),
        ("Destination", text.destination.clone()),
        ("Ports", text.ports.clone()),
        ("Protocol", text.protocol.clone()),
        ("Lifetime", lifetime(&text.lifetime, view)),
        ("Priority", text.priority.clone()),
        ("Made by", creator(&text.creator, view)),
        ("Made", created),
        ("Hits", rule.hits.unwrap_or_default().to_string()),
        ("Last hit", view.time(rule.last_hit.unwrap_or_default())),
    ];
    let mut shown = view.bold(&clean(&text.name));
    shown.push('\n');
    for (name, fact) in facts {
        if !fact.is_empty() {
            shown.push_str(&format!("  {name:<13}{}\n", clean(&fact)));
        }
    }
    for (position, line) in text.note.lines().enumerate() {
        let name = if position == 0 { "Note" } else { "" };
        shown.push_str(&format!("  {name:<13}{}\n", clean(line)));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;

    fn rule(id: &str) -> WireRule {
        WireRule {
            id: Some(id.into()),
            name: "Web".into(),
            action: "allow".into(),
            program: Some("/usr/bin/curl".into()),
            destination: Some("domain:example.org".into()),
            ports: Some("80,443".into()),
            protocol: Some("tcp".into()),
            hits: Some(12),
            last_hit: Some(1_795_514_403_000),
            creator: Some("1000".into()),
            created: Some("2026-11-24T10:00:03Z".into()),
            ..WireRule::default()
        }
    }

    #[test]
    fn rules_are_aligned_and_say_what_restricts_them() {
        let other = WireRule {
            id: Some("b".into()),
            name: "No telemetry".into(),
            action: "deny".into(),
            enabled: Some(false),
            user: Some("1000".into()),
            lifetime: Some("until:2026-11-24T12:00:00Z".into()),
            priority: Some("pinned".into()),
            ..WireRule::default()
        };
        assert_eq!(
            list(&[rule("web-1"), other], &test_view(None)),
            "\
ID     ACTION  PROGRAM        DESTINATION                     ONLY                                                         HITS  NAME
web-1  allow   /usr/bin/curl  domain:example.org, tcp 80,443                                                                 12  Web
b      deny    any            any                             switched off, user alice, until 2026-11-24 12:00:00, pinned     0  No telemetry
"
        );
        assert_eq!(list(&[], &test_view(None)), "There are no rules.\n");
    }

    #[test]
    fn one_rule_is_shown_in_full() {
        let rule = WireRule {
            note: Some("first\nsecond\u{1b}".into()),
            ..rule("web-1")
        };
        assert_eq!(
            whole(&rule, &test_view(None)),
            "\
Web
  Id           web-1
  Enabled      yes
  Action       allow
  Program      /usr/bin/curl
  User         any
  Destination  domain:example.org
  Ports        80,443
  Protocol     tcp
  Lifetime     forever
  Priority     normal
  Made by      alice
  Made         2026-11-24 10:00:03
  Hits         12
  Last hit     2026-11-24 10:00:03
  Note         first
               second\\x1b
"
        );
    }
}
