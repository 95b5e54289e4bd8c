//! The rows of the editor.

use std::collections::HashMap;

use adw::prelude::*;
use bastion_policy::rule::{Action, Priority};

use super::Input;
use super::fields::{Message, Pair, Tell, UserRows, entry};
use super::lifetime::LifetimeRows;
use crate::i18n::gettext;
use crate::model::form::{Field, Form, Kind, Mistake, ProgramKind};
use crate::model::names::Directory;
use crate::widgets::cells;

/// All rows.
#[derive(Debug)]
pub(super) struct Rows {
    groups: Vec<adw::PreferencesGroup>,
    name: adw::EntryRow,
    enabled: adw::SwitchRow,
    action: Pair,
    program: Pair,
    started_by: adw::EntryRow,
    destination: Pair,
    ports: adw::EntryRow,
    protocol: Pair,
    user: UserRows,
    pub(super) lifetime: LifetimeRows,
    priority: Pair,
    note: gtk::TextView,
    messages: HashMap<Field, Message>,
}

impl Rows {
    pub(super) fn build(form: &Form, directory: &Directory, tell: &Tell) -> Self {
        let action = (form.action.unwrap_or(Action::Deny), String::new());
        let enabled = adw::SwitchRow::builder()
            .title(gettext("_Enabled"))
            .use_underline(true)
            .active(form.enabled)
            .build();
        let priority = (form.priority, String::new());
        let mut rows = Self {
            groups: Vec::new(),
            name: entry(&gettext("_Name"), &form.name),
            enabled,
            action: Pair::new(&gettext("_Action"), Kind::ALL, &action),
            program: Pair::new(&gettext("_Program"), Kind::ALL, &form.program),
            started_by: entry(&gettext("Started _By (Program Path)"), &form.started_by),
            destination: Pair::new(&gettext("_Destination"), Kind::ALL, &form.destination),
            ports: entry(&gettext("P_orts (Empty for All)"), &form.ports),
            protocol: Pair::new(&gettext("P_rotocol"), Kind::ALL, &form.protocol),
            user: UserRows::new(directory.people(), &form.user),
            lifetime: LifetimeRows::new(&form.lifetime),
            priority: Pair::new(&gettext("Pr_iority"), offered_priorities(form), &priority),
            note: note(&form.note),
            messages: HashMap::new(),
        };
        rows.arrange(tell);
        rows.connect(tell);
        rows
    }

    /// The groups above the preview, and those below it.
    pub(super) fn groups(&self) -> (&[adw::PreferencesGroup], &[adw::PreferencesGroup]) {
        self.groups.split_at(self.groups.len().min(3))
    }

    fn arrange(&mut self, tell: &Tell) {
        let group = |title: &str| adw::PreferencesGroup::builder().title(title).build();
        let what = adw::PreferencesGroup::new();
        what.add(&self.name);
        self.add_message(&what, Field::Name, &[&self.name.clone().upcast()]);
        what.add(&self.action.choice);
        what.add(&self.enabled);

        let who = group(&gettext("Who"));
        who.set_header_suffix(Some(&choose_program(tell)));
        let Pair { choice, entry } = self.program.clone();
        self.add(&who, Field::Program, &choice, &entry);
        self.started_by.add_suffix(&choose_parent(tell));
        who.add(&self.started_by);
        self.add_message(&who, Field::StartedBy, &[&self.started_by.clone().upcast()]);
        let (choice, entry) = (self.user.choice.clone(), self.user.entry.clone());
        self.add(&who, Field::User, &choice, &entry);

        let to = group(&gettext("Where To"));
        let Pair { choice, entry } = self.destination.clone();
        self.add(&to, Field::Destination, &choice, &entry);
        to.add(&self.ports);
        self.add_message(&to, Field::Ports, &[&self.ports.clone().upcast()]);
        let Pair { choice, entry } = self.protocol.clone();
        self.add(&to, Field::Protocol, &choice, &entry);

        let when = group(&gettext("How Long and How Strong"));
        let (choice, entry) = (self.lifetime.choice.clone(), self.lifetime.until.clone());
        self.add(&when, Field::Lifetime, &choice, &entry);
        when.add(&self.lifetime.span);
        when.add(&self.priority.choice);

        let note = group(&gettext("Note"));
        let frame = gtk::ScrolledWindow::builder()
            .child(&self.note)
            .min_content_height(72)
            .css_classes(["card"])
            .build();
        note.add(&frame);
        self.add_message(&note, Field::Note, &[&self.note.clone().upcast()]);
        self.groups = vec![what, who, to, when, note];
    }

