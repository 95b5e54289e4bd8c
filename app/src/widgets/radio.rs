//! A group of rows of which one is chosen, each with a sentence about what it means.

use adw::prelude::*;

/// The rows.
#[derive(Clone, Debug)]
pub struct Radio {
    /// The group they make up.
    pub group: adw::PreferencesGroup,
    buttons: Vec<gtk::CheckButton>,
}

impl Radio {
    /// Rows with these titles and explanations. The first is chosen.
    #[must_use]
    pub fn new(title: &str, choices: &[(String, String)]) -> Self {
        let group = adw::PreferencesGroup::builder().title(title).build();
        let mut buttons: Vec<gtk::CheckButton> = Vec::new();
        for (title, meaning) in choices {
            let button = gtk::CheckButton::builder()
                .valign(gtk::Align::Center)
                .active(buttons.is_empty())
                .build();
            button.set_group(buttons.first());
            button.update_property(&[
                gtk::accessible::Property::Label(title),
                gtk::accessible::Property::Description(meaning),
            ]);
            let row = adw::ActionRow::builder()
                .title(title)
                .subtitle(meaning)
                .use_markup(false)
                .activatable_widget(&button)
                .build();
            row.add_prefix(&button);
            group.add(&row);
            buttons.push(button);
        }
        Self { group, buttons }
    }

    /// The position of the one chosen.
    #[must_use]
    pub fn chosen(&self) -> usize {
        let chosen = self.buttons.iter().position(CheckButtonExt::is_active);
        chosen.unwrap_or_default()
    }

    /// Chooses the one at this position.
    pub fn choose(&self, position: usize) {
        if let Some(button) = self.buttons.get(position) {
            button.set_active(true);
        }
    }

    /// Whether another one can be chosen.
    pub fn set_sensitive(&self, sensitive: bool) {
        for button in &self.buttons {
            button.set_sensitive(sensitive);
        }
    }

    /// Calls this whenever another one is chosen.
    pub fn connect_chosen(&self, act: impl Fn() + Clone + 'static) {
        for button in &self.buttons {
            let act = act.clone();
            button.connect_active_notify(move |button| {
                if button.is_active() {
                    act();
                }
            });
        }
    }
}
