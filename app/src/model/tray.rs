//! What the icon in the tray says.

use bastion_ipc::wire::Status;

use super::link::{Link, Trouble};
use super::status::Hero;
use crate::i18n::ngettext_f;

/// The icon, what it means, and what can be done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrayState {
    /// In a few words.
    pub title: String,
    /// More of it; may be empty.
    pub description: String,
    /// Icon name.
    pub icon: String,
    /// True when the user should look.
    pub attention: bool,
    /// What a pause can be: on or off; none where nothing can be paused.
    pub paused: Option<bool>,
}

impl TrayState {
    /// The state as of `now`; `guarded` while Safeguard is on for the user of this session.
    #[must_use]
    pub fn of(link: &Link, status: &Status, guarded: bool, now: u64) -> Self {
        if let Some(trouble) = Trouble::of(link) {
            return Self {
                title: trouble.title,
                description: trouble.description,
                icon: trouble.icon.into(),
                // What has just begun may be over in a moment.
                attention: *link != Link::Connecting,
                paused: None,
            };
        }
        let hero = Hero::of(status, guarded, now);
        let paused = status.paused_until > now;
        let asking = ngettext_f(
            "{n} question waits for an answer.",
            "{n} questions wait for an answer.",
            status.questions.into(),
            &[],
        );
        let description = match (status.questions, paused) {
            (1.., _) => asking,
            // How long it lasts would be wrong a minute later.
            (0, true) => String::new(),
            (0, false) => hero.description,
        };
        Self {
            title: hero.title,
            description,
            icon: hero.icon.into(),
            attention: guarded || status.questions > 0 || !status.troubles.is_empty(),
            paused: Some(paused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: Status, guarded: bool) -> TrayState {
        TrayState::of(&Link::Ready, &status, guarded, 1_000)
    }

    #[test]
    fn it_tells_the_state_and_what_waits() {
        let calm = state(Status::default(), false);
        assert_eq!(
            (calm.title.as_str(), calm.attention, calm.paused),
            ("Protection Is On", false, Some(false))
        );
        let asked = state(
            Status {
                questions: 2,
                ..Status::default()
            },
            false,
        );
        assert_eq!(
            (asked.description.as_str(), asked.attention),
            ("2 questions wait for an answer.", true)
        );
        let paused = state(
            Status {
                paused_until: 1_001,
                ..Status::default()
            },
            false,
        );
        assert_eq!(
            (
                paused.title.as_str(),
                paused.description.as_str(),
                paused.paused
            ),
            ("Protection Is Paused", "", Some(true))
        );
        let troubled = Status {
            troubles: vec!["The disk is full.".into()],
            ..Status::default()
        };
        assert!(state(troubled, false).attention);
        let guarded = state(Status::default(), true);
        assert_eq!(
            (guarded.title.as_str(), guarded.attention),
            ("Safeguard Is On", true)
        );
    }

    #[test]
    fn without_a_helper_it_warns_and_offers_no_pause() {
        let of = |link: Link| TrayState::of(&link, &Status::default(), false, 0);
        let missing = of(Link::Missing(None));
        assert_eq!(
            (missing.title.as_str(), missing.attention, missing.paused),
            ("Firewall Is Not Running", true, None)
        );
        assert!(!of(Link::Connecting).attention);
    }
}
