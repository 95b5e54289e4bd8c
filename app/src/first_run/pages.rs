use adw::prelude::*;
use bastion_ipc::names;
use bastion_policy::settings::Mode;
use relm4::ComponentSender;

use super::{FirstRun, Input, MODES, Output};
use crate::i18n::gettext;
use crate::model::first_run::{Choices, Outcome, Rights};
use crate::widgets::outage::{self, WHEN_DOWN};
use crate::widgets::radio::Radio;

/// The pages' tags, in the order in which they come.
const WELCOME: &str = "welcome";
const QUESTIONS: &str = "questions";
const OUTAGE: &str = "outage";
const OUTCOME: &str = "outcome";

/// The widgets that change.
#[derive(Debug)]
pub struct Pages {
    views: adw::NavigationView,
    mode: Radio,
    when_down: Radio,
    /// Whether the app starts with the session.
    start: adw::SwitchRow,
    start_group: adw::PreferencesGroup,
    finish: gtk::Button,
    outcome: adw::StatusPage,
    facts: gtk::ListBox,
    again: gtk::Button,
}

impl Pages {
    /// Fills the dialog.
    pub(super) fn build(
        root: &adw::Dialog,
        rights: Rights,
        sender: &ComponentSender<FirstRun>,
    ) -> Self {
        let start = adw::SwitchRow::builder()
            .title(gettext("Start When I Log In"))
            .subtitle(gettext(
                "So that you can be asked from the beginning. The firewall service starts with the computer.",
            ))
            .build();
        let start_group = adw::PreferencesGroup::new();
        start_group.add(&start);
        let pages = Self {
            views: adw::NavigationView::new(),
            mode: modes(),
            when_down: outage::radio(&gettext("If the Firewall Is Not Running")),
            start,
            start_group,
            finish: button(&gettext("_Finish"), Input::apply, sender),
            outcome: adw::StatusPage::new(),
            facts: gtk::ListBox::builder()
                .selection_mode(gtk::SelectionMode::None)
                .css_classes(["boxed-list"])
                .build(),
            again: button(&gettext("Try _Again"), Input::apply, sender),
        };
        if rights == Rights::Refused {
            for radio in [&pages.mode, &pages.when_down] {
                let why = gettext("Only an administrator may change this.");
                radio.group.set_description(Some(&why));
                radio.set_sensitive(false);
            }
        }
        let next = || button(&gettext("_Next"), Input::next, sender);
        let skip = button(&gettext("_Skip"), Input::close, sender);
        skip.remove_css_class("suggested-action");
        let start_using = button(&gettext("Start _Using Bastion"), Input::close, sender);
        let first = next();
        pages.add(WELCOME, &gettext("Welcome"), &welcome(), &[&skip, &first]);
        let questions = preferences(&[&pages.mode.group]);
        pages.add(
            QUESTIONS,
            &gettext("New Connections"),
            &questions,
            &[&next()],
        );
        let outage = preferences(&[&pages.when_down.group, &pages.start_group]);
        pages.add(OUTAGE, &gettext("Availability"), &outage, &[&pages.finish]);
        pages.outcome.set_child(Some(&pages.facts));
        let outcome = pages.outcome.upcast_ref();
        pages
            .add(
                OUTCOME,
                &gettext("Done"),
                outcome,
                &[&pages.again, &start_using],
            )
            // Behind it is what was applied by now.
            .set_can_pop(false);
        root.set_child(Some(&pages.views));
        root.set_focus(Some(&first));
        let output = sender.output_sender().clone();
        root.connect_closed(move |_| {
            if output.send(Output::Seen).is_err() {
                tracing::debug!("nobody waits for the end of the assistant");
            }
        });
        pages
    }

    fn add(
        &self,
        tag: &str,
        title: &str,
        content: &gtk::Widget,
        buttons: &[&gtk::Button],
    ) -> adw::NavigationPage {
        let bar = gtk::Box::builder()
            .spacing(12)
            .halign(gtk::Align::Center)
            .margin_top(12)
            .margin_bottom(18)
            .build();
        for button in buttons {
            bar.append(*button);
        }
        let view = adw::ToolbarView::new();
        view.add_top_bar(&adw::HeaderBar::new());
        view.set_content(Some(content));
        view.add_bottom_bar(&bar);
        let page = adw::NavigationPage::builder()
            .tag(tag)
            .title(title)
            .child(&view)
            .build();
        self.views.add(&page);
        page
    }

