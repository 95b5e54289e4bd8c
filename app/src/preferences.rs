//! Preferences of the firewall. Each change is sent to the helper at once, which may ask for an
//! administrator.

use std::time::Duration;

use adw::prelude::*;
use bastion_ipc::wire::WireSettings;
use bastion_policy::settings::Settings;
use relm4::{Component, ComponentParts, ComponentSender};

use crate::client::{Client, Failure};
use crate::i18n::gettext;
use crate::widgets::choice;

/// How long a value has to stay as it is before it is sent.
const REST: Duration = Duration::from_millis(800);
const MODES: [&str; 2] = ["ask", "learn"];
const WHEN_DOWN: [&str; 2] = ["open", "closed"];

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

/// The widgets that change.
#[derive(Debug)]
pub struct Widgets {
    page: adw::PreferencesPage,
    mode: adw::ComboRow,
    timeout: Number,
    when_down: adw::ComboRow,
    log_days: Number,
    log_events: Number,
    safeguard: adw::SwitchRow,
    safeguard_questions: Number,
    safeguard_packets: Number,
    safeguard_calm: Number,
}

impl Component for Preferences {
    type Init = Client;
    type Input = Input;
    type Output = ();
    type CommandOutput = Done;
    type Root = adw::PreferencesDialog;
    type Widgets = Widgets;

    fn init_root() -> Self::Root {
        adw::PreferencesDialog::builder()
            .title(gettext("Preferences"))
            .build()
    }

    fn init(
        client: Client,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        let widgets = build(&root, &sender);
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
                say(root, &failure);
                // What was refused goes back to what the helper has.
                if let Some(stored) = self.stored.take() {
                    self.show(widgets, stored);
                }
            }
            Done::Loaded(Err(failure)) => say(root, &failure),
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
        widgets.mode.set_selected(position(&MODES, &settings.mode));
        widgets
            .when_down
            .set_selected(position(&WHEN_DOWN, &settings.when_down));
        widgets
            .timeout
            .button
            .set_value(settings.prompt_timeout.into());
        widgets.log_days.button.set_value(settings.log_days.into());
        widgets
            .log_events
            .button
            .set_value(settings.log_events.into());
        let on = settings.safeguard.unwrap_or_default();
        widgets.safeguard.set_active(on);
        for (number, value) in [
            (&widgets.safeguard_questions, settings.safeguard_questions),
            (&widgets.safeguard_packets, settings.safeguard_packets),
            (&widgets.safeguard_calm, settings.safeguard_calm),
        ] {
            number.button.set_value(value.unwrap_or_default().into());
        }
        widgets.page.set_sensitive(true);
        self.wanted = settings.clone();
        self.stored = Some(settings);
    }
}

impl Widgets {
    /// The settings as the widgets show them; what none shows stays as it is.
    fn read(&self, stored: &WireSettings) -> WireSettings {
        let mut wanted = stored.clone();
        wanted.mode = chosen(&MODES, &self.mode, &stored.mode);
        wanted.when_down = chosen(&WHEN_DOWN, &self.when_down, &stored.when_down);
        wanted.prompt_timeout = self.timeout.value();
        wanted.log_days = self.log_days.value();
        wanted.log_events = self.log_events.value();
        wanted.safeguard = Some(self.safeguard.is_active());
        wanted.safeguard_questions = Some(self.safeguard_questions.value());
        wanted.safeguard_packets = Some(self.safeguard_packets.value());
        wanted.safeguard_calm = Some(self.safeguard_calm.value());
        wanted
    }
}

