//! Agents: who is asked, who may answer, and what happens when one vanishes.

use std::sync::Mutex;

use bastion_helper::bus::Asked;
use bastion_helper::identify::details::Details;
use bastion_ipc::Error;
use bastion_ipc::names::{AGENT_PATH, MOVED, action};
use bastion_ipc::wire::{Answer, PackageState, Question};
use bastion_policy::pending::QuestionId;
use bastion_policy::ruleset::Reason;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zbus::ObjectPath;

use super::fakes::question;
use super::*;

/// What an agent was told.
#[derive(Debug)]
pub(crate) enum Told {
    Ask(Box<Question>),
    Withdraw(u64, String),
}

impl Told {
    fn asked(self) -> Question {
        match self {
            Self::Ask(question) => *question,
            other => panic!("{other:?} instead of a question"),
        }
    }
}

struct Object {
    told: UnboundedSender<Told>,
    hangs: bool,
}

#[zbus::interface(name = "org.bastionfirewall.Agent1")]
impl Object {
    async fn ask(&self, question: Question) {
        self.told.send(Told::Ask(Box::new(question))).unwrap();
        if self.hangs {
            std::future::pending::<()>().await;
        }
    }

    async fn withdraw(&self, id: u64, reason: String) {
        self.told.send(Told::Withdraw(id, reason)).unwrap();
    }
}

/// A client that is an agent.
pub(crate) struct TestAgent {
    pub(crate) client: Client,
    told: UnboundedReceiver<Told>,
}

impl TestAgent {
    pub(crate) async fn register(setup: &Setup, uid: u32) -> Self {
        let agent = Self::prepare(setup, uid, false).await;
        agent.client.prompts.register_agent(&path()).await.unwrap();
        agent
    }

    async fn prepare(setup: &Setup, uid: u32, hangs: bool) -> Self {
        let client = setup.client(uid).await;
        let (sender, told) = unbounded_channel();
        let object = Object {
            told: sender,
            hangs,
        };
        let server = client.connection.object_server();
        assert!(server.at(AGENT_PATH, object).await.unwrap().is_none());
        Self { client, told }
    }

    pub(crate) async fn told(&mut self) -> Told {
        soon("a call to the agent", self.told.recv()).await.unwrap()
    }

    async fn told_nothing(&mut self) {
        // Calls from the helper come in order, so one that was made would be here before this
        // reply.
        self.client.control.get_status().await.unwrap();
        assert!(self.told.try_recv().is_err());
    }

    async fn answer(&self, id: u64, action: &str) -> Result<(), Error> {
        let answer = Answer {
            action: action.into(),
            scope: None,
            lifetime: None,
        };
        self.client.prompts.answer(id, &answer).await
    }
}

fn path() -> ObjectPath<'static> {
    AGENT_PATH.try_into().unwrap()
}

fn not_found(result: Result<(), Error>) {
    assert!(matches!(result, Err(Error::NotFound(_))), "{result:?}");
}

#[tokio::test]
async fn a_question_is_put_to_its_users_agent_whose_answer_counts_once() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut alice = TestAgent::register(&setup, ALICE).await;
    let mut bob = TestAgent::register(&setup, BOB).await;
    assert_eq!(alice.client.control.get_status().await.unwrap().agents, 2);
    setup.bus.question_opened(question(1, Some(ALICE)));
    let asked = alice.told().await.asked();
    assert_eq!(
        (asked.id, asked.uid, asked.program.as_str()),
        (1, ALICE, "/usr/bin/curl")
    );
    assert!(!asked.needs_administrator);
    assert!(setup.bus.is_put(QuestionId(1)));
    bob.told_nothing().await;

    not_found(bob.answer(1, "allow").await);
    not_found(alice.answer(2, "allow").await);
    let nonsense = alice.answer(1, "perhaps").await;
    assert!(matches!(nonsense, Err(Error::InvalidArgument(_))));
    let session = Answer {
        action: "allow".into(),
        scope: Some("program".into()),
        lifetime: Some("session".into()),
    };
    let no_session = alice.client.prompts.answer(1, &session).await;
    assert!(
        matches!(no_session, Err(Error::InvalidArgument(_))),
        "{no_session:?}"
    );
    assert!(setup.backend.answers.lock().unwrap().is_empty());

    alice.answer(1, "allow").await.unwrap();
    not_found(alice.answer(1, "deny").await);
    let answers = setup.backend.answers.lock().unwrap().clone();
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].0, answers[0].2.uid), (QuestionId(1), ALICE));
    alice.told_nothing().await;
}

