//! The helper's state in words: the hero of the overview, its health, the banner.

use bastion_ipc::wire::Status;

use super::link::{self, Fit};
use super::time;
use crate::i18n::{gettext, gettext_f, ngettext_f};

/// How protected the computer is, at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hero {
    /// In a few words.
    pub title: String,
    /// What it means.
    pub description: String,
    /// Icon name.
    pub icon: &'static str,
    /// Style class that colours the icon.
    pub style: &'static str,
}

impl Hero {
    /// The state as of `now`; `guarded` while Safeguard is on for the user of this session.
    #[must_use]
    pub fn of(status: &Status, guarded: bool, now: u64) -> Self {
        if status.paused_until > now {
            let left = time::left(status.paused_until, now);
            return Self {
                title: gettext("Protection Is Paused"),
                description: gettext_f(
                    "Every connection is allowed for another {left}.",
                    &[("left", &left)],
                ),
                icon: "security-low-symbolic",
                style: "warning",
            };
        }
        if status.mode == "learn" {
            return Self {
                title: gettext("Learning"),
                description: gettext(
                    "Connections that no rule decides are allowed and noted down.",
                ),
                icon: "security-medium-symbolic",
                style: "accent",
            };
        }
        if guarded {
            return Self {
                title: gettext("Safeguard Is On"),
                description: gettext(
                    "Connections that no rule decides are dropped without asking. All others go on.",
                ),
                icon: "security-medium-symbolic",
                style: "warning",
            };
        }
        Self {
            title: gettext("Protection Is On"),
            description: gettext("You are asked about every connection that no rule decides."),
            icon: "security-high-symbolic",
            style: "success",
        }
    }
}

/// A line of the health list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Of what.
    pub title: String,
    /// How it is.
    pub state: String,
    /// True when there is nothing to worry about.
    pub good: bool,
}

/// How senders are identified, and whether the kernel's own records are what it rests on.
fn identification(status: &Status) -> (String, bool) {
    match status.identification.as_str() {
        "packet-path" => (
            gettext("Each program is identified by the kernel, in the packet’s own path"),
            true,
        ),
        "queue-hook" => (
            gettext("Each program is identified by the kernel, as its packets are queued"),
            true,
        ),
        _ => (
            gettext(
                "Programs are identified through socket tables; very short-lived ones may stay unknown",
            ),
            false,
        ),
    }
}

/// The helper's version and age, and whether it fits this window. Where both are of different
/// versions and understand each other, some things may still not work.
fn service(status: &Status, now: u64) -> (String, bool) {
    let since = time::age(status.started, now);
    let values = [("version", status.version.as_str()), ("since", &since)];
    match Fit::of(&status.version, link::OWN_VERSION) {
        Fit::Older => (
            gettext_f(
                "Version {version}, running for {since}; it is older than this window, some things may not work until it is restarted",
                &values,
            ),
            false,
        ),
        Fit::Newer => (
            gettext_f(
                "Version {version}, running for {since}; it is newer than this window, some things may not work until Bastion is started anew",
                &values,
            ),
            false,
        ),
        Fit::Alike => (
            gettext_f("Version {version}, running for {since}", &values),
            true,
        ),
    }
}

/// The health list as of `now`.
#[must_use]
pub fn health(status: &Status, now: u64) -> Vec<Health> {
    let row = |title, state, good| Health { title, state, good };
    let (service, fits) = service(status, now);
    let mut rows = vec![row(gettext("Service"), service, fits)];
    let (identification, proven) = identification(status);
    rows.push(row(gettext("Identification"), identification, proven));
    rows.push(row(
        gettext("Rules in Force"),
        ngettext_f("{n} rule", "{n} rules", status.rules.into(), &[]),
        true,
    ));
    rows.push(row(
        gettext("Prompts"),
        match status.agents {
            0 => gettext("Nobody can be asked; undecided connections are denied"),
            n => ngettext_f(
                "{n} session can be asked",
                "{n} sessions can be asked",
                n.into(),
                &[],
            ),
        },
        status.agents > 0,
    ));
    if status.queue_lost > 0 {
        rows.push(row(
            gettext("Packet Queue"),
            ngettext_f(
                "{n} packet was lost because the queue was full",
                "{n} packets were lost because the queue was full",
                status.queue_lost,
                &[],
            ),
            false,
        ));
    }
    // In full: the banner has room for the first alone, and shortens it.
    let troubles = status.troubles.iter();
    rows.extend(troubles.map(|trouble| row(gettext("Problem"), trouble.clone(), false)));
    rows
}

