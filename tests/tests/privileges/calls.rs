//! Every method of the helper with arguments that make sense, and the right it takes.

use std::collections::BTreeSet;
use std::path::Path;

/// What a call takes: a polkit action by its last word, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    View,
    ViewAll,
    Answer,
    ManageRules,
    Configure,
    /// As `Answer`, and there is nothing of that name.
    AnswerInVain,
    /// To answer for others; and there is nothing of that name.
    AnswerOthersInVain,
    /// As `ManageRules`, and there is nothing of that name.
    ManageRulesInVain,
    /// The method tells a stranger by itself that there is nothing of its own; the word of its
    /// refusal, or `ok`.
    Nothing(&'static str),
}

/// A call: the method, its arguments as GVariant text (`RULE` stands for the id of a rule), and
/// what it takes.
pub type Call = (&'static str, &'static str, Takes);

/// Every method at least once, in an order in which each succeeds.
pub const CALLS: [Call; 40] = [
    ("Control.GetStatus", "()", Takes::View),
    ("Control.GetSettings", "()", Takes::View),
    (
        "Control.SetSettings",
        "({'mode': <'ask'>, 'when_down': <'open'>, 'prompt_timeout': <uint32 61>, \
         'log_days': <uint32 30>, 'log_events': <uint32 1000000>},)",
        Takes::Configure,
    ),
    ("Control.SetMode", "('learn',)", Takes::Configure),
    ("Control.Pause", "(uint32 600,)", Takes::Configure),
    ("Control.Resume", "()", Takes::Configure),
    ("Control.GetSafeguard", "(false,)", Takes::View),
    ("Control.GetSafeguard", "(true,)", Takes::ViewAll),
    ("Control.LeaveSafeguard", "(false,)", Takes::Answer),
    ("Control.LeaveSafeguard", "(true,)", Takes::Configure),
    ("Rules.List", "()", Takes::View),
    (
        "Rules.Explain",
        "({'program': <'/usr/bin/curl'>, 'destination': <'192.0.2.1'>, 'port': <uint16 80>},)",
        Takes::View,
    ),
    (
        "Rules.Explain",
        "({'program': <'/usr/bin/curl'>, 'destination': <'192.0.2.1'>, 'port': <uint16 80>, \
         'uid': <uint32 4242>},)",
        Takes::ViewAll,
    ),
    (
        "Rules.Add",
        "({'name': <'added'>, 'action': <'allow'>, 'ports': <'9999'>},)",
        Takes::ManageRules,
    ),
    (
        "Rules.Replace",
        "({'id': <'RULE'>, 'name': <'replaced'>, 'action': <'deny'>, 'ports': <'9998'>},)",
        Takes::ManageRules,
    ),
    ("Rules.SetEnabled", "('RULE', false)", Takes::ManageRules),
    ("Rules.SetEnabled", "('RULE', true)", Takes::ManageRules),
    ("Rules.Remove", "(['RULE'],)", Takes::ManageRules),
    ("Rules.ListSuggestions", "(false,)", Takes::View),
    ("Rules.ListSuggestions", "(true,)", Takes::ViewAll),
    (
        "Rules.AcceptSuggestions",
        "([uint64 424242], 'flow', false)",
        Takes::AnswerInVain,
    ),
    (
        "Rules.AcceptSuggestions",
        "([uint64 424242], 'flow', true)",
        Takes::ManageRulesInVain,
    ),
    (
        "Rules.DropSuggestions",
        "([uint64 424242], false)",
        Takes::AnswerInVain,
    ),
    (
        "Rules.DropSuggestions",
        "([uint64 424242], true)",
        Takes::ManageRulesInVain,
    ),
    (
        "Rules.RestoreSuggestions",
        "([uint64 424242], false)",
        Takes::AnswerInVain,
    ),
    (
        "Rules.RestoreSuggestions",
        "([uint64 424242], true)",
        Takes::ManageRulesInVain,
    ),
    ("Events.Subscribe", "(false,)", Takes::View),
    ("Events.Subscribe", "(true,)", Takes::ViewAll),
    ("Events.Unsubscribe", "()", Takes::Nothing("ok")),
    ("Events.GetLog", "(@a{sv} {}, false)", Takes::View),
    ("Events.GetLog", "(@a{sv} {}, true)", Takes::ViewAll),
    ("Events.GetLogPages", "(@a{sv} {}, false)", Takes::View),
    ("Events.GetLogPages", "(@a{sv} {}, true)", Takes::ViewAll),
    ("Events.GetConnections", "(false,)", Takes::View),
    ("Events.GetConnections", "(true,)", Takes::ViewAll),
    (
        "Events.EndConnection",
        "({'protocol': <'tcp'>, 'source': <'192.0.2.1'>, 'source_port': <uint16 1>, \
         'destination': <'192.0.2.2'>, 'destination_port': <uint16 2>}, false)",
        Takes::AnswerInVain,
    ),
    (
        "Events.EndConnection",
        "({'protocol': <'tcp'>, 'source': <'192.0.2.1'>, 'source_port': <uint16 1>, \
         'destination': <'192.0.2.2'>, 'destination_port': <uint16 2>}, true)",
        Takes::AnswerOthersInVain,
    ),
    (
        "Prompts.Answer",
        "(uint64 424242, {'action': <'allow'>})",
        Takes::Nothing("NotFound"),
    ),
    (
        "Prompts.RegisterAgent",
        "(objectpath '/org/bastionfirewall/Agent1',)",
        Takes::Answer,
    ),
    ("Prompts.UnregisterAgent", "()", Takes::Nothing("")),
];

/// The helper's methods as the interface files have them.
pub fn declared() -> BTreeSet<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/interfaces");
    let mut methods = BTreeSet::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .contains(".Helper1.")
        {
            methods.extend(methods_of(&std::fs::read_to_string(&path).unwrap()));
        }
    }
    methods
}

/// The methods of the helper's interfaces in introspection data.
pub fn methods_of(xml: &str) -> BTreeSet<String> {
    let mut methods = BTreeSet::new();
    for interface in xml.split("<interface ").skip(1) {
        let name = attribute(interface);
        let Some(short) = name.strip_prefix("org.bastionfirewall.Helper1.") else {
            continue;
        };
        let body = interface.split("</interface>").next().unwrap();
        let found = body.split("<method ").skip(1);
        methods.extend(found.map(|method| format!("{short}.{}", attribute(method))));
    }
    methods
}

/// The attribute `name` of the element that this text begins in.
fn attribute(element: &str) -> &str {
    let value = element.split_once("name=\"").unwrap().1;
    value.split_once('"').unwrap().0
}
