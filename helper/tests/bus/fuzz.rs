//! Whatever a caller sends: an error, nothing changed, and the helper goes on.

use bastion_ipc::names::{HELPER, HELPER_PATH, action};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::collections::HashMap;
use zbus::Variant;
use zbus::wire::StructureBuilder;

use super::*;

/// Fields of the records that methods take, with a value of their type. Those that a method does
/// not know do nothing.
const TEXTS: [&str; 18] = [
    "id",
    "name",
    "action",
    "program",
    "started_by",
    "user",
    "destination",
    "ports",
    "protocol",
    "lifetime",
    "priority",
    "note",
    "mode",
    "when_down",
    "verdict",
    "rule",
    "text",
    "scope",
];
const NUMBERS: [&str; 5] = ["prompt_timeout", "log_days", "log_events", "limit", "uid"];

/// Methods with arguments, by interface; those with none are in `calls`.
const METHODS: [(&str, &str); 15] = [
    ("Control", "SetSettings"),
    ("Control", "SetMode"),
    ("Control", "Pause"),
    ("Rules", "Add"),
    ("Rules", "Replace"),
    ("Rules", "Remove"),
    ("Rules", "SetEnabled"),
    ("Rules", "Explain"),
    ("Rules", "AcceptSuggestions"),
    ("Rules", "DropSuggestions"),
    ("Events", "Subscribe"),
    ("Events", "GetLog"),
    ("Events", "GetLogPages"),
    ("Prompts", "RegisterAgent"),
    ("Prompts", "Answer"),
];

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("allow".into()),
        Just("any".into()),
        Just("any".into()),
        Just("/usr/bin/curl".into()),
        Just("tcp".into()),
        Just("normal".into()),
        Just("forever".into()),
        Just("seconds:99999999999".into()),
        Just("process:1:".into()),
        Just("pattern:/[".into()),
        Just("x".repeat(100_000)),
        "[ -~]{0,20}",
        any::<String>().prop_map(|text| text.replace('\0', "")),
    ]
}

fn values() -> impl Strategy<Value = Variant<'static>> {
    let leaf = prop_oneof![
        texts().prop_map(Variant::from),
        any::<bool>().prop_map(Variant::from),
        any::<u8>().prop_map(Variant::from),
        any::<i32>().prop_map(Variant::from),
        any::<u32>().prop_map(Variant::from),
        any::<u64>().prop_map(Variant::from),
        any::<f64>().prop_map(Variant::from),
        prop::collection::vec(texts(), 0..4).prop_map(Variant::from),
    ];
    leaf.prop_recursive(5, 16, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Variant::new),
            dictionaries(inner).prop_map(Variant::from),
        ]
    })
}

fn dictionaries(
    value: impl Strategy<Value = Variant<'static>>,
) -> impl Strategy<Value = HashMap<String, Variant<'static>>> {
    prop::collection::hash_map(texts(), value, 0..4)
}

/// Records: most fields of the right type, a few of any, and some that nobody knows.
fn records() -> impl Strategy<Value = HashMap<String, Variant<'static>>> {
    let text = (
        prop::sample::select(&TEXTS[..]),
        texts().prop_map(Variant::from),
    );
    let number = (
        prop::sample::select(&NUMBERS[..]),
        any::<u32>().prop_map(Variant::from),
    );
    let enabled = (Just("enabled"), any::<bool>().prop_map(Variant::from));
    let port = (Just("port"), any::<u16>().prop_map(Variant::from));
    let wrong = (prop::sample::select(&TEXTS[..]), values());
    let field = prop_oneof![
        30 => text,
        5 => number,
        1 => enabled,
        1 => port,
        1 => wrong,
    ];
    let fields = prop::collection::vec(field, 0..40);
    (fields, dictionaries(values())).prop_map(|(fields, mut record)| {
        record.extend(
            fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value)),
        );
        record
    })
}

fn numbers() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), 0..4)
}

