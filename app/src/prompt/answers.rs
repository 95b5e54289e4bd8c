//! Answers: given with the buttons or by closing the window, and what becomes of them.

use adw::prelude::*;
use bastion_ipc::wire::Answer;
use bastion_policy::rule::Action;
use relm4::ComponentSender;

use super::view::View;
use super::{Output, Prompt, tell};
use crate::client::Failure;
use crate::model::question;

impl Prompt {
    /// True when this answer now would be meant.
    pub(super) fn answerable(&self, action: Action) -> bool {
        let guard = match action {
            Action::Allow => self.guard,
            _ => self.deny_guard,
        };
        let shown = self.text.as_ref().map(|text| text.id);
        shown.is_some_and(|id| !self.answering.contains(&id))
            && guard.is_open((self.clock.steady)())
    }

    pub(super) fn press(&mut self, action: Action, view: &View, sender: &ComponentSender<Self>) {
        let Some(text) = self.text.as_ref().filter(|_| self.answerable(action)) else {
            return;
        };
        let chosen = |row: &adw::ComboRow, choices: &[question::Choice]| {
            let selected = usize::try_from(row.selected()).unwrap_or(usize::MAX);
            choices.get(selected).or(choices.first()).cloned()
        };
        let (Some(scope), Some(lifetime)) = (
            chosen(&view.scope, &text.scopes),
            chosen(&view.lifetime, &text.lifetimes),
        ) else {
            return;
        };
        self.settings.set_text("prompt-scope", &scope.value);
        self.settings.set_text("prompt-lifetime", &lifetime.value);
        view.show_failure("");
        self.answering.insert(text.id);
        let answer = question::answer(action, &scope.value, &lifetime.value);
        give(sender, text.id, answer);
    }

    pub(super) fn settled(
        &mut self,
        id: u64,
        result: Result<(), Failure>,
        view: &View,
        window: &adw::Window,
        sender: &ComponentSender<Self>,
    ) {
        self.answering.remove(&id);
        match result {
            Ok(()) | Err(Failure::Gone(_)) => {
                let shown = self.stack.remove(id);
                self.turn(shown, view, window, sender);
            }
            Err(failure) if self.text.as_ref().is_some_and(|text| text.id == id) => {
                view.show_failure(&failure.sentence());
                self.restart_guards();
            }
            Err(failure) => tell(sender, Output::Unanswered(failure.sentence())),
        }
    }

    /// Denies once. Where that would take an administrator, nobody is bothered: the question runs
    /// out of time, which denies it as well.
    pub(super) fn close(
        &mut self,
        view: &View,
        window: &adw::Window,
        sender: &ComponentSender<Self>,
    ) {
        let deniable = self.answerable(Action::Deny);
        let Some(text) = self.text.as_ref().filter(|_| deniable) else {
            return;
        };
        let id = text.id;
        if !text.needs_administrator {
            give(sender, id, question::once(Action::Deny));
        }
        let shown = self.stack.remove(id);
        self.turn(shown, view, window, sender);
    }
}

pub(super) fn give(sender: &ComponentSender<Prompt>, id: u64, answer: Answer) {
    tell(sender, Output::Answer(id, answer));
}
