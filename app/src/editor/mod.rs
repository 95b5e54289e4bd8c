//! The rule editor: a dialog with every field of a rule, which says in a sentence what the rule
//! does and which recent connections it would have matched, and can't save what makes no sense.

mod fields;
mod lifetime;
mod picker;
mod preview;
mod programs;
mod rows;
mod view;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use adw::prelude::*;
use bastion_ipc::wire::{Connection, Event, LogQuery, WireRule};
use relm4::{Component, ComponentParts, ComponentSender};

use crate::client::{Client, Failure};
use crate::i18n::gettext;
use crate::model::form::{Complete, Field, Form, Mistake, ProgramKind};
use crate::model::names::Directory;
use crate::model::picker::{Fact, Instead, running};
use crate::model::preview::{LAST, Recent};
use crate::model::time;
use picker::Offer;
use view::Widgets;

/// What the editor starts with.
#[derive(Debug)]
pub struct Init {
    /// The rule to change, or to begin with; none to begin anew.
    pub rule: Option<WireRule>,
    /// Asks for recent connections.
    pub client: Client,
    /// Names users and services.
    pub directory: Directory,
}

/// The component.
pub struct Editor {
    client: Client,
    directory: Directory,
    form: Form,
    /// The form as the dialog opened with it.
    opened: Form,
    checked: Result<Complete, Vec<Mistake>>,
    /// The rule is on its way to the helper.
    saving: bool,
    past: Past,
    /// What was found out about a path that was written down.
    fact: Option<(String, Fact)>,
    /// Counts the programs that were chosen.
    choices: u32,
    /// Finds out what a rule names to mean a choice. It may have to wait for a disk.
    look_up: Arc<dyn Fn(Choice) -> Meaning + Send + Sync>,
}

/// What a choice means in a rule, and what stands in for it.
type Meaning = (String, Option<Instead>);

/// The connections the rule is tried on.
enum Past {
    /// They are being asked for.
    Asked,
    Known(Recent),
    Unknown(Failure),
}

/// A program that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// One of those on offer, as a rule names it.
    Program(String),
    /// Any file.
    File(PathBuf),
}

/// What the editor takes in.
#[derive(Debug)]
pub enum Input {
    /// The user changed something.
    Changed,
    /// The user wants to choose a program for this field.
    Pick(Field),
    /// The user looks for a program file for this field.
    Browse(Field),
    /// The user chose a program.
    Chosen(Field, Choice),
    /// The user knows what it means to name this, and wants to.
    Taken(Field, String),
    /// The user wants to keep the rule.
    Save,
    /// What became of it.
    Saved(Result<(), Failure>),
    /// The user wants to leave without saving.
    Leave,
    /// The user wants to lose what was changed.
    Discard,
    /// The dialog was closed.
    Closed,
}

/// What the editor gives out.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// This rule is to be kept; [`Input::Saved`] is expected in return.
    Save(Box<WireRule>),
    /// The dialog was closed.
    Closed,
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// The end of the log, and what is open.
    Recent(Result<(Vec<Event>, Vec<Connection>), Failure>),
    /// The user's session, if there is one.
    Session(Option<String>),
    /// What was found out about a path.
    Looked(String, Option<Fact>),
    /// What there is to choose from for this field.
    Offered(Field, Offer),
    /// What the choice of this number for this field means.
    Chosen(u32, Field, Meaning),
}

impl Component for Editor {
    type Init = Init;
    type Input = Input;
    type Output = Output;
    type CommandOutput = Done;
    type Root = adw::Dialog;
    type Widgets = Widgets;

    fn init_root() -> Self::Root {
        adw::Dialog::builder()
            .content_width(540)
            .content_height(760)
            .build()
    }