#[tokio::test]
async fn both_of_two_answers_at_once_cannot_count() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut alice = TestAgent::register(&setup, ALICE).await;
    setup.bus.question_opened(question(1, Some(ALICE)));
    alice.told().await;
    let (first, second) = tokio::join!(alice.answer(1, "allow"), alice.answer(1, "deny"));
    assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
    assert_eq!(setup.backend.answers.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_ones_own_takes_an_administrator() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    // Root's agent stands in for an administrator's: who is one is the user database's to say.
    let mut root = TestAgent::register(&setup, 0).await;
    setup.bus.question_opened(question(1, None));
    let asked = root.told().await.asked();
    assert_eq!(
        (asked.program.as_str(), asked.needs_administrator),
        ("kernel", true)
    );
    let refused = root.answer(1, "allow").await;
    assert!(
        matches!(refused, Err(Error::NotAuthorized(_))),
        "{refused:?}"
    );
    setup.polkit.allow(&[action::ANSWER_OTHERS]);
    root.answer(1, "allow").await.unwrap();
    let checks = setup.polkit.checks();
    let others = checks.iter().filter(|(a, _)| *a == action::ANSWER_OTHERS);
    assert_eq!(others.count(), 2, "{checks:?}");
}

#[tokio::test]
async fn an_answer_that_comes_after_the_question_was_settled_does_nothing() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut root = TestAgent::register(&setup, 0).await;
    setup.bus.question_opened(question(1, Some(33)));
    root.told().await;
    let person = setup.polkit.ask_a_person(action::ANSWER_OTHERS);
    let late = async {
        let late = root.answer(1, "allow").await;
        (late, setup.backend.answers.lock().unwrap().len())
    };
    let settle = async {
        until("the password dialog", || {
            setup
                .polkit
                .checks()
                .contains(&(action::ANSWER_OTHERS, true))
        })
        .await;
        setup.bus.question_closed(QuestionId(1), &Reason::TimedOut);
        person.add_permits(1);
    };
    let ((late, answers), ()) = tokio::join!(late, settle);
    not_found(late);
    assert_eq!(answers, 0);
    match root.told().await {
        Told::Withdraw(1, reason) => assert_eq!(reason, "timeout"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn when_an_agent_vanishes_its_questions_go_to_the_next() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut first = TestAgent::register(&setup, ALICE).await;
    let mut second = TestAgent::register(&setup, ALICE).await;
    setup.bus.question_opened(question(1, Some(ALICE)));
    assert_eq!(second.told().await.asked().id, 1, "the newest is asked");
    first.told_nothing().await;
    second.client.connection.clone().close().await.unwrap();
    drop(second);
    assert_eq!(first.told().await.asked().id, 1);
    first.client.prompts.unregister_agent().await.unwrap();
    not_found(first.client.prompts.unregister_agent().await);
    assert!(!setup.bus.is_put(QuestionId(1)), "it waits");
    not_found(first.answer(1, "allow").await);
    let mut third = TestAgent::register(&setup, ALICE).await;
    assert_eq!(third.told().await.asked().id, 1, "none is lost");
    third.answer(1, "deny").await.unwrap();
}

#[tokio::test]
async fn a_question_that_says_something_new_is_asked_again_and_taken_back_once() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut alice = TestAgent::register(&setup, ALICE).await;
    setup.bus.question_opened(question(1, Some(ALICE)));
    alice.told().await;
    let mut changed = question(1, Some(ALICE));
    changed.flow.destination_port = 80;
    setup.bus.question_opened(changed);
    let asked = alice.told().await.asked();
    assert_eq!((asked.id, asked.port), (1, 80));
    setup.bus.question_closed(QuestionId(1), &Reason::Exited);
    setup.bus.question_closed(QuestionId(1), &Reason::TimedOut);
    match alice.told().await {
        Told::Withdraw(1, reason) => assert_eq!(reason, Reason::Exited.to_string()),
        other => panic!("{other:?}"),
    }
    alice.told_nothing().await;
    assert_ne!(Reason::Exited.to_string(), MOVED);
}

