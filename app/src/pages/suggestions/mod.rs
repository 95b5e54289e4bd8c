//! Suggestions from learn mode: a dialog in which they are accepted or dropped, singly or all, and
//! what leads there.

mod build;
mod list;
mod offer;

pub(crate) use offer::{banner, row};

use bastion_ipc::wire::Suggestion;
use relm4::{Component, ComponentParts, ComponentSender};

use super::Context;
use crate::client::Failure;
use crate::i18n::ngettext_f;
use crate::model::suggestions::{Review, SCOPES};

/// The component.
pub(crate) struct Suggestions {
    context: Context,
    review: Review,
    /// The helper said what there is.
    loaded: bool,
    /// Those of all users and the system are shown.
    everybody: bool,
    /// Position of the scope chosen.
    scope: usize,
    /// Something is being done; until it is, nothing else is.
    busy: bool,
}

/// What the dialog takes in.
#[derive(Debug)]
pub(crate) enum Input {
    /// The user chose a suggestion, or not.
    Choose(u64, bool),
    /// The user chose all of a program, or none.
    ChooseProgram(String, bool),
    /// The user chose all, or none.
    ChooseAll(bool),
    /// The user wants to see a program's suggestions.
    Open(String),
    /// The user chose a scope by its position.
    Scope(u32),
    /// The user wants to see those of all users, or only their own.
    Everybody(bool),
    /// The user accepts what is chosen.
    Accept,
    /// The user drops what is chosen.
    Drop,
    /// The user takes back that these were dropped; whether they were everybody's.
    Restore(Vec<u64>, bool),
}

/// What comes of commands.
#[derive(Debug)]
pub(crate) enum Done {
    /// The suggestions of everybody or of this user.
    Listed(bool, Result<Vec<Suggestion>, Failure>),
    /// So many rules were made, or none.
    Accepted(Result<usize, Failure>),
    /// These were dropped, or not.
    Dropped(Vec<u64>, Result<(), Failure>),
    /// That was taken back, or not.
    Restored(Result<(), Failure>),
}

/// What the dialog tells who opened it.
#[derive(Debug)]
pub(crate) enum Output {
    /// It was closed.
    Closed,
}

impl Component for Suggestions {
    type Init = Context;
    type Input = Input;
    type Output = Output;
    type CommandOutput = Done;
    type Root = adw::Dialog;
    type Widgets = build::Widgets;

    fn init_root() -> Self::Root {
        build::dialog()
    }

    fn init(
        context: Context,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        let widgets = build::content(&root, &sender);
        let model = Self {
            context,
            review: Review::default(),
            loaded: false,
            everybody: false,
            scope: 0,
            busy: false,
        };
        model.load(false, &sender);
        ComponentParts { model, widgets }
    }

    fn update_with_view(
        &mut self,
        widgets: &mut build::Widgets,
        input: Input,
        sender: ComponentSender<Self>,
        _: &adw::Dialog,
    ) {
        match input {
            Input::Choose(id, chosen) => self.review.choose(id, chosen),
            Input::ChooseProgram(path, chosen) => self.review.choose_program(&path, chosen),
            Input::ChooseAll(chosen) => self.review.choose_all(chosen),
            Input::Open(path) => widgets.list.open(&self.review, &path, &sender),
            Input::Scope(position) => self.scope = position as usize,
            // Turning the switch back switches it, too.
            Input::Everybody(everybody) if everybody != self.everybody => {
                self.busy = true;
                self.load(everybody, &sender);
            }
            Input::Everybody(_) => {}
            Input::Accept => self.accept(&sender),
            Input::Drop => self.drop(&sender),
            Input::Restore(ids, everybody) => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move {
                    Done::Restored(client.restore_suggestions(&ids, everybody).await)
                });
            }
        }
        self.show(widgets);
    }

    fn update_cmd_with_view(
        &mut self,
        widgets: &mut build::Widgets,
        done: Done,
        sender: ComponentSender<Self>,
        _: &adw::Dialog,
    ) {
        match done {
            Done::Listed(everybody, listed) => {
                self.busy = false;
                self.loaded = true;
                match listed {
                    Ok(found) => {
                        self.everybody = everybody;
                        let directory = &self.context.directory;
                        self.review.show(found, directory, everybody);
                        widgets.list.fill(&self.review, &sender);
                    }
                    Err(failure) => widgets.tell(&failure.sentence()),
                }
            }
            Done::Accepted(Ok(rules)) => {
                let n = rules as u64;
                widgets.tell(&ngettext_f("{n} rule added", "{n} rules added", n, &[]));
                self.load(self.everybody, &sender);
            }
            Done::Dropped(ids, Ok(())) => {
                widgets.tell_dropped(ids, self.everybody, &sender);
                self.load(self.everybody, &sender);
            }
            Done::Restored(Ok(())) => self.load(self.everybody, &sender),
            Done::Accepted(Err(failure))
            | Done::Dropped(_, Err(failure))
            | Done::Restored(Err(failure)) => {
                self.busy = false;
                widgets.tell(&failure.sentence());
                // What is shown may be gone.
                self.load(self.everybody, &sender);
            }
        }
        self.show(widgets);
    }
}

impl Suggestions {
    fn load(&self, everybody: bool, sender: &ComponentSender<Self>) {
        let client = self.context.client.clone();
        sender.oneshot_command(async move {
            Done::Listed(everybody, client.suggestions(everybody).await)
        });
    }

    fn accept(&mut self, sender: &ComponentSender<Self>) {
        let Some(scope) = SCOPES.get(self.scope).copied() else {
            return;
        };
        self.busy = true;
        let (client, everybody) = (self.context.client.clone(), self.everybody);
        let ids = self.review.chosen();
        sender.oneshot_command(async move {
            let made = client.accept_suggestions(&ids, scope, everybody).await;
            Done::Accepted(made.map(|rules| rules.len()))
        });
    }

    fn drop(&mut self, sender: &ComponentSender<Self>) {
        self.busy = true;
        let (client, everybody) = (self.context.client.clone(), self.everybody);
        let ids = self.review.chosen();
        sender.oneshot_command(async move {
            let result = client.drop_suggestions(&ids, everybody).await;
            Done::Dropped(ids, result)
        });
    }

    fn show(&self, widgets: &build::Widgets) {
        widgets.show(&self.review, self.everybody, self.loaded, self.busy);
        widgets.list.show(&self.review);
    }
}
