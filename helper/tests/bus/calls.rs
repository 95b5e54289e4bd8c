//! Authorisation, validation and what reaches the service.

use bastion_ipc::Error;
use bastion_ipc::names::action::{ANSWER, ANSWER_OTHERS, CONFIGURE, MANAGE_RULES, VIEW, VIEW_ALL};
use bastion_ipc::names::{HELPER, HELPER_PATH, action};
use bastion_ipc::wire::{Ends, Event, ExplainQuery, LogQuery, WireRule, WireSettings};
use bastion_policy::pending::QuestionId;
use zbus::Connection;

use super::daemon::pair;
use super::fakes::{Memory, Polkit, question, rule};
use super::*;

fn event(id: u64, uid: u32) -> Event {
    Event {
        id,
        uid,
        verdict: "allow".into(),
        ..Event::default()
    }
}

pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::NotAuthorized(_))), "{result:?}");
}

pub(crate) fn invalid<T: std::fmt::Debug>(result: Result<T, Error>, field: &str) {
    match result {
        Err(Error::InvalidArgument(text)) if text.contains(field) => {}
        other => panic!("{other:?} says nothing of {field}"),
    }
}

/// A connection's.
fn ends() -> Ends {
    Ends {
        protocol: "tcp".into(),
        source: "192.0.2.1".into(),
        source_port: 40_000,
        destination: "192.0.2.2".into(),
        destination_port: 443,
        time: Some(7),
    }
}

#[tokio::test]
async fn every_method_asks_polkit_for_its_action_and_obeys() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let alice = setup.client(ALICE).await;
    setup.polkit.deny(VIEW);
    setup.polkit.deny(ANSWER);
    let settings = WireSettings::from(&Default::default());
    let explain = ExplainQuery {
        program: "/usr/bin/curl".into(),
        destination: "192.0.2.1".into(),
        ..ExplainQuery::default()
    };
    let path = "/agent".try_into().unwrap();
    let good = rule("a", "any");
    refused(alice.control.get_status().await);
    refused(alice.control.get_settings().await);
    refused(alice.control.set_settings(&settings).await);
    refused(alice.control.set_mode("learn").await);
    refused(alice.control.pause(60).await);
    refused(alice.control.resume().await);
    refused(alice.control.get_safeguard(false).await);
    refused(alice.control.get_safeguard(true).await);
    refused(alice.control.leave_safeguard(false).await);
    refused(alice.control.leave_safeguard(true).await);
    refused(alice.rules.list().await);
    refused(alice.rules.add(&good).await);
    refused(alice.rules.replace(&good).await);
    refused(alice.rules.remove(&["a"]).await);
    refused(alice.rules.set_enabled("a", false).await);
    refused(alice.rules.explain(&explain).await);
    for everybody in [false, true] {
        refused(alice.rules.list_suggestions(everybody).await);
        refused(
            alice
                .rules
                .accept_suggestions(&[1], "flow", everybody)
                .await,
        );
        refused(alice.rules.drop_suggestions(&[1], everybody).await);
        refused(alice.rules.restore_suggestions(&[1], everybody).await);
    }
    refused(alice.events.subscribe(false).await);
    refused(alice.events.subscribe(true).await);
    refused(alice.events.get_log(&LogQuery::default(), false).await);
    refused(alice.events.get_log(&LogQuery::default(), true).await);
    let query = LogQuery::default();
    refused(alice.events.get_log_pages(&query, false).await);
    refused(alice.events.get_log_pages(&query, true).await);
    refused(alice.events.get_connections(false).await);
    refused(alice.events.get_connections(true).await);
    refused(alice.events.end_connection(&ends(), false).await);
    refused(alice.events.end_connection(&ends(), true).await);
    refused(alice.prompts.register_agent(&path).await);
    let asked: Vec<_> = setup
        .polkit
        .checks()
        .iter()
        .map(|(action, _)| *action)
        .collect();
    assert_eq!(
        asked,
        [
            VIEW,
            VIEW,
            CONFIGURE,
            CONFIGURE,
            CONFIGURE,
            CONFIGURE,
            VIEW,
            VIEW_ALL,
            ANSWER,
            CONFIGURE,
            VIEW,
            MANAGE_RULES,
            MANAGE_RULES,
            MANAGE_RULES,
            MANAGE_RULES,
            VIEW,
            VIEW,
            ANSWER,
            ANSWER,
            ANSWER,
            VIEW_ALL,
            MANAGE_RULES,
            MANAGE_RULES,
            MANAGE_RULES,
            VIEW,
            VIEW_ALL,
            VIEW,
            VIEW_ALL,
            VIEW,
            VIEW_ALL,
            VIEW,
            VIEW_ALL,
            ANSWER,
            ANSWER_OTHERS,
            ANSWER
        ]
    );
    assert!(setup.backend.changes().is_empty());
    setup.bus.question_opened(question(1, Some(ALICE)));
    assert!(!setup.bus.is_put(QuestionId(1)), "somebody became an agent");
}

