//! Signals reach subscribers, and nobody else.

use bastion_ipc::Error;
use bastion_ipc::names::action;
use bastion_ipc::wire::{Event, Status};
use futures_util::StreamExt as _;
use zbus::MessageStream;
use zbus::message::Type;

use super::*;

fn event(id: u64, uid: u32) -> Event {
    Event {
        id,
        uid,
        ..Event::default()
    }
}

/// The names of all signals of ours that this connection has been sent so far.
async fn signals(client: &Client, stream: &mut MessageStream) -> Vec<String> {
    // The daemon delivers in order, so what was sent before this reply is here.
    client.control.get_status().await.unwrap();
    let mut names = Vec::new();
    loop {
        let next = tokio::time::timeout(Duration::ZERO, stream.next()).await;
        let Ok(Some(Ok(message))) = next else {
            return names;
        };
        let header = message.header();
        let ours = header
            .interface()
            .is_some_and(|i| i.starts_with("org.bastionfirewall"));
        if message.message_type() == Type::Signal && ours {
            names.extend(header.member().map(ToString::to_string));
        }
    }
}

#[tokio::test]
async fn only_subscribers_are_told_and_only_of_what_they_may_see() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.polkit.allow(&[action::VIEW_ALL]);
    let (alice, bob, carol) = (
        setup.client(ALICE).await,
        setup.client(BOB).await,
        setup.client(BOB + 1).await,
    );
    // Carol wants every signal there is, but did not subscribe.
    let wish = zbus::MatchRule::builder()
        .msg_type(Type::Signal)
        .build()
        .unwrap();
    let mut heard = MessageStream::for_match_rule(wish, &carol.connection, None)
        .await
        .unwrap();
    let mut own = alice.events.receive_decided().await.unwrap();
    let mut all = bob.events.receive_decided().await.unwrap();
    let mut rules = alice.events.receive_rules_changed().await.unwrap();
    let mut status = alice.events.receive_status_changed().await.unwrap();
    alice.events.subscribe(false).await.unwrap();
    bob.events.subscribe(true).await.unwrap();
    setup
        .bus
        .publish_decisions(&[event(1, ALICE), event(2, 0), event(3, BOB)]);
    setup.bus.publish_rules_changed();
    setup.bus.publish_status(Status {
        asked: 5,
        ..Status::default()
    });
    let ids = |events: Vec<Event>| events.iter().map(|e| e.id).collect::<Vec<_>>();
    let to_alice = soon("alice's decisions", own.next()).await.unwrap();
    assert_eq!(ids(to_alice.args().unwrap().events), [1]);
    let to_bob = soon("bob's decisions", all.next()).await.unwrap();
    assert_eq!(ids(to_bob.args().unwrap().events), [1, 2, 3]);
    soon("rules changed", rules.next()).await.unwrap();
    let changed = soon("the status", status.next()).await.unwrap();
    assert_eq!(changed.args().unwrap().status.asked, 5);
    assert_eq!(signals(&carol, &mut heard).await, [""; 0]);

    alice.events.unsubscribe().await.unwrap();
    setup.bus.publish_decisions(&[event(4, ALICE)]);
    let to_bob = soon("bob's decisions", all.next()).await.unwrap();
    assert_eq!(ids(to_bob.args().unwrap().events), [4]);
    let mut rest = MessageStream::from(&alice.connection);
    assert_eq!(signals(&alice, &mut rest).await, [""; 0]);
}

#[tokio::test]
async fn subscriptions_are_bounded_and_end_with_the_connection() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut clients = Vec::new();
    for _ in 0..16 {
        let client = setup.client(ALICE).await;
        client.events.subscribe(false).await.unwrap();
        clients.push(client);
    }
    let one_more = setup.client(ALICE).await;
    let refused = one_more.events.subscribe(false).await;
    assert!(
        matches!(refused, Err(Error::LimitReached(_))),
        "{refused:?}"
    );
    clients[0].events.subscribe(false).await.unwrap();
    let leaver = clients.pop().unwrap();
    leaver.connection.clone().close().await.unwrap();
    drop(leaver);
    soon("a place", async {
        while one_more.events.subscribe(false).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn subscribers_hear_when_agents_come_and_go() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let alice = setup.client(ALICE).await;
    let mut status = alice.events.receive_status_changed().await.unwrap();
    alice.events.subscribe(false).await.unwrap();
    let agent = prompts::TestAgent::register(&setup, ALICE).await;
    let changed = soon("the status", status.next()).await.unwrap();
    assert_eq!(changed.args().unwrap().status.agents, 1);
    agent.client.prompts.unregister_agent().await.unwrap();
    let changed = soon("the status", status.next()).await.unwrap();
    assert_eq!(changed.args().unwrap().status.agents, 0);
}

#[tokio::test]
async fn subscribers_hear_that_polkit_is_away_and_back() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let alice = setup.client(ALICE).await;
    let mut status = alice.events.receive_status_changed().await.unwrap();
    alice.events.subscribe(false).await.unwrap();
    setup.polkit.set_away(true);
    for _ in 0..2 {
        let refused = alice.control.get_status().await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{refused:?}");
    }
    let changed = soon("the status", status.next()).await.unwrap();
    let troubles = changed.args().unwrap().status.troubles;
    assert_eq!(troubles.len(), 1, "{troubles:?}");
    assert!(troubles[0].contains("polkitd is installed"), "{troubles:?}");
    setup.polkit.set_away(false);
    let told = alice.control.get_status().await.unwrap();
    assert_eq!(told.troubles, Vec::<String>::new());
    let changed = soon("the status", status.next()).await.unwrap();
    assert_eq!(changed.args().unwrap().status.troubles, told.troubles);
}

#[tokio::test]
async fn polkit_that_goes_on_is_noticed_without_a_call_and_a_change_of_its_name() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let alice = setup.client(ALICE).await;
    let mut status = alice.events.receive_status_changed().await.unwrap();
    alice.events.subscribe(false).await.unwrap();
    for _ in 0..2 {
        setup.polkit.set_away(true);
        alice.control.get_status().await.unwrap_err();
        let changed = soon("the trouble", status.next()).await.unwrap();
        assert_eq!(changed.args().unwrap().status.troubles.len(), 1);
        let checks = setup.polkit.checks();
        setup.polkit.set_away(false);
        let changed = soon("its end", status.next()).await.unwrap();
        let troubles = changed.args().unwrap().status.troubles;
        assert_eq!(troubles, Vec::<String>::new());
        assert_eq!(setup.polkit.checks(), checks, "nobody called");
    }
}
