//! The iptables rules that feed the queue.
