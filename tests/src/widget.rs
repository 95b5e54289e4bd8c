//! Saying which widget is meant, and what accessibility says of it.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Says which widget is meant: all that is set must hold. Where a match holds
/// another, the inner one counts; of several, the first in the window's order.
#[derive(Debug, Clone, Default)]
pub struct Find(Map<String, Value>);

impl Find {
    /// A widget of an accessible role, by its AT-SPI name: `button`, `label`,
    /// `check box` (switches, too), `text`, `combo box`, `list item`, `dialog`, `frame`.
    #[must_use]
    pub fn role(role: &str) -> Self {
        Self::default().with("role", role.into())
    }

    /// A button by its name.
    #[must_use]
    pub fn button(name: &str) -> Self {
        Self::role("button").named(name)
    }

    /// Any widget with exactly this name.
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self::default().named(name)
    }

    /// Any widget whose name contains the text.
    #[must_use]
    pub fn containing(text: &str) -> Self {
        Self::default().saying(text)
    }

    /// Whose accessible name contains the text.
    #[must_use]
    pub fn saying(self, text: &str) -> Self {
        self.with("contains", text.into())
    }

    /// Whose accessible name is this.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.with("name", name.into())
    }

    /// That is somewhere inside another widget.
    #[must_use]
    pub fn within(self, ancestor: Self) -> Self {
        self.with("within", Value::Object(ancestor.0))
    }

    /// That is in the top-level window of this title.
    #[must_use]
    pub fn in_window(self, title: &str) -> Self {
        self.within(Self::role("frame").named(title))
    }

    /// The match of this number, from 0; from the end, from -1 on.
    #[must_use]
    pub fn nth(self, n: i64) -> Self {
        self.with("nth", n.into())
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.0.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// What accessibility says of a widget.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Widget {
    /// Its AT-SPI role.
    pub role: String,
    /// Its name, as a screen reader says it.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its text, where it holds one.
    pub text: Option<String>,
    /// Its number, where it has one (levels, sliders, spin buttons).
    pub value: Option<f64>,
    /// Its states: `checked`, `sensitive`, `focused`, `showing`, `selected`, `expanded` and others.
    pub states: Vec<String>,
    /// What assistive tools can do with it.
    pub actions: Vec<String>,
    /// Left, top, width and height within its window, in pixels.
    pub extents: Option<[i32; 4]>,
}

impl Widget {
    /// Whether it has a state.
    #[must_use]
    pub fn is(&self, state: &str) -> bool {
        self.states.iter().any(|s| s == state)
    }
}
