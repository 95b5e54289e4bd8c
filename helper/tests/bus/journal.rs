//! What a peer can have written into the journal.

use std::io::Write;
use std::sync::Mutex;

use bastion_ipc::names::AGENT_PATH;
use bastion_ipc::wire::Question;
use tracing_subscriber::fmt::MakeWriter;

use super::fakes::question;
use super::*;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<u8>>>);

impl Journal {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Journal {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// An agent that fails, with words of its own.
struct Liar;

#[zbus::interface(name = "org.bastionfirewall.Agent1")]
impl Liar {
    fn ask(&self, _question: Question) -> zbus::fdo::Result<()> {
        let text = format!("no\n<3>forged\x1b[2J\u{202e}{}", "x".repeat(1_000_000));
        Err(zbus::fdo::Error::Failed(text))
    }
}

#[tokio::test]
async fn the_words_of_an_agent_are_logged_escaped_and_cut() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    // For this thread, on which everything here runs, helper included.
    let journal = Journal::default();
    let format = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(journal.clone());
    let _guard = tracing::subscriber::set_default(format.finish());
    let alice = setup.client(ALICE).await;
    let server = alice.connection.object_server();
    assert!(server.at(AGENT_PATH, Liar).await.unwrap().is_none());
    let path = AGENT_PATH.try_into().unwrap();
    alice.prompts.register_agent(&path).await.unwrap();
    setup.bus.question_opened(question(1, Some(ALICE)));
    until("the failure to be logged", || {
        journal.text().contains("forged")
    })
    .await;
    let text = journal.text();
    let record = text.lines().find(|line| line.contains("forged")).unwrap();
    assert!(
        record.contains("\\x0a<3>forged\\x1b[2J\\u{202e}x"),
        "{record}"
    );
    assert!(record.len() < 500, "{}", record.len());
    // Nor does it take words to fill the journal: to register leaves no record.
    assert!(!text.contains("registered"), "{text}");
}
