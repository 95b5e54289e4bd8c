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
use crate::model::preferences::Changes;
use crate::settings::AppSettings;
use build::Widgets;

/// How long a value has to stay as it is before it is sent.
const REST: Duration = Duration::from_millis(800);

/// The component.
pub struct Preferences {
    client: Client,
    /// What the helper has, and is to have; empty until it said what it has.
    changes: Option<Changes>,
    /// Counts changes; one that was followed by another is not sent.
    change: u64,
}

/// What the dialog takes in.
#[derive(Debug)]
pub enum Input {
    /// The user changed something.
    Changed,
}

/// What the dialog gives out.
#[derive(Debug)]
pub enum Output {
    /// This failed after the dialog was closed, where nobody would read it.
    Failed(Failure),
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// The settings in force.
    Loaded(Result<WireSettings, Failure>),
    /// This change was followed by no other for a while.
    Rested(u64),
    /// What was sent was stored, or not.
    Stored(Result<(), Failure>),
}

impl Component for Preferences {
    type Init = (Client, AppSettings);
    type Input = Input;
    type Output = Output;
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
            changes: None,
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
                self.read(widgets);
                self.rest(&sender);
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
            Done::Loaded(Ok(settings)) => {
                let settings = with_defaults(settings);
                widgets.show(&settings);
                self.changes = Some(Changes::none(settings));
            }
            Done::Loaded(Err(failure)) => say(root, &failure.sentence()),
            Done::Rested(change) if change == self.change => self.send(&sender),
            Done::Rested(_) => {}
            Done::Stored(result) => {
                if let Err(failure) = &result {
                    tell(failure, root, &sender);
                }
                // What was changed just now may not have been read yet.
                self.read(widgets);
                self.settle(result, widgets);
                self.rest(&sender);
            }
        }
    }
}

impl Preferences {
    /// True while something the user wants is not settled.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.changes.as_ref().is_some_and(Changes::are_open)
    }

    fn load(&self, sender: &ComponentSender<Self>) {
        let client = self.client.clone();
        sender.oneshot_command(async move { Done::Loaded(client.settings().await) });
    }

    /// Takes down what the user wants, as the widgets show it.
    fn read(&mut self, widgets: &Widgets) {
        if let Some(changes) = &mut self.changes {
            changes.want(widgets.read(changes.stored()));
        }
    }

    /// Waits until nothing more is changed, if there is anything to be sent.
    fn rest(&mut self, sender: &ComponentSender<Self>) {
        self.change += 1;
        if self.changes.as_ref().is_some_and(Changes::is_due) {
            let change = self.change;
            sender.oneshot_command(async move {
                tokio::time::sleep(REST).await;
                Done::Rested(change)
            });
        }
    }

    fn send(&mut self, sender: &ComponentSender<Self>) {
        if let Some(wanted) = self.changes.as_mut().and_then(Changes::send) {
            let client = self.client.clone();
            sender.oneshot_command(async move { Done::Stored(client.set_settings(&wanted).await) });
        }
    }

    /// What was sent is stored, or is undone.
    fn settle(&mut self, result: Result<(), Failure>, widgets: &Widgets) {
        let Some(changes) = &mut self.changes else {
            return;
        };
        if result.is_ok() {
            changes.accepted();
        } else {
            changes.refused();
            widgets.show(changes.wanted());
        }
    }
}

/// Says what failed where the user is.
fn tell(failure: &Failure, root: &adw::PreferencesDialog, sender: &ComponentSender<Preferences>) {
    if root.is_mapped() {
        say(root, &failure.sentence());
    } else if sender.output(Output::Failed(failure.clone())).is_err() {
        tracing::debug!("the window is gone already");
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
