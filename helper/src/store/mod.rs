//! Rules, settings and the event log on disk.
