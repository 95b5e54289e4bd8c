use adw::prelude::*;
use bastion_ipc::wire::WireSettings;
use relm4::ComponentSender;

use super::rows::{Number, chosen, combo, position, switch};
use super::{Input, Preferences, own};
use crate::i18n::gettext;
use crate::settings::AppSettings;
use crate::widgets::outage::{self, WHEN_DOWN};
use crate::widgets::radio::Radio;

const MODES: [&str; 2] = ["ask", "learn"];
/// What may become of what nobody answered for.
const DEFAULTS: [&str; 3] = ["deny", "drop", "allow"];

/// The widgets that change.
#[derive(Debug)]
pub struct Widgets {
    mode: adw::ComboRow,
    timeout: Number,
    default: adw::ComboRow,
    when_down: Radio,
    log_days: Number,
    log_events: Number,
    safeguard: adw::SwitchRow,
    safeguard_questions: Number,
    safeguard_packets: Number,
    safeguard_calm: Number,
    /// What the helper has, which can't be changed before it is known.
    of_helper: Vec<adw::PreferencesGroup>,
}

impl Widgets {
    /// Fills the dialog.
    pub(super) fn build(
        root: &adw::PreferencesDialog,
        own: &AppSettings,
        sender: &ComponentSender<Preferences>,
    ) -> Self {
        let mut widgets = Self::rows();
        widgets.lay_out(root, own);
        for group in &widgets.of_helper {
            group.set_sensitive(false);
        }
        widgets.connect(sender);
        widgets
    }

    fn rows() -> Self {
        Self {
            mode: combo(
                &gettext("Mode"),
                &gettext("What happens to connections that no rule decides"),
                &[gettext("Ask"), gettext("Learn")],
            ),
            timeout: Number::new(
                &gettext("Time to Answer"),
                &gettext("Seconds until a prompt ends without an answer"),
                "prompt_timeout",
                5.0,
            ),
            default: combo(
                &gettext("Without an Answer"),
                &gettext("What becomes of the connection when the time is over"),
                &[gettext("Deny"), gettext("Drop silently"), gettext("Allow")],
            ),
            when_down: outage::radio(&gettext("While the Firewall Is Not Running")),
            log_days: Number::new(&gettext("Keep Log"), &gettext("Days"), "log_days", 1.0),
            log_events: Number::new(
                &gettext("Log Size"),
                &gettext("Most decisions kept"),
                "log_events",
                1000.0,
            ),
            safeguard: switch(
                &gettext("Stop Asking When There Is Too Much"),
                &gettext(
                    "Connections that no rule decides are then dropped without asking for a while. All others go on.",
                ),
            ),
            safeguard_questions: Number::new(
                &gettext("Most Questions"),
                &gettext(
                    "New questions of one user within ten seconds. One program makes up a quarter of them at most.",
                ),
                "safeguard_questions",
                1.0,
            ),
            safeguard_packets: Number::new(
                &gettext("Most Waiting Packets"),
                &gettext("Packets of one user that wait for answers"),
                "safeguard_packets",
                16.0,
            ),
            safeguard_calm: Number::new(
                &gettext("Time of Calm"),
                &gettext(
                    "Seconds with less than half as many questions, after which you are asked again",
                ),
                "safeguard_calm",
                1.0,
            ),
            of_helper: Vec::new(),
        }
    }

    fn lay_out(&mut self, root: &adw::PreferencesDialog, own: &AppSettings) {
        let general = page(&gettext("General"), "preferences-system-symbolic");
        let decisions = group("", &[&self.mode]);
        general.add(&decisions);
        general.add(&self.when_down.group);
        if let Some(start) = own::start(root) {
            general.add(&group(&gettext("Startup"), &[&start]));
        }
        let questions = page(&gettext("Questions"), "dialog-question-symbolic");
        let answers = group("", &[&self.timeout.row, &self.default]);
        questions.add(&answers);
        if let Some(notify) = own::question_notifications(own) {
            questions.add(&group("", &[&notify]));
        }
        let log = page(&gettext("Log"), "document-open-recent-symbolic");
        let kept = group("", &[&self.log_days.row, &self.log_events.row]);
        kept.set_description(Some(&gettext("The oldest decisions are forgotten first.")));
        log.add(&kept);
        let safeguard = page(&gettext("Safeguard"), "security-medium-symbolic");
        let whether = group("", &[&self.safeguard]);
        safeguard.add(&whether);
        if let Some(notify) = own::safeguard_notifications(own) {
            safeguard.add(&group("", &[&notify]));
        }
        let limits = group(
            &gettext("Limits"),
            &[
                &self.safeguard_questions.row,
                &self.safeguard_packets.row,
                &self.safeguard_calm.row,
            ],
        );
        safeguard.add(&limits);
        for page in [general, questions, log, safeguard] {
            root.add(&page);
        }
        self.of_helper = vec![
            decisions,
            self.when_down.group.clone(),
            answers,
            kept,
            whether,
            limits,
        ];
    }

