//! What the kernel counts about a queue.

use std::fs;
use std::io;

use super::QueueError;

/// The kernel's table of the queues in this thread's network namespace; `/proc/net` would be
/// the main thread's. Readable by root alone.
const TABLE: &str = "/proc/thread-self/net/netfilter/nfnetlink_queue";

/// One queue's line of the kernel's table (`seq_show` in `net/netfilter/nfnetlink_queue.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueStats {
    /// Packets that wait for a verdict now, read by us or not.
    pub waiting: u32,
    /// Packets dropped since the queue was opened because it was full.
    pub queue_dropped: u32,
    /// Packets dropped since the queue was opened because the socket's receive buffer was full.
    pub user_dropped: u32,
}

impl QueueStats {
    /// Packets that were dropped before anybody could judge them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        u64::from(self.queue_dropped) + u64::from(self.user_dropped)
    }
}

/// The counters of a queue that somebody holds.
pub(crate) fn stats(number: u16) -> Result<QueueStats, QueueError> {
    let table = fs::read_to_string(TABLE).map_err(|source| failed(number, source))?;
    find(&table, number).ok_or_else(|| failed(number, io::ErrorKind::NotFound.into()))
}

fn failed(number: u16, source: io::Error) -> QueueError {
    QueueError::Stats {
        number,
        path: TABLE,
        source,
    }
}

fn find(table: &str, number: u16) -> Option<QueueStats> {
    table
        .lines()
        .filter_map(parse)
        .find_map(|(of, stats)| (of == number).then_some(stats))
}

/// Reads a line: queue number, port of the socket that holds it, waiting, copy mode, copy range,
/// dropped by the queue, dropped by the socket, last packet id, and a 1 that means nothing.
fn parse(line: &str) -> Option<(u16, QueueStats)> {
    let mut fields = line.split_ascii_whitespace();
    let number = fields.next()?.parse().ok()?;
    let mut next = || fields.next()?.parse::<u32>().ok();
    let (_port, waiting) = (next()?, next()?);
    let (_copy_mode, _copy_range) = (next()?, next()?);
    let stats = QueueStats {
        waiting,
        queue_dropped: next()?,
        user_dropped: next()?,
    };
    Some((number, stats))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "    0   4242     3 2   512     7    11       21  1
   17 4294963057     0 2 65531     0     0        0  1
";

    #[test]
    fn finds_a_queue_among_others() {
        let stats = find(TABLE, 0).unwrap();
        assert_eq!((stats.waiting, stats.lost()), (3, 18));
        assert_eq!(find(TABLE, 17).unwrap().lost(), 0);
        assert_eq!(find(TABLE, 7), None);
    }

    proptest::proptest! {
        #[test]
        fn total_on_any_text(table: String, number: u16) {
            let _ = find(&table, number);
        }
    }
}
