//! D-Bus: interfaces, authorisation, agents and subscriptions.
//!
//! Every call goes through [`access`] (limits, then polkit), is validated by `bastion_ipc`, and
//! then acts on the [`Backend`]. Nothing a caller sends says who it is: that is asked of the bus
//! daemon and of logind.

mod access;
mod agents;
mod authority;
mod backend;
mod caller;
mod control;
mod events;
mod gate;
mod life;
mod logind;
mod prompts;
mod question;
mod rules;
mod services;
mod subscriptions;
mod turns;
mod users;

use std::sync::Arc;

use bastion_ipc::names::{HELPER, HELPER_PATH};
use bastion_ipc::wire::{Event, Status};
use bastion_policy::pending::QuestionId;
use bastion_policy::ruleset::Reason;
use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use zbus::fdo::{DBusProxy, NameOwnerChangedStream, RequestNameFlags};
use zbus::{Connection, MatchRule, MessageStream};

pub use authority::{Authorizer, Polkit};
pub use backend::{Asked, Backend, Caller, Named, OpenQuestion};
pub use life::Life;

use access::Access;
use agents::Agents;
use caller::Callers;
use subscriptions::Subscriptions;

/// polkit's name on the bus.
const POLKIT: &str = "org.freedesktop.PolicyKit1";

