//! What else the app asks on the system's bus: systemd about the helper's unit, polkit about the
//! user's rights.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;
use zbus::{Connection, DBusError, ObjectPath, OwnedObjectPath, OwnedVariant, interface};

const UNIT: &str = "/org/freedesktop/systemd1/unit/bastion_2dhelper_2eservice";

/// systemd, which knows the unit or not, on the bus until it is dropped. Whenever the unit is to be
/// started it says so.
pub(crate) async fn serve_systemd(known: bool, started: Arc<Notify>) -> zbus::Result<Connection> {
    zbus::connection::Builder::system()
        .serve_at("/org/freedesktop/systemd1", Manager { known, started })
        .serve_at(UNIT, Unit { known })
        .name("org.freedesktop.systemd1")
        .build()
        .await
}

/// polkit, which lets nobody do anything, on the bus until it is dropped.
pub(crate) async fn serve_polkit() -> zbus::Result<Connection> {
    zbus::connection::Builder::system()
        .serve_at("/org/freedesktop/PolicyKit1/Authority", Authority)
        .name("org.freedesktop.PolicyKit1")
        .build()
        .await
}

#[derive(Debug, DBusError)]
#[zbus(prefix = "org.freedesktop.systemd1")]
enum Refusal {
    #[zbus(error)]
    ZBus(zbus::Error),
    NoSuchUnit(String),
}

struct Manager {
    known: bool,
    started: Arc<Notify>,
}

impl Manager {
    fn start(&self) -> Result<OwnedObjectPath, Refusal> {
        if !self.known {
            return Err(Refusal::NoSuchUnit("There is no such unit.".into()));
        }
        self.started.notify_one();
        let job = ObjectPath::try_from("/org/freedesktop/systemd1/job/1");
        Ok(job?.into())
    }
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn load_unit(&self, _name: &str) -> Result<OwnedObjectPath, Refusal> {
        let unit = ObjectPath::try_from(UNIT);
        Ok(unit?.into())
    }
    fn start_unit(&self, _name: &str, _mode: &str) -> Result<OwnedObjectPath, Refusal> {
        self.start()
    }
    fn restart_unit(&self, _name: &str, _mode: &str) -> Result<OwnedObjectPath, Refusal> {
        self.start()
    }
}

struct Unit {
    known: bool,
}

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn load_state(&self) -> &'static str {
        match self.known {
            true => "loaded",
            false => "not-found",
        }
    }
}

struct Authority;

#[interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Authority {
    fn check_authorization(
        &self,
        _subject: (String, HashMap<String, OwnedVariant>),
        _action: &str,
        _details: HashMap<String, String>,
        _flags: u32,
        _cancellation: &str,
    ) -> ((bool, bool, HashMap<String, String>),) {
        ((false, false, HashMap::new()),)
    }
}
