//! A user's session on the system bus: calls to the helper, agents, and what they are told.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::sandbox::{As, Sandbox};
use crate::{Authentication, Result, Running};

/// How long the helper and the bus may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the peer may take on top of the time it is given to wait.
const OVERHEAD: Duration = Duration::from_secs(30);

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The arguments of the reply.
    Done(Value),
    /// The name of the D-Bus error, and its text.
    Refused(String, String),
}

impl Reply {
    /// True if the call did what it should.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// The last part of the error's name; `ok` where there is none.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Done(_) => "ok",
            Self::Refused(name, _) => name.rsplit('.').next().unwrap_or(name),
        }
    }

    /// The reply's first argument; null where there is none.
    #[must_use]
    pub fn first(&self) -> &Value {
        match self {
            Self::Done(arguments) => arguments.get(0).unwrap_or(&Value::Null),
            Self::Refused(..) => &Value::Null,
        }
    }
}

/// A session whose connections to the bus do as they are told. `main` is there from the start.
pub struct Peer {
    driver: Running,
    session: String,
    name: String,
}

impl Peer {
    /// Logs in. For [`As::Active`] this takes the screen from the session that had it.
    ///
    /// # Errors
    /// When the session or its connection to the bus does not start.
    pub fn start(sandbox: &Sandbox, who: As<'_>) -> Result<Self> {
        let command = ["python3", "/opt/bastion-tests/bus/peer.py"];
        let mut driver = sandbox.spawn(who, &command)?;
        let ready = driver.answer("connect to the bus", OVERHEAD)?;
        let text = |field: &str| {
            let value = ready.get(field).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        Ok(Self {
            session: text("session"),
            name: text("name"),
            driver,
        })
    }

    /// logind's name of the session.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The unique bus name of the connection `main`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Brings the session back to the screen after another one took it.
    ///
    /// # Errors
    /// When the session is gone.
    pub fn activate(&self, sandbox: &Sandbox) -> Result<()> {
        let activate = ["loginctl", "activate", &self.session];
        sandbox.run(As::Root, &activate)?;
        crate::eventually("the session on the screen", PATIENCE, || {
            let show = ["loginctl", "show-session", &self.session, "-P", "Active"];
            (sandbox.run(As::Root, &show).ok()?.trim() == "yes").then_some(())
        })
    }

    fn ask(&mut self, op: &str, request: Value, wait: Duration) -> Result<Value> {
        self.driver.perform(op, request, wait + OVERHEAD)
    }

    fn ask_for<T: DeserializeOwned>(
        &mut self,
        op: &str,
        request: Value,
        wait: Duration,
    ) -> Result<T> {
        self.driver.perform_for(op, request, wait + OVERHEAD)
    }

    /// Opens another connection; gives its unique bus name.
    ///
    /// # Errors
    /// When the bus refuses it.
    pub fn connect(&mut self, connection: &str) -> Result<String> {
        self.ask_for("connect", json!({ "connection": connection }), PATIENCE)
    }

    /// Ends a connection, as a crash of its program would.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn close(&mut self, connection: &str) -> Result<()> {
        self.ask("close", json!({ "connection": connection }), PATIENCE)
            .map(drop)
    }

    /// Calls the helper over `main`. The method is named as in `Rules.Add`; the arguments are
    /// GVariant text, a tuple. Nobody is asked to authenticate.
    ///
    /// # Errors
    /// When the call could not be made at all.
    pub fn call(&mut self, method: &str, arguments: &str) -> Result<Reply> {
        self.call_on("main", method, arguments, false)
    }

    /// As [`Peer::call`]; polkit may ask the session to authenticate.
    ///
    /// # Errors
    /// As [`Peer::call`].
    pub fn call_interactively(&mut self, method: &str, arguments: &str) -> Result<Reply> {
        self.call_on("main", method, arguments, true)
    }

    /// As [`Peer::call`], over another connection.
    ///
    /// # Errors
    /// As [`Peer::call`].
    pub fn call_on(
        &mut self,
        connection: &str,
        method: &str,
        arguments: &str,
        interactive: bool,
    ) -> Result<Reply> {
        let (interface, member) = method.split_once('.').unwrap_or(("", method));
        let request = json!({
            "connection": connection,
            "interface": format!("org.bastionfirewall.Helper1.{interface}"),
            "method": member,
            "arguments": arguments,
            "interactive": interactive,
        });
        self.reply_to(request)
    }