/// Why the helper can't be reached over the bus.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// There is no system bus.
    #[error("the system bus could not be reached; see that the D-Bus daemon runs")]
    Connect(#[source] zbus::Error),
    /// Another helper has the name.
    #[error("another helper is already running: the bus name {HELPER} is taken")]
    AlreadyRunning,
    /// The bus does not let us have the name.
    #[error(
        "the bus refused the name {HELPER}; see that the helper runs as root and that \
         {HELPER}.conf is installed in /usr/share/dbus-1/system.d"
    )]
    NameRefused(#[source] zbus::Error),
    /// The connection broke while it was being set up.
    #[error("the interfaces could not be put on the bus")]
    Serve(#[from] zbus::Error),
}

/// The helper on the bus. Publishing never waits and may be done from any thread; dropping it
/// takes the helper off the bus.
pub struct Bus {
    connection: Connection,
    access: Arc<Access>,
    agents: Arc<Agents>,
    subscriptions: Arc<Subscriptions>,
    life: Arc<Life>,
    woken: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Bus {
    /// Serves `backend` on the system bus, authorised by polkit. Needs a tokio runtime, on which
    /// everything here runs from then on.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn start(backend: Arc<dyn Backend>) -> Result<Self, BusError> {
        let connection = Connection::system().await.map_err(BusError::Connect)?;
        let polkit = Polkit::new(&connection).await?;
        Self::serve(connection, backend, Arc::new(polkit)).await
    }

    /// Serves `backend` on this connection, authorised by `authorizer`.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn serve(
        connection: Connection,
        backend: Arc<dyn Backend>,
        authorizer: Arc<dyn Authorizer>,
    ) -> Result<Self, BusError> {
        let callers = Callers::new(&connection).await?;
        let access = Arc::new(Access::new(backend, authorizer, callers));
        let life = Arc::new(Life::new());
        let agents = Agents::new(connection.clone(), Arc::clone(&life));
        let subscriptions = Arc::new(Subscriptions::default());
        let presence_due = Arc::new(Notify::new());
        let woken = Arc::new(Notify::new());

        let mut tasks = JoinSet::new();
        let left = names_that_leave(&connection).await?;
        tasks.spawn(watch_leaving(
            left,
            Arc::clone(&agents),
            Arc::clone(&subscriptions),
        ));
        let sessions = session_changes(&connection).await?;
        tasks.spawn(watch_sessions(sessions, Arc::clone(&presence_due)));
        let sleep = sleep_changes(&connection).await?;
        tasks.spawn(watch_sleep(sleep, Arc::clone(&woken)));
        tasks.spawn(refresh_presence(
            Arc::clone(&presence_due),
            Arc::clone(&access),
            Arc::clone(&agents),
        ));
        let polkit = owners_of_polkit(&connection).await?;
        tasks.spawn(watch_polkit(polkit, Arc::clone(&access)));
        tasks.spawn(tell_of_changes(
            Arc::clone(&access),
            Arc::clone(&agents),
            Arc::clone(&subscriptions),
        ));
        tasks.spawn({
            let (connection, life) = (connection.clone(), Arc::clone(&life));
            async move { life.prove(&connection).await }
        });
        tasks.spawn({
            let (connection, subscriptions) = (connection.clone(), Arc::clone(&subscriptions));
            async move { subscriptions.deliver(&connection).await }
        });

        let server = connection.object_server();
        let control = control::Control {
            access: Arc::clone(&access),
            agents: Arc::clone(&agents),
        };
        server.at(HELPER_PATH, control).await?;
        let rules = rules::Rules {
            access: Arc::clone(&access),
        };
        server.at(HELPER_PATH, rules).await?;
        let events = events::Events {
            access: Arc::clone(&access),
            subscriptions: Arc::clone(&subscriptions),
        };
        server.at(HELPER_PATH, events).await?;
        let prompts = prompts::Prompts {
            access: Arc::clone(&access),
            agents: Arc::clone(&agents),
            presence_due,
        };
        server.at(HELPER_PATH, prompts).await?;
        take_name(&connection).await?;
        Ok(Self {
            connection,
            access,
            agents,
            subscriptions,
            life,
            woken,
            _tasks: tasks,
        })
    }

    /// Tells subscribers of decisions; each sees those of `Event::uid`s it may see.
    pub fn publish_decisions(&self, events: &[Event]) {
        self.subscriptions.decided(events);
    }

    /// Tells subscribers of the status, with the number of agents and the troubles of the bus.
    pub fn publish_status(&self, status: Status) {
        let status = control::complete(status, &self.access, &self.agents);
        self.subscriptions.status(status);
    }

    /// Tells subscribers that rules changed.
    pub fn publish_rules_changed(&self) {
        self.subscriptions.rules_changed();
    }

    /// Puts a question to the agent it belongs to, now or when there is one. With the id of a
    /// question that is open, changes what that one says.
    pub fn question_opened(&self, question: impl Into<Asked>) {
        self.agents.question_opened(question.into());
    }

    /// Takes a question back from whoever was asked. Unknown ids do nothing.
    pub fn question_closed(&self, id: QuestionId, reason: &Reason) {
        self.agents.question_closed(id, reason);
    }

    /// True if the question is open and put to some agent; if not, there is nobody to ask.
    #[must_use]
    pub fn is_put(&self, id: QuestionId) -> bool {
        self.agents.is_put(id)
    }

    /// When the bus last showed that it works.
    #[must_use]
    pub fn life(&self) -> Arc<Life> {
        Arc::clone(&self.life)
    }

    /// Returns when the computer has woken up from sleep.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// Returns when the connection to the bus is lost, or is closed already.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }

    /// Leaves the bus: gives up the name, then closes the connection.
    pub async fn stop(self) {
        if let Err(error) = self.connection.release_name(HELPER).await {
            tracing::debug!(%error, "the bus name could not be given up");
        }
        if let Err(error) = self.connection.clone().close().await {
            tracing::debug!(%error, "the connection to the bus could not be closed");
        }
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").finish_non_exhaustive()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // Ends the agents' tasks; the others end with the set they are in.
        self.agents.clear();
    }
}

/// Takes the well-known name, or fails: a second helper neither waits for it nor takes it over.
async fn take_name(connection: &Connection) -> Result<(), BusError> {
    match connection
        .request_name_with_flags(HELPER, RequestNameFlags::DO_NOT_QUEUE)
        .await
    {
        Ok(_) => Ok(()),
        Err(zbus::Error::NameTaken) => Err(BusError::AlreadyRunning),
        Err(error) => Err(BusError::NameRefused(error)),
    }
}

