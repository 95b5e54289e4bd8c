//! The form in which a filter is chosen.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use adw::prelude::*;
use bastion_ipc::wire::{Event, WireError, WireRule};
use gtk::glib;

use super::{Change, Chosen};
use crate::i18n::{gettext, gettext_f};
use crate::model::log::{Day, Filter, Period};
use crate::model::verdict::Verdict;
use crate::widgets::choice;

/// How long a text has to stay as it is before it is searched for.
const REST: Duration = Duration::from_millis(400);
/// Where the form offers days.
const DAYS: u32 = 4;
/// Text forms of the verdicts, in the order of the form's choices after "all".
const VERDICTS: [&str; 4] = ["allow", "deny", "drop", Event::MENDED];

/// The form.
pub(super) struct Form {
    period: adw::ComboRow,
    days: [DayRow; 2],
    program: adw::EntryRow,
    destination: adw::EntryRow,
    rule: adw::ComboRow,
    verdict: adw::ComboRow,
    problem: gtk::Label,
    /// Ids and names, in the order of the row's choices after "any".
    rules: RefCell<Vec<(String, String)>>,
    /// What the page had it show last. What somebody types meanwhile is no other filter yet.
    shown: RefCell<Filter>,
    /// The form is being changed by the page, not by the user.
    quiet: Cell<bool>,
    /// Runs out when a text has stayed as it is for a while.
    rest: Cell<Option<glib::SourceId>>,
    chosen: Chosen,
}

impl Form {
    pub(super) fn new(chosen: Chosen) -> Rc<Self> {
        let periods = [Period::Always, Period::Hour, Period::Today, Period::Week];
        let mut periods = periods.map(Period::label).to_vec();
        periods.push(gettext("Choose Days"));
        let verdicts = VERDICTS.map(|verdict| Verdict::parse(verdict).label());
        let any = [gettext("Any Verdict")];
        let entry = |title: &str| adw::EntryRow::builder().title(title).build();
        let form = Rc::new(Self {
            period: row(&gettext("Time"), &periods),
            days: [gettext("From"), gettext("To")].map(|title| DayRow::new(&title)),
            program: entry(&gettext("Program")),
            destination: entry(&gettext("Destination")),
            rule: row(&gettext("Rule"), &[gettext("Any Rule")]),
            verdict: row(
                &gettext("Verdict"),
                &any.into_iter().chain(verdicts).collect::<Vec<_>>(),
            ),
            problem: problem(),
            rules: RefCell::default(),
            shown: RefCell::default(),
            quiet: Cell::default(),
            rest: Cell::default(),
            chosen,
        });
        let expression = gtk::PropertyExpression::new(
            gtk::StringObject::static_type(),
            gtk::Expression::NONE,
            "string",
        );
        form.rule.set_expression(Some(&expression));
        form.rule.set_enable_search(true);
        form.connect();
        form
    }

    fn connect(self: &Rc<Self>) {
        for combo in [&self.period, &self.rule, &self.verdict] {
            let form = Rc::downgrade(self);
            combo.connect_selected_notify(move |_| {
                if let Some(form) = form.upgrade() {
                    form.show_days();
                    form.changed();
                }
            });
        }
        for day in &self.days {
            let form = Rc::downgrade(self);
            day.calendar.connect_day_selected(move |_| {
                if let Some(form) = form.upgrade() {
                    form.days.iter().for_each(DayRow::show);
                    form.changed();
                }
            });
        }
        for entry in [&self.program, &self.destination] {
            let form = Rc::downgrade(self);
            entry.connect_changed(move |_| {
                if let Some(form) = form.upgrade() {
                    form.typed();
                }
            });
            let form = Rc::downgrade(self);
            entry.connect_entry_activated(move |_| {
                if let Some(form) = form.upgrade() {
                    form.changed();
                }
            });
        }
        self.show_days();
    }

    pub(super) fn widget(&self) -> gtk::ScrolledWindow {
        let group = adw::PreferencesGroup::new();
        group.add(&self.period);
        for day in &self.days {
            group.add(&day.row);
        }
        group.add(&self.program);
        group.add(&self.destination);
        group.add(&self.rule);
        group.add(&self.verdict);
        let content = gtk::Box::builder()
            .orientation(gtk::Orientation::Vertical)
            .spacing(6)
            .margin_top(6)
            .margin_bottom(6)
            .margin_start(6)
            .margin_end(6)
            .build();
        content.append(&group);
        content.append(&self.problem);
        gtk::ScrolledWindow::builder()
            .hscrollbar_policy(gtk::PolicyType::Never)
            .propagate_natural_height(true)
            .max_content_height(520)
            .width_request(312)
            .child(&content)
            .build()
    }

    fn show_days(&self) {
        let wanted = self.period.selected() == DAYS;
        for day in &self.days {
            day.row.set_visible(wanted);
        }
    }

    /// Waits for more.
    fn typed(self: &Rc<Self>) {
        if self.quiet.get() {
            return;
        }
        let form = Rc::downgrade(self);
        let rest = glib::timeout_add_local_once(REST, move || {
            if let Some(form) = form.upgrade() {
                form.rest.take();
                form.changed();
            }
        });
        if let Some(earlier) = self.rest.replace(Some(rest)) {
            earlier.remove();
        }
    }

