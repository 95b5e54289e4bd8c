//! The assistant of the first run: what Bastion does, and the choices that everybody has to make.
//! They are applied together in the end, so that an administrator authenticates once at most.

mod pages;

use adw::prelude::*;
use bastion_ipc::wire::WireSettings;
use bastion_policy::settings::Mode;
use relm4::{Component, ComponentParts, ComponentSender};

use crate::autostart::Autostart;
use crate::client::{Client, Failure};
use crate::i18n::gettext;
use crate::model::first_run::{Choices, Outcome, Rights};
use pages::Pages;

/// In the order in which the assistant offers them.
const MODES: [Mode; 2] = [Mode::Ask, Mode::Learn];

/// What the assistant begins with.
#[derive(Debug)]
pub struct Init {
    /// Calls the helper.
    pub client: Client,
    /// The settings in force.
    pub settings: WireSettings,
    /// Whether the user may change them.
    pub rights: Rights,
    /// Whether the app starts with the session; `None` where it can't tell.
    pub autostart: Option<Autostart>,
}

/// The component.
#[derive(Debug)]
pub struct FirstRun {
    client: Client,
    settings: WireSettings,
    rights: Rights,
    autostart: Option<Autostart>,
}

/// What the assistant takes in.
#[derive(Debug)]
pub enum Input {
    /// The user wants to see the next page.
    Next,
    /// The user has chosen.
    Apply,
    /// The user has had enough.
    Close,
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// These settings were stored, or not.
    Stored(WireSettings, Result<(), Failure>),
}

/// What the assistant gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The user has seen it, to the end or not.
    Seen,
}

impl Component for FirstRun {
    type Init = Init;
    type Input = Input;
    type Output = Output;
    type CommandOutput = Done;
    type Root = adw::Dialog;
    type Widgets = Pages;

    fn init_root() -> Self::Root {
        adw::Dialog::builder()
            .title(gettext("Welcome to Bastion"))
            .content_width(480)
            .content_height(580)
            .build()
    }

    fn init(init: Init, root: Self::Root, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let starts = init.autostart.as_ref().map(Autostart::is_on);
        let choices = Choices::of(&init.settings, starts);
        let pages = Pages::build(&root, init.rights, &sender);
        pages.show_choices(&choices);
        let model = Self {
            client: init.client,
            settings: init.settings,
            rights: init.rights,
            autostart: init.autostart,
        };
        ComponentParts {
            model,
            widgets: pages,
        }
    }

    fn update_with_view(
        &mut self,
        pages: &mut Pages,
        input: Input,
        sender: ComponentSender<Self>,
        root: &Self::Root,
    ) {
        match input {
            Input::Next => pages.show_next(),
            Input::Apply => self.apply(pages, &sender),
            Input::Close => {
                root.close();
            }
        }
    }

    fn update_cmd_with_view(
        &mut self,
        pages: &mut Pages,
        Done::Stored(settings, result): Done,
        _: ComponentSender<Self>,
        _: &Self::Root,
    ) {
        pages.set_applying(false);
        match result {
            Ok(()) => {
                self.settings = settings;
                pages.show_outcome(&Outcome::set(&self.holding(), &self.settings));
            }
            Err(failure) => pages.show_outcome(&self.kept(failure.sentence(), true)),
        }
    }
}

impl FirstRun {
    /// What holds now.
    fn holding(&self) -> Choices {
        Choices::of(
            &self.settings,
            self.autostart.as_ref().map(Autostart::is_on),
        )
    }

    fn kept(&self, why: String, again: bool) -> Outcome {
        Outcome::kept(why, &self.holding(), &self.settings, again)
    }

    fn apply(&mut self, pages: &Pages, sender: &ComponentSender<Self>) {
        let choices = pages.choices();
        if let (Some(autostart), Some(on)) = (&self.autostart, choices.autostart)
            && let Err(error) = autostart.set(on)
        {
            tracing::warn!(%error, "the start with the session could not be changed");
            pages.show_outcome(&self.kept(error.to_string(), true));
            return;
        }
        if self.rights == Rights::Refused {
            let why = gettext("Only an administrator may change how it is set up.");
            pages.show_outcome(&self.kept(why, false));
            return;
        }
        let Some(wanted) = choices.change(&self.settings) else {
            pages.show_outcome(&Outcome::set(&choices, &self.settings));
            return;
        };
        pages.set_applying(true);
        let client = self.client.clone();
        sender.oneshot_command(async move {
            let result = client.set_settings(&wanted).await;
            Done::Stored(wanted, result)
        });
    }
}
