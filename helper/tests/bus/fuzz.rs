//! Whatever a caller sends: an error, nothing changed, and the helper goes on.

use bastion_ipc::names::{HELPER, HELPER_PATH, action};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::collections::HashMap;
use zbus::Variant;
use zbus::wire::StructureBuilder;

use super::*;

/// The fields of every record a method takes, so that many are hit.
const FIELDS: [&str; 24] = [
    "id",
    "name",
    "enabled",
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
    "creator",
    "mode",
    "when_down",
    "prompt_timeout",
    "log_days",
    "limit",
    "verdict",
    "text",
    "scope",
    "uid",
    "port",
];

/// Methods with arguments, by interface; those with none are in `calls`.
const METHODS: [(&str, &str); 12] = [
    ("Control", "SetSettings"),
    ("Control", "SetMode"),
    ("Control", "Pause"),
    ("Rules", "Add"),
    ("Rules", "Replace"),
    ("Rules", "Remove"),
    ("Rules", "SetEnabled"),
    ("Rules", "Explain"),
    ("Events", "Subscribe"),
    ("Events", "GetLog"),
    ("Prompts", "RegisterAgent"),
    ("Prompts", "Answer"),
];

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("allow".into()),
        Just("any".into()),
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
    let key = prop_oneof![
        9 => prop::sample::select(&FIELDS[..]).prop_map(ToOwned::to_owned),
        1 => texts(),
    ];
    prop::collection::hash_map(key, value, 0..12)
}

/// Bodies: mostly of the methods' own types, with arbitrary content; sometimes of none.
fn bodies() -> impl Strategy<Value = Vec<Variant<'static>>> {
    let record = || dictionaries(values()).prop_map(Variant::from);
    prop_oneof![
        4 => record().prop_map(|record| vec![record]),
        2 => (record(), any::<bool>()).prop_map(|(r, flag)| vec![r, flag.into()]),
        2 => (any::<u64>(), record()).prop_map(|(id, r)| vec![id.into(), r]),
        1 => (texts(), any::<bool>()).prop_map(|(id, flag)| vec![id.into(), flag.into()]),
        1 => prop::collection::vec(texts(), 0..5).prop_map(|ids| vec![ids.into()]),
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
    let mut runner = TestRunner::default();
    let mut errors = 0;
    for _ in 0..1_500 {
        let body = bodies().new_tree(&mut runner).unwrap().current();
        let method = prop::sample::select(&METHODS[..]);
        let (interface, method) = method.new_tree(&mut runner).unwrap().current();
        let said = format!("{method} {body:?}");
        let before = setup.backend.changes();
        match call(&alice, interface, method, body).await {
            Ok(_) => {
                // These may make sense by chance.
                let harmless = ["Subscribe", "GetLog", "SetEnabled", "Remove", "Explain"];
                assert!(harmless.contains(&method), "{said}");
            }
            Err(zbus::Error::FDO(_) | zbus::Error::MethodError(..)) => errors += 1,
            Err(other) => panic!("{other} after {said}"),
        }
        let after = setup.backend.changes();
        let removed_nothing = after.last().is_some_and(|change| change == "remove 0");
        assert!(after == before || removed_nothing, "{said}");
    }
    assert!(errors > 1_000, "{errors}");
    assert!(setup.backend.answers.lock().unwrap().is_empty());
    assert_eq!(setup.bus.agents(), 0);
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
