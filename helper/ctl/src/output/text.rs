//! Parts of sentences.

use std::borrow::Cow;

use bastion_ipc::wire::Event;
use bastion_policy::escape;
use bastion_policy::flow::Protocol;
use bastion_policy::rule::RuleId;
use bastion_policy::ruleset::Reason;

use super::View;

/// The text without anything that moves the cursor or hides: what the helper sends is escaped
/// already and comes back unchanged.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if escape::is_printable(text) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(escape::printable(text))
    }
}

/// A sender in words.
pub(crate) fn program(program: &str) -> Cow<'_, str> {
    match program {
        "kernel" => "the kernel".into(),
        "unknown" => "an unknown program".into(),
        Event::BASTION => "Bastion".into(),
        path => clean(path),
    }
}

/// An address or a name and a port: `example.org:443`, `[2001:db8::1]:443`; no port for protocols
/// without.
pub(crate) fn endpoint(host: &str, address: &str, port: u16, protocol: &str) -> String {
    let place = if host.is_empty() { address } else { host };
    let has_ports = protocol.parse::<Protocol>().is_ok_and(Protocol::has_ports);
    let place = clean(place);
    match (has_ports, place.contains(':')) {
        (false, _) => place.into_owned(),
        (true, false) => format!("{place}:{port}"),
        (true, true) => format!("[{place}]:{port}"),
    }
}

/// Where an event's flow went, with its protocol.
pub(crate) fn destination(event: &Event) -> String {
    if event.is_mending() {
        return clean(&event.destination).into_owned();
    }
    let to = endpoint(
        &event.host,
        &event.destination,
        event.destination_port,
        &event.protocol,
    );
    format!("{to} {}", clean(&event.protocol))
}

/// A reason in words. `rule_name` is the name of the rule that decided, where one did.
pub(crate) fn reason(text: &str, rule_name: &str, view: &View) -> String {
    let Ok(reason) = text.parse::<Reason>() else {
        return clean(text).into_owned();
    };
    match reason {
        Reason::Rule(id) => rule(&id, rule_name),
        Reason::Ended(id) => format!("ended while open: {}", rule(&id, rule_name)),
        Reason::EndedBy(uid) => format!("ended by {}", view.user(uid)),
        Reason::Learn => "learn mode".into(),
        Reason::Paused => "paused".into(),
        Reason::Answer(uid) => format!("answered by {}", view.user(uid)),
        Reason::TimedOut => "no answer in time".into(),
        Reason::NoAgent => "nobody to ask".into(),
        Reason::Exited => "the program quit".into(),
        Reason::Before => "open before Bastion started".into(),
        Reason::Overload => "too much at once".into(),
        Reason::Shutdown => "the helper stopped".into(),
        Reason::NoRule => "no rule".into(),
    }
}

/// What was wrong with the iptables rules, of an event about their mending.
pub(crate) fn fault(event: &Event) -> String {
    let (rule, count) = (clean(&event.rule_name), event.count);
    match event.reason.as_str() {
        "missing" => format!("{rule} was missing"),
        "doubled" => format!("{rule} was there {count} times"),
        "misplaced" => format!("{rule} was not in its place"),
        "changed" => format!("{rule} did not hold what it should"),
        "stray" => format!("a stray {rule} rule of Bastion's"),
        "elsewhere" => format!("{count} {rule} rules of Bastion's, which are not used here"),
        other => format!("{rule}: {}", clean(other)),
    }
}

fn rule(id: &RuleId, name: &str) -> String {
    match name {
        "" => format!("rule {id}"),
        name => format!("rule “{}”", clean(name)),
    }
}

/// A duration in words: `90` is `1 min 30 s`.
pub(crate) fn duration(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if words.is_empty() {
        "0 s".into()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;

    #[test]
    fn escaped_text_stays_and_raw_text_is_escaped() {
        assert_eq!(clean("/tmp/a\\x0ab"), "/tmp/a\\x0ab");
        assert_eq!(clean("a\u{202e}\u{7}"), "a\\u{202e}\\x07");
    }

    #[test]
    fn endpoints_read_as_usual() {
        assert_eq!(endpoint("", "192.0.2.1", 443, "tcp"), "192.0.2.1:443");
        assert_eq!(endpoint("", "2001:db8::1", 53, "udp"), "[2001:db8::1]:53");
        assert_eq!(
            endpoint("a.example", "192.0.2.1", 80, "tcp"),
            "a.example:80"
        );
        assert_eq!(endpoint("", "2001:db8::1", 0, "icmpv6"), "2001:db8::1");
    }

    #[test]
    fn reasons_read_as_sentences() {
        let view = test_view(None);
        let said = |text: &str, name: &str| reason(text, name, &view);
        assert_eq!(said("rule:web", "Web"), "rule “Web”");
        assert_eq!(said("rule:web", ""), "rule web");
        assert_eq!(said("answer:1000", ""), "answered by alice");
        assert_eq!(said("ended:web", "Web"), "ended while open: rule “Web”");
        assert_eq!(said("ended-by:1000", ""), "ended by alice");
        assert_eq!(said("timeout", ""), "no answer in time");
        assert_eq!(said("news\u{1b}", ""), "news\\x1b");
    }

    #[test]
    fn durations_read_as_sentences() {
        assert_eq!(duration(0), "0 s");
        assert_eq!(duration(90), "1 min 30 s");
        assert_eq!(duration(90_000), "1 d 1 h");
    }
}
