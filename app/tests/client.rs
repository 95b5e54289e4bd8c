//! The client against a helper on a real bus: it finds the helper, listens to nobody else, and
//! finds it again.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "windows/common/mod.rs"]
#[expect(
    dead_code,
    clippy::indexing_slicing,
    reason = "this test needs the bus of it alone"
)]
mod common;

use std::time::Duration;

use bastion::client::{Client, Failure, Message};
use bastion::model::link::Link;
use bastion::model::question;
use bastion_ipc::names;
use bastion_ipc::proxy::AgentProxy;
use bastion_ipc::wire::Question;
use bastion_policy::rule::Action;
use tokio::sync::mpsc::UnboundedReceiver;

use common::Bus;

/// The next message that is wanted; others are passed over.
async fn next<T>(
    messages: &mut UnboundedReceiver<Message>,
    wanted: impl Fn(Message) -> Option<T>,
) -> T {
    let search = async {
        loop {
            let message = messages.recv().await.expect("the task runs");
            if let Some(found) = wanted(message) {
                return found;
            }
        }
    };
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, search)
        .await
        .expect("the message comes")
}

fn link(wanted: Link) -> impl Fn(Message) -> Option<()> {
    move |message| matches!(message, Message::Link(link) if link == wanted).then_some(())
}

fn asked(message: Message) -> Option<Box<Question>> {
    match message {
        Message::Ask(question) => Some(question),
        _ => None,
    }
}

#[tokio::test]
async fn the_helper_and_nobody_else_is_heard_whenever_it_comes() {
    let bus = Bus::start();
    // SAFETY: this is the only test of this program, and no thread reads the environment yet.
    unsafe { std::env::set_var("DBUS_SYSTEM_BUS_ADDRESS", bus.address()) };
    let (client, task) = Client::new();
    let (sender, mut messages) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(task.run(move |message| {
        let _ = sender.send(message);
    }));

    next(&mut messages, link(Link::Missing(None))).await;
    assert_eq!(client.rules().await, Err(Failure::Down));

    let helper = bus.helper(&["--ask"]);
    next(&mut messages, link(Link::Ready)).await;
    assert!(!client.rules().await.unwrap().is_empty());
    let first = next(&mut messages, asked).await;
    client
        .answer(first.id, &question::once(Action::Deny))
        .await
        .unwrap();
    let again = client.answer(first.id, &question::once(Action::Deny)).await;
    assert!(matches!(again, Err(Failure::Gone(_))), "{again:?}");

    // A stranger on the bus asks.
    let stranger = zbus::Connection::system().await.unwrap();
    let daemon = zbus::fdo::DBusProxy::new(&stranger).await.unwrap();
    let mine = stranger.unique_name().unwrap().to_string();
    let mut refusals = 0;
    for name in daemon.list_names().await.unwrap() {
        let name = name.to_string();
        if !name.starts_with(':') || name == mine {
            continue;
        }
        let agent = AgentProxy::builder(&stranger)
            .destination(name)
            .path(names::AGENT_PATH)
            .build()
            .await
            .unwrap();
        let question = Question {
            id: 666,
            ..Question::default()
        };
        let error = agent.ask(question).await.unwrap_err();
        refusals += usize::from(error.to_string().contains("AccessDenied"));
    }
    assert_eq!(refusals, 1, "the app has one connection, which refuses");

    drop(helper);
    next(&mut messages, |message| {
        assert!(!matches!(&message, Message::Ask(question) if question.id == 666));
        link(Link::Missing(None))(message)
    })
    .await;
    assert_eq!(client.rules().await, Err(Failure::Down));

    let _helper = bus.helper(&["--ask"]);
    next(&mut messages, link(Link::Ready)).await;
    next(&mut messages, asked).await;
}