#[tokio::test]
async fn a_person_is_asked_only_if_the_message_allows_it() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let alice = setup.client(ALICE).await;
    alice.control.set_mode("learn").await.unwrap_err();
    let plain = alice.connection.call_method(
        Some(HELPER),
        HELPER_PATH,
        Some("org.bastionfirewall.Helper1.Control"),
        "SetMode",
        &"learn",
    );
    plain.await.unwrap_err();
    assert_eq!(
        setup.polkit.checks(),
        [(CONFIGURE, true), (CONFIGURE, false)]
    );
}

#[tokio::test]
async fn authorised_changes_arrive_once_they_make_sense() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let alice = setup.client(ALICE).await;
    let imported = WireRule {
        creator: Some("import".into()),
        ..rule("file", "any")
    };
    refused(alice.rules.add(&imported).await);
    setup.polkit.allow(&[CONFIGURE, MANAGE_RULES]);
    let mut settings = alice.control.get_settings().await.unwrap();
    settings.prompt_timeout = 1;
    invalid(
        alice.control.set_settings(&settings).await,
        "prompt_timeout",
    );
    settings.prompt_timeout = 30;
    alice.control.set_settings(&settings).await.unwrap();
    invalid(alice.control.set_mode("shout").await, "mode");
    alice.control.set_mode("learn").await.unwrap();
    invalid(alice.control.pause(0).await, "seconds");
    invalid(alice.control.pause(86_401).await, "seconds");
    alice.control.pause(60).await.unwrap();
    alice.control.resume().await.unwrap();
    let mut wanted = rule("../evil", "any");
    wanted.creator = Some("factory".into());
    wanted.hits = Some(7);
    let id = alice.rules.add(&wanted).await.unwrap();
    alice.rules.add(&imported).await.unwrap();
    let replacing = WireRule {
        id: Some(id.clone()),
        ..imported
    };
    alice.rules.replace(&replacing).await.unwrap();
    wanted.ports = Some("0".into());
    invalid(alice.rules.add(&wanted).await, "ports");
    invalid(alice.rules.replace(&wanted).await, "id");
    invalid(alice.rules.replace(&WireRule::default()).await, "id");
    let absent = alice.rules.replace(&rule("absent", "any")).await;
    assert!(matches!(absent, Err(Error::NotFound(_))), "{absent:?}");
    alice.rules.set_enabled(&id, false).await.unwrap();
    alice.rules.set_enabled(&id, false).await.unwrap();
    let absent = alice.rules.set_enabled("absent", false).await;
    assert!(matches!(absent, Err(Error::NotFound(_))), "{absent:?}");
    invalid(alice.rules.remove(&[&id, "/"]).await, "id");
    let some_absent = alice.rules.remove(&[&id, "absent"]).await;
    assert!(matches!(some_absent, Err(Error::NotFound(_))));
    alice.rules.remove(&[&id, &id]).await.unwrap();
    assert_eq!(
        setup.backend.changes(),
        [
            "settings 30",
            "mode learn",
            "pause 60",
            "pause 0",
            "add r0 by 1000",
            "add r1 by 1000, import",
            "replace r0 enabled None",
            "enable r0 false",
            "enable r0 false",
            "remove 1",
        ]
    );
}

