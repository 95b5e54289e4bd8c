//! What a screen reader says of its own accord: each new question, and when its time is nearly over.

/// So much time is left when it is said how much.
const LAST_MILLIS: u64 = 10_000;
/// A window that is only just there is not known to screen readers yet: so many looks later it is.
const LOOKS: u32 = 3;

/// What was said of the shown question.
#[derive(Debug, Default)]
pub(super) struct Speech {
    unsaid: Option<String>,
    looks: u32,
    hurried: bool,
}

impl Speech {
    /// Another question is shown, and this is to be said of it.
    pub(super) fn begin(&mut self, text: String) {
        *self = Self {
            unsaid: Some(text),
            ..Self::default()
        };
    }

    /// What to say now that somebody looks again. `rest` are the milliseconds left, and
    /// `time_left` the words for them.
    pub(super) fn go_on(&mut self, mapped: bool, rest: u64, time_left: &str) -> Vec<String> {
        let mut said = Vec::new();
        self.looks += u32::from(mapped);
        if self.looks > LOOKS {
            said.extend(self.unsaid.take());
        }
        if !self.hurried && rest <= LAST_MILLIS {
            self.hurried = true;
            said.push(time_left.to_owned());
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_said_once_when_its_window_is_there_and_again_before_it_is_over() {
        let mut speech = Speech::default();
        speech.begin("asked".into());
        for _ in 0..9 {
            assert!(speech.go_on(false, 60_000, "").is_empty());
        }
        for _ in 0..LOOKS {
            assert!(speech.go_on(true, 60_000, "").is_empty());
        }
        assert_eq!(speech.go_on(true, 60_000, ""), ["asked"]);
        assert!(speech.go_on(true, 10_001, "").is_empty());
        assert_eq!(speech.go_on(true, 10_000, "10 seconds"), ["10 seconds"]);
        assert!(speech.go_on(true, 9_900, "10 seconds").is_empty());
        speech.begin("another".into());
        assert_eq!(speech.go_on(true, 5_000, "5 seconds"), ["5 seconds"]);
    }
}
