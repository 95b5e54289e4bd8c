//! The kinds of rows: a number, a choice, a switch.

use adw::prelude::*;
use bastion_policy::settings::Settings;

use crate::widgets::choice;

/// A row with a number. (What is inside an `AdwSpinRow` stays hidden from assistive tools with
/// libadwaita 1.7 and GTK 4.18.)
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) row: adw::ActionRow,
    pub(super) button: gtk::SpinButton,
}

impl Number {
    /// A row for the setting of this name, which has a range.
    pub(super) fn new(title: &str, subtitle: &str, setting: &str, step: f64) -> Self {
        let mut ranges = Settings::RANGES.iter();
        let range = ranges.find(|(name, _, _)| *name == setting);
        let (min, max) = range.map_or((0, u32::MAX), |(_, min, max)| (*min, *max));
        let button = gtk::SpinButton::with_range(min.into(), max.into(), step);
        button.set_valign(gtk::Align::Center);
        button.update_property(&[gtk::accessible::Property::Label(title)]);
        let row = adw::ActionRow::builder()
            .title(title)
            .subtitle(subtitle)
            .activatable_widget(&button)
            .build();
        row.add_suffix(&button);
        Self { row, button }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the button's range lies within u32"
    )]
    pub(super) fn value(&self) -> u32 {
        self.button.value().round() as u32
    }

    pub(super) fn set_value(&self, value: u32) {
        // To set the same value once more would take away what somebody is typing.
        if self.value() != value {
            self.button.set_value(value.into());
        }
    }
}

/// A row with a switch.
pub(super) fn switch(title: &str, subtitle: &str) -> adw::SwitchRow {
    adw::SwitchRow::builder()
        .title(title)
        .subtitle(subtitle)
        .build()
}

/// A row that offers a choice.
pub(super) fn combo(title: &str, subtitle: &str, choices: &[String]) -> adw::ComboRow {
    let labels: Vec<&str> = choices.iter().map(String::as_str).collect();
    let row = choice::row(title, &labels);
    row.set_subtitle(subtitle);
    row
}

/// The position of a value among those that a row offers; what is none of them shows as none.
pub(super) fn position(values: &[&str], value: &str) -> u32 {
    let found = values.iter().position(|v| *v == value);
    found
        .and_then(|p| u32::try_from(p).ok())
        .unwrap_or(gtk::INVALID_LIST_POSITION)
}

/// The value chosen in a row; `before` while none is.
pub(super) fn chosen(values: &[&str], row: &adw::ComboRow, before: &str) -> String {
    let selected = usize::try_from(row.selected()).ok();
    let value = selected.and_then(|index| values.get(index)).copied();
    value.unwrap_or(before).to_owned()
}
