//! The three forms of the contract say the same: the interface files under `data/`, what the
//! running helper says of itself, and what the proxies send.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bastion_ipc::names::{AGENT_INTERFACE, AGENT_PATH, HELPER, HELPER_PATH, action};
use bastion_ipc::proxy::AgentProxy;
use bastion_ipc::wire::{Answer, Ends, ExplainQuery, LogQuery, Question, WireRule, WireSettings};
use futures_util::StreamExt as _;
use zbus::message::Type;
use zbus::{Message, MessageStream};

use super::daemon::{data, pair};
use super::*;

const INTERFACES: [&str; 4] = ["Control", "Rules", "Events", "Prompts"];

/// The elements of an interface, one a line, without comments, indentation and empty lines.
fn elements(xml: &str, interface: &str) -> Vec<String> {
    let mut text = String::new();
    let mut rest = xml;
    while let Some((before, comment)) = rest.split_once("<!--") {
        text.push_str(before);
        rest = comment.split_once("-->").expect("the comment ends").1;
    }
    text.push_str(rest);
    let start = format!("<interface name=\"{interface}\">");
    let (_, body) = text.split_once(&start).expect("the interface is there");
    let (body, _) = body.split_once("</interface>").unwrap();
    body.split('<')
        .map(|element| element.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|element| !element.is_empty())
        .map(|element| format!("<{element}"))
        .collect()
}

fn file(interface: &str) -> String {
    std::fs::read_to_string(data(&format!("interfaces/{interface}.xml"))).unwrap()
}

/// Methods with the types of what goes in.
fn methods(interface: &str) -> BTreeMap<String, String> {
    let mut methods = BTreeMap::new();
    let mut current = String::new();
    for element in elements(&file(interface), interface) {
        let attribute = |name: &str| {
            let (_, value) = element.split_once(&format!(" {name}=\""))?;
            Some(value.split_once('"')?.0.to_owned())
        };
        if element.starts_with("<method ") {
            current = attribute("name").unwrap();
            methods.insert(current.clone(), String::new());
        } else if element.starts_with("<signal ") {
            current.clear();
        } else if attribute("direction").as_deref() == Some("in")
            && let Some(types) = methods.get_mut(&current)
        {
            types.push_str(&attribute("type").unwrap());
        }
    }
    methods
}

#[tokio::test]
async fn the_interface_files_say_what_the_helper_says_of_itself() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let alice = setup.client(ALICE).await;
    let running = zbus::fdo::IntrospectableProxy::builder(&alice.connection)
        .destination(HELPER)
        .path(HELPER_PATH)
        .build()
        .await
        .unwrap()
        .introspect()
        .await
        .unwrap();
    for interface in INTERFACES {
        let interface = format!("{HELPER}.{interface}");
        assert_eq!(
            elements(&file(&interface), &interface),
            elements(&running, &interface),
            "{interface}"
        );
    }
    let ours = running
        .matches("<interface name=\"org.bastionfirewall.")
        .count();
    assert_eq!(ours, INTERFACES.len());
    assert!(
        !running.contains("access=\"write"),
        "nothing can be written"
    );
}

/// Answers every call with an error and notes what it was.
fn note_calls(connection: Connection) -> Arc<Mutex<BTreeMap<(String, String), String>>> {
    let calls: Arc<Mutex<BTreeMap<_, _>>> = Arc::default();
    let noted = Arc::clone(&calls);
    tokio::spawn(async move {
        let mut messages = MessageStream::from(&connection);
        while let Some(Ok(message)) = messages.next().await {
            let header = message.header();
            if message.message_type() != Type::MethodCall {
                continue;
            }
            let interface = header.interface().unwrap().to_string();
            let member = header.member().unwrap().to_string();
            let signature = header.signature().to_string_no_parens();
            noted.lock().unwrap().insert((interface, member), signature);
            let refusal = Message::error(&header, "org.example.No")
                .build(&"no")
                .unwrap();
            connection.send(&refusal).await.unwrap();
        }
    });
    calls
}