/// Bodies: mostly of the methods' own types, with arbitrary content; sometimes of none.
fn bodies() -> impl Strategy<Value = Vec<Variant<'static>>> {
    let record = || records().prop_map(Variant::from);
    prop_oneof![
        4 => record().prop_map(|record| vec![record]),
        2 => (record(), any::<bool>()).prop_map(|(r, flag)| vec![r, flag.into()]),
        2 => (any::<u64>(), record()).prop_map(|(id, r)| vec![id.into(), r]),
        1 => (texts(), any::<bool>()).prop_map(|(id, flag)| vec![id.into(), flag.into()]),
        1 => prop::collection::vec(texts(), 0..5).prop_map(|ids| vec![ids.into()]),
        1 => (numbers(), texts(), any::<bool>())
            .prop_map(|(ids, scope, flag)| vec![ids.into(), scope.into(), flag.into()]),
        1 => (numbers(), any::<bool>()).prop_map(|(ids, flag)| vec![ids.into(), flag.into()]),
        1 => prop::collection::vec(values(), 1..4),
    ]
}

async fn call(
    client: &Client,
    interface: &str,
    method: &str,
    body: Vec<Variant<'static>>,
) -> zbus::Result<zbus::Message> {
    let mut builder = StructureBuilder::new();
    for value in body {
        builder.push_value(value);
    }
    let body = builder.build().unwrap();
    let interface = format!("org.bastionfirewall.Helper1.{interface}");
    let call = client.connection.call_method(
        Some(HELPER),
        HELPER_PATH,
        Some(interface.as_str()),
        method,
        &body,
    );
    soon("a reply", call).await
}

#[tokio::test]
async fn arbitrary_bodies_give_errors_and_change_nothing() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    // Nothing but validation stands in the way.
    setup.polkit.allow(&action::ALL);
    setup.bus.question_opened(fakes::question(1, Some(ALICE)));
    let alice = setup.client(ALICE).await;
    let existing = fakes::rule("any", "any");
    let id = "any".parse().unwrap();
    setup.backend.rules.lock().unwrap().insert(id, existing);
    let mut runner = TestRunner::default();
    let (mut refused, mut validated) = (0, 0);
    // How many get as far as validation is chance; that enough of them do is not.
    for round in 0..30_000 {
        if round >= 3_000 && validated > 100 {
            break;
        }
        let body = bodies().new_tree(&mut runner).unwrap().current();
        let method = prop::sample::select(&METHODS[..]);
        let (interface, method) = method.new_tree(&mut runner).unwrap().current();
        let said = format!("{method} {body:?}");
        let before = setup.backend.changes();
        match call(&alice, interface, method, body).await {
            // Some of it makes sense by chance; Memory checks what reaches it.
            Ok(_) => {
                let after = setup.backend.changes();
                let new = after.get(before.len()..).unwrap();
                assert!(
                    !new.iter().any(|change| change.contains("NONSENSE")),
                    "{new:?} {said}"
                );
            }
            Err(error @ (zbus::Error::FDO(_) | zbus::Error::MethodError(..))) => {
                refused += 1;
                validated += u32::from(error.to_string().contains("InvalidArgument"));
                assert_eq!(setup.backend.changes(), before, "{said}");
            }
            Err(other) => panic!("{other} after {said}"),
        }
    }
    assert!(refused > 1_500, "{refused} refused");
    assert!(validated > 100, "{validated} got as far as validation");
    assert!(setup.backend.answers.lock().unwrap().is_empty());
    alice.control.get_status().await.unwrap();
}

/// What is not a call of ours at all.
#[tokio::test]
async fn unknown_methods_interfaces_and_objects_are_errors() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let root = setup.client(0).await;
    for (path, interface, method) in [
        (
            HELPER_PATH,
            "org.bastionfirewall.Helper1.Control",
            "Explode",
        ),
        (
            HELPER_PATH,
            "org.freedesktop.DBus.Introspectable",
            "Explode",
        ),
        ("/", "org.bastionfirewall.Helper1.Control", "GetStatus"),
    ] {
        let call = root
            .connection
            .call_method(Some(HELPER), path, Some(interface), method, &());
        soon("a reply", call).await.unwrap_err();
    }
    root.control.get_status().await.unwrap();
}