#[tokio::test]
async fn details_that_are_found_later_are_told_later() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut alice = TestAgent::register(&setup, ALICE).await;
    setup.bus.question_opened(question(1, Some(ALICE)));
    let first = alice.told().await.asked();
    assert_eq!(first.details, None);
    let mut details = Details::default();
    details.origin.state = PackageState::Unpackaged;
    setup.bus.question_opened(Asked {
        question: question(1, Some(ALICE)),
        details: Some(details),
    });
    let again = alice.told().await.asked();
    let told = again.details.clone().unwrap();
    assert_eq!(told.package_state.as_deref(), Some("unpackaged"));
    let expected = Question {
        details: Some(told),
        ..first
    };
    assert_eq!(again, expected, "nothing else is new");
}

#[tokio::test]
async fn an_agent_that_hangs_holds_up_nobody_and_is_given_up() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut good = TestAgent::register(&setup, ALICE).await;
    let mut bob = TestAgent::register(&setup, BOB).await;
    let mut hanging = TestAgent::prepare(&setup, ALICE, true).await;
    hanging
        .client
        .prompts
        .register_agent(&path())
        .await
        .unwrap();
    setup.bus.question_opened(question(1, Some(ALICE)));
    setup.bus.question_opened(question(2, Some(BOB)));
    assert_eq!(bob.told().await.asked().id, 2);
    assert_eq!(hanging.told().await.asked().id, 1);
    // Three calls that do not return, five seconds each.
    let next = tokio::time::timeout(3 * PATIENCE, good.told.recv()).await;
    assert_eq!(next.unwrap().unwrap().asked().id, 1);
    not_found(hanging.answer(1, "allow").await);
    assert_eq!(setup.agents().await, 2);
}

#[tokio::test]
async fn an_agent_without_an_object_is_given_up() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let empty = setup.client(ALICE).await;
    empty.prompts.register_agent(&path()).await.unwrap();
    setup.bus.question_opened(question(1, Some(ALICE)));
    setup.agents_become(0).await;
    assert!(!setup.bus.is_put(QuestionId(1)));
}

#[tokio::test]
async fn agents_are_bounded_and_their_paths_too() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut agents = Vec::new();
    for _ in 0..8 {
        agents.push(TestAgent::register(&setup, ALICE).await);
    }
    let one_more = setup.client(ALICE).await;
    let refused = one_more.prompts.register_agent(&path()).await;
    assert!(
        matches!(refused, Err(Error::LimitReached(_))),
        "{refused:?}"
    );
    let long = ObjectPath::try_from(format!("/{}", "a".repeat(300))).unwrap();
    let refused = agents[0].client.prompts.register_agent(&long).await;
    assert!(
        matches!(refused, Err(Error::InvalidArgument(_))),
        "{refused:?}"
    );
    agents[0]
        .client
        .prompts
        .register_agent(&path())
        .await
        .unwrap();
    assert_eq!(setup.agents().await, 8);
    drop(agents.pop());
    setup.agents_become(7).await;
    one_more.prompts.register_agent(&path()).await.unwrap();
}

/// Only root may talk to agents, so that nobody can put a question of its own to a user.
#[tokio::test]
async fn the_bus_lets_nobody_but_root_talk_to_agents() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let mut alice = TestAgent::register(&setup, ALICE).await;
    let name = alice.client.connection.unique_name().unwrap().clone();
    let bob = setup.client(BOB).await;
    let forged = bastion_ipc::proxy::AgentProxy::builder(&bob.connection)
        .destination(name)
        .path(AGENT_PATH)
        .build()
        .await
        .unwrap();
    let refused = forged.ask(Question::default()).await.unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    alice.told_nothing().await;
}

/// Agents that come and go while questions open and close.
#[tokio::test]
async fn no_question_is_lost_in_the_coming_and_going() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let seen = Arc::new(Mutex::new(0));
    for round in 0..10 {
        let mut agent = TestAgent::register(&setup, ALICE).await;
        for id in 0..10 {
            setup
                .bus
                .question_opened(question(round * 10 + id, Some(ALICE)));
        }
        let first = agent.told().await.asked().id;
        agent.answer(first, "allow").await.unwrap();
        *seen.lock().unwrap() += 1;
        drop(agent);
        setup.agents_become(0).await;
    }
    let mut last = TestAgent::register(&setup, ALICE).await;
    let mut rest = std::collections::BTreeSet::new();
    for _ in 0..90 {
        rest.insert(last.told().await.asked().id);
    }
    assert_eq!(rest.len() + *seen.lock().unwrap(), 100);
    last.told_nothing().await;
}
