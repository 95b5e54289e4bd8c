//! Notifications of questions that are not seen in the window, and answers from them.

use adw::prelude::*;
use bastion_ipc::wire::Question;
use bastion_policy::rule::Action;
use relm4::ComponentSender;

use super::answers::give;
use super::{Output, Prompt, tell, view};
use crate::i18n::gettext_f;
use crate::model::notice::{Open, When, Wording};
use crate::model::question::{self, QuestionText};
use crate::settings::QUESTION_NOTIFICATIONS;

impl Prompt {
    /// Has the desktop show what it is to show by now.
    pub(super) fn notify(&mut self, window: &adw::Window, sender: &ComponentSender<Self>) {
        let when = When::parse(&self.settings.text(QUESTION_NOTIFICATIONS));
        let open = self.open(window);
        let now = (self.clock.steady)();
        for news in self.notices.update(when, &open, now) {
            tell(sender, Output::Desktop(news));
        }
    }

    /// An answer that a notification offered was chosen.
    pub(super) fn answer_notified(
        &mut self,
        (id, number, action): (u64, u64, Action),
        window: &adw::Window,
        sender: &ComponentSender<Self>,
    ) {
        let open = self.open(window);
        let open = open.iter().find(|open| open.id == id);
        let now = (self.clock.steady)();
        match self.notices.take(id, number, action, open, now) {
            Ok(()) => {
                self.answering.insert(id);
                give(sender, id, question::once(action));
            }
            Err(refusal) => tell(sender, Output::Unanswered(refusal.sentence())),
        }
    }

    /// The questions as they stand. What their notifications say is put together once for each, and
    /// again when it changes: it takes files, and this is looked at many times a second.
    fn open(&mut self, window: &adw::Window) -> Vec<Open> {
        let shown = self.stack.shown().map(|question| question.id);
        let in_front = window.is_visible() && window.is_active();
        let mut before = std::mem::take(&mut self.worded);
        let open = |question: &Question| {
            let kept = before.remove(&question.id);
            let worded = kept
                .filter(|(worded, _)| worded == question)
                .unwrap_or_else(|| (question.clone(), wording(&QuestionText::new(question))));
            let wording = worded.1.clone();
            self.worded.insert(question.id, worded);
            Open {
                id: question.id,
                seen: in_front && shown == Some(question.id),
                answering: self.answering.contains(&question.id),
                wording,
            }
        };
        self.stack.all().map(open).collect()
    }
}

/// What a notification says of a question. It offers no more than it can tell: Allow only where
/// there is nothing to warn of, and nothing where somebody would have to authenticate.
fn wording(text: &QuestionText) -> Wording {
    let answers = match (text.needs_administrator, text.warnings.is_empty()) {
        (true, _) => Vec::new(),
        (false, false) => vec![Action::Deny],
        (false, true) => vec![Action::Allow, Action::Deny],
    };
    let program = view::look(text).name;
    let values = [
        ("destination", text.destination.as_str()),
        ("service", text.service.as_str()),
        ("path", text.path.as_str()),
    ];
    let mut body = vec![gettext_f("To {destination}, {service}.\n{path}", &values)];
    body.extend(text.warnings.iter().cloned());
    Wording {
        title: gettext_f("{program} Wants to Connect", &[("program", &program)]),
        body: body.join("\n"),
        answers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(change: impl FnOnce(&mut Question)) -> Wording {
        let mut question = Question {
            program: "/usr/bin/curl".into(),
            protocol: "tcp".into(),
            destination: "192.0.2.7".into(),
            host: "example.org".into(),
            port: 443,
            ..Question::default()
        };
        change(&mut question);
        wording(&QuestionText::new(&question))
    }

    #[test]
    fn a_notification_offers_no_more_than_it_can_tell() {
        let plain = said(|_| {});
        assert_eq!(plain.title, "curl Wants to Connect");
        assert_eq!(plain.body, "To example.org, TCP, port 443.\n/usr/bin/curl");
        assert_eq!(plain.answers, [Action::Allow, Action::Deny]);
        let doubtful = said(|question| question.replaced = true);
        assert_eq!(doubtful.answers, [Action::Deny]);
        assert!(doubtful.body.contains("was replaced"), "{doubtful:?}");
        let system = said(|question| question.needs_administrator = true);
        assert_eq!(system.answers, []);
    }
}
