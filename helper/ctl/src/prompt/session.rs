//! What to show and to answer. Pure: time comes in with each input.

use std::collections::VecDeque;

use bastion_ipc::wire::{Answer, Question};

use super::{details, view};

/// Keys do nothing so soon after a question appears, in milliseconds: they were typed for
/// something else.
const GUARD: u64 = 500;

/// What happened.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// The helper asks.
    Ask(Box<Question>),
    /// The helper needs no answer any more. The reason is in text form; empty when not known.
    Withdraw {
        /// Which question.
        id: u64,
        /// Why.
        reason: String,
    },
    /// Somebody pressed a key.
    Key(char),
    /// The helper took the answer.
    Answered(u64),
    /// The helper refused the answer; the question stays open.
    Refused(String),
    /// The helper left the bus, and its questions with it.
    HelperGone,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Show the first question in full.
    Show,
    /// Show what was found out about the program of the first question.
    Found,
    /// Tell that the first question is about another process of the same program by now.
    Process,
    /// Show what can be chosen, again.
    Choices,
    /// Tell the person.
    Say(String),
    /// Answer the question.
    Answer(u64, Answer),
    /// End.
    Leave,
}

/// The question a person sees.
#[derive(Clone, Debug)]
pub(super) struct Shown<'a> {
    /// The question.
    pub(super) question: &'a Question,
    /// How much an answer would cover, in text form.
    pub(super) scope: &'a str,
    /// How long it would hold, in text form.
    pub(super) lifetime: &'a str,
    /// How many more questions wait.
    pub(super) more: usize,
    /// Seconds until it is denied for want of an answer.
    pub(super) seconds_left: u64,
}

/// The questions that are open; the first is the one shown.
#[derive(Debug, Default)]
pub(super) struct Session {
    questions: VecDeque<Question>,
    scope: usize,
    lifetime: usize,
    /// When keys begin to count.
    live_at: u64,
    /// When those keys do that can't do harm, as denying. No change of the question puts this
    /// off, for a program can make it change all the time.
    safe_at: u64,
    /// Whether another process was told of.
    told_process: bool,
}

/// Keys that count from [`Session::safe_at`] on.
const SAFE_KEYS: [char; 4] = ['d', 'x', 'n', '?'];