    /// Adds a choice and the entry that some of its choices need.
    fn add(
        &mut self,
        group: &adw::PreferencesGroup,
        field: Field,
        choice: &adw::ComboRow,
        entry: &adw::EntryRow,
    ) {
        group.add(choice);
        group.add(entry);
        self.add_message(group, field, &[entry.upcast_ref(), choice.upcast_ref()]);
    }

    fn add_message(&mut self, group: &adw::PreferencesGroup, field: Field, of: &[&gtk::Widget]) {
        let message = Message::new(of);
        group.add(&message.row);
        self.messages.insert(field, message);
    }

    fn connect(&self, tell: &Tell) {
        let entries = [
            &self.name,
            &self.started_by,
            &self.ports,
            &self.program.entry,
            &self.user.entry,
            &self.destination.entry,
            &self.protocol.entry,
        ];
        for entry in entries {
            let told = tell.clone();
            entry.connect_changed(move |_| told(Input::Changed));
        }
        let choices = [
            &self.action.choice,
            &self.program.choice,
            &self.user.choice,
            &self.destination.choice,
            &self.protocol.choice,
            &self.priority.choice,
        ];
        for choice in choices {
            let told = tell.clone();
            choice.connect_selected_notify(move |_| told(Input::Changed));
        }
        self.lifetime.connect(tell);
        let told = tell.clone();
        self.enabled
            .connect_active_notify(move |_| told(Input::Changed));
        let told = tell.clone();
        let buffer = self.note.buffer();
        buffer.connect_changed(move |_| told(Input::Changed));
    }

    /// Takes what the user wrote into the form.
    pub(super) fn read(&self, form: &mut Form) {
        form.name = self.name.text().into();
        form.enabled = self.enabled.is_active();
        if let Some(action) = Kind::at(self.action.choice.selected()) {
            form.action = Some(action);
        }
        form.program = self.program.value(&form.program.0);
        form.started_by = self.started_by.text().into();
        form.user = self.user.value();
        form.destination = self.destination.value(&form.destination.0);
        form.ports = self.ports.text().into();
        form.protocol = self.protocol.value(&form.protocol.0);
        form.lifetime = self.lifetime.value();
        form.priority = self.priority.value(&form.priority).0;
        let buffer = self.note.buffer();
        let (start, end) = buffer.bounds();
        form.note = buffer.text(&start, &end, false).into();
    }

    /// Shows the entries that the choices need.
    pub(super) fn show_kinds(&self, form: &Form) {
        self.program.show(form.program.0);
        self.user.show();
        self.destination.show(form.destination.0);
        self.protocol.show(form.protocol.0);
        self.lifetime.show(form.lifetime.0);
    }

    /// Says beside each field what is wrong with it, or else what is good to know.
    pub(super) fn show_messages(
        &self,
        mistakes: &[Mistake],
        hint: impl Fn(Field) -> Option<String>,
    ) {
        for (field, message) in &self.messages {
            let mistake = mistakes.iter().find(|mistake| mistake.field == *field);
            let problem = mistake.map(|mistake| mistake.problem.as_str());
            message.say(problem, hint(*field).as_deref());
        }
    }

    /// Fills in the program that was chosen for a field.
    pub(super) fn set_program(&self, field: Field, matcher: &str) {
        let entry = match field {
            Field::StartedBy => {
                self.started_by.set_text(matcher);
                &self.started_by
            }
            _ => {
                self.program.set(&ProgramKind::split(matcher));
                &self.program.entry
            }
        };
        entry.grab_focus();
    }
}

fn choose_program(tell: &Tell) -> gtk::Button {
    let button = gtk::Button::builder()
        .label(gettext("C_hoose a Program…"))
        .use_underline(true)
        .css_classes(["flat"])
        .build();
    let told = tell.clone();
    button.connect_clicked(move |_| told(Input::Pick(Field::Program)));
    button
}

fn choose_parent(tell: &Tell) -> gtk::Button {
    let button = cells::button("system-search-symbolic");
    cells::name(&button, &gettext("Choose What Starts It…"));
    let told = tell.clone();
    button.connect_clicked(move |_| told(Input::Pick(Field::StartedBy)));
    button
}

/// "Factory" is there only for factory rules.
fn offered_priorities(form: &Form) -> &'static [Priority] {
    let factory = form.priority == Priority::Factory;
    let all = <Priority as Kind>::ALL;
    if factory {
        all
    } else {
        all.split_last().map_or(all, |(_, rest)| rest)
    }
}

fn note(text: &str) -> gtk::TextView {
    let note = gtk::TextView::builder()
        .wrap_mode(gtk::WrapMode::WordChar)
        .accepts_tab(false)
        .top_margin(9)
        .bottom_margin(9)
        .left_margin(12)
        .right_margin(12)
        .build();
    note.update_property(&[gtk::accessible::Property::Label(&gettext("Note"))]);
    note.buffer().set_text(text);
    note
}
