//! What the interfaces need from the service. They authorise, validate and convert; this acts.

use std::sync::Arc;

use bastion_ipc::Error;
use bastion_ipc::wire::{
    AnswerScope, CheckedAnswer, Connection, Event, ExplainQuery, Explanation, Guard, LogPages,
    LogQuery, Status, Suggestion, WireRule,
};
use bastion_policy::flow::Tuple;
use bastion_policy::pending::QuestionId;
use bastion_policy::rule::RuleId;
use bastion_policy::settings::{Mode, Settings};

use crate::identify::details::Details;

/// Who made an authorised call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user, as the bus daemon knows it.
    pub uid: u32,
    /// The logind session the caller belongs to, if any.
    pub session: Option<Arc<str>>,
}

/// An open connection, as a caller names it: the one with these ends that was let through then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its ends.
    pub tuple: Tuple,
    /// See `bastion_ipc::wire::Ends::time`.
    pub time: Option<u64>,
}

/// A question as the engine asked it, before it is put into words for an agent
/// (`bastion_ipc::wire::Question`).
pub type OpenQuestion = bastion_policy::pending::Question;

/// A question with what is known of the program besides.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The question.
    pub question: OpenQuestion,
    /// What else is known; `None` when nothing is, or not yet.
    pub details: Option<Details>,
}

impl From<OpenQuestion> for Asked {
    fn from(question: OpenQuestion) -> Self {
        Self {
            question,
            details: None,
        }
    }
}

/// The service behind the interfaces. Methods may write to disk, but never wait for a person.
/// `seen_by` limits a reply to what this user may see; `None` means everything.
pub trait Backend: Send + Sync + 'static {
    /// The state. The bus layer fills in the number of agents.
    fn status(&self) -> Status;
    /// The settings in force.
    fn settings(&self) -> Settings;
    /// Stores and applies settings.
    ///
    /// # Errors
    /// [`Error::NotStored`]; the old settings stay in force.
    fn set_settings(&self, settings: Settings) -> Result<(), Error>;
    /// Stores and applies a mode, and ends a pause.
    ///
    /// # Errors
    /// As [`Backend::set_settings`].
    fn set_mode(&self, mode: Mode) -> Result<(), Error>;
    /// Allows everything for so many seconds; 0 ends it.
    fn pause(&self, seconds: u32);
    /// For whom Safeguard is on, with the loudest programs.
    fn safeguard(&self, seen_by: Option<u32>) -> Vec<Guard>;
    /// Ends Safeguard for this user, or for everybody, if it is on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the engine hangs.
    fn leave_safeguard(&self, whose: Option<u32>) -> Result<(), Error>;

    /// The rules with their hits.
    fn rules(&self, seen_by: Option<u32>) -> Vec<WireRule>;
    /// Adds a rule; its id and time of making are set here, and its creator: the caller, but for a
    /// rule that says it was imported.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`], [`Error::LimitReached`] or [`Error::NotStored`].
    fn add_rule(&self, rule: &WireRule, caller: &Caller) -> Result<RuleId, Error>;
    /// Replaces the rule of the same id; creator and time of making stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] or as [`Backend::add_rule`].
    fn replace_rule(&self, rule: &WireRule) -> Result<(), Error>;
    /// Removes all of these rules or, if one does not exist, none.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::NotStored`].
    fn remove_rules(&self, ids: &[RuleId]) -> Result<(), Error>;
    /// Switches a rule on or off.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::NotStored`].
    fn enable_rule(&self, id: &RuleId, enabled: bool) -> Result<(), Error>;
    /// What would be decided about a flow that need not exist.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`].
    fn explain(&self, query: &ExplainQuery, uid: u32) -> Result<Explanation, Error>;

    /// What learn mode allowed and no rule decides yet, the latest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when they can't be read.
    fn suggestions(&self, seen_by: Option<u32>) -> Result<Vec<Suggestion>, Error>;
    /// Makes lasting rules of suggestions: of this user's for this user, or (`None`) of anybody's
    /// for all users. All of them or, if one does not exist, none.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidArgument`] when the scope makes no sense for one of
    /// them, or as [`Backend::add_rule`].
    fn accept_suggestions(
        &self,
        ids: &[u64],
        scope: AnswerScope,
        whose: Option<u32>,
    ) -> Result<Vec<RuleId>, Error>;
    /// Drops suggestions, or takes that back; this user's, or (`None`) anybody's. All of them or,
    /// if one does not exist, none.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::NotStored`].
    fn set_dropped(&self, ids: &[u64], whose: Option<u32>, dropped: bool) -> Result<(), Error>;

    /// Logged decisions, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the log can't be read.
    fn log(&self, query: &LogQuery, seen_by: Option<u32>) -> Result<Vec<Event>, Error>;
    /// Where the pages of such decisions begin.
    ///
    /// # Errors
    /// As [`Backend::log`].
    fn log_pages(&self, query: &LogQuery, seen_by: Option<u32>) -> Result<LogPages, Error>;
    /// Connections that are open or wait.
    fn connections(&self, seen_by: Option<u32>) -> Vec<Connection>;

    /// Ends this open connection, if it is this user's (`None`: whosever it is), for the caller with
    /// the uid `by`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none in the list, [`Error::NotAuthorized`] when it is
    /// another user's, [`Error::Unavailable`] when it can't be ended.
    fn end_connection(&self, named: Named, whose: Option<u32>, by: u32) -> Result<(), Error>;

    /// Settles a question and makes the rule the answer asks for. The caller was put this
    /// question and is authorised to answer it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is settled already, [`Error::InvalidArgument`] when the scope
    /// or lifetime makes no sense for it.
    fn answer(
        &self,
        question: QuestionId,
        answer: CheckedAnswer,
        caller: &Caller,
    ) -> Result<(), Error>;
}
