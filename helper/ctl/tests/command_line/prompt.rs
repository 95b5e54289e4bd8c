//! `bastionctl prompt` in a terminal of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bastion_ipc::names::AGENT_PATH;
use bastion_ipc::proxy::AgentProxy;
use bastion_ipc::wire::{Answer, Question};
use nix::pty::openpty;
use zbus::Connection;

use crate::fake::Fake;
use crate::world::{Bus, on_loop};

/// The person's end of a terminal.
struct Person {
    keys: File,
    seen: Arc<Mutex<String>>,
}

impl Person {
    fn at(terminal: File) -> Self {
        let keys = terminal.try_clone().unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut terminal = terminal;
            let mut bytes = [0; 4096];
            // The other end closing is an error to read from; that is how this ends.
            while let Ok(count @ 1..) = terminal.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                shared.lock().unwrap().push_str(&text);
            }
        });
        Self { keys, seen }
    }

    fn press(&mut self, key: &str) {
        self.keys.write_all(key.as_bytes()).unwrap();
    }

    async fn reads(&self, text: &str) {
        wait(|| self.seen.lock().unwrap().contains(text)).await;
    }
}

async fn wait(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn agent_of<'a>(connection: &'a Connection, fake: &Fake) -> AgentProxy<'a> {
    wait(|| fake.agent().is_some()).await;
    AgentProxy::builder(connection)
        .destination(fake.agent().unwrap())
        .path(AGENT_PATH)
        .build()
        .await
        .unwrap()
}

fn question(id: u64, program: &str) -> Question {
    Question {
        id,
        program: program.into(),
        protocol: "tcp".into(),
        destination: "192.0.2.1".into(),
        port: 443,
        scopes: vec!["flow".into(), "program".into()],
        lifetimes: vec!["once".into(), "forever".into()],
        deadline: u64::MAX,
        ..Question::default()
    }
}

#[test]
fn questions_are_asked_answered_and_taken_back() {
    let Some(bus) = Bus::start() else {
        return;
    };
    let fake = Fake::default();
    on_loop(async {
        let helper = bus.helper(&fake).await;
        let terminal = openpty(None, None).unwrap();
        let mut child = bus
            .program(&["prompt"])
            .env("TERM", "xterm")
            .stdin(Stdio::from(terminal.slave.try_clone().unwrap()))
            .stdout(Stdio::from(terminal.slave))
            .spawn()
            .unwrap();
        let mut person = Person::at(terminal.master.into());
        let agent = agent_of(&helper, &fake).await;
        person.reads("Waiting for questions").await;

        agent
            .ask(question(7, "/usr/bin/first\u{1b}[2J"))
            .await
            .unwrap();
        agent.ask(question(8, "/usr/bin/second")).await.unwrap();
        agent.ask(question(9, "/usr/bin/third")).await.unwrap();
        person
            .reads("/usr/bin/first\\x1b[2J wants to connect to 192.0.2.1:443")
            .await;
        // Keys count only once the question has been there for a while, so press until they do.
        person.press("s");
        while !person
            .seen
            .lock()
            .unwrap()
            .contains("everything this program does")
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
            person.press("s");
        }
        // However often it was pressed, the scope shown last is the one that is meant; go on to
        // the other lifetime and answer.
        person.press("l");
        person.reads("lasting: forever").await;
        person.press("a");
        wait(|| fake.answers().len() == 1).await;
        let (id, answer) = fake.answers().remove(0);
        assert_eq!((id, answer.action.as_str()), (7, "allow"));
        assert_eq!(answer.lifetime.as_deref(), Some("forever"));

        person.reads("/usr/bin/second wants").await;
        agent.withdraw(8, "timeout").await.unwrap();
        person.reads("no answer in time").await;
        person.reads("/usr/bin/third wants").await;
        while fake.answers().len() < 2 {
            person.press("d");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let expected = Answer {
            action: "deny".into(),
            scope: Some("flow".into()),
            lifetime: Some("once".into()),
        };
        assert_eq!(fake.answers()[1], (9, expected));

        person.press("q");
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap());
        assert_eq!(status.await.unwrap().code(), Some(0));
        assert_eq!(fake.calls().last().map(String::as_str), Some("unregister"));
    });
}

#[test]
fn nobody_but_the_helper_can_ask() {
    let Some(bus) = Bus::start() else {
        return;
    };
    let fake = Fake::default();
    on_loop(async {
        let _helper = bus.helper(&fake).await;
        let stranger = bus.connect().await;
        let terminal = openpty(None, None).unwrap();
        let mut child = bus
            .program(&["prompt"])
            .stdin(Stdio::from(terminal.slave.try_clone().unwrap()))
            .stdout(Stdio::from(terminal.slave))
            .spawn()
            .unwrap();
        let mut person = Person::at(terminal.master.into());
        let agent = agent_of(&stranger, &fake).await;
        let refused = agent.ask(question(1, "/usr/bin/evil")).await.unwrap_err();
        assert!(
            refused.to_string().contains("Only the Bastion helper"),
            "{refused}"
        );
        person.press("q");
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap());
        assert_eq!(status.await.unwrap().code(), Some(0));
        assert!(!person.seen.lock().unwrap().contains("evil"));
    });
}
