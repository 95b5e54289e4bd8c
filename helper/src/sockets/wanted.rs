//! What is asked of a table of sockets.

/// Which sockets of a table are wanted, and what of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// All, and what those of TCP have carried, for which the kernel locks each for a moment.
    WithTraffic,
    /// Those with this local port.
    AtPort(u16),
}

impl Wanted {
    /// The local port; 0 for any.
    pub fn port(self) -> u16 {
        match self {
            Self::AtPort(port) => port,
            Self::All | Self::WithTraffic => 0,
        }
    }
}
