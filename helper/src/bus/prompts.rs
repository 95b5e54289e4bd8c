//! `org.bastionfirewall.Helper1.Prompts`: agents register here and answer here.

use std::sync::Arc;

use bastion_ipc::Error;
use bastion_ipc::names::action;
use bastion_ipc::wire::{Answer, CheckedAnswer};
use bastion_policy::pending::QuestionId;
use tokio::sync::Notify;
use zbus::message::Header;
use zbus::{ObjectPath, OwnedObjectPath};

use super::access::Access;
use super::agents::Agents;
use super::authority::nameless;
use super::{question, users};

/// Longest object path of an agent, in bytes.
const MAX_PATH: usize = 255;

pub(super) struct Prompts {
    pub(super) access: Arc<Access>,
    pub(super) agents: Arc<Agents>,
    /// Has the presence of agents looked up anew.
    pub(super) presence_due: Arc<Notify>,
}

#[zbus::interface(
    name = "org.bastionfirewall.Helper1.Prompts",
    introspection_docs = false
)]
impl Prompts {
    async fn register_agent(
        &self,
        #[zbus(header)] header: Header<'_>,
        path: ObjectPath<'_>,
    ) -> Result<(), Error> {
        let admitted = self.access.admit(&header, action::ANSWER).await?;
        if path.len() > MAX_PATH {
            return Err(Error::InvalidArgument(format!(
                "path: an agent's object path has at most {MAX_PATH} bytes"
            )));
        }
        let who = self.access.callers().resolve(&admitted.sender).await?;
        let uid = who.caller.uid;
        let administrator = self
            .access
            .run(move |_| users::is_administrator(uid))
            .await?;
        // Any user can have this written as often as it likes, and the journal takes only so much.
        tracing::debug!(
            agent = %admitted.sender,
            uid,
            session = who.caller.session.as_deref(),
            "an agent registered"
        );
        let path = OwnedObjectPath::from(path.into_owned());
        self.agents
            .register(&admitted.sender, who, administrator, path)?;
        // It may have left, or its session gone from the screen, before it was in the registry.
        if !self.access.is_there(&admitted.sender).await {
            self.agents.leave(&admitted.sender);
        }
        self.presence_due.notify_one();
        Ok(())
    }

    async fn unregister_agent(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let sender = header.sender().ok_or_else(nameless)?;
        if self.agents.leave(&sender.to_owned().into()) {
            Ok(())
        } else {
            Err(Error::NotFound("the caller is no agent".into()))
        }
    }

    async fn answer(
        &self,
        #[zbus(header)] header: Header<'_>,
        id: u64,
        answer: Answer,
    ) -> Result<(), Error> {
        let admitted = self.access.enter(&header).await?;
        let id = QuestionId(id);
        // A stranger learns no more than that this is not its question.
        let not_found =
            || Error::NotFound(format!("no question {id} is put to the caller (any more)"));
        let held = || self.agents.held(id, &admitted.sender).ok_or_else(not_found);
        let before = held()?;
        let answer = CheckedAnswer::try_from(&answer)?;
        question::check(
            &before.asked.question,
            before.caller.session.as_deref(),
            answer,
        )?;
        let action = if question::concerns_others(&before.asked.question, admitted.uid) {
            action::ANSWER_OTHERS
        } else {
            action::ANSWER
        };
        self.access.authorize(&header, action).await?;
        // Somebody may have taken a minute over a password; the question may be settled since.
        let caller = held()?.caller;
        self.access
            .run(move |backend| backend.answer(id, answer, &caller))
            .await??;
        tracing::info!(question = %id, uid = admitted.uid, ?answer, "answered");
        self.agents.answered(id, &admitted.sender, admitted.uid);
        Ok(())
    }
}
