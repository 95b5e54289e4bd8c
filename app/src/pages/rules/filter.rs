//! The button with which the list is narrowed down.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use adw::prelude::*;
use relm4::ComponentSender;

use super::{Input, Rules};
use crate::i18n::gettext;
use crate::model::rules::{Filter, Origin, State};
use crate::widgets::choice;

/// Least width of what opens, in pixels; a window of 360 has room for it.
const WIDTH: i32 = 300;

/// The button, and what it opens.
#[derive(Debug)]
pub struct Filters {
    pub(super) button: gtk::MenuButton,
    rows: Rows,
}

#[derive(Clone, Debug)]
struct Rows {
    state: adw::ComboRow,
    origin: adw::ComboRow,
    action: adw::ComboRow,
    program: adw::ComboRow,
    programs: Rc<RefCell<Vec<String>>>,
    /// Set while not the user changes what is chosen.
    quiet: Rc<Cell<bool>>,
}

/// What stands first in each list of choices: nothing is asked of rules.
fn offered(labels: impl IntoIterator<Item = String>) -> Vec<String> {
    std::iter::once(gettext("All")).chain(labels).collect()
}

fn row(title: &str, labels: impl IntoIterator<Item = String>) -> adw::ComboRow {
    let labels = offered(labels);
    let labels: Vec<_> = labels.iter().map(String::as_str).collect();
    choice::row(title, &labels)
}

/// What is chosen out of these, if not the first choice, which is all.
fn chosen<T: Clone>(row: &adw::ComboRow, values: &[T]) -> Option<T> {
    let position = usize::try_from(row.selected()).ok()?.checked_sub(1)?;
    values.get(position).cloned()
}

impl Rows {
    fn new() -> Self {
        let program = row(&gettext("Program"), []);
        program.set_expression(Some(gtk::PropertyExpression::new(
            gtk::StringObject::static_type(),
            gtk::Expression::NONE,
            "string",
        )));
        program.set_enable_search(true);
        Self {
            state: row(&gettext("State"), State::EACH.map(State::label)),
            origin: row(&gettext("Made by"), Origin::EACH.map(Origin::label)),
            action: row(
                &gettext("Action"),
                [gettext("Allow"), gettext("Deny"), gettext("Drop")],
            ),
            program,
            programs: Rc::default(),
            quiet: Rc::default(),
        }
    }

    fn all(&self) -> [&adw::ComboRow; 4] {
        [&self.state, &self.origin, &self.action, &self.program]
    }

    fn filter(&self) -> Filter {
        Filter {
            state: chosen(&self.state, &State::EACH),
            origin: chosen(&self.origin, &Origin::EACH),
            action: chosen(&self.action, &Filter::ACTIONS),
            program: chosen(&self.program, &self.programs.borrow()),
            text: String::new(),
        }
    }

    fn quietly(&self, change: impl FnOnce()) {
        self.quiet.set(true);
        change();
        self.quiet.set(false);
    }

    fn reset(&self) {
        self.quietly(|| self.all().iter().for_each(|row| row.set_selected(0)));
    }
}

impl Filters {
    /// Tells the page what is chosen, as soon as it changes.
    pub(super) fn new(sender: &ComponentSender<Rules>) -> Self {
        let rows = Rows::new();
        let list = gtk::ListBox::builder()
            .selection_mode(gtk::SelectionMode::None)
            .css_classes(["boxed-list"])
            .build();
        for row in rows.all() {
            list.append(row);
            let (all, sender) = (rows.clone(), sender.clone());
            row.connect_selected_notify(move |_| {
                if !all.quiet.get() {
                    sender.input(Input::Narrow(all.filter()));
                }
            });
        }
        let reset = gtk::Button::builder()
            .label(gettext("_Show All Rules"))
            .use_underline(true)
            .build();
        let (all, sender) = (rows.clone(), sender.clone());
        reset.connect_clicked(move |_| {
            all.reset();
            sender.input(Input::Narrow(Filter::default()));
        });
        let content = gtk::Box::builder()
            .orientation(gtk::Orientation::Vertical)
            .spacing(12)
            .margin_top(6)
            .margin_bottom(6)
            .margin_start(6)
            .margin_end(6)
            .width_request(WIDTH)
            .build();
        content.append(&list);
        content.append(&reset);
        let button = gtk::MenuButton::builder()
            .label(gettext("Filter"))
            .always_show_arrow(true)
            .tooltip_text(gettext("Choose Which Rules Are Shown"))
            .popover(&gtk::Popover::builder().child(&content).build())
            .build();
        Self { button, rows }
    }

    /// Shows whether something is chosen.
    pub(super) fn show(&self, filter: &Filter) {
        let narrows = Filter {
            text: String::new(),
            ..filter.clone()
        };
        match narrows.is_empty() {
            true => self.button.remove_css_class("accent"),
            false => self.button.add_css_class("accent"),
        }
    }

    /// Offers these programs. The one chosen stays, if it is still among them; else all are.
    pub(super) fn offer(&self, programs: &[String]) {
        if *self.rows.programs.borrow() == programs {
            return;
        }
        let chosen = self.rows.filter().program;
        let position = programs
            .iter()
            .position(|program| Some(program) == chosen.as_ref());
        let selected = position.and_then(|at| u32::try_from(at + 1).ok());
        let labels = offered(programs.iter().cloned());
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        self.rows.programs.replace(programs.to_vec());
        let rows = &self.rows;
        rows.quietly(|| choice::offer(&rows.program, &labels, selected.unwrap_or(0)));
        if chosen.is_some() && selected.is_none() {
            rows.program.notify("selected");
        }
    }
}
