//! The row that tells which recent connections the rule would have matched, and lists the first of
//! them.

use adw::prelude::*;

use crate::i18n::{gettext, gettext_f};
use crate::model::connections::FlowRow;
use crate::model::preview::Preview;
use crate::model::time;
use crate::widgets::program;

/// The row.
#[derive(Debug)]
pub(super) struct PreviewRow {
    pub(super) group: adw::PreferencesGroup,
    row: adw::ExpanderRow,
    listed: Vec<adw::ActionRow>,
    shown: Option<Vec<FlowRow>>,
}

impl PreviewRow {
    pub(super) fn new() -> Self {
        let row = adw::ExpanderRow::builder()
            .use_markup(false)
            .title_lines(0)
            .subtitle_lines(0)
            .build();
        let group = adw::PreferencesGroup::new();
        group.add(&row);
        let mut row = Self {
            group,
            row,
            listed: Vec::new(),
            shown: None,
        };
        row.say(&gettext("Recent connections are looked up…"), "");
        row
    }

    fn say(&mut self, title: &str, note: &str) {
        self.row.set_title(title);
        self.row.set_subtitle(note);
        self.list(Vec::new());
    }

    /// Says that there is nothing to try yet.
    pub(super) fn incomplete(&mut self) {
        let text = gettext("A complete rule shows which recent connections it matches.");
        self.say(&text, "");
    }

    /// Says why recent connections are not known.
    pub(super) fn failed(&mut self, why: &str) {
        let text = gettext("Recent connections are not known.");
        self.say(&text, why);
    }

    pub(super) fn show(&mut self, preview: Preview) {
        self.row.set_title(&preview.title());
        self.row.set_subtitle(&preview.note());
        self.list(preview.rows);
    }

    fn list(&mut self, rows: Vec<FlowRow>) {
        if self.shown.as_ref() == Some(&rows) {
            return;
        }
        for row in self.listed.drain(..) {
            self.row.remove(&row);
        }
        for flow in &rows {
            let row = connection(flow);
            self.row.add_row(&row);
            self.listed.push(row);
        }
        // Enabling it opens it.
        let open = self.row.is_expanded() && !rows.is_empty();
        self.row.set_enable_expansion(!rows.is_empty());
        self.row.set_expanded(open);
        self.shown = Some(rows);
    }
}

fn connection(flow: &FlowRow) -> adw::ActionRow {
    let title = gettext_f(
        "{program} to {destination}",
        &[
            ("program", &flow.program),
            ("destination", &flow.destination),
        ],
    );
    let port = match flow.port.is_empty() {
        true => &flow.protocol,
        false => &flow.port,
    };
    let when = match flow.ends {
        Some(_) => flow.state.clone(),
        None => time::age(flow.time, time::now()),
    };
    let facts = [port, &flow.verdict.label(), &when];
    let row = adw::ActionRow::builder()
        .title(title)
        .subtitle(facts.map(String::as_str).join(" · "))
        .use_markup(false)
        .build();
    let icon = gtk::Image::builder()
        .gicon(&program::look(&flow.program_path).icon)
        .pixel_size(24)
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    row.add_prefix(&icon);
    row
}
