//! Proof that the bus works: the daemon answers, on the same tasks that serve callers.
//!
//! A daemon that answers nobody is no fault of the helper's, and a helper that systemd would restart
//! for it could not even start: it goes on deciding, and waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::proxy::CacheProperties;

/// When the bus last worked.
#[derive(Debug)]
pub struct Life {
    started: Instant,
    /// When it was no fault of the helper's if the bus did not work: milliseconds since `started`.
    last: AtomicU64,
    /// When the daemon last answered, likewise.
    answered: AtomicU64,
}

impl Life {
    /// Time between two questions to the bus daemon.
    pub const INTERVAL: Duration = Duration::from_secs(5);
    /// How long the daemon may take to answer.
    const PATIENCE: Duration = Duration::from_secs(5);

    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            last: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }

    /// When the bus daemon last answered, or was found to answer nobody; at first, when the bus was
    /// started.
    #[must_use]
    pub fn last(&self) -> Instant {
        self.read(&self.last)
    }

    /// When the bus daemon last answered; at first, when the bus was started.
    #[must_use]
    pub(super) fn answered(&self) -> Instant {
        self.read(&self.answered)
    }

    fn read(&self, time: &AtomicU64) -> Instant {
        self.started + Duration::from_millis(time.load(Ordering::Acquire))
    }

    fn note(&self, time: &AtomicU64) {
        let millis = self.started.elapsed().as_millis();
        time.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Asks the daemon now and then, until the connection is closed.
    pub(super) async fn prove(&self, connection: &Connection) {
        let bus = DBusProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .await;
        let Ok(bus) = bus else { return };
        while !connection.is_closed() {
            match tokio::time::timeout(Self::PATIENCE, bus.get_id()).await {
                Ok(Ok(_)) => {
                    self.note(&self.answered);
                    self.note(&self.last);
                }
                Ok(Err(error)) => tracing::warn!(%error, "the bus refused to say its id: {error}"),
                Err(_) if is_mute().await => {
                    tracing::warn!("the bus answers nobody; connections are decided as before");
                    self.note(&self.last);
                }
                Err(_) => tracing::warn!("the bus does not answer, though it answers others"),
            }
            tokio::time::sleep(Self::INTERVAL).await;
        }
    }
}

/// True if the daemon takes connections and then says nothing, as one that is stopped does.
async fn is_mute() -> bool {
    let another = tokio::time::timeout(Life::PATIENCE, Connection::system());
    another.await.is_err()
}