    /// Calls anybody over `main`: `to` is a bus name, `method` has its interface before it.
    ///
    /// # Errors
    /// As [`Peer::call`].
    pub fn call_peer(
        &mut self,
        to: &str,
        path: &str,
        method: &str,
        arguments: &str,
    ) -> Result<Reply> {
        let (interface, member) = method.rsplit_once('.').unwrap_or(("", method));
        self.reply_to(json!({
            "connection": "main", "destination": to, "path": path,
            "interface": interface, "method": member, "arguments": arguments,
        }))
    }

    fn reply_to(&mut self, request: Value) -> Result<Reply> {
        let answer = self.ask("call", request, PATIENCE)?;
        let text = |field: &str| Some(answer.get(field)?.as_str()?.to_owned());
        Ok(match (text("refused"), text("message")) {
            (Some(name), Some(message)) => Reply::Refused(name, message),
            _ => Reply::Done(answer.get("reply").cloned().unwrap_or_default()),
        })
    }

    /// Serves an agent on a connection and registers it.
    ///
    /// # Errors
    /// As [`Peer::call`].
    pub fn register_agent(&mut self, connection: &str) -> Result<Reply> {
        self.ask("serve", json!({ "connection": connection }), PATIENCE)?;
        let path = "(objectpath '/org/bastionfirewall/Agent1',)";
        self.call_on(connection, "Prompts.RegisterAgent", path, false)
    }

    /// Waits for a question to this agent that has these fields and was not given yet.
    ///
    /// # Errors
    /// [`Error::Refused`] when none comes.
    pub fn asked(&mut self, connection: &str, fields: &Value) -> Result<Value> {
        let request =
            json!({ "connection": connection, "where": fields, "timeout": PATIENCE.as_secs() });
        self.ask("asked", request, PATIENCE)
    }

    /// Every question this agent was ever asked.
    ///
    /// # Errors
    /// When there is no such connection.
    pub fn history(&mut self, connection: &str) -> Result<Vec<Value>> {
        self.ask_for("history", json!({ "connection": connection }), PATIENCE)
    }

    /// Waits until a question is withdrawn from this agent; gives the reason.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not.
    pub fn withdrawn(&mut self, connection: &str, id: u64) -> Result<String> {
        let request = json!({ "connection": connection, "id": id, "timeout": PATIENCE.as_secs() });
        self.ask_for("withdrawn", request, PATIENCE)
    }

    /// Waits for the signal of a decision with these fields.
    ///
    /// # Errors
    /// [`Error::Refused`] when none comes.
    pub fn decided(&mut self, fields: &Value) -> Result<Value> {
        let request =
            json!({ "connection": "main", "where": fields, "timeout": PATIENCE.as_secs() });
        self.ask("decided", request, PATIENCE)
    }

    /// Every signal of the helper's that came over `main`: names and arguments.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn signals(&mut self) -> Result<Vec<(String, Value)>> {
        self.ask_for("signals", json!({ "connection": "main" }), PATIENCE)
    }

    /// From now on polkit's dialogs in this session are answered with this user's password.
    ///
    /// # Errors
    /// When polkit takes no agent from this session.
    pub fn authenticate_as(&mut self, account: &str, password: &str) -> Result<()> {
        let request = json!({ "account": account, "password": password });
        self.ask("authenticate_as", request, PATIENCE).map(drop)
    }

    /// From now on polkit's dialogs in this session are dismissed.
    ///
    /// # Errors
    /// As [`Peer::authenticate_as`].
    pub fn dismiss_authentication(&mut self) -> Result<()> {
        self.ask("authenticate_as", json!({}), PATIENCE).map(drop)
    }

    /// The authentications asked for so far, and what became of them.
    ///
    /// # Errors
    /// When the peer is gone.
    pub fn authentications(&mut self) -> Result<Vec<Authentication>> {
        self.ask_for("authentications", json!({}), PATIENCE)
    }
}