    fn connect(&self, sender: &ComponentSender<Preferences>) {
        for combo in [&self.mode, &self.default] {
            let input = sender.clone();
            combo.connect_selected_notify(move |_| input.input(Input::Changed));
        }
        let input = sender.clone();
        self.when_down
            .connect_chosen(move || input.input(Input::Changed));
        for number in [&self.timeout, &self.log_days, &self.log_events]
            .into_iter()
            .chain(self.limits())
        {
            let input = sender.clone();
            let button = &number.button;
            button.connect_value_changed(move |_| input.input(Input::Changed));
        }
        let input = sender.clone();
        self.safeguard
            .connect_active_notify(move |_| input.input(Input::Changed));
        for number in self.limits() {
            // The button, too: assistive tools are not told of a row's.
            let (row, button) = (number.row.upcast_ref(), number.button.upcast_ref());
            for widget in [row, button] as [&gtk::Widget; 2] {
                self.safeguard
                    .bind_property("active", widget, "sensitive")
                    .sync_create()
                    .build();
            }
        }
    }

    fn limits(&self) -> [&Number; 3] {
        [
            &self.safeguard_questions,
            &self.safeguard_packets,
            &self.safeguard_calm,
        ]
    }

    pub(super) fn show(&self, settings: &WireSettings) {
        self.mode.set_selected(position(&MODES, &settings.mode));
        if let Some(position) = position_of(&settings.when_down) {
            self.when_down.choose(position);
        }
        self.timeout.set_value(settings.prompt_timeout);
        let default = settings.prompt_default.as_deref().unwrap_or_default();
        self.default.set_selected(position(&DEFAULTS, default));
        self.log_days.set_value(settings.log_days);
        self.log_events.set_value(settings.log_events);
        self.safeguard
            .set_active(settings.safeguard.unwrap_or_default());
        for (number, value) in self.limits().into_iter().zip([
            settings.safeguard_questions,
            settings.safeguard_packets,
            settings.safeguard_calm,
        ]) {
            number.set_value(value.unwrap_or_default());
        }
        for group in &self.of_helper {
            group.set_sensitive(true);
        }
    }

    /// The settings as the widgets show them; what none shows stays as it is.
    pub(super) fn read(&self, stored: &WireSettings) -> WireSettings {
        let mut wanted = stored.clone();
        wanted.mode = chosen(&MODES, &self.mode, &stored.mode);
        // What is none of the rows is a newer helper's, and stays.
        if position_of(&stored.when_down).is_some()
            && let Some(chosen) = WHEN_DOWN.get(self.when_down.chosen())
        {
            wanted.when_down = chosen.to_string();
        }
        wanted.prompt_timeout = self.timeout.value();
        let stored = stored.prompt_default.as_deref().unwrap_or_default();
        wanted.prompt_default = Some(chosen(&DEFAULTS, &self.default, stored));
        wanted.log_days = self.log_days.value();
        wanted.log_events = self.log_events.value();
        wanted.safeguard = Some(self.safeguard.is_active());
        wanted.safeguard_questions = Some(self.safeguard_questions.value());
        wanted.safeguard_packets = Some(self.safeguard_packets.value());
        wanted.safeguard_calm = Some(self.safeguard_calm.value());
        wanted
    }
}

fn position_of(when_down: &str) -> Option<usize> {
    WHEN_DOWN
        .iter()
        .position(|choice| choice.to_string() == when_down)
}

fn page(title: &str, icon: &str) -> adw::PreferencesPage {
    adw::PreferencesPage::builder()
        .title(title)
        .icon_name(icon)
        .build()
}

fn group(title: &str, rows: &[&dyn AsRow]) -> adw::PreferencesGroup {
    let group = adw::PreferencesGroup::builder().title(title).build();
    for row in rows {
        group.add(row.as_row());
    }
    group
}

/// Whatever is a row.
trait AsRow {
    fn as_row(&self) -> &adw::PreferencesRow;
}

impl<R: IsA<adw::PreferencesRow>> AsRow for R {
    fn as_row(&self) -> &adw::PreferencesRow {
        self.upcast_ref()
    }
}
