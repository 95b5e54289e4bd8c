//! Questions as the stand-in has them: those it begins with, and those it is told to ask on the bus,
//! by an interface of its own.

use std::time::Duration;

use bastion_ipc::Error;
use bastion_ipc::proxy::AgentProxy;
use bastion_ipc::wire::{Answer, Question};
use zbus::message::Header;
use zbus::{Connection, ObjectPath, interface};

use crate::data::{details, question};
use crate::{Shared, now, tell_status};

pub(crate) struct Prompts(pub(crate) Shared);

#[interface(name = "org.bastionfirewall.Helper1.Prompts")]
impl Prompts {
    async fn register_agent(
        &self,
        path: ObjectPath<'_>,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        let sender = header.sender().unwrap().to_owned();
        self.0.lock().unwrap().agent = Some((sender.into(), path.into()));
        let (bus, state) = (bus.clone(), self.0.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let mut questions: Vec<_> = state.lock().unwrap().questions.values().cloned().collect();
            questions.sort_by_key(|q| q.id);
            put(&state, &bus, questions).await;
        });
        Ok(())
    }
    fn unregister_agent(&self) {}
    async fn answer(
        &self,
        id: u64,
        answer: Answer,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        println!("answer {id} {answer:?}");
        {
            let mut state = self.0.lock().unwrap();
            state.note(id, &answer);
            state
                .questions
                .remove(&id)
                .ok_or_else(|| Error::NotFound("There is no such question.".into()))?;
            state
                .live
                .retain(|live| live.state != "waiting" || live.event.id != 900 + id);
            state.status.questions = state.questions.len() as u32;
            match answer.action.as_str() {
                "allow" => state.status.allowed += 1,
                _ => state.status.denied += 1,
            }
        }
        tell_status(&self.0, bus).await
    }
}

/// Puts questions to the agent, and a moment later again with what is known of the programs. An
/// agent may be gone by then, or not listen any more.
async fn put(state: &Shared, bus: &Connection, mut questions: Vec<Question>) {
    let Some(agent) = agent(state, bus).await else {
        return;
    };
    for question in &mut questions {
        question.opened = now();
        question.deadline = now() + 60_000;
        let _ = agent.ask(question.clone()).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for mut question in questions {
        // Others are answered meanwhile.
        if state.lock().unwrap().questions.contains_key(&question.id) {
            question.details = Some(details(question.id));
            let _ = agent.ask(question).await;
        }
    }
}

async fn agent(state: &Shared, bus: &Connection) -> Option<AgentProxy<'static>> {
    let (name, path) = state.lock().unwrap().agent.clone()?;
    let builder = AgentProxy::builder(bus).destination(name).path(path);
    builder.build().await.ok()
}

/// What makes it ask, and stop asking.
pub(crate) struct Asking(pub(crate) Shared);

#[interface(name = "org.bastionfirewall.FakeHelper1.Asking")]
impl Asking {
    /// Asks one of the questions that it has.
    async fn ask(&self, id: u64, #[zbus(connection)] bus: &Connection) {
        let asked = question(id);
        self.0.lock().unwrap().questions.insert(id, asked.clone());
        put(&self.0, bus, vec![asked]).await;
    }

    /// Takes a question back.
    async fn withdraw(&self, id: u64, #[zbus(connection)] bus: &Connection) {
        self.0.lock().unwrap().questions.remove(&id);
        if let Some(agent) = agent(&self.0, bus).await {
            let _ = agent.withdraw(id, "exited").await;
        }
    }
}
