//! The questions that are open. One is shown, the oldest; the others wait for their turn.

use std::collections::VecDeque;

use bastion_ipc::wire::Question;

/// Open questions, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    questions: VecDeque<Question>,
}

/// What a change of the stack means for the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It shows the same as before.
    Same,
    /// It shows the same question, but another process waits for the answer, or something else is
    /// known of its program.
    More,
    /// It has to show another question, or the same one with other answers.
    Other,
    /// There is nothing to show any more.
    Nothing,
}

impl Stack {
    /// The question to show.
    #[must_use]
    pub fn shown(&self) -> Option<&Question> {
        self.questions.front()
    }

    /// All of them, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Question> {
        self.questions.iter()
    }

    /// How many wait behind the one shown.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.questions.len().saturating_sub(1)
    }

    /// Adds a question; one with the same id is replaced where it stands.
    pub fn ask(&mut self, question: Question) -> Shown {
        let known = self.questions.iter().position(|q| q.id == question.id);
        let changed = match known.and_then(|index| self.questions.get_mut(index)) {
            Some(place) if *place == question => Shown::Same,
            Some(place) => {
                let before = std::mem::replace(place, question);
                match place.asks_the_same(&before) {
                    true => Shown::More,
                    false => Shown::Other,
                }
            }
            None => {
                self.questions.push_back(question);
                Shown::Other
            }
        };
        match (known, self.questions.len()) {
            (Some(0), _) | (None, 1) => changed,
            _ => Shown::Same,
        }
    }

    /// Takes a question away, because it is answered or needs no answer any more.
    pub fn remove(&mut self, id: u64) -> Shown {
        let was = self.shown().map(|question| question.id);
        self.questions.retain(|question| question.id != id);
        self.after(was)
    }

    /// Takes away every question whose time was over at `time`.
    pub fn expire(&mut self, time: u64) -> Shown {
        let was = self.shown().map(|question| question.id);
        self.questions.retain(|question| question.deadline > time);
        self.after(was)
    }

    fn after(&self, was: Option<u64>) -> Shown {
        match self.shown().map(|question| question.id) {
            None => Shown::Nothing,
            now if now == was => Shown::Same,
            _ => Shown::Other,
        }
    }

    /// Forgets everything, because whoever asked is gone.
    pub fn clear(&mut self) {
        self.questions.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(id: u64, deadline: u64) -> Question {
        Question {
            id,
            deadline,
            ..Question::default()
        }
    }

    #[test]
    fn the_oldest_is_shown_and_the_others_follow() {
        let mut stack = Stack::default();
        assert_eq!(stack.ask(question(1, 10)), Shown::Other);
        assert_eq!(stack.ask(question(2, 20)), Shown::Same);
        assert_eq!(stack.ask(question(3, 30)), Shown::Same);
        assert_eq!((stack.shown().unwrap().id, stack.waiting()), (1, 2));
        assert_eq!(stack.remove(2), Shown::Same);
        assert_eq!(stack.remove(1), Shown::Other);
        assert_eq!((stack.shown().unwrap().id, stack.waiting()), (3, 0));
        assert_eq!(stack.remove(3), Shown::Nothing);
        assert_eq!(stack.remove(3), Shown::Nothing);
    }

    #[test]
    fn a_question_asked_again_keeps_its_place() {
        let mut stack = Stack::default();
        let _ = stack.ask(question(1, 10));
        let _ = stack.ask(question(2, 20));
        assert_eq!(stack.ask(question(1, 10)), Shown::Same);
        assert_eq!(stack.ask(question(2, 25)), Shown::Same);
        assert_eq!(stack.ask(question(1, 15)), Shown::Other);
        assert_eq!(stack.waiting(), 1);
    }

    #[test]
    fn more_about_the_same_question_is_told_from_another_question() {
        let more = |id, deadline| Question {
            details: Some(bastion_ipc::wire::Details::default()),
            ..question(id, deadline)
        };
        let mut stack = Stack::default();
        let _ = stack.ask(question(1, 10));
        let _ = stack.ask(question(2, 20));
        assert_eq!(stack.ask(more(1, 10)), Shown::More);
        assert_eq!(stack.ask(more(1, 10)), Shown::Same);
        assert_eq!(stack.ask(more(2, 20)), Shown::Same);
        assert_eq!(stack.ask(more(1, 15)), Shown::Other);
        assert_eq!(stack.shown(), Some(&more(1, 15)));
        assert_eq!(stack.remove(1), Shown::Other);
        assert_eq!(stack.shown(), Some(&more(2, 20)));
    }

    #[test]
    fn another_process_of_the_program_asks_the_same() {
        let mut stack = Stack::default();
        let _ = stack.ask(question(1, 10));
        let other = Question {
            pid: 77,
            arguments: vec!["x".into()],
            working_directory: "/tmp".into(),
            parents: vec!["/usr/bin/sh".into()],
            ..question(1, 10)
        };
        assert_eq!(stack.ask(other.clone()), Shown::More);
        assert_eq!(stack.shown(), Some(&other));
        for differs in [
            |q: &mut Question| q.program = "/usr/bin/x".into(),
            |q: &mut Question| q.uid = 7,
            |q: &mut Question| q.destination = "192.0.2.9".into(),
            |q: &mut Question| q.port = 80,
            |q: &mut Question| q.protocol = "udp".into(),
            |q: &mut Question| q.scopes.push("flow".into()),
        ] {
            let _ = stack.ask(question(1, 10));
            let mut other = other.clone();
            differs(&mut other);
            assert_eq!(stack.ask(other), Shown::Other);
        }
    }

    #[test]
    fn what_is_over_goes() {
        let mut stack = Stack::default();
        let _ = stack.ask(question(1, 10));
        let _ = stack.ask(question(2, 20));
        assert_eq!(stack.expire(9), Shown::Same);
        assert_eq!(stack.expire(10), Shown::Other);
        assert_eq!(stack.expire(99), Shown::Nothing);
    }
}