impl Session {
    /// The question to show at `now` (milliseconds since the Unix epoch).
    pub(super) fn shown(&self, now: u64) -> Option<Shown<'_>> {
        let question = self.questions.front()?;
        Some(Shown {
            question,
            scope: choice(&question.scopes, self.scope).unwrap_or("flow"),
            lifetime: choice(&question.lifetimes, self.lifetime).unwrap_or("once"),
            more: self.questions.len() - 1,
            seconds_left: question.deadline.saturating_sub(now) / 1_000,
        })
    }

    /// Takes in what happened at `now`, and says what to do.
    pub(super) fn handle(&mut self, input: Input, now: u64) -> VecDeque<Effect> {
        match input {
            Input::Ask(question) => self.ask(*question, now),
            Input::Withdraw { id, reason } => {
                let said = view::withdrawn(&reason);
                self.close(id, now, |question| view::about(question, &said))
            }
            Input::Answered(id) => self.close(id, now, |_| "Answered.".into()),
            Input::Refused(why) => [Effect::Say(why), Effect::Choices].into(),
            Input::HelperGone => {
                self.questions.clear();
                [Effect::Say(view::HELPER_GONE.into())].into()
            }
            Input::Key('q') => [Effect::Leave].into(),
            Input::Key(key) => {
                let from = match SAFE_KEYS.contains(&key) {
                    true => self.safe_at,
                    false => self.live_at,
                };
                match now < from {
                    true => VecDeque::new(),
                    false => self.key(key, now),
                }
            }
        }
    }

    fn ask(&mut self, question: Question, now: u64) -> VecDeque<Effect> {
        let known = self.questions.iter().position(|q| q.id == question.id);
        if let Some(position) = known {
            return self.ask_again(position, question, now);
        }
        self.questions.push_back(question);
        match self.questions.len() {
            1 => self.show_first(now),
            _ => VecDeque::new(),
        }
    }

    /// The helper asks again because it registered this agent anew, because it has found out more
    /// about the program, or because another process waits now.
    fn ask_again(&mut self, position: usize, question: Question, now: u64) -> VecDeque<Effect> {
        let Some(place) = self.questions.get_mut(position) else {
            return VecDeque::new();
        };
        let before = std::mem::replace(place, question);
        if position > 0 || *place == before {
            return VecDeque::new();
        }
        if !place.asks_the_same(&before) {
            let safe_at = self.safe_at;
            let effects = self.show_first(now);
            self.safe_at = safe_at;
            return effects;
        }
        let warned = view::warnings(place) != view::warnings(&before);
        let other_process = process(place) != process(&before);
        let found = details::facts(place) != details::facts(&before);
        // A key pressed before a new warning could be read does not count, as with new questions.
        if warned {
            self.live_at = now.saturating_add(GUARD);
        }
        // Of another process, as much is found out again; told each time, that could go on and on.
        if warned || found && !other_process && !self.told_process {
            return [Effect::Found, Effect::Choices].into();
        }
        match other_process && !std::mem::replace(&mut self.told_process, true) {
            true => [Effect::Process].into(),
            false => VecDeque::new(),
        }
    }

    /// The first question becomes the one shown, with the narrowest choices.
    fn show_first(&mut self, now: u64) -> VecDeque<Effect> {
        self.scope = 0;
        self.lifetime = 0;
        self.live_at = now.saturating_add(GUARD);
        self.safe_at = self.live_at;
        self.told_process = false;
        match self.questions.is_empty() {
            true => VecDeque::new(),
            false => [Effect::Show].into(),
        }
    }

    fn close(
        &mut self,
        id: u64,
        now: u64,
        say: impl FnOnce(&Question) -> String,
    ) -> VecDeque<Effect> {
        let Some(position) = self.questions.iter().position(|open| open.id == id) else {
            return VecDeque::new();
        };
        let Some(question) = self.questions.remove(position) else {
            return VecDeque::new();
        };
        let mut effects = VecDeque::from([Effect::Say(say(&question))]);
        // One that nobody saw yet goes without a word.
        if position > 0 {
            return VecDeque::new();
        }
        effects.extend(self.show_first(now));
        effects
    }

    fn key(&mut self, key: char, now: u64) -> VecDeque<Effect> {
        let Some(shown) = self.shown(now) else {
            return VecDeque::new();
        };
        let answer = |action: &str| {
            let answer = Answer {
                action: action.to_owned(),
                scope: Some(shown.scope.to_owned()),
                lifetime: Some(shown.lifetime.to_owned()),
            };
            [Effect::Answer(shown.question.id, answer)].into()
        };
        match key {
            'a' => answer("allow"),
            'd' => answer("deny"),
            'x' => answer("drop"),
            's' => {
                self.scope = next(self.scope, shown.question.scopes.len());
                [Effect::Choices].into()
            }
            'l' => {
                self.lifetime = next(self.lifetime, shown.question.lifetimes.len());
                [Effect::Choices].into()
            }
            'n' if shown.more > 0 => {
                self.questions.rotate_left(1);
                self.show_first(now)
            }
            '?' => {
                self.told_process = false;
                [Effect::Show].into()
            }
            _ => VecDeque::new(),
        }
    }
}

/// What is shown of the process that waits.
fn process(question: &Question) -> (u32, &[String], &str, &[String]) {
    let directory = &question.working_directory;
    (
        question.pid,
        &question.arguments,
        directory,
        &question.parents,
    )
}

fn choice(choices: &[String], chosen: usize) -> Option<&str> {
    choices.get(chosen).map(String::as_str)
}

/// The choice after this one; the first after the last.
fn next(chosen: usize, choices: usize) -> usize {
    (chosen + 1).checked_rem(choices).unwrap_or(0)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