async fn names_that_leave(connection: &Connection) -> zbus::Result<NameOwnerChangedStream> {
    let bus = DBusProxy::new(connection).await?;
    // The third argument is the new owner: none.
    bus.receive_name_owner_changed_with_args(&[(2, "")]).await
}

/// Forgets peers that left. Never waits: an unread stream would hold up the connection.
async fn watch_leaving(
    mut left: NameOwnerChangedStream,
    agents: Arc<Agents>,
    subscriptions: Arc<Subscriptions>,
) {
    while let Some(signal) = left.next().await {
        let Ok(args) = signal.args() else { continue };
        if let zbus::names::BusName::Unique(name) = args.name() {
            let name = name.to_owned().into();
            agents.leave(&name);
            subscriptions.remove(&name);
        }
    }
}

async fn session_changes(connection: &Connection) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .sender("org.freedesktop.login1")
        .interface("org.freedesktop.DBus.Properties")
        .member("PropertiesChanged")
        .path_namespace("/org/freedesktop/login1/session")
        .build()?;
    MessageStream::for_match_rule(rule, connection, None).await
}

/// Only passes the word on, for the reason that [`watch_leaving`] has.
async fn watch_sessions(mut changes: MessageStream, presence_due: Arc<Notify>) {
    while changes.next().await.is_some() {
        presence_due.notify_one();
    }
}

/// `PrepareForSleep`, org.freedesktop.login1(5): true before the computer sleeps, false after.
async fn sleep_changes(connection: &Connection) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .sender("org.freedesktop.login1")
        .interface("org.freedesktop.login1.Manager")
        .member("PrepareForSleep")
        .build()?;
    MessageStream::for_match_rule(rule, connection, None).await
}

async fn watch_sleep(mut changes: MessageStream, woken: Arc<Notify>) {
    while let Some(change) = changes.next().await {
        let going_to_sleep = change.and_then(|change| change.body().deserialize());
        if matches!(going_to_sleep, Ok(false)) {
            woken.notify_one();
        }
    }
}

/// Keeps up with which agents' sessions are on a screen.
async fn refresh_presence(due: Arc<Notify>, access: Arc<Access>, agents: Arc<Agents>) {
    loop {
        due.notified().await;
        for (name, session) in agents.sessions() {
            let presence = access.callers().presence(&session).await;
            agents.set_presence(&name, presence);
        }
    }
}

async fn owners_of_polkit(connection: &Connection) -> zbus::Result<NameOwnerChangedStream> {
    let bus = DBusProxy::new(connection).await?;
    bus.receive_name_owner_changed_with_args(&[(0, POLKIT)])
        .await
}

/// Notes that polkit is back. That it is gone is no trouble: the bus starts it when it is needed.
async fn watch_polkit(mut owners: NameOwnerChangedStream, access: Arc<Access>) {
    loop {
        tokio::select! {
            signal = owners.next() => {
                let Some(signal) = signal else { return };
                if signal.args().is_ok_and(|args| args.new_owner().is_some()) {
                    access.note_polkit(None);
                }
            }
            () = access.polkit_answers_again() => access.note_polkit(None),
        }
    }
}

/// Tells subscribers when the number of agents changed, or whether polkit can be asked.
async fn tell_of_changes(
    access: Arc<Access>,
    agents: Arc<Agents>,
    subscriptions: Arc<Subscriptions>,
) {
    let (mut changes, mut polkit) = (agents.watch(), access.watch_polkit());
    let mut told = agents.count();
    loop {
        tokio::select! {
            Ok(()) = changes.changed() => {
                if agents.count() == told {
                    continue;
                }
            }
            Ok(()) = polkit.changed() => {}
            else => return,
        }
        told = agents.count();
        if let Ok(status) = access.run(|backend| backend.status()).await {
            subscriptions.status(control::complete(status, &access, &agents));
        }
    }
}