#[tokio::test]
async fn the_proxies_send_what_the_interface_files_say() {
    let (server, client) = pair().await;
    let calls = note_calls(server);
    let Client {
        control,
        rules,
        events,
        prompts,
        ..
    } = Client::new(client.clone()).await;
    let agent = AgentProxy::builder(&client)
        .destination(HELPER)
        .path(AGENT_PATH)
        .build()
        .await
        .unwrap();
    control.get_status().await.unwrap_err();
    control.get_settings().await.unwrap_err();
    let settings = WireSettings::default();
    control.set_settings(&settings).await.unwrap_err();
    control.set_mode("ask").await.unwrap_err();
    control.pause(1).await.unwrap_err();
    control.resume().await.unwrap_err();
    control.get_safeguard(true).await.unwrap_err();
    control.leave_safeguard(true).await.unwrap_err();
    rules.list().await.unwrap_err();
    rules.add(&WireRule::default()).await.unwrap_err();
    rules.replace(&WireRule::default()).await.unwrap_err();
    rules.remove(&["a"]).await.unwrap_err();
    rules.set_enabled("a", true).await.unwrap_err();
    rules.explain(&ExplainQuery::default()).await.unwrap_err();
    rules.list_suggestions(true).await.unwrap_err();
    let accepted = rules.accept_suggestions(&[1], "flow", true);
    accepted.await.unwrap_err();
    rules.drop_suggestions(&[1], true).await.unwrap_err();
    rules.restore_suggestions(&[1], true).await.unwrap_err();
    events.subscribe(true).await.unwrap_err();
    events.unsubscribe().await.unwrap_err();
    let query = LogQuery::default();
    events.get_log(&query, true).await.unwrap_err();
    events.get_log_pages(&query, true).await.unwrap_err();
    events.get_connections(true).await.unwrap_err();
    let ends = Ends::default();
    events.end_connection(&ends, true).await.unwrap_err();
    let path = AGENT_PATH.try_into().unwrap();
    prompts.register_agent(&path).await.unwrap_err();
    prompts.unregister_agent().await.unwrap_err();
    prompts.answer(1, &Answer::default()).await.unwrap_err();
    agent.withdraw(1, "timeout").await.unwrap();
    agent.ask(Question::default()).await.unwrap_err();

    let calls = calls.lock().unwrap().clone();
    let mut described = BTreeMap::new();
    let ours = INTERFACES.map(|interface| format!("{HELPER}.{interface}"));
    for interface in ours.iter().map(String::as_str).chain([AGENT_INTERFACE]) {
        for (method, types) in methods(interface) {
            described.insert((interface.to_owned(), method), types);
        }
    }
    assert_eq!(calls, described);
}

/// Each file describes one interface, named as the file.
#[test]
fn there_is_a_file_for_each_interface_and_no_other() {
    let mut files: Vec<_> = std::fs::read_dir(data("interfaces"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut expected: Vec<_> = INTERFACES
        .iter()
        .map(|interface| format!("{HELPER}.{interface}.xml"))
        .chain([format!("{AGENT_INTERFACE}.xml")])
        .collect();
    expected.sort();
    assert_eq!(files, expected);
}

/// The defaults promised: who may do what without a password, and who not at all.
#[test]
fn the_polkit_actions_are_those_of_the_contract() {
    let text = std::fs::read_to_string(data("org.bastionfirewall.policy")).unwrap();
    let mut found = BTreeMap::new();
    for part in text.split("<action id=\"").skip(1) {
        let (id, rest) = part.split_once('"').unwrap();
        let value = |tag: &str| {
            let (_, value) = rest.split_once(&format!("<{tag}>")).unwrap();
            value.split_once('<').unwrap().0.to_owned()
        };
        let defaults = [
            value("allow_any"),
            value("allow_inactive"),
            value("allow_active"),
        ];
        for needed in ["<description gettext-domain=", "<message gettext-domain="] {
            assert!(rest.contains(needed), "{id} has no {needed}");
        }
        found.insert(id.to_owned(), defaults);
    }
    let expected = [
        (action::VIEW, ["auth_admin_keep", "yes", "yes"]),
        (
            action::VIEW_ALL,
            ["auth_admin_keep", "no", "auth_admin_keep"],
        ),
        (action::ANSWER, ["auth_admin_keep", "no", "yes"]),
        (
            action::ANSWER_OTHERS,
            ["auth_admin", "no", "auth_admin_keep"],
        ),
        (
            action::MANAGE_RULES,
            ["auth_admin", "no", "auth_admin_keep"],
        ),
        (action::CONFIGURE, ["auth_admin", "no", "auth_admin_keep"]),
    ];
    let expected: BTreeMap<_, _> = expected
        .map(|(id, defaults)| (id.to_owned(), defaults.map(ToOwned::to_owned)))
        .into();
    assert_eq!(found, expected);
    assert_eq!(found.len(), action::ALL.len());
}