/// What stands above every page when something needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// What it is, in a sentence or a few.
    pub text: String,
    /// More to be read on demand; may be empty.
    pub details: String,
    /// What the user can end from here.
    pub resume: Option<Resume>,
}

/// What goes on again when the user wants it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Protection, which was paused.
    Protection,
    /// Asking, which Safeguard has stopped: for this user alone or for everybody.
    Asking {
        /// For everybody.
        everybody: bool,
    },
}

/// The banner as of `now`, of what Safeguard is not about; `None` when all is well. A trouble goes
/// before a pause.
#[must_use]
pub fn banner(status: &Status, now: u64) -> Option<Banner> {
    if let Some((first, others)) = status.troubles.split_first() {
        let text = match others.len() {
            0 => first.clone(),
            more => ngettext_f(
                "{trouble} And {n} more problem.",
                "{trouble} And {n} more problems.",
                more as u64,
                &[("trouble", first)],
            ),
        };
        return Some(Banner {
            text,
            details: String::new(),
            resume: None,
        });
    }
    (status.paused_until > now).then(|| Banner {
        text: gettext("Protection is paused"),
        details: String::new(),
        resume: Some(Resume::Protection),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_beats_the_mode_until_it_is_over() {
        let status = Status {
            mode: "learn".into(),
            paused_until: 60_000,
            ..Status::default()
        };
        assert_eq!(Hero::of(&status, true, 0).style, "warning");
        assert_eq!(Hero::of(&status, true, 60_000).style, "accent");
        let resume = banner(&status, 0).unwrap().resume;
        assert_eq!(resume, Some(Resume::Protection));
        assert_eq!(banner(&status, 60_000), None);
    }

    #[test]
    fn while_safeguard_is_on_nobody_claims_to_ask() {
        let status = Status {
            mode: "ask".into(),
            ..Status::default()
        };
        assert_eq!(Hero::of(&status, true, 0).title, "Safeguard Is On");
        assert_eq!(Hero::of(&status, false, 0).title, "Protection Is On");
    }

    #[test]
    fn nobody_to_ask_and_lost_packets_are_not_healthy() {
        let status = Status {
            identification: "packet-path".into(),
            queue_lost: 2,
            ..Status::default()
        };
        let bad = health(&status, 0)
            .into_iter()
            .filter(|row| !row.good)
            .count();
        assert_eq!(bad, 2);
    }

    #[test]
    fn a_helper_of_another_version_is_no_healthy_one() {
        let good = |version: &str| {
            let status = Status {
                version: version.into(),
                ..Status::default()
            };
            health(&status, 0).first().unwrap().good
        };
        assert!(good(link::OWN_VERSION));
        assert!(!good("0.1.0"));
        assert!(!good("999.0.0"));
    }

    #[test]
    fn every_trouble_is_a_line_of_the_health_list() {
        let status = Status {
            troubles: vec!["A.".into(), "B.".into()],
            ..Status::default()
        };
        let lines = health(&status, 0).into_iter().filter(|row| !row.good);
        let states: Vec<_> = lines.map(|row| row.state).collect();
        assert!(states.ends_with(&["A.".to_owned(), "B.".to_owned()]));
    }

    #[test]
    fn troubles_come_first_in_the_banner() {
        let status = Status {
            paused_until: 60_000,
            troubles: vec!["A.".into(), "B.".into()],
            ..Status::default()
        };
        assert_eq!(banner(&status, 0).unwrap().text, "A. And 1 more problem.");
    }
}