    fn changed(&self) {
        if self.quiet.get() {
            return;
        }
        if let Some(waiting) = self.rest.take() {
            waiting.remove();
        }
        // What the page makes of it must not come back over what is typed until then.
        self.shown.replace(self.filter());
        (self.chosen)(Change::To(self.filter()));
    }

    /// What the form says.
    fn filter(&self) -> Filter {
        let [from, to] = &self.days;
        let place = |row: &adw::ComboRow| row.selected().checked_sub(1).map(|place| place as usize);
        let rule = place(&self.rule).and_then(|place| self.rules.borrow().get(place).cloned());
        let verdict = place(&self.verdict).and_then(|place| VERDICTS.get(place));
        Filter {
            text: String::new(),
            period: match self.period.selected() {
                1 => Period::Hour,
                2 => Period::Today,
                3 => Period::Week,
                DAYS => Period::Days(from.day(), to.day()),
                _ => Period::Always,
            },
            program: self.program.text().trim().to_owned(),
            destination: self.destination.text().trim().to_owned(),
            rule,
            verdict: verdict.copied(),
        }
    }

    /// Makes the form say this.
    pub(super) fn show(&self, filter: &Filter, problem: Option<&WireError>) {
        let field = problem.map_or("", |problem| problem.field);
        for (entry, name) in [
            (&self.program, "program"),
            (&self.destination, "destination"),
        ] {
            let wrong = field == name;
            if wrong {
                entry.add_css_class("error");
            } else {
                entry.remove_css_class("error");
            }
            let invalid = match wrong {
                true => gtk::AccessibleInvalidState::True,
                false => gtk::AccessibleInvalidState::False,
            };
            let widget = entry.upcast_ref::<gtk::Widget>();
            widget.update_state(&[gtk::accessible::State::Invalid(invalid)]);
        }
        self.problem.set_label(&match field {
            "" => String::new(),
            "program" => gettext("A program is a whole path, or the name of a file."),
            _ => gettext("A destination is an address, or a name like example.org."),
        });
        self.problem.set_visible(!field.is_empty());
        let wanted = Filter {
            text: String::new(),
            ..filter.clone()
        };
        let before = self.shown.replace(wanted.clone());
        if before == wanted || self.filter() == wanted {
            return;
        }
        self.quiet.set(true);
        self.period.set_selected(match filter.period {
            Period::Always => 0,
            Period::Hour => 1,
            Period::Today => 2,
            Period::Week => 3,
            Period::Days(..) => DAYS,
        });
        self.program.set_text(&filter.program);
        self.destination.set_text(&filter.destination);
        self.rule.set_selected(self.place_of_rule(filter));
        let verdict = VERDICTS.iter().position(|v| Some(*v) == filter.verdict);
        self.verdict.set_selected(after_any(verdict));
        self.quiet.set(false);
        self.show_days();
    }

    fn place_of_rule(&self, filter: &Filter) -> u32 {
        let rules = self.rules.borrow();
        let wanted = filter.rule.as_ref();
        after_any(rules.iter().position(|rule| Some(rule) == wanted))
    }

    pub(super) fn offer(&self, rules: &[WireRule], filter: &Filter) {
        let named = |rule: &WireRule| Some((rule.id.clone()?, rule.name.clone()));
        let mut named: Vec<_> = rules.iter().filter_map(named).collect();
        // A rule that is gone by now is still what the log is filtered by.
        let gone = filter.rule.clone().filter(|rule| !named.contains(rule));
        named.extend(gone);
        if *self.rules.borrow() == named {
            return;
        }
        let any = gettext("Any Rule");
        let mut labels = vec![any.as_str()];
        labels.extend(named.iter().map(|(_, name)| name.as_str()));
        self.rules.replace(named.clone());
        self.quiet.set(true);
        choice::offer(&self.rule, &labels, self.place_of_rule(filter));
        self.quiet.set(false);
    }
}

fn after_any(place: Option<usize>) -> u32 {
    place.map_or(0, |place| u32::try_from(place + 1).unwrap_or(0))
}

fn row(title: &str, labels: &[String]) -> adw::ComboRow {
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    choice::row(title, &labels)
}

fn problem() -> gtk::Label {
    gtk::Label::builder()
        .wrap(true)
        .xalign(0.0)
        .max_width_chars(36)
        .css_classes(["caption", "error"])
        .visible(false)
        .build()
}

/// A row with a day, which a calendar opens from.
struct DayRow {
    row: adw::ActionRow,
    button: gtk::MenuButton,
    calendar: gtk::Calendar,
}

impl DayRow {
    fn new(title: &str) -> Self {
        let calendar = gtk::Calendar::new();
        let popover = gtk::Popover::builder().child(&calendar).build();
        let button = gtk::MenuButton::builder()
            .popover(&popover)
            .valign(gtk::Align::Center)
            .css_classes(["flat"])
            .build();
        let row = adw::ActionRow::builder()
            .title(title)
            .activatable_widget(&button)
            .build();
        row.add_suffix(&button);
        let day = Self {
            row,
            button,
            calendar,
        };
        day.show();
        day
    }

    fn day(&self) -> Day {
        let (year, month, day) = self.calendar.date().ymd();
        Day { year, month, day }
    }

    fn show(&self) {
        self.button.set_label(&self.day().label());
        let label = gettext_f(
            "{which}: {day}",
            &[("which", &self.row.title()), ("day", &self.day().label())],
        );
        self.button
            .update_property(&[gtk::accessible::Property::Label(&label)]);
        self.button.popdown();
    }
}
