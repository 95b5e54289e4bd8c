//! The rows for how long a rule holds.

use adw::prelude::*;
use bastion_policy::time::Timestamp;
use gtk::glib;

use super::Input;
use super::fields::{Tell, entry};
use crate::i18n::gettext;
use crate::model::form::{LifetimeKind, from_wall_clock, wall_clock};
use crate::model::time;
use crate::widgets::choice;

/// What is offered first when somebody chooses a time: so much later than now.
const LATER: u64 = 24 * 3_600_000;

/// A choice, a number for spans and an entry for a time.
#[derive(Debug)]
pub(super) struct LifetimeRows {
    pub(super) choice: adw::ComboRow,
    pub(super) span: adw::SpinRow,
    pub(super) until: adw::EntryRow,
    offered: Vec<LifetimeKind>,
    /// The lifetime the rule had.
    before: (LifetimeKind, String),
    session: Option<String>,
}

impl LifetimeRows {
    pub(super) fn new(value: &(LifetimeKind, String)) -> Self {
        let choice = choice::row(&gettext("_Lifetime"), &[]);
        choice.set_use_underline(true);
        let until = match value.0 {
            LifetimeKind::Until => value.1.clone(),
            _ => wall_clock(Timestamp::from_millis(time::now().saturating_add(LATER))),
        };
        let until = entry(&gettext("Date and Time"), &until);
        until.add_suffix(&calendar(&until));
        let span = adw::SpinRow::with_range(1.0, 9_999.0, 1.0);
        span.set_value(30.0);
        let mut rows = Self {
            choice,
            span,
            until,
            offered: Vec::new(),
            before: value.clone(),
            session: None,
        };
        rows.offer(value.0);
        rows
    }

    /// Offers what there is for this user.
    fn offer(&mut self, chosen: LifetimeKind) {
        self.offered = LifetimeKind::offered(&self.before, self.session.as_deref());
        let labels: Vec<String> = self.offered.iter().map(|kind| kind.label()).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let position = self.offered.iter().position(|kind| *kind == chosen);
        let position = u32::try_from(position.unwrap_or(0)).unwrap_or(0);
        choice::offer(&self.choice, &labels, position);
    }

    /// Offers the end of the user's session, too.
    pub(super) fn set_session(&mut self, session: String) {
        let chosen = self.value().0;
        self.session = Some(session);
        self.offer(chosen);
    }

    pub(super) fn value(&self) -> (LifetimeKind, String) {
        let position = usize::try_from(self.choice.selected()).ok();
        let kind = position.and_then(|position| self.offered.get(position));
        let kind = kind.copied().unwrap_or_default();
        let text = match kind {
            LifetimeKind::Forever | LifetimeKind::Restart => String::new(),
            LifetimeKind::Session => self.session.clone().unwrap_or_default(),
            LifetimeKind::Minutes | LifetimeKind::Hours => format!("{:.0}", self.span.value()),
            LifetimeKind::Until => self.until.text().into(),
            LifetimeKind::Kept => self.before.1.clone(),
        };
        (kind, text)
    }

    /// Shows what the choice needs.
    pub(super) fn show(&self, kind: LifetimeKind) {
        self.until.set_visible(kind == LifetimeKind::Until);
        let title = match kind {
            LifetimeKind::Minutes => Some(gettext("Minutes")),
            LifetimeKind::Hours => Some(gettext("Hours")),
            _ => None,
        };
        self.span.set_visible(title.is_some());
        if let Some(title) = title.filter(|title| *title != self.span.title()) {
            self.span.set_title(&title);
        }
    }

    pub(super) fn connect(&self, tell: &Tell) {
        let told = tell.clone();
        self.choice
            .connect_selected_notify(move |_| told(Input::Changed));
        let told = tell.clone();
        self.span
            .connect_value_notify(move |_| told(Input::Changed));
        let told = tell.clone();
        self.until.connect_changed(move |_| told(Input::Changed));
    }
}

/// A button that opens a calendar and a clock for an entry.
fn calendar(entry: &adw::EntryRow) -> gtk::MenuButton {
    let calendar = gtk::Calendar::new();
    let hour = hand(23.0, &gettext("Hour"));
    let minute = hand(59.0, &gettext("Minute"));
    let clock = gtk::Box::builder()
        .spacing(6)
        .halign(gtk::Align::Center)
        .build();
    clock.append(&hour);
    clock.append(&gtk::Label::new(Some(":")));
    clock.append(&minute);
    let content = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .spacing(12)
        .margin_top(6)
        .margin_bottom(6)
        .margin_start(6)
        .margin_end(6)
        .build();
    content.append(&calendar);
    content.append(&clock);
    let popover = gtk::Popover::builder().child(&content).build();

    let parts = (calendar, hour, minute);
    fill_when_opened(&popover, entry, &parts);
    let (calendar, hour, minute) = parts.clone();
    let write: std::rc::Rc<dyn Fn()> = {
        let entry = entry.downgrade();
        let popover = popover.downgrade();
        std::rc::Rc::new(move || {
            // While it is filled in, it is not open yet.
            let open = popover
                .upgrade()
                .is_some_and(|popover| popover.is_visible());
            if let (true, Some(entry)) = (open, entry.upgrade()) {
                entry.set_text(&chosen(&parts));
            }
        })
    };
    let written = write.clone();
    calendar.connect_day_selected(move |_| written());
    for hand in [hour, minute] {
        let written = write.clone();
        hand.connect_value_changed(move |_| written());
    }
    let button = gtk::MenuButton::builder()
        .icon_name("x-office-calendar-symbolic")
        .popover(&popover)
        .valign(gtk::Align::Center)
        .css_classes(["flat"])
        .build();
    let label = gettext("Choose Date and Time");
    button.set_tooltip_text(Some(&label));
    button.update_property(&[gtk::accessible::Property::Label(&label)]);
    button
}

type Parts = (gtk::Calendar, gtk::SpinButton, gtk::SpinButton);

/// The time that is chosen, as the entry takes it.
fn chosen((calendar, hour, minute): &Parts) -> String {
    let day = calendar.date().format("%Y-%m-%d").unwrap_or_default();
    format!(
        "{day} {:02}:{:02}",
        hour.value_as_int(),
        minute.value_as_int()
    )
}

/// The popover shows what the entry says whenever it opens.
fn fill_when_opened(popover: &gtk::Popover, entry: &adw::EntryRow, parts: &Parts) {
    let entry = entry.downgrade();
    let (calendar, hour, minute) = parts.clone();
    popover.connect_show(move |_| {
        let text = entry.upgrade().map(|entry| entry.text());
        let written = text.and_then(|text| from_wall_clock(&text));
        let millis = written.map_or_else(time::now, Timestamp::as_millis);
        let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX);
        if let Ok(then) = glib::DateTime::from_unix_local(seconds) {
            hour.set_value(f64::from(then.hour()));
            minute.set_value(f64::from(then.minute()));
            calendar.select_day(&then);
        }
    });
}

/// A number of the clock, in two digits.
fn hand(most: f64, label: &str) -> gtk::SpinButton {
    let hand = gtk::SpinButton::with_range(0.0, most, 1.0);
    hand.set_orientation(gtk::Orientation::Vertical);
    hand.set_wrap(true);
    hand.set_numeric(true);
    hand.update_property(&[gtk::accessible::Property::Label(label)]);
    hand.connect_output(|hand| {
        hand.set_text(&format!("{:02}", hand.value_as_int()));
        glib::Propagation::Stop
    });
    hand
}
