//! Calls that make no sense, from a user and from root: each is refused in words, and nothing
//! else happens.

use bastion_tests::{As, Firewall, Peer, Reply};

/// Longest text of a refusal: it may quote what was sent, and that may be megabytes.
const MAX_TEXT: usize = 1_000;

fn rule(fields: &str) -> String {
    format!("({{'name': <'x'>, 'action': <'allow'>, {fields}}},)")
}

/// A value inside so many variants.
fn deep(levels: usize) -> String {
    format!("{}'x'{}", "<".repeat(levels), ">".repeat(levels))
}

/// A text inside so many arrays.
fn nested(levels: usize) -> String {
    format!("{}'x'{}", "[".repeat(levels), "]".repeat(levels))
}

fn ids(count: usize) -> String {
    let ids: Vec<String> = (0..count).map(|n| format!("'none-{n}'")).collect();
    format!("([{}],)", ids.join(", "))
}

fn nonsense() -> Vec<(&'static str, String)> {
    let huge = "x".repeat(1_000_000);
    let controls = r"\u001b[2J\u0007\n\u0000".replace(r"\u0000", r"\u0001");
    let mut calls = vec![
        // Arguments of other types, too few, too many.
        ("Control.SetMode", "()".to_owned()),
        ("Control.SetMode", "(uint32 1,)".to_owned()),
        ("Control.SetMode", "('ask', 'learn')".to_owned()),
        ("Control.SetMode", "('pause',)".to_owned()),
        ("Control.SetMode", format!("('{huge}',)")),
        ("Control.SetMode", format!("('{controls}',)")),
        ("Control.Pause", "(uint32 0,)".to_owned()),
        ("Control.Pause", "(uint32 86401,)".to_owned()),
        ("Control.Pause", "(int32 -1,)".to_owned()),
        ("Control.SetSettings", "(@a{sv} {},)".to_owned()),
        ("Control.SetSettings", "({'mode': <uint32 1>},)".to_owned()),
        ("Control.SetSettings", settings(0)),
        ("Control.SetSettings", settings(4_294_967_295)),
        ("Rules.Add", "(@a{sv} {},)".to_owned()),
        ("Rules.Add", "('x',)".to_owned()),
        ("Rules.Add", "({'x': 'y'},)".to_owned()),
        (
            "Rules.Add",
            "({'name': <'x'>, 'action': <'maybe'>},)".to_owned(),
        ),
        (
            "Rules.Add",
            "({'name': <['x']>, 'action': <'allow'>},)".to_owned(),
        ),
        (
            "Rules.Add",
            format!("({{'name': <{}>, 'action': <'allow'>}},)", deep(20)),
        ),
        (
            "Rules.Add",
            format!("({{'name': <{}>, 'action': <'allow'>}},)", deep(50)),
        ),
        (
            "Rules.Add",
            format!("({{'name': <{}>, 'action': <'allow'>}},)", nested(30)),
        ),
        (
            "Rules.Add",
            format!("({{'name': <'{huge}'>, 'action': <'allow'>}},)"),
        ),
        (
            "Rules.Add",
            format!("({{'name': <'{controls}'>, 'action': <'allow'>}},)"),
        ),
        (
            "Rules.Replace",
            "({'name': <'x'>, 'action': <'allow'>},)".to_owned(),
        ),
        ("Rules.Replace", rule("'id': <'no-such-rule'>")),
        ("Rules.Replace", rule(r"'id': <'../../etc/passwd'>")),
        ("Rules.Remove", "(['no-such-rule'],)".to_owned()),
        (
            "Rules.Remove",
            "(['factory-kernel-icmp', 'no-such-rule'],)".to_owned(),
        ),
        ("Rules.Remove", ids(10_000)),
        ("Rules.Remove", ids(10_001)),
        ("Rules.Remove", format!("(['{huge}'],)")),
        ("Rules.Remove", "([uint32 1],)".to_owned()),
        ("Rules.SetEnabled", "('no-such-rule', true)".to_owned()),
        ("Rules.SetEnabled", format!("('{controls}', true)")),
        (
            "Rules.SetEnabled",
            "('factory-kernel-icmp', 'false')".to_owned(),
        ),
        ("Rules.Explain", "(@a{sv} {},)".to_owned()),
        (
            "Rules.AcceptSuggestions",
            "([uint64 1], 'everything', true)".to_owned(),
        ),
        (
            "Rules.AcceptSuggestions",
            "(@at [], 'flow', true)".to_owned(),
        ),
        (
            "Rules.DropSuggestions",
            format!("(@at [{}], true)", vec!["1"; 2_001].join(", ")),
        ),
        ("Events.Subscribe", "('yes',)".to_owned()),
        (
            "Events.GetLog",
            "({'verdict': <'maybe'>}, false)".to_owned(),
        ),
        ("Events.GetLog", "({'limit': <'all'>}, false)".to_owned()),
        (
            "Events.GetLog",
            format!("({{'text': <'{}'>}}, false)", "x".repeat(201)),
        ),
        (
            "Events.GetLog",
            "({'program': <'relative/path'>}, false)".to_owned(),
        ),
        (
            "Events.GetLogPages",
            format!("({{'destination': <'{controls}'>}}, false)"),
        ),
        (
            "Events.GetLogPages",
            format!("({{'rule': <'{huge}'>}}, false)"),
        ),
        (
            "Prompts.Answer",
            "(uint64 18446744073709551615, @a{sv} {})".to_owned(),
        ),
        (
            "Prompts.Answer",
            "(uint64 1, {'action': <uint32 1>})".to_owned(),
        ),
        (
            "Prompts.Answer",
            "(int64 -1, {'action': <'allow'>})".to_owned(),
        ),
        (
            "Prompts.RegisterAgent",
            "('/org/bastionfirewall/Agent1',)".to_owned(),
        ),
        (
            "Prompts.RegisterAgent",
            format!("(objectpath '/{}',)", "x".repeat(10_000)),
        ),
        ("Control.NoSuchMethod", "()".to_owned()),
        ("NoSuchInterface.List", "()".to_owned()),
    ];
    for (program, destination) in [
        ("curl", "192.0.2.1"),
        ("/usr/bin/../bin/curl", "192.0.2.1"),
        ("/usr/bin/curl", "not a place"),
        ("/usr/bin/curl", "300.1.1.1"),
    ] {
        let query = format!(
            "({{'program': <'{program}'>, 'destination': <'{destination}'>, 'port': <uint16 80>}},)"
        );
        calls.push(("Rules.Explain", query));
    }
    for fields in [
        "'ports': <'0-70000'>",
        "'ports': <'80-70'>",
        "'ports': <uint16 80>",
        "'protocol': <'carrier-pigeon'>",
        "'program': <'curl'>",
        "'program': <'pattern:['>",
        "'user': <'alice'>",
        "'user': <'-1'>",
        "'destination': <'10.0.0.0/33'>",
        "'destination': <'10.0.0.9-10.0.0.1'>",
        "'lifetime': <'until:yesterday'>",
        "'lifetime': <'process:1:1:1'>",
        "'priority': <'factory!'>",
        "'enabled': <'yes'>",
        "'protocol': <'icmp'>, 'ports': <'80'>",
        "'note': <[byte 0xff]>",
    ] {
        calls.push(("Rules.Add", rule(fields)));
    }
    calls
}

