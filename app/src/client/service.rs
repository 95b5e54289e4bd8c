//! The system's unit that runs the helper, as systemd has it.

use bastion_ipc::names;
use zbus::fdo::PropertiesProxy;
use zbus::proxy::MethodFlags;
use zbus::{Connection, OwnedObjectPath};

use super::{Client, Failure};
use crate::i18n::gettext;

const SYSTEMD: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

impl Client {
    /// Asks the system to start the helper, for which an administrator has to authenticate. It
    /// returns when the start is under way; the link tells when the helper is there.
    ///
    /// # Errors
    /// If there is no connection to the bus, or the helper may not or can't be started.
    pub async fn start_helper(&self) -> Result<(), Failure> {
        job("StartUnit").await
    }

    /// Likewise, and stops one that runs before.
    ///
    /// # Errors
    /// As [`Self::start_helper`].
    pub async fn restart_helper(&self) -> Result<(), Failure> {
        job("RestartUnit").await
    }
}

/// Has systemd do this with the helper's unit. There may be no helper, and so no connection to it:
/// it takes one of its own.
async fn job(method: &str) -> Result<(), Failure> {
    let bus = Connection::system().await?;
    let systemd = zbus::Proxy::new(&bus, SYSTEMD, PATH, MANAGER).await?;
    let started = systemd
        .call_with_flags::<_, _, OwnedObjectPath>(
            method,
            MethodFlags::ALLOW_INTERACTIVE_AUTH,
            &(names::HELPER_UNIT, "replace"),
        )
        .await;
    match started {
        Ok(_) => Ok(()),
        Err(zbus::Error::MethodError(name, ..)) if name == NO_SUCH_UNIT => Err(Failure::Told(
            gettext("The firewall service is not installed."),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Whether the system knows the helper's unit; `None` where it can't be asked.
pub(super) async fn installed(bus: &Connection) -> Option<bool> {
    match load_state(bus).await {
        Ok(state) => Some(state != "not-found"),
        Err(error) => {
            tracing::debug!(%error, "systemd does not tell whether there is a service");
            None
        }
    }
}

async fn load_state(bus: &Connection) -> zbus::Result<String> {
    let systemd = zbus::Proxy::new(bus, SYSTEMD, PATH, MANAGER).await?;
    let unit: OwnedObjectPath = systemd.call("LoadUnit", &(names::HELPER_UNIT,)).await?;
    let properties = PropertiesProxy::new(bus, SYSTEMD, unit).await?;
    let state = properties.get(UNIT.try_into()?, "LoadState").await?;
    state.try_into()
}
