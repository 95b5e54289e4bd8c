//! What a queued packet says: addresses, ports and protocol. Total on any input.
