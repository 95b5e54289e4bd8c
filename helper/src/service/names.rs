//! Names of destinations, from what the kernel programs show of look-ups.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bastion_policy::matcher::HostName;
use bastion_policy::time::Timestamp;
use nix::unistd::User;
use tokio::sync::Notify;

use crate::engine::NameSource;
use crate::kernel::DnsPackets;
use crate::names::{Names, Resolution, Resolvers};

/// The files that name the machine's own servers: the C library's, and those from which it is
/// made where it names systemd-resolved alone (systemd-resolved.service(8), NetworkManager.conf(5)).
const FILES: [&str; 3] = [
    "/etc/resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/resolv.conf",
];

/// Longest such file read, in bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// How often they are looked at, besides when an answer comes from a server they don't name.
const FILES_CHECK: Duration = Duration::from_secs(30);

/// Shortest time between two looks.
const FILES_PAUSE: Duration = Duration::from_millis(250);

/// How often old names are forgotten, in milliseconds.
const TICK: u64 = 10_000;

/// What the engine's names are told from elsewhere.
pub(super) enum News {
    /// These are the machine's own servers now.
    Resolvers(Resolvers),
    /// A resolver of this machine has told of an answer of its own.
    Learned(Resolution),
}

/// The engine's side: owned by its thread.
pub(super) struct ObservedNames {
    packets: DnsPackets,
    names: Names,
    news: Receiver<News>,
    /// Asks for the machine's own servers.
    wanted: Arc<Notify>,
    next_tick: Timestamp,
}

/// The other side: tells the engine's names of news.
#[derive(Clone)]
pub(super) struct Teller {
    news: Sender<News>,
    wanted: Arc<Notify>,
}

impl ObservedNames {
    /// Names from these packets, and the end by which they are told of news.
    pub fn new(packets: DnsPackets) -> (Self, Teller) {
        let (sender, news) = channel();
        let wanted = Arc::new(Notify::new());
        let names = Names::new(packets.network());
        let observed = Self {
            packets,
            names,
            news,
            wanted: Arc::clone(&wanted),
            next_tick: Timestamp::default(),
        };
        let teller = Teller {
            news: sender,
            wanted,
        };
        (observed, teller)
    }
}

impl NameSource for ObservedNames {
    fn read(&mut self, now: Timestamp) {
        // Addresses whose names are others than before are not needed: nothing that depends on
        // names is kept anywhere.
        for news in self.news.try_iter() {
            match news {
                News::Resolvers(resolvers) => drop(self.names.use_resolvers(resolvers, now)),
                News::Learned(resolution) => drop(self.names.learned(resolution, now)),
            }
        }
        let names = &mut self.names;
        self.packets
            .drain(|captured| drop(names.observe(&captured, now)));
        if names.wants_resolvers() {
            self.wanted.notify_one();
        }
        if self.next_tick <= now {
            self.names.tick(now);
            self.next_tick = now.after_millis(TICK);
        }
    }

    fn of(&self, address: IpAddr, now: Timestamp) -> Vec<HostName> {
        self.names.of(address, now)
    }
}

/// The machine's own servers, as the files name them now.
pub(super) fn resolvers() -> Resolvers {
    let texts: Vec<String> = FILES.iter().filter_map(|path| read(path)).collect();
    Resolvers::from_texts(texts.iter().map(String::as_str))
}

/// A file that only the system can have written.
fn read(path: &str) -> Option<String> {
    let file = fs::File::open(path).ok()?;
    let found = file.metadata().ok()?;
    let resolved = || {
        let user = User::from_name("systemd-resolve").ok().flatten();
        user.is_some_and(|user| user.uid.as_raw() == found.uid())
    };
    let systems = found.is_file() && found.mode() & 0o022 == 0 && (found.uid() == 0 || resolved());
    if !systems {
        tracing::debug!(
            path,
            "the servers named there don't count: others can write it"
        );
        return None;
    }
    let mut text = String::new();
    use std::io::Read as _;
    file.take(FILE_LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Tells of the machine's own servers whenever they may have changed. Ends with the engine.
pub(super) async fn watch_resolvers(teller: Teller) {
    let mut known = None;
    loop {
        let now = tokio::task::spawn_blocking(resolvers).await.ok();
        if known != now
            && let Some(resolvers) = now.clone()
            && teller.news.send(News::Resolvers(resolvers)).is_err()
        {
            return;
        }
        known = now;
        // An answer of a server that is not named may come again and again.
        tokio::time::sleep(FILES_PAUSE).await;
        // Either reason will do.
        let _ = tokio::time::timeout(FILES_CHECK, teller.wanted.notified()).await;
    }
}
