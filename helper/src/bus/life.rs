//! Proof that the bus works: the daemon answers, on the same tasks that serve callers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::proxy::CacheProperties;

/// When the bus daemon last answered.
#[derive(Debug)]
pub struct Life {
    started: Instant,
    /// Milliseconds since `started`.
    last: AtomicU64,
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
        }
    }

    /// When the bus daemon last answered; at first, when the bus was started.
    #[must_use]
    pub fn last(&self) -> Instant {
        self.started + Duration::from_millis(self.last.load(Ordering::Acquire))
    }

    fn proved(&self) {
        let millis = self.started.elapsed().as_millis();
        self.last
            .store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Release);
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
                Ok(Ok(_)) => self.proved(),
                Ok(Err(error)) => tracing::warn!(%error, "the bus refused to say its id: {error}"),
                Err(_) => tracing::warn!("the bus does not answer"),
            }
            tokio::time::sleep(Self::INTERVAL).await;
        }
    }
}
