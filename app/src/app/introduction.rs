//! When the assistant of the first run is shown: once, to whoever opens the window while there is a
//! helper to set up.

use adw::prelude::*;
use bastion_ipc::wire::WireSettings;
use gtk::glib::object::IsA;
use relm4::{Component, ComponentController, ComponentSender, Controller};

use super::{App, Done, Input};
use crate::autostart::Autostart;
use crate::client::Failure;
use crate::first_run::{self, FirstRun};
use crate::model::first_run::{Rights, is_wanted};
use crate::model::link::Link;
use crate::settings::{AppSettings, FIRST_RUN_DONE};

/// How far it has come.
#[derive(Debug)]
pub(super) struct Introduction {
    stage: Stage,
    /// Counts interruptions: an assistant may say late that it was closed by one, and what it was to
    /// begin with may come after one.
    number: u32,
}

#[derive(Debug)]
enum Stage {
    /// Not yet.
    Ahead,
    /// What it begins with is being asked for.
    Asking,
    /// It is on the screen.
    Shown(Controller<FirstRun>),
    /// It was seen, or there is nothing to decide, or nothing could be remembered of it.
    Over,
}

impl Introduction {
    pub(super) fn of(settings: &AppSettings) -> Self {
        let stage = match settings.flag(FIRST_RUN_DONE) {
            Some(false) => Stage::Ahead,
            Some(true) | None => Stage::Over,
        };
        Self { stage, number: 0 }
    }

    /// The helper has gone; the window says so, and nothing must stand in front of that. Once it is
    /// back, it begins anew.
    pub(super) fn interrupt(&mut self) {
        self.number += 1;
        if let Stage::Shown(assistant) = &self.stage {
            assistant.widget().force_close();
        }
        if !matches!(self.stage, Stage::Over) {
            self.stage = Stage::Ahead;
        }
    }
}

impl App {
    /// Begins the introduction if it is time.
    pub(super) fn introduce(
        &mut self,
        root: &impl IsA<gtk::Widget>,
        sender: &ComponentSender<Self>,
    ) {
        let ahead = matches!(self.introduction.stage, Stage::Ahead);
        if !ahead || self.link != Link::Ready || !root.is_visible() {
            return;
        }
        self.introduction.stage = Stage::Asking;
        let number = self.introduction.number;
        let client = self.client.clone();
        sender.oneshot_command(async move {
            let settings = match client.settings().await {
                Ok(settings) => settings,
                Err(failure) => return Done::Introduce(number, Err(failure)),
            };
            let rights = client.may_configure().await.unwrap_or_else(|failure| {
                // The helper will say so when it comes to that.
                tracing::debug!(%failure, "polkit does not tell what the user may do");
                Rights::Granted
            });
            Done::Introduce(number, Ok((settings, rights)))
        });
    }

    /// What was asked for under this number has come.
    pub(super) fn begin_introduction(
        &mut self,
        number: u32,
        found: Result<(WireSettings, Rights), Failure>,
        root: &impl IsA<gtk::Widget>,
        sender: &ComponentSender<Self>,
    ) {
        let asking = matches!(self.introduction.stage, Stage::Asking);
        if !asking || number != self.introduction.number {
            return;
        }
        self.introduction.stage = match found {
            Ok((settings, rights)) if is_wanted(&settings, rights) => {
                let init = first_run::Init {
                    client: self.client.clone(),
                    settings,
                    rights,
                    autostart: Autostart::of_user(),
                };
                let assistant = FirstRun::builder()
                    .launch(init)
                    .forward(sender.input_sender(), move |first_run::Output::Seen| {
                        Input::Introduced(number)
                    });
                assistant.widget().present(Some(root));
                Stage::Shown(assistant)
            }
            // Not seen: who may do more one day is asked then.
            Ok(_) => Stage::Over,
            Err(failure) => {
                tracing::warn!(%failure, "the assistant of the first run can't begin");
                Stage::Ahead
            }
        };
    }

    /// The assistant of this number was closed.
    pub(super) fn introduced(&mut self, number: u32) {
        if number == self.introduction.number {
            self.settings.set_flag(FIRST_RUN_DONE, true);
            self.introduction.stage = Stage::Over;
        }
    }
}
