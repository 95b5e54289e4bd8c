//! The preferences: those of the firewall, of which each change is sent to the helper at once,
//! which may ask for an administrator, and those of the app, which are the user's own.

mod build;
mod own;
mod rows;

use std::time::Duration;

use adw::prelude::*;
use bastion_ipc::wire::WireSettings;
use bastion_policy::settings::Settings;
use relm4::{Component, ComponentParts, ComponentSender};

use crate::client::{Client, Failure};
use crate::settings::AppSettings;
use build::Widgets;

/// How long a value has to stay as it is before it is sent.
const REST: Duration = Duration::from_millis(800);

/// The component.
pub struct Preferences {
    client: Client,
    /// What the helper has; empty until it said so.
    stored: Option<WireSettings>,
    wanted: WireSettings,
    /// Counts changes; one that was followed by another is not sent.
    change: u64,
}

/// What the dialog takes in.
#[derive(Debug)]
pub enum Input {
    /// The user changed something.
    Changed,
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// The settings in force.
    Loaded(Result<WireSettings, Failure>),
    /// This change was followed by no other for a while.
    Rested(u64),
    /// The settings were stored, or not.
    Stored(WireSettings, Result<(), Failure>),
}

impl Component for Preferences {
    type Init = (Client, AppSettings);
    type Input = Input;
    type Output = ();
    type CommandOutput = Done;
    type Root = adw::PreferencesDialog;
    type Widgets = Widgets;

    fn init_root() -> Self::Root {
        adw::PreferencesDialog::builder().build()
    }

    fn init(
        (client, own): Self::Init,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        let widgets = Widgets::build(&root, &own, &sender);
        let model = Self {
            client,
            stored: None,
            wanted: WireSettings::default(),
            change: 0,
        };
        model.load(&sender);
        ComponentParts { model, widgets }
    }

    fn update_with_view(
        &mut self,
        widgets: &mut Widgets,
        input: Input,
        sender: ComponentSender<Self>,
        _: &Self::Root,
    ) {
        match input {
            Input::Changed => {
                let Some(stored) = &self.stored else { return };
                self.wanted = widgets.read(stored);
                self.change += 1;
                if self.wanted != *stored {
                    let change = self.change;
                    sender.oneshot_command(async move {
                        tokio::time::sleep(REST).await;
                        Done::Rested(change)
                    });
                }
            }
        }
    }

    fn update_cmd_with_view(
        &mut self,
        widgets: &mut Widgets,
        done: Done,
        sender: ComponentSender<Self>,
        root: &Self::Root,
    ) {
        match done {
            Done::Loaded(Ok(settings)) => self.show(widgets, settings),
            Done::Rested(change) if change == self.change => {
                let (client, wanted) = (self.client.clone(), self.wanted.clone());
                sender.oneshot_command(async move {
                    let result = client.set_settings(&wanted).await;
                    Done::Stored(wanted, result)
                });
            }
            Done::Rested(_) => {}
            Done::Stored(settings, Ok(())) => self.stored = Some(settings),
            Done::Stored(_, Err(failure)) => {
                say(root, &failure.sentence());
                // What was refused goes back to what the helper has.
                if let Some(stored) = self.stored.take() {
                    self.show(widgets, stored);
                }
            }
            Done::Loaded(Err(failure)) => say(root, &failure.sentence()),
        }
    }
}

impl Preferences {
    fn load(&self, sender: &ComponentSender<Self>) {
        let client = self.client.clone();
        sender.oneshot_command(async move { Done::Loaded(client.settings().await) });
    }

    fn show(&mut self, widgets: &Widgets, settings: WireSettings) {
        let settings = with_defaults(settings);
        widgets.show(&settings);
        self.wanted = settings.clone();
        self.stored = Some(settings);
    }
}

/// The settings with what the helper left out: that it works by the defaults.
fn with_defaults(mut settings: WireSettings) -> WireSettings {
    let usual = Settings::default();
    settings
        .prompt_default
        .get_or_insert_with(|| usual.prompt_default.to_string());
    settings.safeguard.get_or_insert(usual.safeguard);
    for (setting, usual) in [
        (&mut settings.safeguard_questions, usual.safeguard_questions),
        (&mut settings.safeguard_packets, usual.safeguard_packets),
        (&mut settings.safeguard_calm, usual.safeguard_calm),
    ] {
        setting.get_or_insert(usual);
    }
    settings
}

/// Says something for a moment.
fn say(root: &adw::PreferencesDialog, text: &str) {
    let toast = adw::Toast::builder().title(text).use_markup(false).build();
    root.add_toast(toast);
}
