//! The row that opens to tell why the question is asked.

use std::cell::RefCell;

use adw::prelude::*;

use bastion_policy::rule::Action;
use relm4::ComponentSender;

use super::parts::fact;
use super::view::View;
use super::{Output, Prompt, tell};
use crate::client::Failure;
use crate::i18n::gettext;
use crate::model::asked::{self, Line};

/// The row, and those within.
#[derive(Debug)]
pub(super) struct Why {
    pub(super) row: adw::ExpanderRow,
    lines: RefCell<Vec<adw::ActionRow>>,
}

impl Why {
    pub(super) fn new() -> Self {
        let row = adw::ExpanderRow::builder()
            .title(gettext("Why Am I Asked?"))
            .build();
        Self {
            row,
            lines: RefCell::default(),
        }
    }

    /// Another question: nobody wants to know yet.
    pub(super) fn reset(&self, otherwise: Action) {
        self.row.set_expanded(false);
        self.show(otherwise, &[]);
    }

    /// Tells what is known, and what became known of the rules.
    pub(super) fn show(&self, otherwise: Action, near: &[Line]) {
        let mut lines = self.lines.borrow_mut();
        for line in lines.drain(..) {
            self.row.remove(&line);
        }
        for line in asked::reasons(otherwise).iter().chain(near) {
            let row = fact(&line.title);
            row.set_subtitle(&line.text);
            row.set_subtitle_lines(0);
            self.row.add_row(&row);
            lines.push(row);
        }
    }
}

impl Prompt {
    /// Asks the app which rules come near, once for each question, and only when somebody wants
    /// to know.
    pub(super) fn ask_why(&mut self, sender: &ComponentSender<Self>) {
        let shown = self.stack.shown().filter(|_| !self.why_asked);
        if let Some(question) = shown {
            tell(sender, Output::Why(Box::new(question.clone())));
            self.why_asked = true;
        }
    }

    /// Tells which come near, if the question is still the one that is shown.
    pub(super) fn show_near(&self, id: u64, near: Result<Vec<Line>, Failure>, view: &View) {
        let Some(text) = self.text.as_ref().filter(|text| text.id == id) else {
            return;
        };
        let near = near.unwrap_or_else(|failure| {
            vec![Line {
                title: gettext("Rules That Come Near"),
                text: failure.sentence(),
            }]
        });
        view.why.show(text.otherwise, &near);
    }
}
