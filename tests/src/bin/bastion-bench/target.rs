//! What shall hold.

/// Something that shall hold, and whether it does.
pub struct Target {
    what: String,
    wanted: String,
    reached: f64,
    met: bool,
}

impl Target {
    pub fn at_most(what: String, reached: f64, limit: f64) -> Self {
        Self {
            what,
            wanted: format!("at most {limit:.2}"),
            reached,
            met: reached <= limit,
        }
    }

    pub fn at_least(what: String, reached: f64, limit: f64) -> Self {
        Self {
            what,
            wanted: format!("at least {limit:.0}"),
            reached,
            met: reached >= limit,
        }
    }

    /// As people read it.
    pub fn line(&self) -> String {
        let Self {
            what,
            wanted,
            reached,
            met,
        } = self;
        let verdict = if *met { "met   " } else { "MISSED" };
        format!("  {verdict} {what}: {reached:.2}, {wanted}")
    }
}
