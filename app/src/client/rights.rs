//! What polkit would say, asked before anything is tried.

use std::collections::HashMap;

use bastion_ipc::names::action;
use zbus::{Connection, Variant};

use super::{Client, Failure};
use crate::model::first_run::Rights;

/// What polkit says: whether this user may do something as it is, or once somebody has
/// authenticated.
#[derive(Clone, Copy, Debug)]
struct Said {
    granted: bool,
    by_authenticating: bool,
}

impl Client {
    /// Whether this user may change modes and settings. Nobody is asked to authenticate.
    ///
    /// # Errors
    /// If there is no connection, or polkit can't be asked.
    pub async fn may_configure(&self) -> Result<Rights, Failure> {
        let said = ask(&self.connection()?, action::CONFIGURE).await?;
        Ok(match said.granted || said.by_authenticating {
            true => Rights::Granted,
            false => Rights::Refused,
        })
    }
}

/// Whether this user may see anything without authenticating; `None` where polkit can't be asked.
pub(super) async fn may_view(bus: &Connection) -> Option<bool> {
    match ask(bus, action::VIEW).await {
        Ok(said) => Some(said.granted),
        Err(error) => {
            tracing::debug!(%error, "polkit does not tell what the user may do");
            None
        }
    }
}

async fn ask(bus: &Connection, action: &str) -> zbus::Result<Said> {
    let polkit = zbus::Proxy::new(
        bus,
        "org.freedesktop.PolicyKit1",
        "/org/freedesktop/PolicyKit1/Authority",
        "org.freedesktop.PolicyKit1.Authority",
    )
    .await?;
    let own = bus.unique_name().ok_or(zbus::Error::MissingField)?.as_str();
    let subject = (
        "system-bus-name",
        HashMap::from([("name", Variant::from(own))]),
    );
    let details = HashMap::<&str, &str>::new();
    let question = (subject, action, details, 0_u32, "");
    type Answer = (bool, bool, HashMap<String, String>);
    let (granted, by_authenticating, _): Answer =
        polkit.call("CheckAuthorization", &question).await?;
    Ok(Said {
        granted,
        by_authenticating,
    })
}
