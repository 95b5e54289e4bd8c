//! The list of kinds.

use super::More::{Count, Sender, Source, SourceAndPort, Successor};
use super::Place::{
    Answers4, Answers6, AnswersMapped, Broadcast, LimitedBroadcast, Multicast4, Multicast6,
    Silent4, Silent6, SilentMapped,
};
use super::{Kind, OTHER_SOURCES, kind};

/// How many processes send and end at once.
const ENDING: &str = "40";
/// Milliseconds for which busy programs work.
const BUSY: &str = "9000";

/// Every kind, in the order in which they are done.
#[rustfmt::skip]
pub const KINDS: &[Kind] = &[
    kind("busy-v4", "busy", "udp", Silent4).by(Count(BUSY)),
    kind("busy-v6", "busy", "udp", Silent6).by(Count(BUSY)),
    kind("tcp-retransmit-v4", "retransmit", "tcp", Silent4),
    kind("tcp-retransmit-v6", "retransmit", "tcp", Silent6),
    kind("tcp-v4", "tcp", "tcp", Answers4),
    kind("tcp-v6", "tcp", "tcp", Answers6),
    kind("tcp-mapped", "tcp", "tcp", AnswersMapped),
    kind("tcp-nonblocking", "tcp-nonblocking", "tcp", Answers4),
    kind("tcp-bound-v4", "tcp-bound", "tcp", Answers4).by(SourceAndPort),
    kind("tcp-bound-v6", "tcp-bound", "tcp", Answers6).by(SourceAndPort),
    kind("tcp-thread", "tcp-thread", "tcp", Answers4),
    kind("tcp-thread-files", "tcp-thread-files", "tcp", Answers6),
    kind("tcp-fastopen-sendto", "tcp-fastopen-sendto", "tcp", Answers4),
    kind("tcp-fastopen-connect", "tcp-fastopen-connect", "tcp", Answers6),
    kind("mptcp-v4", "mptcp", "tcp", Answers4),
    kind("mptcp-v6", "mptcp", "tcp", Answers6),
    kind("uring-tcp", "uring-tcp", "tcp", Answers4),
    kind("uring-tcp-async", "uring-tcp-async", "tcp", Answers6),
    kind("uring-tcp-polled", "uring-tcp-polled", "tcp", Answers4),
    kind("uring-udp", "uring-udp", "udp", Silent6),
    kind("uring-udp-async", "uring-udp-async", "udp", Silent4),
    kind("uring-udp-polled", "uring-udp-polled", "udp", Silent6),
    kind("udp-connected-v4", "udp-connected", "udp", Silent4),
    kind("udp-connected-v6", "udp-connected", "udp", Silent6),
    kind("udp-unconnected-v4", "udp", "udp", Silent4),
    kind("udp-unconnected-v6", "udp", "udp", Silent6),
    kind("udp-mapped", "udp", "udp", SilentMapped),
    kind("udp-bound", "udp-bound", "udp", Silent4).by(SourceAndPort),
    kind("udp-repeated", "udp-repeated", "udp", Silent4),
    kind("udp-pktinfo-v4", "udp-pktinfo", "udp", Silent4).by(Source(OTHER_SOURCES[0])),
    kind("udp-pktinfo-v6", "udp-pktinfo", "udp", Silent6).by(Source(OTHER_SOURCES[1])),
    kind("udp-more", "udp-more", "udp", Silent4),
    kind("udp-corked-v4", "udp-corked", "udp", Silent4),
    kind("udp-corked-v6", "udp-corked", "udp", Silent6),
    kind("udp-segmented-v4", "udp-segmented", "udp", Silent4).merged(4),
    kind("udp-segmented-v6", "udp-segmented", "udp", Silent6).merged(4),
    kind("udp-large-v4", "udp-large", "udp", Silent4),
    kind("udp-large-v6", "udp-large", "udp", Silent6),
    kind("udp-many", "udp-many", "udp", Silent4),
    kind("udp-multicast-v4", "udp-multicast", "udp", Multicast4),
    kind("udp-multicast-v6", "udp-multicast", "udp", Multicast6),
    kind("udp-broadcast", "udp-broadcast", "udp", Broadcast),
    kind("udp-limited-broadcast", "udp-broadcast", "udp", LimitedBroadcast),
    kind("udplite-v4", "udplite", "udplite", Silent4),
    kind("udplite-v6", "udplite", "udplite", Silent6),
    kind("ping-v4", "ping", "icmp", Silent4),
    kind("ping-v6", "ping", "icmpv6", Silent6),
    kind("raw-icmp-v4", "raw-icmp", "icmp", Silent4).root(),
    kind("raw-icmp-v6", "raw-icmp", "icmpv6", Silent6).root(),
    kind("raw-header-v4", "raw-header", "udp", Silent4).root(),
    kind("raw-header-v6", "raw-header", "udp", Silent6).root(),
    kind("raw-253-v4", "raw-experiment", "253", Silent4).root(),
    kind("raw-253-v6", "raw-experiment", "253", Silent6).root(),
    kind("sctp-v4", "sctp", "sctp", Answers4),
    kind("passed-tcp", "hand-over-tcp", "tcp", Answers4).by(Sender("passed-tcp-sender")),
    kind("passed-udp", "hand-over-udp", "udp", Silent6).by(Sender("passed-udp-sender")),
    kind("inherited-tcp", "leave-tcp", "tcp", Answers6).by(Sender("inherited-tcp-sender")),
    kind("inherited-udp", "leave-udp", "udp", Silent4).by(Sender("inherited-udp-sender")),
    kind("tcp-then-exec", "tcp-then-become", "tcp", Answers4).by(Successor("tcp-then-exec-successor")),
    kind("udp-then-exec", "udp-then-become", "udp", Silent4).by(Successor("udp-then-exec-successor")),
    kind("tcp-then-exit", "exit-tcp", "tcp", Answers4).by(Count(ENDING)),
    kind("udp-then-exit", "exit-udp", "udp", Silent6).by(Count(ENDING)),
    kind("orphan-then-exit", "exit-orphan", "udp", Silent4).by(Count(ENDING)),
];
