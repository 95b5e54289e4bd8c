//! The list of suggestions: a row for each program, which opens to its destinations.

use std::collections::HashSet;

use adw::prelude::*;
use gtk::glib;
use relm4::ComponentSender;

use super::{Input, Suggestions};
use crate::i18n::{gettext, gettext_f};
use crate::model::suggestions::{Chosen, Program, Review, Row};
use crate::model::time;
use crate::widgets::program;

/// Up to so many suggestions, programs are open from the start.
const FEW: usize = 8;

/// A check box that shows what is chosen, and tells when the user changes it.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) button: gtk::CheckButton,
    handler: glib::SignalHandlerId,
}

impl Check {
    pub(super) fn new(choose: impl Fn(bool) + 'static) -> Self {
        let button = gtk::CheckButton::builder()
            .valign(gtk::Align::Center)
            .build();
        let handler = button.connect_toggled(move |button| choose(button.is_active()));
        Self { button, handler }
    }

    fn named(name: &str, choose: impl Fn(bool) + 'static) -> Self {
        let check = Self::new(choose);
        let label = gtk::accessible::Property::Label(name);
        check.button.update_property(&[label]);
        check
    }

    pub(super) fn show(&self, chosen: Chosen) {
        self.button.block_signal(&self.handler);
        self.button.set_active(chosen == Chosen::All);
        self.button.set_inconsistent(chosen == Chosen::Some);
        self.button.unblock_signal(&self.handler);
    }
}

#[derive(Debug)]
struct ProgramRow {
    path: String,
    row: adw::ExpanderRow,
    check: Check,
    /// Of its destinations; empty until it is opened.
    checks: Vec<(u64, Check)>,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct List {
    pub(super) group: adw::PreferencesGroup,
    programs: Vec<ProgramRow>,
    /// It was filled before, so what is open is what the user wants open.
    filled: bool,
}

impl List {
    /// Empty, with a widget beside its title.
    pub(super) fn new(beside: &impl IsA<gtk::Widget>) -> Self {
        let group = adw::PreferencesGroup::builder()
            .title(gettext("Programs"))
            .build();
        group.set_header_suffix(Some(beside));
        Self {
            group,
            programs: Vec::new(),
            filled: false,
        }
    }

    /// Makes the rows anew; what was open stays open.
    pub(super) fn fill(&mut self, review: &Review, sender: &ComponentSender<Suggestions>) {
        let mut open: HashSet<String> = HashSet::new();
        for before in self.programs.drain(..) {
            if before.row.is_expanded() {
                open.insert(before.path);
            }
            self.group.remove(&before.row);
        }
        let few = !self.filled && review.len() <= FEW;
        self.filled |= !review.is_empty();
        for program in &review.programs {
            let made = program_row(program, sender);
            self.group.add(&made.row);
            let expanded = few || open.contains(&program.path);
            self.programs.push(made);
            if expanded {
                self.open(review, &program.path, sender);
            }
        }
    }

    /// Opens a program, and makes the rows of its destinations if there are none.
    pub(super) fn open(
        &mut self,
        review: &Review,
        path: &str,
        sender: &ComponentSender<Suggestions>,
    ) {
        let shown = self.programs.iter_mut().find(|row| row.path == path);
        let program = review.programs.iter().find(|program| program.path == path);
        let (Some(shown), Some(program)) = (shown, program) else {
            return;
        };
        if shown.checks.is_empty() {
            for row in &program.rows {
                let (widget, check) = destination_row(row, sender);
                shown.row.add_row(&widget);
                shown.checks.push((row.id, check));
            }
        }
        shown.row.set_expanded(true);
    }

    /// Shows what is chosen.
    pub(super) fn show(&self, review: &Review) {
        for shown in &self.programs {
            let program = review.programs.iter().find(|it| it.path == shown.path);
            if let Some(program) = program {
                shown.check.show(review.chosen_of(program));
            }
            for (id, check) in &shown.checks {
                check.show(match review.is_chosen(*id) {
                    true => Chosen::All,
                    false => Chosen::None,
                });
            }
        }
    }
}

fn program_row(program: &Program, sender: &ComponentSender<Suggestions>) -> ProgramRow {
    let look = program::look(&program.path);
    let icon = gtk::Image::builder()
        .gicon(&look.icon)
        .pixel_size(32)
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    let (input, path) = (sender.clone(), program.path.clone());
    let all = gettext_f("All of {program}", &[("program", &look.name)]);
    let check = Check::named(&all, move |chosen| {
        input.input(Input::ChooseProgram(path.clone(), chosen));
    });
    let row = adw::ExpanderRow::builder()
        .title(&look.name)
        // A name can be anybody's; the path is always there.
        .subtitle(format!("{}\n{}", program.path, program.summary))
        .use_markup(false)
        .title_lines(1)
        .build();
    row.add_prefix(&check.button);
    row.add_prefix(&icon);
    let (input, path) = (sender.clone(), program.path.clone());
    row.connect_expanded_notify(move |row| {
        if row.is_expanded() {
            input.input(Input::Open(path.clone()));
        }
    });
    ProgramRow {
        path: program.path.clone(),
        row,
        check,
        checks: Vec::new(),
    }
}

fn destination_row(row: &Row, sender: &ComponentSender<Suggestions>) -> (adw::ActionRow, Check) {
    let (input, id) = (sender.clone(), row.id);
    let name = format!("{}, {}", row.destination, row.detail);
    let check = Check::named(&name, move |chosen| input.input(Input::Choose(id, chosen)));
    let age = gtk::Label::builder()
        .label(time::age(row.last, time::now()))
        .tooltip_text(time::moment(row.last))
        .css_classes(["numeric", "dim-label"])
        .build();
    let widget = adw::ActionRow::builder()
        .title(&row.destination)
        .subtitle(&row.detail)
        .use_markup(false)
        .title_lines(1)
        .activatable(true)
        .build();
    widget.add_prefix(&check.button);
    // As an activatable widget it would be named by the title alone, as others of the place are.
    let button = check.button.clone();
    widget.connect_activated(move |_| button.set_active(!button.is_active()));
    widget.add_suffix(&age);
    (widget, check)
}
