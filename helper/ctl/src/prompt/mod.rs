//! `bastionctl prompt`: questions asked and answered in a terminal.
//!
//! [`session`] decides what to show and to answer and is pure; [`view`] puts it into words;
//! [`agent`] is the object the helper calls; [`terminal`] reads single keys; this module joins
//! them.

mod agent;
mod details;
mod fit;
mod session;
mod terminal;
mod view;

use bastion_ipc::names::AGENT_PATH;
use bastion_ipc::proxy::PromptsProxy;
use bastion_ipc::wire::Answer;
use futures_util::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use zbus::wire::ObjectPath;

use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::output::Output;
use agent::Agent;
use session::{Effect, Input, Session};
use terminal::Terminal;

/// Calls of the helper that may wait while an answer is under way; it opens far fewer questions.
const CALLS: usize = 1_024;

/// Asks until interrupted.
///
/// # Errors
/// When this is no terminal, or the helper takes no agents from here.
pub(crate) async fn run(client: &Client, output: &Output) -> Result<(), Error> {
    let terminal = Terminal::enter()?;
    let (sender, calls) = mpsc::channel(CALLS);
    let connection = client.connection().await?;
    let agent = Agent::new(connection.clone(), sender);
    connection.object_server().at(AGENT_PATH, agent).await?;
    let prompts = client.prompts().await?;
    register(&prompts).await?;
    let asking = Asking {
        session: Session::default(),
        prompts,
        terminal,
        output,
    };
    asking.run(calls).await
}

async fn register(prompts: &PromptsProxy<'_>) -> Result<(), Error> {
    let path = ObjectPath::try_from(AGENT_PATH).map_err(|_| Error::Protocol(AGENT_PATH.into()))?;
    authenticated(prompts.register_agent(&path)).await
}

/// Everything that takes part.
struct Asking<'a> {
    session: Session,
    prompts: PromptsProxy<'static>,
    terminal: Terminal,
    output: &'a Output,
}

impl Asking<'_> {
    async fn run(mut self, mut calls: mpsc::Receiver<Input>) -> Result<(), Error> {
        let mut owners = self.prompts.inner().receive_owner_changed().await?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::Terminal)?;
        self.output.write(view::WAITING)?;
        loop {
            let input = tokio::select! {
                call = calls.recv() => call.ok_or_else(bus_gone)?,
                key = self.terminal.key() => match key? {
                    Some(key) => Input::Key(key),
                    None => Input::Key('q'),
                },
                owner = owners.next() => match owner {
                    Some(None) => Input::HelperGone,
                    Some(Some(_)) => {
                        register(&self.prompts).await?;
                        continue;
                    }
                    None => return Err(bus_gone()),
                },
                _ = tokio::signal::ctrl_c() => Input::Key('q'),
                _ = terminate.recv() => Input::Key('q'),
            };
            if !self.handle(input).await? {
                return self.leave().await;
            }
        }
    }

    /// False when it is time to leave.
    async fn handle(&mut self, input: Input) -> Result<bool, Error> {
        let mut effects = self.session.handle(input, now()?);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Show => {
                    // What was typed before a question was there is not meant for it.
                    self.terminal.forget_typed()?;
                    self.show(view::question)?;
                }
                Effect::Found => self.show(view::found)?,
                Effect::Process => self.output.write(view::OTHER_PROCESS)?,
                Effect::Choices => self.show(view::choices)?,
                Effect::Say(text) => self.output.write(&text)?,
                Effect::Answer(id, answer) => {
                    let result = self.answer(id, &answer).await?;
                    effects.extend(self.session.handle(result, now()?));
                }
                Effect::Leave => return Ok(false),
            }
        }
        Ok(true)
    }

    fn show(
        &self,
        text: fn(&session::Shown<'_>, &crate::output::View) -> String,
    ) -> Result<(), Error> {
        match self.session.shown(now()?) {
            Some(shown) => {
                let view = self.output.view.now();
                self.output.write(&text(&shown, &view))
            }
            None => Ok(()),
        }
    }

    /// A refusal is told; the question stays open as long as the helper keeps it.
    async fn answer(&mut self, id: u64, answer: &Answer) -> Result<Input, Error> {
        let _cooked = self.terminal.lend()?;
        let result = authenticated(self.prompts.answer(id, answer)).await;
        Ok(match result {
            Ok(()) => Input::Answered(id),
            Err(Error::NotFound(_)) => Input::Withdraw {
                id,
                reason: String::new(),
            },
            Err(error @ Error::Unreachable(_)) => return Err(error),
            Err(error) => Input::Refused(error.to_string()),
        })
    }

    async fn leave(self) -> Result<(), Error> {
        // If it fails, leaving the bus does the same.
        let _ = self.prompts.unregister_agent().await;
        self.output.write(view::LEFT)
    }
}

fn bus_gone() -> Error {
    Error::Unreachable("the bus ended the connection".into())
}

/// Milliseconds since the Unix epoch, as in questions.
fn now() -> Result<u64, Error> {
    u64::try_from(jiff::Timestamp::now().as_millisecond())
        .map_err(|_| Error::Refused("This computer's clock stands before 1970; set it.".into()))
}
