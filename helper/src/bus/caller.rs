//! Who called, as the bus daemon and logind know it; nothing is taken from the message itself.

use std::time::Duration;

use bastion_ipc::Error;
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::names::UniqueName;
use zbus::proxy::CacheProperties;

use super::backend::Caller;
use super::logind::{self, Presence};

/// A caller and whether somebody sits in front of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PresentCaller {
    pub(super) caller: Caller,
    pub(super) presence: Presence,
}

/// Finds out who callers are.
#[derive(Debug)]
pub(super) struct Callers {
    connection: Connection,
    bus: DBusProxy<'static>,
}

impl Callers {
    /// How long the bus daemon or logind may take.
    const PATIENCE: Duration = Duration::from_secs(5);

    pub(super) async fn new(connection: &Connection) -> zbus::Result<Self> {
        let bus = DBusProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        Ok(Self {
            connection: connection.clone(),
            bus,
        })
    }

    /// The user behind a unique name.
    pub(super) async fn uid(&self, sender: &UniqueName<'_>) -> Result<u32, Error> {
        let uid = self.bus.get_connection_unix_user(sender.into());
        match tokio::time::timeout(Self::PATIENCE, uid).await {
            Ok(Ok(uid)) => Ok(uid),
            _ => Err(unknown()),
        }
    }

    /// The user and the session behind a unique name. Without logind there are no sessions.
    pub(super) async fn resolve(&self, sender: &UniqueName<'_>) -> Result<PresentCaller, Error> {
        let credentials = self.bus.get_connection_credentials(sender.into());
        let credentials = match tokio::time::timeout(Self::PATIENCE, credentials).await {
            Ok(Ok(credentials)) => credentials,
            _ => return Err(unknown()),
        };
        let uid = credentials.unix_user_id().ok_or_else(unknown)?;
        let session = logind::session_of(
            &self.connection,
            uid,
            credentials.process_id(),
            credentials.process_fd(),
        );
        let session = match tokio::time::timeout(Self::PATIENCE, session).await {
            Ok(Ok(session)) => session,
            Ok(Err(error)) => {
                tracing::debug!(%error, uid, "logind names no session");
                None
            }
            Err(_) => {
                tracing::warn!(uid, "logind did not answer in time");
                None
            }
        };
        let presence = match &session {
            Some(session) => session.presence,
            // Whoever works as root, on a system without logind say, is there to be asked.
            None if uid == 0 => Presence::Remote,
            None => Presence::Away,
        };
        Ok(PresentCaller {
            caller: Caller {
                uid,
                session: session.map(|s| s.id),
            },
            presence,
        })
    }

    /// Whether somebody sits in front of this session now.
    pub(super) async fn presence(&self, session: &str) -> Presence {
        let presence = logind::presence(&self.connection, session);
        match tokio::time::timeout(Self::PATIENCE, presence).await {
            Ok(Ok(presence)) => presence,
            _ => Presence::Away,
        }
    }

    /// True while the peer is on the bus; also when the bus daemon does not say.
    pub(super) async fn is_there(&self, name: &UniqueName<'_>) -> bool {
        let there = self.bus.name_has_owner(name.into());
        !matches!(
            tokio::time::timeout(Self::PATIENCE, there).await,
            Ok(Ok(false))
        )
    }
}

fn unknown() -> Error {
    Error::NotAuthorized("the bus does not know whose call this is".into())
}
