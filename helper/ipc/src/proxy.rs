//! Proxies: the interfaces as clients call them. Every method is authorised by polkit on the
//! sender of the message; the action is named with each. Where a person may have to authenticate
//! for it, the call lets polkit ask them, so it may take as long as they do.

use crate::Error;
use crate::wire::{
    Answer, Connection, Ends, Event, ExplainQuery, Explanation, Guard, LogPages, LogQuery,
    Question, Status, Suggestion, WireRule, WireSettings,
};

/// State, mode and settings.
#[zbus::proxy(
    interface = "org.bastionfirewall.Helper1.Control",
    default_service = "org.bastionfirewall.Helper1",
    default_path = "/org/bastionfirewall/Helper1"
)]
pub trait Control {
    /// The helper's state. Action: view.
    #[zbus(allow_interactive_auth)]
    fn get_status(&self) -> Result<Status, Error>;

    /// The settings in force. Action: view.
    #[zbus(allow_interactive_auth)]
    fn get_settings(&self) -> Result<WireSettings, Error>;

    /// Replaces the settings, all of them. Action: configure.
    #[zbus(allow_interactive_auth)]
    fn set_settings(&self, settings: &WireSettings) -> Result<(), Error>;

    /// Sets the mode (`ask` or `learn`) and ends a pause. Action: configure.
    #[zbus(allow_interactive_auth)]
    fn set_mode(&self, mode: &str) -> Result<(), Error>;

    /// Allows everything for so many seconds (1 to 86400). Action: configure.
    #[zbus(allow_interactive_auth)]
    fn pause(&self, seconds: u32) -> Result<(), Error>;

    /// Ends a pause. Action: configure.
    #[zbus(allow_interactive_auth)]
    fn resume(&self) -> Result<(), Error>;

    /// For whom Safeguard is on, with the loudest programs; the caller's own unless `everybody`.
    /// Action: view; with `everybody` view-all.
    #[zbus(allow_interactive_auth)]
    fn get_safeguard(&self, everybody: bool) -> Result<Vec<Guard>, Error>;

    /// Ends Safeguard: connections that no rule decides are asked about again. The caller's own
    /// unless `everybody`. Action: answer; with `everybody` configure.
    #[zbus(allow_interactive_auth)]
    fn leave_safeguard(&self, everybody: bool) -> Result<(), Error>;
}

/// Rules.
#[zbus::proxy(
    interface = "org.bastionfirewall.Helper1.Rules",
    default_service = "org.bastionfirewall.Helper1",
    default_path = "/org/bastionfirewall/Helper1"
)]
pub trait Rules {
    /// All rules, except those for other users where the caller may not see them. Action: view.
    #[zbus(allow_interactive_auth)]
    fn list(&self) -> Result<Vec<WireRule>, Error>;

    /// Adds a rule and returns its id. Its creator is the caller, or “import” where the rule says
    /// that; no other creator is taken over. Action: manage-rules.
    #[zbus(allow_interactive_auth)]
    fn add(&self, rule: &WireRule) -> Result<String, Error>;

    /// Replaces the rule with the same id; its creator stays. Action: manage-rules.
    #[zbus(allow_interactive_auth)]
    fn replace(&self, rule: &WireRule) -> Result<(), Error>;

    /// Removes rules. Nothing is removed if one of them does not exist. Action: manage-rules.
    #[zbus(allow_interactive_auth)]
    fn remove(&self, ids: &[&str]) -> Result<(), Error>;

    /// Switches a rule on or off. Action: manage-rules.
    #[zbus(allow_interactive_auth)]
    fn set_enabled(&self, id: &str, enabled: bool) -> Result<(), Error>;

    /// What would be decided about a flow, and why. Action: view; for another user's flows
    /// view-all.
    #[zbus(allow_interactive_auth)]
    fn explain(&self, query: &ExplainQuery) -> Result<Explanation, Error>;

    /// What learn mode allowed and no rule decides yet, the latest first; the caller's own unless
    /// `everybody`. Action: view; with `everybody` view-all.
    #[zbus(allow_interactive_auth)]
    fn list_suggestions(&self, everybody: bool) -> Result<Vec<Suggestion>, Error>;

    /// Makes lasting rules of suggestions, and returns their ids. `scope` is the text form of an
    /// [`AnswerScope`](crate::wire::AnswerScope). The caller's own become rules for the caller
    /// alone, as answers do; with `everybody` anybody's become rules for all users. Nothing is
    /// accepted if one of them does not exist. Action: answer; with `everybody` manage-rules.
    #[zbus(allow_interactive_auth)]
    fn accept_suggestions(
        &self,
        ids: &[u64],
        scope: &str,
        everybody: bool,
    ) -> Result<Vec<String>, Error>;