#[tokio::test]
async fn who_may_not_see_others_sees_its_own() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    for (id, user) in [("any", "any"), ("alice", "1000"), ("bob", "1001")] {
        let rule = rule(id, user);
        setup
            .backend
            .rules
            .lock()
            .unwrap()
            .insert(id.parse().unwrap(), rule);
    }
    *setup.backend.log.lock().unwrap() = vec![event(1, ALICE), event(2, BOB), event(3, u32::MAX)];
    let bob = setup.client(BOB).await;
    let ids = |rules: Vec<WireRule>| rules.into_iter().filter_map(|r| r.id).collect::<Vec<_>>();
    let seen = |events: Vec<Event>| events.into_iter().map(|e| e.id).collect::<Vec<_>>();
    let everything = LogQuery::default();
    assert_eq!(ids(bob.rules.list().await.unwrap()), ["any", "bob"]);
    assert_eq!(
        seen(bob.events.get_log(&everything, false).await.unwrap()),
        [2]
    );
    let open = bob.events.get_connections(false).await.unwrap();
    assert_eq!(seen(open.into_iter().map(|it| it.event).collect()), [2]);
    refused(bob.events.get_log(&everything, true).await);
    let pages = bob.events.get_log_pages(&everything, false).await.unwrap();
    assert_eq!(pages.pages, [(2, 1)]);
    refused(bob.events.get_log_pages(&everything, true).await);
    let nonsense = LogQuery {
        destination: Some("no\u{7}such".into()),
        ..LogQuery::default()
    };
    invalid(
        bob.events.get_log_pages(&nonsense, false).await,
        "destination",
    );
    let guards = bob.control.get_safeguard(false).await.unwrap();
    assert_eq!(guards.iter().map(|it| it.user).collect::<Vec<_>>(), [BOB]);
    refused(bob.control.get_safeguard(true).await);
    // It is one's own that one may end.
    bob.control.leave_safeguard(false).await.unwrap();
    refused(bob.control.leave_safeguard(true).await);
    assert_eq!(setup.backend.changes(), ["leave safeguard Some(1001)"]);
    bob.events.end_connection(&ends(), false).await.unwrap();
    refused(bob.events.end_connection(&ends(), true).await);
    let ended = setup.backend.changes().pop();
    let expected = "end 192.0.2.2:443 of Some(7) of Some(1001) by 1001";
    assert_eq!(ended.as_deref(), Some(expected));
    for field in ["protocol", "source", "destination"] {
        let mut nonsense = ends();
        *match field {
            "protocol" => &mut nonsense.protocol,
            "source" => &mut nonsense.source,
            _ => &mut nonsense.destination,
        } = "no\u{7}such".into();
        invalid(bob.events.end_connection(&nonsense, false).await, field);
    }
    setup.polkit.allow(&[ANSWER_OTHERS]);
    let whenever = Ends {
        time: None,
        ..ends()
    };
    bob.events.end_connection(&whenever, true).await.unwrap();
    let ended = setup.backend.changes().pop();
    let expected = "end 192.0.2.2:443 of None of None by 1001";
    assert_eq!(ended.as_deref(), Some(expected));
    let mut query = ExplainQuery {
        program: "kernel".into(),
        destination: "example.org".into(),
        ..ExplainQuery::default()
    };
    let own = bob.rules.explain(&query).await.unwrap();
    assert_eq!(own.reason, "kernel as 1001");
    query.uid = Some(ALICE);
    refused(bob.rules.explain(&query).await);
    query.uid = None;
    query.program = "relative/path".into();
    invalid(bob.rules.explain(&query).await, "program");

    setup.polkit.allow(&[VIEW_ALL]);
    assert_eq!(
        ids(bob.rules.list().await.unwrap()),
        ["alice", "any", "bob"]
    );
    assert_eq!(
        seen(bob.events.get_log(&everything, true).await.unwrap()),
        [1, 2, 3]
    );
    let pages = bob.events.get_log_pages(&everything, true).await.unwrap();
    assert_eq!(pages.pages, [(1, 1), (2, 1), (3, 1)]);
    assert_eq!(bob.events.get_connections(true).await.unwrap().len(), 3);
    // Seeing the rules asked nobody for a password.
    let asked = setup.polkit.checks();
    let lists = [(VIEW_ALL, false), (MANAGE_RULES, false)];
    assert!(lists.iter().all(|check| asked.contains(check)), "{asked:?}");
}

#[tokio::test]
async fn one_peer_cannot_hold_all_places() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let answers = setup.polkit.ask_a_person(CONFIGURE);
    let (alice, other, bob) = (
        setup.client(ALICE).await,
        setup.client(ALICE).await,
        setup.client(BOB).await,
    );
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let control = alice.control.clone();
        waiting.spawn(async move { control.pause(60).await });
    }
    until("sixteen checks", || setup.polkit.checks().len() == 16).await;
    let refused = alice.control.get_status().await;
    assert!(
        matches!(refused, Err(Error::LimitReached(_))),
        "{refused:?}"
    );
    other.control.get_status().await.unwrap();
    bob.control.get_status().await.unwrap();
    answers.add_permits(16);
    while let Some(done) = waiting.join_next().await {
        done.unwrap().unwrap();
    }
    alice.control.get_status().await.unwrap();
}