/// The settings with what the helper left out: that it works by the defaults.
fn with_defaults(mut settings: WireSettings) -> WireSettings {
    let usual = Settings::default();
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

/// A row with a number. (What is inside an `AdwSpinRow` stays hidden from assistive tools with
/// libadwaita 1.7 and GTK 4.18.)
#[derive(Debug)]
struct Number {
    row: adw::ActionRow,
    button: gtk::SpinButton,
}

impl Number {
    fn new(title: &str, subtitle: &str, (min, max): (u32, u32), step: f64) -> Self {
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
    fn value(&self) -> u32 {
        self.button.value().round() as u32
    }
}

fn position(values: &[&str], value: &str) -> u32 {
    let found = values.iter().position(|v| *v == value);
    found
        .and_then(|p| u32::try_from(p).ok())
        .unwrap_or(gtk::INVALID_LIST_POSITION)
}

fn chosen(values: &[&str], row: &adw::ComboRow, before: &str) -> String {
    let selected = usize::try_from(row.selected()).ok();
    let value = selected.and_then(|index| values.get(index)).copied();
    value.unwrap_or(before).to_owned()
}

fn say(root: &adw::PreferencesDialog, failure: &Failure) {
    let toast = adw::Toast::builder()
        .title(failure.sentence())
        .use_markup(false)
        .build();
    root.add_toast(toast);
}

fn build(root: &adw::PreferencesDialog, sender: &ComponentSender<Preferences>) -> Widgets {
    let combo = |title: String, subtitle: String, choices: [String; 2]| {
        let row = choice::row(&title, &choices.each_ref().map(String::as_str));
        row.set_subtitle(&subtitle);
        let input = sender.clone();
        row.connect_selected_notify(move |_| input.input(Input::Changed));
        row
    };
    let spin = |title: String, subtitle: String, name: &str, step: f64| {
        let range = Settings::RANGES
            .iter()
            .find(|(setting, _, _)| *setting == name);
        let (min, max) = range.map_or((0, u32::MAX), |(_, min, max)| (*min, *max));
        let number = Number::new(&title, &subtitle, (min, max), step);
        let input = sender.clone();
        number
            .button
            .connect_value_changed(move |_| input.input(Input::Changed));
        number
    };
    let switch = |title: String, subtitle: String| {
        let row = adw::SwitchRow::builder()
            .title(title)
            .subtitle(subtitle)
            .build();
        let input = sender.clone();
        row.connect_active_notify(move |_| input.input(Input::Changed));
        row
    };
    let widgets = Widgets {
        page: adw::PreferencesPage::builder().sensitive(false).build(),
        mode: combo(
            gettext("Mode"),
            gettext("What happens to connections that no rule decides"),
            [gettext("Ask"), gettext("Learn")],
        ),
        timeout: spin(
            gettext("Time to Answer"),
            gettext("Seconds until a prompt without an answer is denied"),
            "prompt_timeout",
            5.0,
        ),
        when_down: combo(
            gettext("While the Firewall Is Not Running"),
            gettext(
                "Allow (fail-open): new connections pass unchecked, so the network always works. Block (fail-closed): none passes until the firewall is back, unless an administrator stopped it.",
            ),
            [gettext("Allow"), gettext("Block")],
        ),
        log_days: spin(gettext("Keep Log"), gettext("Days"), "log_days", 1.0),
        log_events: spin(
            gettext("Log Size"),
            gettext("Most decisions kept"),
            "log_events",
            1000.0,
        ),
        safeguard: switch(
            gettext("Stop Asking When There Is Too Much"),
            gettext(
                "Connections that no rule decides are then dropped without asking for a while. All others go on.",
            ),
        ),
        safeguard_questions: spin(
            gettext("Most Questions"),
            gettext(
                "New questions of one user within ten seconds. One program makes up a quarter of them at most.",
            ),
            "safeguard_questions",
            1.0,
        ),
        safeguard_packets: spin(
            gettext("Most Waiting Packets"),
            gettext("Packets of one user that wait for answers"),
            "safeguard_packets",
            16.0,
        ),
        safeguard_calm: spin(
            gettext("Time of Calm"),
            gettext(
                "Seconds with less than half as many questions, after which you are asked again",
            ),
            "safeguard_calm",
            1.0,
        ),
    };
    let group = |title: String, rows: &[&gtk::Widget]| {
        let group = adw::PreferencesGroup::builder().title(title).build();
        for row in rows {
            group.add(*row);
        }
        widgets.page.add(&group);
    };
    group(
        gettext("Decisions"),
        &[
            widgets.mode.upcast_ref(),
            widgets.timeout.row.upcast_ref(),
            widgets.when_down.upcast_ref(),
        ],
    );
    group(
        gettext("Log"),
        &[
            widgets.log_days.row.upcast_ref(),
            widgets.log_events.row.upcast_ref(),
        ],
    );
    group(
        gettext("Safeguard"),
        &[
            widgets.safeguard.upcast_ref(),
            widgets.safeguard_questions.row.upcast_ref(),
            widgets.safeguard_packets.row.upcast_ref(),
            widgets.safeguard_calm.row.upcast_ref(),
        ],
    );
    for number in [
        &widgets.safeguard_questions,
        &widgets.safeguard_packets,
        &widgets.safeguard_calm,
    ] {
        let (switch, row) = (&widgets.safeguard, &number.row);
        switch
            .bind_property("active", row, "sensitive")
            .sync_create()
            .build();
    }
    root.add(&widgets.page);
    widgets
}
