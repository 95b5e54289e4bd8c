//! Settings on their way to the helper: what it has, what the user wants, and what it was asked for.
//! It is asked for one thing at a time, since an administrator may have to authenticate for each.

use bastion_ipc::wire::WireSettings;

/// What the helper has, and what the user wants it to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    stored: WireSettings,
    wanted: WireSettings,
    /// What the helper was asked to store and has not answered yet.
    sent: Option<WireSettings>,
}

impl Changes {
    /// The helper has these settings, and nobody wants others.
    #[must_use]
    pub fn none(stored: WireSettings) -> Self {
        Self {
            wanted: stored.clone(),
            stored,
            sent: None,
        }
    }

    /// What the helper has.
    #[must_use]
    pub fn stored(&self) -> &WireSettings {
        &self.stored
    }

    /// What the user wants.
    #[must_use]
    pub fn wanted(&self) -> &WireSettings {
        &self.wanted
    }

    /// The user wants these.
    pub fn want(&mut self, wanted: WireSettings) {
        self.wanted = wanted;
    }

    /// True while the helper does not have what the user wants, or owes an answer.
    #[must_use]
    pub fn are_open(&self) -> bool {
        self.sent.is_some() || self.wanted != self.stored
    }

    /// True if there is something to ask the helper for, and it owes no answer.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.sent.is_none() && self.wanted != self.stored
    }

    /// What to ask the helper for now. What is wanted meanwhile waits for its answer.
    pub fn send(&mut self) -> Option<WireSettings> {
        if !self.is_due() {
            return None;
        }
        self.sent = Some(self.wanted.clone());
        self.sent.clone()
    }

    /// The helper has stored what it was asked for.
    pub fn accepted(&mut self) {
        if let Some(sent) = self.sent.take() {
            self.stored = sent;
        }
    }

    /// The helper has not stored it. Of what is wanted that alone is undone: what the user has
    /// changed since then is still to be asked for.
    pub fn refused(&mut self) {
        if let Some(sent) = self.sent.take() {
            undo(&mut self.wanted, &sent, &self.stored);
        }
    }
}

/// Puts each setting that is still wanted as it was sent back to what is stored.
fn undo(wanted: &mut WireSettings, sent: &WireSettings, stored: &WireSettings) {
    // Named one by one, so that none is forgotten when there are more.
    let WireSettings {
        mode,
        when_down,
        prompt_timeout,
        prompt_default,
        log_days,
        log_events,
        safeguard,
        safeguard_questions,
        safeguard_packets,
        safeguard_calm,
    } = wanted;
    back(mode, &sent.mode, &stored.mode);
    back(when_down, &sent.when_down, &stored.when_down);
    for (wanted, sent, stored) in [
        (prompt_timeout, sent.prompt_timeout, stored.prompt_timeout),
        (log_days, sent.log_days, stored.log_days),
        (log_events, sent.log_events, stored.log_events),
    ] {
        back(wanted, &sent, &stored);
    }
    back(prompt_default, &sent.prompt_default, &stored.prompt_default);
    back(safeguard, &sent.safeguard, &stored.safeguard);
    for (wanted, sent, stored) in [
        (
            safeguard_questions,
            sent.safeguard_questions,
            stored.safeguard_questions,
        ),
        (
            safeguard_packets,
            sent.safeguard_packets,
            stored.safeguard_packets,
        ),
        (safeguard_calm, sent.safeguard_calm, stored.safeguard_calm),
    ] {
        back(wanted, &sent, &stored);
    }
}

fn back<T: Clone + PartialEq>(wanted: &mut T, sent: &T, stored: &T) {
    if wanted == sent {
        wanted.clone_from(stored);
    }
}

#[cfg(test)]
mod tests {
    use bastion_policy::settings::Settings;

    use super::*;

    fn usual() -> WireSettings {
        WireSettings::from(&Settings::default())
    }

    fn learning() -> WireSettings {
        WireSettings {
            mode: "learn".into(),
            ..usual()
        }
    }

    /// Other settings in every respect.
    fn others() -> WireSettings {
        let more = |value: Option<u32>| value.map(|value| value + 1);
        let usual = usual();
        WireSettings {
            mode: "learn".into(),
            when_down: "closed".into(),
            prompt_timeout: usual.prompt_timeout + 1,
            prompt_default: Some("allow".into()),
            log_days: usual.log_days + 1,
            log_events: usual.log_events + 1,
            safeguard: usual.safeguard.map(|on| !on),
            safeguard_questions: more(usual.safeguard_questions),
            safeguard_packets: more(usual.safeguard_packets),
            safeguard_calm: more(usual.safeguard_calm),
        }
    }

    #[test]
    fn a_refusal_undoes_what_was_refused_and_nothing_else() {
        let mut changes = Changes::none(usual());
        changes.want(learning());
        assert_eq!(changes.send(), Some(learning()));
        changes.want(WireSettings {
            log_days: 7,
            ..learning()
        });
        changes.refused();
        let since = WireSettings {
            log_days: 7,
            ..usual()
        };
        assert_eq!(changes.wanted(), &since);
        assert_eq!(changes.stored(), &usual());
        assert_eq!(changes.send(), Some(since));
    }

    #[test]
    fn whatever_was_refused_is_undone() {
        let mut changes = Changes::none(usual());
        changes.want(others());
        changes.send();
        assert!(changes.are_open());
        changes.refused();
        assert!(!changes.are_open());
        assert_eq!(changes.wanted(), &usual());
        assert_eq!(changes.send(), None, "it is not asked for again");
    }

    #[test]
    fn what_was_changed_again_since_is_the_users_last_word() {
        let days = |log_days| WireSettings {
            log_days,
            ..usual()
        };
        let mut changes = Changes::none(days(30));
        changes.want(days(7));
        changes.send();
        changes.want(days(14));
        changes.refused();
        assert_eq!(changes.send(), Some(days(14)));
    }

    #[test]
    fn one_thing_is_asked_for_at_a_time() {
        let mut changes = Changes::none(usual());
        assert_eq!(changes.send(), None);
        changes.want(learning());
        changes.send();
        changes.want(others());
        assert_eq!(changes.send(), None, "an answer is owed");
        changes.accepted();
        assert_eq!(changes.stored(), &learning());
        assert_eq!(changes.send(), Some(others()));
        // Who changes their mind meanwhile has what they want only after another change.
        changes.want(learning());
        changes.accepted();
        assert_eq!(changes.send(), Some(learning()));
    }
}
