//! Keeps the connection: finds the helper, registers as its agent, subscribes, forwards; and does
//! it again whenever the helper or the bus went away.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bastion_ipc::failure;
use bastion_ipc::names;
use bastion_ipc::proxy::{ControlProxy, EventsProxy, PromptsProxy};
use futures_util::StreamExt as _;
use tokio::sync::{mpsc, watch};
use zbus::fdo::{DBusProxy, NameOwnerChangedStream};
use zbus::names::OwnedUniqueName;
use zbus::{Connection, ObjectPath, OwnedVariant};

use super::agent::Agent;
use super::helper::Helper;
use super::{Failure, Message, rights, service};
use crate::model::link::{self, Link};

/// Hands a message to the app.
pub(super) type Emit = Arc<dyn Fn(Message) + Send + Sync>;

/// Pause before the bus, or a helper that failed, is tried again.
const RETRY: Duration = Duration::from_secs(3);

/// What the user wants of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Try again now.
    Retry,
}

/// The long-lived task behind a [`super::Client`].
pub struct Task {
    connected: watch::Sender<Option<Connection>>,
    wishes: mpsc::UnboundedReceiver<Wish>,
    helper: Helper,
}

/// Why there is no helper on the bus: it is not installed, or does not run.
async fn absence(bus: &Connection) -> Link {
    match service::installed(bus).await {
        Some(false) => Link::NotInstalled,
        // Where systemd tells nothing, a service is more likely than none.
        Some(true) | None => Link::Missing(failure::read()),
    }
}

