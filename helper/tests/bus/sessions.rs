//! Sessions, with a logind that says what the test wants. The real one is met in the sandbox.

use std::sync::atomic::{AtomicBool, Ordering};

use bastion_ipc::Error;
use bastion_ipc::names::MOVED;
use bastion_ipc::wire::Answer;
use bastion_policy::pending::QuestionId;
use zbus::{Connection, OwnedObjectPath};

use super::fakes::question;
use super::prompts::{TestAgent, Told};
use super::*;

const LOGIND: &str = "/org/freedesktop/login1";

fn session_path(id: &str) -> OwnedObjectPath {
    format!("{LOGIND}/session/{id}").try_into().unwrap()
}

fn user_path(uid: u32) -> OwnedObjectPath {
    format!("{LOGIND}/user/_{uid}").try_into().unwrap()
}

/// No process is in a session; each user has one that is its display.
struct Manager;

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    #[zbus(name = "GetSessionByPID")]
    fn get_session_by_pid(&self, pid: u32) -> zbus::fdo::Result<OwnedObjectPath> {
        Err(zbus::fdo::Error::Failed(format!(
            "PID {pid} has no session"
        )))
    }

    fn get_session(&self, id: &str) -> OwnedObjectPath {
        session_path(id)
    }

    fn get_user(&self, uid: u32) -> OwnedObjectPath {
        user_path(uid)
    }
}

struct User(u32);

#[zbus::interface(name = "org.freedesktop.login1.User")]
impl User {
    #[zbus(property)]
    fn display(&self) -> (String, OwnedObjectPath) {
        let id = format!("s{}", self.0);
        let path = session_path(&id);
        (id, path)
    }
}

struct Session {
    uid: u32,
    active: Arc<AtomicBool>,
}

#[zbus::interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn id(&self) -> String {
        format!("s{}", self.uid)
    }

    #[zbus(property)]
    fn user(&self) -> (u32, OwnedObjectPath) {
        (self.uid, user_path(self.uid))
    }

    #[zbus(property)]
    fn active(&self) -> bool {
        self.active.load(Ordering::SeqCst)
    }

    #[zbus(property)]
    fn seat(&self) -> (String, OwnedObjectPath) {
        (
            "seat0".into(),
            format!("{LOGIND}/seat/seat0").try_into().unwrap(),
        )
    }

    #[zbus(property)]
    fn class(&self) -> String {
        "user".into()
    }
}

/// A logind for these users, and the switch of each one's session.
async fn logind(daemon: &Daemon, uids: &[u32]) -> (Connection, Vec<Arc<AtomicBool>>) {
    let connection = daemon.connect(0).await;
    let server = connection.object_server();
    server.at(LOGIND, Manager).await.unwrap();
    let mut switches = Vec::new();
    for uid in uids {
        let active = Arc::new(AtomicBool::new(true));
        let session = Session {
            uid: *uid,
            active: Arc::clone(&active),
        };
        server.at(user_path(*uid), User(*uid)).await.unwrap();
        server
            .at(session_path(&format!("s{uid}")), session)
            .await
            .unwrap();
        switches.push(active);
    }
    connection
        .request_name("org.freedesktop.login1")
        .await
        .unwrap();
    (connection, switches)
}

#[tokio::test]
async fn an_agent_without_a_session_of_its_own_has_its_users_display() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let (_logind, _) = logind(&daemon, &[ALICE]).await;
    let setup = Setup::on(daemon).await;
    let mut alice = TestAgent::register(&setup, ALICE).await;
    setup.bus.question_opened(question(1, Some(ALICE)));
    let Told::Ask(asked) = alice.told().await else {
        panic!()
    };
    assert!(asked.lifetimes.iter().any(|lifetime| lifetime == "session"));
    let answer = Answer {
        action: "allow".into(),
        scope: Some("program".into()),
        lifetime: Some("session".into()),
    };
    alice.client.prompts.answer(1, &answer).await.unwrap();
    let answers = setup.backend.answers.lock().unwrap().clone();
    assert_eq!(answers[0].2.session.as_deref(), Some("s1000"));
}

/// Root is an administrator on every machine, so its agent shows what an administrator's would.
#[tokio::test]
async fn the_systems_questions_follow_the_session_on_the_screen() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let (logind, switches) = logind(&daemon, &[0]).await;
    let setup = Setup::on(daemon).await;
    let mut root = TestAgent::register(&setup, 0).await;
    setup.bus.question_opened(question(1, None));
    assert!(matches!(root.told().await, Told::Ask(_)));

    switch(&logind, &switches[0], false).await;
    match root.told().await {
        Told::Withdraw(1, reason) => assert_eq!(reason, MOVED),
        other => panic!("{other:?}"),
    }
    assert!(!setup.bus.is_put(QuestionId(1)));
    let late = root.client.prompts.answer(1, &Answer::default()).await;
    assert!(matches!(late, Err(Error::NotFound(_))), "{late:?}");

    switch(&logind, &switches[0], true).await;
    assert!(matches!(root.told().await, Told::Ask(_)));
}

/// Switches root's session and says so, as logind does.
async fn switch(logind: &Connection, active: &AtomicBool, on: bool) {
    active.store(on, Ordering::SeqCst);
    let server = logind.object_server();
    let session = server
        .interface::<_, Session>(session_path("s0"))
        .await
        .unwrap();
    let emitter = session.signal_emitter();
    session.get().await.active_changed(emitter).await.unwrap();
}

#[tokio::test]
async fn the_end_of_a_sleep_is_told_and_its_beginning_is_not() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let (logind, _) = logind(&daemon, &[]).await;
    let setup = Setup::on(daemon).await;
    let sleeps = async |going_to_sleep: bool| {
        let interface = "org.freedesktop.login1.Manager";
        let sent = logind.emit_signal(
            Option::<&str>::None,
            LOGIND,
            interface,
            "PrepareForSleep",
            &going_to_sleep,
        );
        sent.await.unwrap();
    };
    let patience = Duration::from_millis(300);
    sleeps(true).await;
    let early = tokio::time::timeout(patience, setup.bus.woken()).await;
    assert!(early.is_err(), "it still sleeps");
    sleeps(false).await;
    let woken = tokio::time::timeout(patience * 100, setup.bus.woken()).await;
    assert!(woken.is_ok(), "nobody was told");
}
