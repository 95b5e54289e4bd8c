//! Notifications of the desktop.

use bastion_policy::rule::Action;
use gtk::gio;
use gtk::gio::prelude::*;

use crate::i18n::gettext;
use crate::model::notice::{News, Wording};
use crate::model::safeguard::Change;

/// A later notification takes the place of the one before: only one of both can be true.
const SAFEGUARD: &str = "safeguard";
/// That an answer counted for nothing.
const UNANSWERED: &str = "unanswered";
/// The action of the app that answers a question, by the numbers of question and notification.
pub(crate) const ANSWER: &str = "answer-question";
/// The type of its parameter.
pub(crate) const ANSWER_TYPE: &str = "(tts)";
/// The action of the app that shows the question.
pub(crate) const SHOW_QUESTION: &str = "show-question";

/// Tells the user that Safeguard has begun or ended, also where no window is open. A click on it
/// activates `action`.
pub fn of_safeguard(application: &impl IsA<gio::Application>, change: Change, action: &str) {
    let notification = gio::Notification::new(&change.title());
    notification.set_body(Some(&change.body()));
    notification.set_priority(match change {
        // Not urgent, which is for what must not wait at all: this ends by itself.
        Change::Entered => gio::NotificationPriority::High,
        Change::Left { .. } => gio::NotificationPriority::Normal,
    });
    notification.set_default_action(action);
    application.send_notification(Some(SAFEGUARD), &notification);
}

/// Tells of a question, or takes that away.
pub(crate) fn of_question(application: &impl IsA<gio::Application>, news: &News) {
    let name = |id: &u64| format!("question-{id}");
    match news {
        News::Notify {
            id,
            number,
            wording,
        } => {
            let notification = question(*id, *number, wording);
            application.send_notification(Some(&name(id)), &notification);
        }
        News::Withdraw(id) => application.withdraw_notification(&name(id)),
    }
}

fn question(id: u64, number: u64, wording: &Wording) -> gio::Notification {
    let notification = gio::Notification::new(&wording.title);
    notification.set_body(Some(&wording.body));
    notification.set_priority(gio::NotificationPriority::High);
    notification.set_default_action(&format!("app.{SHOW_QUESTION}"));
    for answer in &wording.answers {
        let label = match answer {
            Action::Allow => gettext("Allow Once"),
            Action::Deny | Action::Drop => gettext("Deny Once"),
        };
        let target = (id, number, answer.to_string()).to_variant();
        let action = format!("app.{ANSWER}");
        notification.add_button_with_target_value(&label, &action, Some(&target));
    }
    notification
}

/// Tells that an answer from a notification counted for nothing, and why.
pub(crate) fn of_nothing(application: &impl IsA<gio::Application>, why: &str) {
    let notification = gio::Notification::new(&gettext("Nothing Was Answered"));
    notification.set_body(Some(why));
    notification.set_default_action(&format!("app.{SHOW_QUESTION}"));
    application.send_notification(Some(UNANSWERED), &notification);
}
