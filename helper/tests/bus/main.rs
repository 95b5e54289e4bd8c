//! The helper's bus interfaces on a real bus: a `dbus-daemon` of the tests' own, with the policy
//! file that is installed, and callers of different users.
//!
//! Needs root (to connect as other users) and dbus-daemon. Without them the tests say that they
//! did not run, and fail if `BASTION_REQUIRE_REAL` is set.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on fails"
)]

mod calls;
mod contract;
mod daemon;
mod fakes;
mod fuzz;
mod journal;
mod names;
mod prompts;
mod searches;
mod sessions;
mod signals;
mod suggestions;

use std::sync::Arc;
use std::time::Duration;

use bastion_helper::bus::Bus;
use bastion_ipc::proxy::{ControlProxy, EventsProxy, PromptsProxy, RulesProxy};
use zbus::Connection;

use daemon::Daemon;
use fakes::{Memory, Polkit};

/// Users that the tests call as; they need not be in the user database.
pub(crate) const ALICE: u32 = 1_000;
pub(crate) const BOB: u32 = 1_001;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A bus with the helper's interfaces on it.
pub(crate) struct Setup {
    pub(crate) bus: Bus,
    pub(crate) backend: Arc<Memory>,
    pub(crate) polkit: Arc<Polkit>,
    pub(crate) daemon: Daemon,
}

impl Setup {
    /// `None` where it can't run and need not.
    pub(crate) async fn new() -> Option<Self> {
        let daemon = Daemon::start()?;
        Some(Self::on(daemon).await)
    }

    /// The helper on a bus that runs already.
    pub(crate) async fn on(daemon: Daemon) -> Self {
        let backend = Arc::new(Memory::default());
        let polkit = Arc::new(Polkit::default());
        let connection = daemon.connect(0).await;
        let bus = Bus::serve(connection, backend.clone(), polkit.clone())
            .await
            .unwrap();
        Self {
            bus,
            backend,
            polkit,
            daemon,
        }
    }

    pub(crate) async fn client(&self, uid: u32) -> Client {
        Client::new(self.daemon.connect(uid).await).await
    }

    /// How many agents the helper says it has.
    pub(crate) async fn agents(&self) -> u32 {
        let root = self.client(0).await;
        root.control.get_status().await.unwrap().agents
    }

    /// Waits until it has so many.
    pub(crate) async fn agents_become(&self, count: u32) {
        let what = format!("a count of {count} agents");
        soon(&what, async {
            while self.agents().await != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
}

/// A caller with a proxy for each interface.
pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) control: ControlProxy<'static>,
    pub(crate) rules: RulesProxy<'static>,
    pub(crate) events: EventsProxy<'static>,
    pub(crate) prompts: PromptsProxy<'static>,
}

impl Client {
    pub(crate) async fn new(connection: Connection) -> Self {
        Self {
            control: ControlProxy::new(&connection).await.unwrap(),
            rules: RulesProxy::new(&connection).await.unwrap(),
            events: EventsProxy::new(&connection).await.unwrap(),
            prompts: PromptsProxy::new(&connection).await.unwrap(),
            connection,
        }
    }
}

/// What a future gives, which must not take forever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not come"),
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
