//! Just enough of logind (org.freedesktop.login1(5)) to know the session of a process.

use std::sync::Arc;

use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedFd, OwnedObjectPath, Result};

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Manager {
    fn get_session(&self, id: &str) -> Result<OwnedObjectPath>;
    #[zbus(name = "GetSessionByPID")]
    fn get_session_by_pid(&self, pid: u32) -> Result<OwnedObjectPath>;
    #[zbus(name = "GetSessionByPIDFD")]
    fn get_session_by_pidfd(&self, pidfd: &OwnedFd) -> Result<OwnedObjectPath>;
    fn get_user(&self, uid: u32) -> Result<OwnedObjectPath>;
}

#[zbus::proxy(
    interface = "org.freedesktop.login1.Session",
    default_service = "org.freedesktop.login1"
)]
trait LoginSession {
    #[zbus(property)]
    fn id(&self) -> Result<String>;
    #[zbus(property)]
    fn user(&self) -> Result<(u32, OwnedObjectPath)>;
    #[zbus(property)]
    fn active(&self) -> Result<bool>;
    #[zbus(property)]
    fn seat(&self) -> Result<(String, OwnedObjectPath)>;
    #[zbus(property)]
    fn class(&self) -> Result<String>;
}

#[zbus::proxy(
    interface = "org.freedesktop.login1.User",
    default_service = "org.freedesktop.login1"
)]
trait LoginUser {
    #[zbus(property)]
    fn display(&self) -> Result<(String, OwnedObjectPath)>;
}

/// Whether a session has its user's attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    /// Switched away, closing, or not known.
    #[default]
    Away,
    /// Active, but on no seat: a remote login.
    Remote,
    /// Active on a seat: this is what its screen shows.
    AtSeat,
}

/// A session, as logind knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// logind's name for it.
    pub(super) id: Arc<str>,
    /// Whether somebody sits in front of it.
    pub(super) presence: Presence,
}

/// The session of this process of this user. An application that the user's service manager
/// started belongs to no session; for it this is the session that logind calls the user's
/// `Display`.
pub(super) async fn session_of(
    connection: &Connection,
    uid: u32,
    pid: Option<u32>,
    pidfd: Option<&OwnedFd>,
) -> Result<Option<Session>> {
    let manager = ManagerProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let mut path = None;
    if let Some(pidfd) = pidfd {
        // systemd before 258 does not have this method.
        path = manager.get_session_by_pidfd(pidfd).await.ok();
    }
    if let (None, Some(pid)) = (&path, pid) {
        path = manager.get_session_by_pid(pid).await.ok();
    }
    if let Some(path) = path
        && let Ok(Some(session)) = read_session(connection, path, uid).await
    {
        return Ok(Some(session));
    }
    let user = manager.get_user(uid).await?;
    let user = LoginUserProxy::builder(connection)
        .path(user)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let (_, display) = user.display().await?;
    if display.as_str() == "/" {
        return Ok(None);
    }
    read_session(connection, display, uid).await
}

/// Whether somebody sits in front of this session; [`Presence::Away`] when it has ended.
pub(super) async fn presence(connection: &Connection, id: &str) -> Result<Presence> {
    let manager = ManagerProxy::builder(connection)
        .cache_properties(CacheProperties::No)
        .build()
        .await?;
    let session = session_at(connection, manager.get_session(id).await?).await?;
    read_presence(&session).await
}

async fn session_at(
    connection: &Connection,
    path: OwnedObjectPath,
) -> Result<LoginSessionProxy<'static>> {
    LoginSessionProxy::builder(connection)
        .path(path)
        .cache_properties(CacheProperties::No)
        .build()
        .await
}

async fn read_presence(session: &LoginSessionProxy<'_>) -> Result<Presence> {
    if !session.active().await? {
        return Ok(Presence::Away);
    }
    let (seat, _) = session.seat().await?;
    Ok(if seat.is_empty() {
        Presence::Remote
    } else {
        Presence::AtSeat
    })
}

/// The session at `path`; `None` if it is another user's (the pid may name another process by
/// now; but root may be at work in anybody's session), or no session of a person but that of the
/// user's service manager.
async fn read_session(
    connection: &Connection,
    path: OwnedObjectPath,
    uid: u32,
) -> Result<Option<Session>> {
    let session = session_at(connection, path).await?;
    let (owner, _) = session.user().await?;
    let foreign = owner != uid && uid != 0;
    if foreign || session.class().await?.starts_with("manager") {
        return Ok(None);
    }
    let id = session.id().await?;
    // What a rule's lifetime can hold, see bastion_policy::rule::Lifetime.
    let usable = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    if !usable {
        return Ok(None);
    }
    Ok(Some(Session {
        id: id.into(),
        presence: read_presence(&session).await?,
    }))
}