    fn init(init: Init, root: Self::Root, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let directory = init.directory;
        let mut form = match &init.rule {
            Some(rule) => Form::of(rule, &directory),
            None => Form::new(),
        };
        let mut widgets = Widgets::build(&root, &form, &directory, &sender);
        // As the rows show it, so that nothing counts as changed that nobody changed.
        widgets.rows.read(&mut form);
        let model = Self {
            client: init.client,
            checked: form.check(&directory, time::now()),
            directory,
            opened: form.clone(),
            form,
            saving: false,
            past: Past::Asked,
            fact: None,
            choices: 0,
            look_up: Arc::new(programs::chosen),
        };
        model.ask(&sender);
        model.show(&mut widgets, &root);
        ComponentParts { model, widgets }
    }

    fn update_with_view(
        &mut self,
        widgets: &mut Widgets,
        input: Input,
        sender: ComponentSender<Self>,
        root: &adw::Dialog,
    ) {
        match input {
            Input::Changed => {
                widgets.rows.read(&mut self.form);
                self.checked = self.form.check(&self.directory, time::now());
                widgets.banner.set_revealed(false);
                self.look(&sender);
            }
            Input::Pick(field) if widgets.picker().is_none() => {
                // What was chosen on a page that is left is not waited for any more.
                self.choices = self.choices.wrapping_add(1);
                widgets.pick(field);
                self.offer(field, &sender);
            }
            // A key was pressed twice.
            Input::Pick(_) => {}
            Input::Browse(field) => view::browse(root, field, &sender),
            Input::Chosen(field, choice) => self.choose(field, choice, &sender),
            Input::Taken(field, matcher) => widgets.take(field, &matcher),
            Input::Save => self.save(&sender),
            Input::Saved(Ok(())) => {
                root.force_close();
            }
            Input::Saved(Err(failure)) => {
                self.saving = false;
                widgets.banner.set_title(&failure.sentence());
                widgets.banner.set_revealed(true);
            }
            Input::Leave => view::ask_to_discard(root, &sender),
            Input::Discard => {
                root.force_close();
            }
            Input::Closed => give(&sender, Output::Closed),
        }
        self.show(widgets, root);
    }

    fn update_cmd_with_view(
        &mut self,
        widgets: &mut Widgets,
        done: Done,
        sender: ComponentSender<Self>,
        root: &adw::Dialog,
    ) {
        match done {
            Done::Recent(Ok((log, open))) => {
                self.past = Past::Known(Recent::new(&log, &open, &self.directory));
            }
            Done::Recent(Err(failure)) => self.past = Past::Unknown(failure),
            Done::Session(Some(session)) => widgets.rows.lifetime.set_session(session),
            Done::Session(None) => {}
            Done::Looked(path, fact) => self.fact = fact.map(|fact| (path, fact)),
            Done::Offered(field, offer) => widgets.offer(field, offer),
            Done::Chosen(number, ..) if number != self.choices || widgets.picker().is_none() => {}
            Done::Chosen(_, field, (matcher, Some(instead))) => {
                ask_about(root, field, &matcher, &instead, &sender);
            }
            Done::Chosen(_, field, (matcher, None)) => widgets.take(field, &matcher),
        }
        self.show(widgets, root);
    }
}

impl Editor {
    fn show(&self, widgets: &mut Widgets, root: &adw::Dialog) {
        widgets.rows.show_kinds(&self.form);
        let mistakes = self.checked.as_ref().err().map_or(&[][..], Vec::as_slice);
        widgets
            .rows
            .show_messages(mistakes, |field| self.hint(field));
        match (&self.checked, &self.past) {
            (Ok(complete), Past::Known(recent)) => {
                widgets.preview.show(recent.preview(&complete.rule));
            }
            (_, Past::Unknown(failure)) => widgets.preview.failed(&failure.sentence()),
            (Err(_), Past::Known(_)) => widgets.preview.incomplete(),
            (_, Past::Asked) => {}
        }
        widgets.sentence.set_label(&match &self.checked {
            Ok(complete) => complete.sentence.clone(),
            Err(_) => gettext("This is not a complete rule yet."),
        });
        widgets
            .save
            .set_sensitive(self.checked.is_ok() && !self.saving);
        root.set_can_close(self.form == self.opened);
    }