#[tokio::test]
async fn one_user_cannot_hold_all_places_with_many_connections() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let _answers = setup.polkit.ask_a_person(CONFIGURE);
    let mut waiting = tokio::task::JoinSet::new();
    for connection in 0..4 {
        let alice = setup.client(ALICE).await;
        for _ in 0..16 {
            let control = alice.control.clone();
            waiting.spawn(async move { control.pause(60).await });
        }
        let expected = 16 * (connection + 1);
        until("the checks", || setup.polkit.checks().len() == expected).await;
    }
    let refused = setup.client(ALICE).await.control.get_status().await;
    assert!(
        matches!(refused, Err(Error::LimitReached(_))),
        "{refused:?}"
    );
    let bob = setup.client(BOB).await;
    bob.control.get_status().await.unwrap();
}

/// Over a connection without a bus no message has a sender, and nobody vouches for anybody.
#[tokio::test]
async fn a_message_without_a_sender_is_refused_by_us_and_by_polkit() {
    let (server, client) = pair().await;
    let backend = Arc::new(Memory::default());
    let allows_all = Arc::new(Polkit::default());
    allows_all.allow(&action::ALL);
    let real = bastion_helper::bus::Polkit::new(&server).await.unwrap();
    let _bus = Bus::serve(server, backend.clone(), allows_all)
        .await
        .unwrap();
    let stranger = Client::new(client.clone()).await;
    refused(stranger.control.pause(60).await);
    refused(stranger.control.get_status().await);
    refused(stranger.rules.add(&rule("a", "any")).await);
    refused(stranger.events.subscribe(true).await);
    refused(stranger.events.unsubscribe().await);
    refused(stranger.prompts.unregister_agent().await);
    refused(stranger.prompts.answer(1, &Default::default()).await);
    assert!(backend.changes().is_empty());

    let nameless = zbus::message::Message::method_call("/", "Pause")
        .build(&())
        .unwrap();
    use bastion_helper::bus::Authorizer as _;
    refused(real.check(&nameless.header(), VIEW, true).await);
}

/// polkit is not on this bus: everything is denied, with a sentence that says why.
#[tokio::test]
async fn without_polkit_nothing_is_allowed() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let connection = daemon.connect(0).await;
    let polkit = bastion_helper::bus::Polkit::new(&connection).await.unwrap();
    let backend = Arc::new(Memory::default());
    let _bus = Bus::serve(connection, backend.clone(), Arc::new(polkit))
        .await
        .unwrap();
    for uid in [0, ALICE] {
        let client = Client::new(daemon.connect(uid).await).await;
        match client.control.pause(60).await {
            Err(Error::Unavailable(text)) => assert!(text.contains("polkit"), "{text}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(backend.changes().is_empty());
}

#[tokio::test]
async fn a_reply_too_long_for_the_bus_is_an_error_and_ends_nothing() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut long = event(1, ALICE);
    long.program = format!("/{}", "x".repeat(20_000));
    *setup.backend.log.lock().unwrap() = vec![long; 2_000];
    let alice = setup.client(ALICE).await;
    let reply = alice.events.get_connections(false).await;
    assert!(matches!(reply, Err(Error::LimitReached(_))));
    alice.control.get_status().await.unwrap();
}

/// A bus daemon that does not know the caller any more must not make it somebody.
#[tokio::test]
async fn a_caller_that_left_before_it_was_looked_at_gets_nothing() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    setup.polkit.allow(&[CONFIGURE]);
    let alice: Connection = setup.daemon.connect(ALICE).await;
    let message = zbus::message::Message::method_call(HELPER_PATH, "RegisterAgent")
        .destination(HELPER)
        .interface("org.bastionfirewall.Helper1.Prompts")
        .build(&zbus::ObjectPath::try_from("/agent").unwrap())
        .unwrap();
    for _ in 0..20 {
        alice.send(&message).await.unwrap();
    }
    alice.close().await.unwrap();
    setup.bus.question_opened(question(1, Some(ALICE)));
    let bob = setup.client(BOB).await;
    for _ in 0..20 {
        bob.control.get_status().await.unwrap();
    }
    until("the agent that left to be forgotten", || {
        !setup.bus.is_put(QuestionId(1))
    })
    .await;
    setup.agents_become(0).await;
}