    /// What the user has chosen.
    pub(super) fn choices(&self) -> Choices {
        let start = self.start_group.is_visible();
        Choices {
            mode: MODES.get(self.mode.chosen()).copied().unwrap_or_default(),
            when_down: WHEN_DOWN
                .get(self.when_down.chosen())
                .copied()
                .unwrap_or_default(),
            autostart: start.then(|| self.start.is_active()),
        }
    }

    pub(super) fn show_choices(&self, choices: &Choices) {
        let mode = MODES.iter().position(|mode| *mode == choices.mode);
        self.mode.choose(mode.unwrap_or_default());
        let down = WHEN_DOWN.iter().position(|down| *down == choices.when_down);
        self.when_down.choose(down.unwrap_or_default());
        self.start_group.set_visible(choices.autostart.is_some());
        self.start.set_active(choices.autostart == Some(true));
    }

    pub(super) fn show_next(&self) {
        let shown = self.views.visible_page().and_then(|page| page.tag());
        match shown.as_deref() {
            Some(WELCOME) => self.views.push_by_tag(QUESTIONS),
            Some(QUESTIONS) => self.views.push_by_tag(OUTAGE),
            _ => {}
        }
    }

    /// While an administrator authenticates, perhaps.
    pub(super) fn set_applying(&self, applying: bool) {
        self.finish.set_sensitive(!applying);
        self.again.set_sensitive(!applying);
    }

    pub(super) fn show_outcome(&self, outcome: &Outcome) {
        let later = gettext("You can change all of this in the preferences.");
        let description = match outcome.description.as_str() {
            "" => later,
            why => format!("{why} {later}"),
        };
        let icon = match outcome.description.is_empty() {
            true => "security-high-symbolic",
            false => "security-medium-symbolic",
        };
        self.outcome.set_icon_name(Some(icon));
        self.outcome.set_title(&outcome.title);
        let description = gtk::glib::markup_escape_text(&description);
        self.outcome.set_description(Some(&description));
        self.facts.remove_all();
        for fact in &outcome.facts {
            let row = adw::ActionRow::builder()
                .title(fact)
                .use_markup(false)
                .activatable(false)
                .build();
            self.facts.append(&row);
        }
        self.again.set_visible(outcome.again);
        let shown = self.views.visible_page().and_then(|page| page.tag());
        if shown.as_deref() != Some(OUTCOME) {
            self.views.push_by_tag(OUTCOME);
        }
    }
}

impl Input {
    fn next() -> Self {
        Self::Next
    }

    fn apply() -> Self {
        Self::Apply
    }

    fn close() -> Self {
        Self::Close
    }
}

fn button(label: &str, input: fn() -> Input, sender: &ComponentSender<FirstRun>) -> gtk::Button {
    let button = gtk::Button::builder()
        .label(label)
        .use_underline(true)
        .css_classes(["pill", "suggested-action"])
        .build();
    let sender = sender.clone();
    button.connect_clicked(move |_| sender.input(input()));
    button
}

fn welcome() -> gtk::Widget {
    adw::StatusPage::builder()
        .icon_name(names::APP_ID)
        .title(gettext("Welcome to Bastion"))
        .description(gettext(
            "Bastion watches which programs of this computer connect to the network. When one wants to go where no rule has decided yet, you say whether it may, and your answer can become a rule. Nothing of this leaves your computer.",
        ))
        .build()
        .upcast()
}

fn preferences(groups: &[&adw::PreferencesGroup]) -> gtk::Widget {
    let page = adw::PreferencesPage::new();
    for group in groups {
        page.add(*group);
    }
    page.upcast()
}

fn modes() -> Radio {
    let said = MODES.map(|mode| match mode {
        Mode::Ask => (
            gettext("Ask Me"),
            gettext(
                "A connection that no rule decides waits until you answer, and is denied if you do not. There are many questions in the first days.",
            ),
        ),
        Mode::Learn => (
            gettext("Learn First"),
            gettext(
                "Connections that no rule decides are allowed and noted down as suggestions. You look through them later, then let Bastion ask.",
            ),
        ),
    });
    Radio::new(&gettext("When a Program Wants to Connect"), &said)
}
