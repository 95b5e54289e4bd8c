//! Steps that a person can follow.

use std::fmt::Display;

/// Counts steps and prints each as it ends.
#[derive(Debug, Default)]
pub struct Tour {
    passed: u32,
    failed: u32,
}

impl Tour {
    /// A tour of no steps yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a step: `look` does something and says what was seen. The step
    /// passes if that is what was expected.
    pub fn step<E: Display>(
        &mut self,
        what: &str,
        expected: &str,
        look: impl FnOnce() -> Result<String, E>,
    ) -> bool {
        let seen = look();
        let passed = matches!(&seen, Ok(seen) if seen == expected);
        let seen = seen.unwrap_or_else(|error| format!("an error: {error}"));
        self.report(what, expected, &seen, passed)
    }

    /// Takes a step whose outcome is more than one text: `look` says what was
    /// seen and whether that is what was expected.
    pub fn judge<E: Display>(
        &mut self,
        what: &str,
        expected: &str,
        look: impl FnOnce() -> Result<(String, bool), E>,
    ) -> bool {
        let (seen, passed) = look().unwrap_or_else(|error| (format!("an error: {error}"), false));
        self.report(what, expected, &seen, passed)
    }

    fn report(&mut self, what: &str, expected: &str, seen: &str, passed: bool) -> bool {
        let count = if passed {
            &mut self.passed
        } else {
            &mut self.failed
        };
        *count += 1;
        println!(
            "{} {what}\n     expected: {expected}\n     seen:     {}",
            if passed { "ok  " } else { "FAIL" },
            seen.trim_end()
        );
        passed
    }

    /// Prints the last line, and says whether every step passed and there was one.
    #[must_use]
    pub fn finish(&self) -> bool {
        println!("tour: {} passed, {} failed", self.passed, self.failed);
        self.failed == 0 && self.passed > 0
    }
}
