//! What the app is measured at, and by what.

use crate::figures::Named;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// An empty window of libadwaita: what no app of its kind can be below.
    EmptyWindow,
    /// The app, with a handful of rules and an empty log.
    Start,
    /// The same, some seconds after its start, with nothing to do.
    Rest,
    /// With ten thousand rules, and its page of rules opened at once.
    Rules10000,
    /// A table of as many rows as the log has in the next case, and with nothing to it but text,
    /// scrolled through by wheel and scrollbar.
    BareTable,
    /// The app with a million events in its log, scrolled through likewise.
    ScrollLog,
    /// With five hundred connections a second that a rule decides, scrolled on the pages that
    /// show them.
    Arriving500,
}

impl Case {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::EmptyWindow,
        Self::Start,
        Self::Rest,
        Self::Rules10000,
        Self::BareTable,
        Self::ScrollLog,
        Self::Arriving500,
    ];
}

impl Named for Case {
    fn name(self) -> &'static str {
        match self {
            Self::EmptyWindow => "app-empty-window",
            Self::Start => "app-start",
            Self::Rest => "app-rest",
            Self::Rules10000 => "app-rules-10000",
            Self::BareTable => "app-bare-table-1000000",
            Self::ScrollLog => "app-scroll-log-1000000",
            Self::Arriving500 => "app-arriving-500",
        }
    }
}

/// A figure of some cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Milliseconds from the program's start until the first frame of its window was drawn.
    FirstFrame,
    /// Milliseconds from the program's start until its page of rules shows them and rests.
    RulesFull,
    /// Half of the frames were drawn so many milliseconds after the one before, or sooner.
    FrameP50,
    /// 99 of 100 were.
    FrameP99,
    /// All of them were.
    FrameMax,
    /// How many were drawn more than 50 ms after the one before.
    FramesOver50,
    /// Memory in use in KiB.
    Rss,
    /// By how many KiB more it was after the load than before.
    RssGrowth,
    /// By how much of that after the first third of the load.
    RssGrowthLate,
}

impl Metric {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::FirstFrame,
        Self::RulesFull,
        Self::FrameP50,
        Self::FrameP99,
        Self::FrameMax,
        Self::FramesOver50,
        Self::Rss,
        Self::RssGrowth,
        Self::RssGrowthLate,
    ];

    /// The value as people read it.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::FrameP50 | Self::FrameP99 | Self::FrameMax => format!("{value:.1}"),
            _ => format!("{value:.0}"),
        }
    }
}

impl Named for Metric {
    fn name(self) -> &'static str {
        match self {
            Self::FirstFrame => "first_frame_ms",
            Self::RulesFull => "rules_full_ms",
            Self::FrameP50 => "frame_p50_ms",
            Self::FrameP99 => "frame_p99_ms",
            Self::FrameMax => "frame_max_ms",
            Self::FramesOver50 => "frames_over_50ms",
            Self::Rss => "rss_kib",
            Self::RssGrowth => "rss_growth_kib",
            Self::RssGrowthLate => "rss_growth_late_kib",
        }
    }
}