/// Waits until there is another reason than the known one.
async fn other_than(bus: &Connection, known: &Link) -> Link {
    loop {
        let now = absence(bus).await;
        if now != *known {
            return now;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Why a session with one helper ended.
enum End {
    /// The helper left the bus, or another one came.
    Owner(Option<OwnedUniqueName>),
    /// The user wants to try again.
    Retry,
    /// The bus is gone.
    Bus,
    /// The helper can't be used.
    Failed(Failure),
}

impl Task {
    pub(super) fn new(
        connected: watch::Sender<Option<Connection>>,
        wishes: mpsc::UnboundedReceiver<Wish>,
        helper: Helper,
    ) -> Self {
        Self {
            connected,
            wishes,
            helper,
        }
    }

    /// Runs until it is dropped. `emit` is called for each message, in order.
    pub async fn run(mut self, emit: impl Fn(Message) + Send + Sync + 'static) {
        let emit: Emit = Arc::new(emit);
        loop {
            emit(Message::Link(Link::Connecting));
            if let Err(error) = self.serve_bus(&emit).await {
                tracing::warn!(%error, "the system bus can't be used");
                emit(Message::Link(Link::NoBus(error.to_string())));
            }
            self.connected.send_replace(None);
            self.helper.set(None);
            self.pause().await;
        }
    }

    /// Waits until it is time to try again, or the user wants to.
    async fn pause(&mut self) {
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            Some(Wish::Retry) = self.wishes.recv() => {}
        }
    }

    /// Serves one connection to the bus until it closes.
    async fn serve_bus(&mut self, emit: &Emit) -> zbus::Result<()> {
        let bus = Connection::system().await?;
        let agent = Agent {
            helper: self.helper.clone(),
            emit: emit.clone(),
        };
        bus.object_server().at(names::AGENT_PATH, agent).await?;
        let daemon = DBusProxy::new(&bus).await?;
        let mut owners = daemon
            .receive_name_owner_changed_with_args(&[(0, names::HELPER)])
            .await?;
        let mut owner = daemon.get_name_owner(names::HELPER.try_into()?).await.ok();
        loop {
            self.helper.set(owner.clone());
            let end = match &owner {
                None => self.wait_for_helper(&bus, emit, &mut owners).await,
                Some(_) => self.serve_helper(&bus, emit, &mut owners).await,
            };
            self.connected.send_replace(None);
            match end {
                End::Owner(new) => {
                    if owner.is_some() && new.is_some() {
                        // Another helper, at once: what the one before has asked is over.
                        emit(Message::Link(Link::Connecting));
                    }
                    owner = new;
                }
                End::Retry => {}
                End::Bus => return Ok(()),
                End::Failed(failure) => {
                    tracing::warn!(%failure, "the helper can't be used");
                    owner = tokio::select! {
                        owner = self.tell_failure(&bus, emit, failure, owner.clone()) => owner,
                        change = owners.next() => match end_of(change) {
                            End::Owner(new) => new,
                            _ => owner,
                        },
                    };
                }
            }
        }
    }

    async fn wait_for_helper(
        &mut self,
        bus: &Connection,
        emit: &Emit,
        owners: &mut NameOwnerChangedStream,
    ) -> End {
        let mut known = Link::Missing(failure::read());
        loop {
            emit(Message::Link(known.clone()));
            tokio::select! {
                () = bus.closed() => return End::Bus,
                change = owners.next() => return end_of(change),
                Some(Wish::Retry) = self.wishes.recv() => return End::Retry,
                now = other_than(bus, &known) => known = now,
            }
        }
    }

    /// Says why the helper can't be used, and waits until it is worth another try: when the user
    /// wants to, and after a while, since rights come with a session that becomes active.
    async fn tell_failure(
        &mut self,
        bus: &Connection,
        emit: &Emit,
        failure: Failure,
        owner: Option<OwnedUniqueName>,
    ) -> Option<OwnedUniqueName> {
        let refused = matches!(failure, Failure::Refused(_));
        emit(Message::Link(match failure {
            Failure::Refused(why) => Link::Refused(why),
            Failure::Misunderstood(_) => Link::Misfit(version(bus).await),
            other => Link::Failed(other.sentence()),
        }));
        tokio::select! {
            () = bus.closed() => {}
            Some(Wish::Retry) = self.wishes.recv() => {}
            () = worth_a_try(bus, refused) => {}
        }
        owner
    }

    /// Works with the helper until it goes.
    async fn serve_helper(
        &mut self,
        bus: &Connection,
        emit: &Emit,
        owners: &mut NameOwnerChangedStream,
    ) -> End {
        let session = tokio::select! {
            session = self.attach(bus, emit) => session,
            change = owners.next() => return end_of(change),
            () = bus.closed() => return End::Bus,
        };
        let mut signals = match session {
            Ok(signals) => signals,
            Err(failure) => return End::Failed(failure),
        };
        loop {
            tokio::select! {
                // A helper that leaves is noticed before anything else it may have said.
                biased;
                () = bus.closed() => return End::Bus,
                change = owners.next() => return end_of(change),
                Some(Wish::Retry) = self.wishes.recv() => return End::Retry,
                message = signals.next() => match message {
                    Some(message) => emit(message),
                    None => return End::Bus,
                },
            }
        }
    }

    /// Subscribes, registers the agent and reports the state. Signals are listened to before
    /// anything is asked, so that nothing is missed in between.
    async fn attach(
        &self,
        bus: &Connection,
        emit: &Emit,
    ) -> Result<futures_util::stream::BoxStream<'static, Message>, Failure> {
        let events = EventsProxy::new(bus).await?;
        let decided = events
            .receive_decided()
            .await?
            .filter_map(|signal| async move {
                let args = signal.args().ok()?;
                Some(Message::Decided(args.events().clone()))
            });
        let status = events
            .receive_status_changed()
            .await?
            .filter_map(|signal| async move {
                let args = signal.args().ok()?;
                Some(Message::Status(Box::new(args.status().clone())))
            });
        let rules = events
            .receive_rules_changed()
            .await?
            .map(|_| Message::RulesChanged);
        let signals = futures_util::stream::select(
            futures_util::stream::select(decided.boxed(), status.boxed()),
            rules.boxed(),
        );

        let status = ControlProxy::new(bus).await?.get_status().await?;
        events.subscribe(false).await?;
        self.connected.send_replace(Some(bus.clone()));
        emit(Message::Link(Link::Ready));
        emit(Message::Status(Box::new(status)));
        let path = ObjectPath::try_from(names::AGENT_PATH)?;
        PromptsProxy::new(bus).await?.register_agent(&path).await?;
        Ok(signals.boxed())
    }
}

/// Waits until a helper that failed may do better. Who was refused is let in as soon as polkit would;
/// a mere try would have them authenticate every few seconds.
async fn worth_a_try(bus: &Connection, refused: bool) {
    loop {
        tokio::time::sleep(RETRY).await;
        if !refused || rights::may_view(bus).await != Some(false) {
            return;
        }
    }
}

/// The version of a helper whose other words may not be understood.
async fn version(bus: &Connection) -> Option<String> {
    let control = ControlProxy::new(bus).await.ok()?;
    let said = control.inner().call("GetStatus", &()).await;
    let said: HashMap<String, OwnedVariant> = said.ok()?;
    link::version(said.get("version")?.downcast_ref().ok()?)
}

/// Reads a change of the helper's owner.
fn end_of(change: Option<zbus::fdo::NameOwnerChanged>) -> End {
    let Some(change) = change else {
        return End::Bus;
    };
    match change.args() {
        Ok(args) => End::Owner(args.new_owner().as_ref().map(|name| name.to_owned().into())),
        Err(_) => End::Retry,
    }
}
