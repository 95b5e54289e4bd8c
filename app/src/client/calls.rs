use bastion_ipc::proxy::{ControlProxy, EventsProxy, PromptsProxy, RulesProxy};
use bastion_ipc::wire::{
    Answer, AnswerScope, Connection as LiveConnection, Ends, Event, ExplainQuery, Explanation,
    Guard, LogPages, LogQuery, Suggestion, WireRule, WireSettings,
};
use tokio::sync::{mpsc, watch};
use zbus::Connection;

use super::Failure;
use super::helper::Helper;
use super::task::{Task, Wish};
use crate::i18n::gettext;

/// Makes calls to the helper. Clones share one connection. Each call waits as long as the user
/// takes to authenticate.
#[derive(Clone, Debug)]
pub struct Client {
    connection: watch::Receiver<Option<Connection>>,
    wishes: mpsc::UnboundedSender<Wish>,
    helper: Helper,
}

impl Client {
    /// A client, and the task that connects it; the task has to be run.
    #[must_use]
    pub fn new() -> (Self, Task) {
        let (connected, connection) = watch::channel(None);
        let (wishes, wished) = mpsc::unbounded_channel();
        let helper = Helper::default();
        let client = Self {
            connection,
            wishes,
            helper: helper.clone(),
        };
        (client, Task::new(connected, wished, helper))
    }

    /// A client that never connects.
    #[must_use]
    pub fn offline() -> Self {
        Self::new().0
    }

    pub(super) fn connection(&self) -> Result<Connection, Failure> {
        self.connection.borrow().clone().ok_or(Failure::Down)
    }