fn settings(timeout: u32) -> String {
    format!(
        "({{'mode': <'ask'>, 'when_down': <'open'>, 'prompt_timeout': <uint32 {timeout}>, \
         'log_days': <uint32 30>, 'log_events': <uint32 1000000>}},)"
    )
}

#[test]
fn nonsense_is_refused_in_words_and_changes_nothing() {
    let Some(firewall) = Firewall::boot_or_skip("nonsense") else {
        return;
    };
    let sandbox = firewall.sandbox();
    let files = "sha256sum /etc/bastion/*; ls -l /etc/bastion /run/bastion";
    let before = sandbox.shell(files).unwrap();
    let running = firewall.property("MainPID").unwrap();
    let status = firewall.status().unwrap();
    for (name, who) in [("bob", As::Active("bob")), ("root", As::Root)] {
        let mut peer = Peer::start(sandbox, who).unwrap();
        for (method, arguments) in nonsense() {
            let shown: String = arguments.chars().take(100).collect();
            let reply = peer.call(method, &arguments).unwrap();
            let Reply::Refused(error, text) = reply else {
                panic!("{name}: {method}{shown}: {reply:?}");
            };
            let what = format!("{name}: {method}{shown}: {error}: {text}");
            let words = [
                "org.bastionfirewall.Helper1.Error.",
                "org.freedesktop.DBus.Error.InvalidArgs",
                "org.freedesktop.DBus.Error.Unknown",
                "org.freedesktop.DBus.Error.AccessDenied",
            ];
            assert!(words.iter().any(|word| error.starts_with(word)), "{what}");
            assert!((10..MAX_TEXT).contains(&text.len()), "{what}");
            assert!(!text.chars().any(char::is_control), "{what}");
        }
        assert!(peer.call("Control.GetStatus", "()").unwrap().is_done());
    }
    assert_eq!(sandbox.shell(files).unwrap(), before);
    assert_eq!(firewall.property("MainPID").unwrap(), running);
    assert_eq!(firewall.property("NRestarts").unwrap(), "0");
    let after = firewall.status().unwrap();
    for field in ["mode", "paused_until", "rules", "troubles", "agents"] {
        assert_eq!(after[field], status[field], "{field}");
    }
    let journal = firewall.journal().unwrap();
    assert!(!journal.contains("panicked"), "{journal}");
    assert!(
        journal.lines().all(|line| line.len() < 5_000),
        "the journal quotes megabytes"
    );
}
