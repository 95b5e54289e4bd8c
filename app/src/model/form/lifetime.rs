//! How long a rule holds, as the editor offers it.

use bastion_policy::rule::Lifetime;
use bastion_policy::time::Timestamp;
use gtk::glib;

use crate::i18n::gettext;

/// How long. Beside each stands a text, which means what the variant says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LifetimeKind {
    /// Until somebody removes it.
    #[default]
    Forever,
    /// Until the computer restarts.
    Restart,
    /// Until the session ends whose id is the text.
    Session,
    /// For so many minutes from when it is saved.
    Minutes,
    /// For so many hours from when it is saved.
    Hours,
    /// Until a time by the clock on the wall.
    Until,
    /// Until another session or a process ends; only rules that have it already can keep it.
    Kept,
}

impl LifetimeKind {
    /// What can be chosen for a rule with this lifetime by a user with this session.
    #[must_use]
    pub fn offered(lifetime: &(Self, String), session: Option<&str>) -> Vec<Self> {
        let mut offered = vec![
            Self::Forever,
            Self::Restart,
            Self::Session,
            Self::Minutes,
            Self::Hours,
            Self::Until,
            Self::Kept,
        ];
        offered.retain(|kind| match kind {
            Self::Session => session.is_some(),
            Self::Kept => lifetime.0 == Self::Kept,
            _ => true,
        });
        offered
    }

    /// The choice and the text that make this text form.
    #[must_use]
    pub fn split(text: &str) -> (Self, String) {
        match text.parse() {
            Ok(Lifetime::Forever) => (Self::Forever, String::new()),
            Ok(Lifetime::Restart) => (Self::Restart, String::new()),
            Ok(Lifetime::Until(end)) => (Self::Until, wall_clock(end)),
            Ok(Lifetime::Session(_) | Lifetime::Process(_)) | Err(_) => {
                (Self::Kept, text.to_owned())
            }
        }
    }

    /// For people.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Forever => gettext("Forever"),
            Self::Restart => gettext("Until the computer restarts"),
            Self::Session => gettext("Until I log out"),
            Self::Minutes => gettext("For some minutes"),
            Self::Hours => gettext("For some hours"),
            Self::Until => gettext("Until a certain time"),
            Self::Kept => gettext("As it was made"),
        }
    }

    /// The text form for this choice with this text, at a time in milliseconds since the epoch.
    #[must_use]
    pub fn text(self, value: &str, now: u64) -> String {
        let from_now = |unit: u64| match value.trim().parse::<u64>() {
            Ok(count) => {
                let end = now.saturating_add(count.saturating_mul(unit));
                format!("until:{}", Timestamp::from_millis(end))
            }
            Err(_) => format!("until:{}", value.trim()),
        };
        match self {
            Self::Forever => "forever".into(),
            Self::Restart => "restart".into(),
            Self::Session => format!("session:{value}"),
            Self::Minutes => from_now(60_000),
            Self::Hours => from_now(3_600_000),
            // What is no time becomes a text that is refused.
            Self::Until => match from_wall_clock(value) {
                Some(end) => format!("until:{end}"),
                None => format!("until:{}", value.trim()),
            },
            Self::Kept => value.into(),
        }
    }
}

/// A point in time as the editor shows it: `2026-11-24 10:00` in the local time zone.
#[must_use]
pub fn wall_clock(time: Timestamp) -> String {
    let seconds = i64::try_from(time.as_millis() / 1000).unwrap_or(i64::MAX);
    glib::DateTime::from_unix_local(seconds)
        .and_then(|time| time.format("%Y-%m-%d %H:%M"))
        .map_or_else(|_| time.to_string(), Into::into)
}

/// A point in time as people write it down: with a space or a `T` between date and time.
#[must_use]
pub fn from_wall_clock(text: &str) -> Option<Timestamp> {
    let iso = text.trim().replacen(' ', "T", 1);
    let seconds = match iso.matches(':').count() {
        1 => ":00",
        _ => "",
    };
    let zone = glib::TimeZone::local();
    let time = glib::DateTime::from_iso8601(&format!("{iso}{seconds}"), Some(&zone)).ok()?;
    let seconds = u64::try_from(time.to_unix()).ok()?;
    Some(Timestamp::from_millis(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_ends_so_long_after_it_is_saved() {
        let now = 1_700_000_000_000;
        assert_eq!(
            LifetimeKind::Minutes.text("90", now),
            LifetimeKind::Hours.text("1", now + 30 * 60_000)
        );
        assert_eq!(
            LifetimeKind::Hours.text(" 2 ", now).parse(),
            Ok(Lifetime::Until(Timestamp::from_millis(now + 7_200_000)))
        );
        for nonsense in ["", "x", "-1", "1.5"] {
            let text = LifetimeKind::Minutes.text(nonsense, now);
            assert!(text.parse::<Lifetime>().is_err(), "{text}");
        }
        let end_of_days = LifetimeKind::Hours.text(&u64::MAX.to_string(), now);
        assert!(end_of_days.starts_with("until:"));
    }

    #[test]
    fn what_cannot_be_had_is_not_offered() {
        let forever = (LifetimeKind::Forever, String::new());
        let offered = LifetimeKind::offered(&forever, None);
        assert!(!offered.contains(&LifetimeKind::Session));
        assert!(!offered.contains(&LifetimeKind::Kept));
        assert!(LifetimeKind::offered(&forever, Some("c2")).contains(&LifetimeKind::Session));
        let kept = LifetimeKind::split("process:12:345");
        assert!(LifetimeKind::offered(&kept, None).contains(&LifetimeKind::Kept));
    }

    #[test]
    fn a_time_is_read_as_it_is_shown() {
        let end = from_wall_clock("2031-05-06 07:08").unwrap();
        assert_eq!(wall_clock(end), "2031-05-06 07:08");
        assert_eq!(from_wall_clock(" 2031-05-06T07:08:00 "), Some(end));
        for nonsense in ["", "soon", "2031-13-01 10:00", "2031-02-30 10:00", "10:00"] {
            assert_eq!(from_wall_clock(nonsense), None, "{nonsense}");
        }
    }
}