    async fn control(&self) -> Result<ControlProxy<'static>, Failure> {
        Ok(ControlProxy::new(&self.connection()?).await?)
    }

    async fn rules_proxy(&self) -> Result<RulesProxy<'static>, Failure> {
        Ok(RulesProxy::new(&self.connection()?).await?)
    }

    async fn events(&self) -> Result<EventsProxy<'static>, Failure> {
        Ok(EventsProxy::new(&self.connection()?).await?)
    }

    /// Looks for the helper again at once.
    pub fn retry(&self) {
        // Without a task there is nobody to do it, as with an offline client.
        let _ = self.wishes.send(Wish::Retry);
    }

    /// The settings in force.
    ///
    /// # Errors
    /// See [`Failure`], here and below.
    pub async fn settings(&self) -> Result<WireSettings, Failure> {
        Ok(self.control().await?.get_settings().await?)
    }

    /// Replaces the settings.
    ///
    /// # Errors
    /// If they are refused; the old ones stay.
    pub async fn set_settings(&self, settings: &WireSettings) -> Result<(), Failure> {
        Ok(self.control().await?.set_settings(settings).await?)
    }

    /// Sets the mode, `ask` or `learn`.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn set_mode(&self, mode: &str) -> Result<(), Failure> {
        Ok(self.control().await?.set_mode(mode).await?)
    }

    /// Allows everything for so many seconds; 0 ends it.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn pause(&self, seconds: u32) -> Result<(), Failure> {
        let control = self.control().await?;
        match seconds {
            0 => control.resume().await?,
            _ => control.pause(seconds).await?,
        }
        Ok(())
    }

    /// This user's Safeguard, with the loudest programs; none while it is not on.
    ///
    /// # Errors
    /// If it can't be had.
    pub async fn safeguard(&self) -> Result<Vec<Guard>, Failure> {
        Ok(self.control().await?.get_safeguard(false).await?)
    }

    /// Ends Safeguard, for this user or for everybody.
    ///
    /// # Errors
    /// If it is refused, or not on.
    pub async fn leave_safeguard(&self, everybody: bool) -> Result<(), Failure> {
        Ok(self.control().await?.leave_safeguard(everybody).await?)
    }

    /// All rules this user may see.
    ///
    /// # Errors
    /// If they can't be had.
    pub async fn rules(&self) -> Result<Vec<WireRule>, Failure> {
        Ok(self.rules_proxy().await?.list().await?)
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn add_rule(&self, rule: &WireRule) -> Result<String, Failure> {
        Ok(self.rules_proxy().await?.add(rule).await?)
    }

    /// Replaces the rule of the same id.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn replace_rule(&self, rule: &WireRule) -> Result<(), Failure> {
        Ok(self.rules_proxy().await?.replace(rule).await?)
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn remove_rule(&self, id: &str) -> Result<(), Failure> {
        Ok(self.rules_proxy().await?.remove(&[id]).await?)
    }

    /// Switches a rule on or off.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn set_rule_enabled(&self, id: &str, enabled: bool) -> Result<(), Failure> {
        Ok(self.rules_proxy().await?.set_enabled(id, enabled).await?)
    }

    /// What would be decided about a connection, and why.
    ///
    /// # Errors
    /// If the query makes no sense or is refused.
    pub async fn explain(&self, query: &ExplainQuery) -> Result<Explanation, Failure> {
        Ok(self.rules_proxy().await?.explain(query).await?)
    }

    /// What learn mode suggests for this user, or for everybody, the latest first.
    ///
    /// # Errors
    /// If it can't be had.
    pub async fn suggestions(&self, everybody: bool) -> Result<Vec<Suggestion>, Failure> {
        let rules = self.rules_proxy().await?;
        Ok(rules.list_suggestions(everybody).await?)
    }

    /// Makes rules of suggestions, for this user or for everybody; gives their ids.
    ///
    /// # Errors
    /// If it is refused; then nothing is accepted.
    pub async fn accept_suggestions(
        &self,
        ids: &[u64],
        scope: AnswerScope,
        everybody: bool,
    ) -> Result<Vec<String>, Failure> {
        let rules = self.rules_proxy().await?;
        let accepted = rules.accept_suggestions(ids, scope.as_str(), everybody);
        Ok(accepted.await?)
    }

    /// Drops suggestions.
    ///
    /// # Errors
    /// If it is refused; then nothing is dropped.
    pub async fn drop_suggestions(&self, ids: &[u64], everybody: bool) -> Result<(), Failure> {
        let rules = self.rules_proxy().await?;
        Ok(rules.drop_suggestions(ids, everybody).await?)
    }

    /// Takes back that suggestions were dropped.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn restore_suggestions(&self, ids: &[u64], everybody: bool) -> Result<(), Failure> {
        let rules = self.rules_proxy().await?;
        Ok(rules.restore_suggestions(ids, everybody).await?)
    }

    /// Logged decisions of this user's programs, newest first.
    ///
    /// # Errors
    /// If they can't be had.
    pub async fn log(&self, query: &LogQuery) -> Result<Vec<Event>, Failure> {
        Ok(self.events().await?.get_log(query, false).await?)
    }

    /// Where the pages of such decisions begin.
    ///
    /// # Errors
    /// If they can't be had.
    pub async fn log_pages(&self, query: &LogQuery) -> Result<LogPages, Failure> {
        Ok(self.events().await?.get_log_pages(query, false).await?)
    }

    /// Ends one of this user's open connections.
    ///
    /// # Errors
    /// If it is refused, or there is no such connection any more.
    pub async fn end_connection(&self, ends: &Ends) -> Result<(), Failure> {
        Ok(self.events().await?.end_connection(ends, false).await?)
    }

    /// This user's connections that are open or wait.
    ///
    /// # Errors
    /// If they can't be had.
    pub async fn connections(&self) -> Result<Vec<LiveConnection>, Failure> {
        Ok(self.events().await?.get_connections(false).await?)
    }

    /// The logind session this user sees; none where there is none, or nobody to tell.
    pub async fn session(&self) -> Option<String> {
        let user = zbus::Proxy::new(
            &self.connection().ok()?,
            "org.freedesktop.login1",
            "/org/freedesktop/login1/user/self",
            "org.freedesktop.login1.User",
        )
        .await
        .ok()?;
        let shown = user.get_property("Display").await.ok()?;
        let (id, _): (String, zbus::OwnedObjectPath) = shown;
        (!id.is_empty()).then_some(id)
    }

    /// Answers a question, by the app's number of it. Only the helper that asked it gets the
    /// answer.
    ///
    /// # Errors
    /// If it is refused, or the question is settled already.
    pub async fn answer(&self, number: u64, answer: &Answer) -> Result<(), Failure> {
        let over = || Failure::Gone(gettext("This question needs no answer any more."));
        let (asker, id) = self.helper.asker(number).ok_or_else(over)?;
        let proxy = PromptsProxy::builder(&self.connection()?)
            .destination(asker)
            .build()
            .await?;
        let answered = proxy.answer(id, answer).await.map_err(Failure::from);
        if matches!(answered, Ok(()) | Err(Failure::Gone(_))) {
            self.helper.forget(number);
        }
        answered
    }
}