    fn hint(&self, field: Field) -> Option<String> {
        match &self.fact {
            Some((path, fact)) if field == Field::Program && self.written() == Some(path) => {
                Some(fact.sentence())
            }
            _ => self.form.hint(field, &self.directory),
        }
    }

    /// The path of a program, as it is written down.
    fn written(&self) -> Option<&String> {
        let (kind, path) = &self.form.program;
        (*kind == ProgramKind::Path && !path.is_empty()).then_some(path)
    }

    /// Finds out about the path of the program; it may be on a disk that takes long.
    fn look(&self, sender: &ComponentSender<Self>) {
        if let Some(path) = self.written().cloned()
            && self.fact.as_ref().is_none_or(|(known, _)| *known != path)
        {
            sender.spawn_oneshot_command(move || {
                let fact = programs::fact(&path);
                Done::Looked(path, fact)
            });
        }
    }

    /// Asks for recent connections, and for the user's session.
    fn ask(&self, sender: &ComponentSender<Self>) {
        let client = self.client.clone();
        sender.oneshot_command(async move {
            let query = LogQuery {
                limit: Some(LAST),
                ..LogQuery::default()
            };
            let log = client.log(&query).await;
            let open = client.connections().await;
            Done::Recent(log.and_then(|log| Ok((log, open?))))
        });
        let client = self.client.clone();
        sender.oneshot_command(async move { Done::Session(client.session().await) });
        self.look(sender);
    }

    /// Finds out which programs there are to choose from for a field.
    fn offer(&self, field: Field, sender: &ComponentSender<Self>) {
        let recent: Vec<String> = match &self.past {
            Past::Known(recent) => recent.programs().map(str::to_owned).collect(),
            Past::Asked | Past::Unknown(_) => Vec::new(),
        };
        sender.spawn_oneshot_command(move || {
            let recent = recent.iter().map(String::as_str);
            let [recent, running] = running(recent, programs::processes());
            let mut offer = Offer {
                recent,
                running,
                installed: programs::applications(),
            };
            if field == Field::StartedBy {
                offer.retain(is_by_path);
            }
            Done::Offered(field, offer)
        });
    }

    /// Finds out what was chosen. Only the last choice counts.
    fn choose(&mut self, field: Field, choice: Choice, sender: &ComponentSender<Self>) {
        self.choices = self.choices.wrapping_add(1);
        let number = self.choices;
        let look_up = self.look_up.clone();
        sender.spawn_oneshot_command(move || Done::Chosen(number, field, look_up(choice)));
    }

    fn save(&mut self, sender: &ComponentSender<Self>) {
        // A time may have run out since the last change.
        self.checked = self.form.check(&self.directory, time::now());
        if let Ok(complete) = &self.checked
            && !self.saving
        {
            self.saving = true;
            give(sender, Output::Save(Box::new(complete.wire.clone())));
        }
    }
}

/// True if a rule can name this as what started a program: of that no more is known than the path.
fn is_by_path(matcher: &str) -> bool {
    let kind = ProgramKind::split(matcher).0;
    matches!(kind, ProgramKind::Path | ProgramKind::Pattern)
}

/// Asks whether a rule for what stands in for a file is what the user wants.
fn ask_about(
    root: &adw::Dialog,
    field: Field,
    chosen: &str,
    instead: &Instead,
    sender: &ComponentSender<Editor>,
) {
    let taken = Input::Taken(field, instead.matcher());
    view::ask_about(root, &instead.explanation(chosen), taken, sender);
}

fn give(sender: &ComponentSender<Editor>, output: Output) {
    if sender.output(output).is_err() {
        tracing::debug!("the page is gone already");
    }
}