    /// Drops suggestions: the same connections are not suggested again. The caller's own unless
    /// `everybody`. Nothing is dropped if one of them does not exist. Action: as
    /// `AcceptSuggestions`.
    #[zbus(allow_interactive_auth)]
    fn drop_suggestions(&self, ids: &[u64], everybody: bool) -> Result<(), Error>;

    /// Takes back that suggestions were dropped. Action: as `AcceptSuggestions`.
    #[zbus(allow_interactive_auth)]
    fn restore_suggestions(&self, ids: &[u64], everybody: bool) -> Result<(), Error>;
}

/// Decisions: live and logged.
#[zbus::proxy(
    interface = "org.bastionfirewall.Helper1.Events",
    default_service = "org.bastionfirewall.Helper1",
    default_path = "/org/bastionfirewall/Helper1"
)]
pub trait Events {
    /// From now on the signals of this interface are sent to the caller, and only to it, until it
    /// unsubscribes or leaves the bus. It sees its own user's decisions, and with
    /// `everybody` those of all users. Action: view; with `everybody` view-all.
    #[zbus(allow_interactive_auth)]
    fn subscribe(&self, everybody: bool) -> Result<(), Error>;

    /// Ends the subscription.
    fn unsubscribe(&self) -> Result<(), Error>;

    /// Logged decisions, newest first; its own user's alone unless `everybody`.
    /// Action: view; with `everybody` view-all.
    #[zbus(allow_interactive_auth)]
    fn get_log(&self, query: &LogQuery, everybody: bool) -> Result<Vec<Event>, Error>;

    /// Where the pages of such decisions begin, each of as many as the query's limit: so any part
    /// of a long log can be had at once. Action: as `GetLog`.
    #[zbus(allow_interactive_auth)]
    fn get_log_pages(&self, query: &LogQuery, everybody: bool) -> Result<LogPages, Error>;

    /// Connections that are open now or wait for an answer. Action: as `GetLog`.
    #[zbus(allow_interactive_auth)]
    fn get_connections(&self, everybody: bool) -> Result<Vec<Connection>, Error>;

    /// Ends an open connection: its program fails at once. The caller's own unless `everybody`.
    /// Action: answer; with `everybody` answer-others.
    #[zbus(allow_interactive_auth)]
    fn end_connection(&self, connection: &Ends, everybody: bool) -> Result<(), Error>;

    /// Decisions since the last signal (at most some a second; they are collected).
    #[zbus(signal)]
    fn decided(&self, events: Vec<Event>) -> Result<(), Error>;

    /// Something in the status changed.
    #[zbus(signal)]
    fn status_changed(&self, status: Status) -> Result<(), Error>;

    /// Rules were added, changed or removed.
    #[zbus(signal)]
    fn rules_changed(&self) -> Result<(), Error>;
}

/// Questions, seen from an agent.
#[zbus::proxy(
    interface = "org.bastionfirewall.Helper1.Prompts",
    default_service = "org.bastionfirewall.Helper1",
    default_path = "/org/bastionfirewall/Helper1"
)]
pub trait Prompts {
    /// Makes the caller's object at `path` an agent of the caller's session. Questions that are
    /// open for that session and put to nobody are asked at once, later ones go to the newest
    /// agent of the session. Called again, it moves the agent to another path. Action: answer.
    #[zbus(allow_interactive_auth)]
    fn register_agent(&self, path: &zbus::ObjectPath<'_>) -> Result<(), Error>;

    /// Ends it; its questions go to another agent of the session, or wait for one until their
    /// deadline.
    fn unregister_agent(&self) -> Result<(), Error>;

    /// Answers a question that was put to the caller. Action: answer; for processes of others
    /// answer-others.
    #[zbus(allow_interactive_auth)]
    fn answer(&self, id: u64, answer: &Answer) -> Result<(), Error>;
}

/// An agent, seen from the helper. Only the helper (owner of its well-known name) may call it.
#[zbus::proxy(
    interface = "org.bastionfirewall.Agent1",
    default_path = "/org/bastionfirewall/Agent1"
)]
pub trait Agent {
    /// Asks the user. Returns at once; the answer comes through `Prompts.Answer`. Asked again with
    /// an id it shows already, the agent shows the new text: another process may wait now. An
    /// agent that fails or does not return within seconds, several times running, is given up.
    fn ask(&self, question: Question) -> zbus::Result<()>;

    /// The question needs no answer any more, at least not from this agent. The reason is the text
    /// form of a `bastion_policy::ruleset::Reason`, or [`names::MOVED`](crate::names::MOVED).
    /// The helper expects no reply.
    #[zbus(no_reply)]
    fn withdraw(&self, id: u64, reason: &str) -> zbus::Result<()>;
}
