//! The rows of the editor.

use std::collections::HashMap;

use adw::prelude::*;
use relm4::ComponentSender;

use super::{Editor, Input};
use crate::i18n::gettext;
use crate::model::form::{Field, Form, Kind, LifetimeKind, Mistake};
use crate::widgets::choice;
use bastion_policy::rule::Priority;

/// A combo row, and the entry that some of its choices need.
#[derive(Debug)]
struct Pair {
    choice: adw::ComboRow,
    entry: adw::EntryRow,
}

impl Pair {
    fn new<K: Kind>(title: &str, offered: &[K], value: &(K, String)) -> Self {
        let labels: Vec<String> = offered.iter().map(|kind| kind.label()).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let choice = choice::row(title, &labels);
        choice.set_selected(value.0.position());
        let entry = adw::EntryRow::builder()
            .text(&value.1)
            .use_markup(false)
            .build();
        Self { choice, entry }
    }

    fn value<K: Kind>(&self, before: &K) -> (K, String) {
        let kind = K::at(self.choice.selected()).unwrap_or(*before);
        (kind, self.entry.text().into())
    }

    fn show<K: Kind>(&self, kind: K) {
        let title = kind.entry();
        self.entry.set_visible(title.is_some());
        if let Some(title) = title.filter(|title| *title != self.entry.title()) {
            self.entry.set_title(&title);
        }
    }
}

/// All rows.
#[derive(Debug)]
pub(super) struct Rows {
    groups: Vec<adw::PreferencesGroup>,
    name: adw::EntryRow,
    enabled: adw::SwitchRow,
    action: Pair,
    program: Pair,
    browse: gtk::Button,
    started_by: adw::EntryRow,
    destination: Pair,
    ports: adw::EntryRow,
    protocol: Pair,
    user: Pair,
    lifetime: Pair,
    priority: Pair,
    note: gtk::TextView,
    mistakes: HashMap<Field, (Option<gtk::Widget>, adw::PreferencesRow, gtk::Label)>,
}

impl Rows {
    pub(super) fn build(form: &Form, sender: &ComponentSender<Editor>) -> Self {
        let entry = |title: &str, text: &str| {
            adw::EntryRow::builder()
                .title(title)
                .text(text)
                .use_markup(false)
                .build()
        };
        let action = (
            form.action.unwrap_or(bastion_policy::rule::Action::Deny),
            String::new(),
        );
        let mut rows = Self {
            groups: Vec::new(),
            name: entry(&gettext("Name"), &form.name),
            enabled: adw::SwitchRow::builder()
                .title(gettext("Enabled"))
                .active(form.enabled)
                .build(),
            action: Pair::new(&gettext("Action"), Kind::ALL, &action),
            program: Pair::new(&gettext("Program"), Kind::ALL, &form.program),
            browse: gtk::Button::builder()
                .icon_name("document-open-symbolic")
                .tooltip_text(gettext("Choose a Program"))
                .valign(gtk::Align::Center)
                .css_classes(["flat"])
                .build(),
            started_by: entry(&gettext("Started By (Program Path)"), &form.started_by),
            destination: Pair::new(&gettext("Destination"), Kind::ALL, &form.destination),
            ports: entry(&gettext("Ports (Empty for All)"), &form.ports),
            protocol: Pair::new(&gettext("Protocol"), Kind::ALL, &form.protocol),
            user: Pair::new(&gettext("User"), Kind::ALL, &form.user),
            lifetime: Pair::new(
                &gettext("Lifetime"),
                offered_lifetimes(form),
                &form.lifetime,
            ),
            priority: Pair::new(
                &gettext("Priority"),
                offered_priorities(form),
                &(form.priority, String::new()),
            ),
            note: note(&form.note),
            mistakes: HashMap::new(),
        };
        rows.arrange();
        rows.connect(sender);
        rows
    }

    pub(super) fn groups(&self) -> &[adw::PreferencesGroup] {
        &self.groups
    }

    fn arrange(&mut self) {
        self.program.entry.add_suffix(&self.browse);
        let group = |title: &str| adw::PreferencesGroup::builder().title(title).build();
        let what = adw::PreferencesGroup::new();
        what.add(&self.name);
        self.add_mistake(&what, Field::Name, Some(self.name.clone().upcast()));
        what.add(&self.action.choice);
        what.add(&self.enabled);

        let who = group(&gettext("Who"));
        self.add_pair(&who, Field::Program);
        who.add(&self.started_by);
        self.add_mistake(
            &who,
            Field::StartedBy,
            Some(self.started_by.clone().upcast()),
        );
        self.add_pair(&who, Field::User);

        let to = group(&gettext("Where To"));
        self.add_pair(&to, Field::Destination);
        to.add(&self.ports);
        self.add_mistake(&to, Field::Ports, Some(self.ports.clone().upcast()));
        self.add_pair(&to, Field::Protocol);

        let when = group(&gettext("How Long and How Strong"));
        self.add_pair(&when, Field::Lifetime);
        when.add(&self.priority.choice);

        let note = group(&gettext("Note"));
        let frame = gtk::ScrolledWindow::builder()
            .child(&self.note)
            .min_content_height(72)
            .css_classes(["card"])
            .build();
        note.add(&frame);
        self.add_mistake(&note, Field::Note, None);
        self.groups = vec![what, who, to, when, note];
    }

    fn pair(&self, field: Field) -> &Pair {
        match field {
            Field::Program => &self.program,
            Field::User => &self.user,
            Field::Protocol => &self.protocol,
            Field::Lifetime => &self.lifetime,
            _ => &self.destination,
        }
    }

    fn add_pair(&mut self, group: &adw::PreferencesGroup, field: Field) {
        let pair = self.pair(field);
        group.add(&pair.choice);
        group.add(&pair.entry);
        let entry = pair.entry.clone().upcast();
        self.add_mistake(group, field, Some(entry));
    }

    /// Adds the place, hidden at first, where what is wrong with a field is said.
    fn add_mistake(
        &mut self,
        group: &adw::PreferencesGroup,
        field: Field,
        entry: Option<gtk::Widget>,
    ) {
        let label = gtk::Label::builder()
            .wrap(true)
            .xalign(0.0)
            .margin_top(9)
            .margin_bottom(9)
            .margin_start(12)
            .margin_end(12)
            .css_classes(["error", "caption"])
            .build();
        let row = adw::PreferencesRow::builder()
            .child(&label)
            .activatable(false)
            .focusable(false)
            .visible(false)
            .build();
        group.add(&row);
        if let Some(entry) = &entry {
            entry.update_relation(&[gtk::accessible::Relation::ErrorMessage(&[
                label.upcast_ref()
            ])]);
        }
        self.mistakes.insert(field, (entry, row, label));
    }

    fn connect(&self, sender: &ComponentSender<Editor>) {
        let entries = [
            &self.name,
            &self.started_by,
            &self.ports,
            &self.program.entry,
            &self.user.entry,
            &self.destination.entry,
            &self.protocol.entry,
            &self.lifetime.entry,
        ];
        for entry in entries {
            let input = sender.clone();
            entry.connect_changed(move |_| input.input(Input::Changed));
        }
        let choices = [
            &self.action,
            &self.program,
            &self.user,
            &self.destination,
            &self.protocol,
            &self.lifetime,
            &self.priority,
        ];
        for pair in choices {
            let input = sender.clone();
            pair.choice
                .connect_selected_notify(move |_| input.input(Input::Changed));
        }
        let input = sender.clone();
        self.enabled
            .connect_active_notify(move |_| input.input(Input::Changed));
        let input = sender.clone();
        self.note
            .buffer()
            .connect_changed(move |_| input.input(Input::Changed));
        let input = sender.clone();
        self.browse
            .connect_clicked(move |_| input.input(Input::Browse));
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
        form.user = self.user.value(&form.user.0);
        form.destination = self.destination.value(&form.destination.0);
        form.ports = self.ports.text().into();
        form.protocol = self.protocol.value(&form.protocol.0);
        form.lifetime = self.lifetime.value(&form.lifetime.0);
        form.priority = self.priority.value(&form.priority).0;
        let buffer = self.note.buffer();
        let (start, end) = buffer.bounds();
        form.note = buffer.text(&start, &end, false).into();
    }

    /// Shows the entries that the choices need.
    pub(super) fn show_kinds(&self, form: &Form) {
        self.program.show(form.program.0);
        self.browse
            .set_visible(form.program.0 == crate::model::form::ProgramKind::Path);
        self.user.show(form.user.0);
        self.destination.show(form.destination.0);
        self.protocol.show(form.protocol.0);
        self.lifetime.show(form.lifetime.0);
    }

    /// Says beside each field what is wrong with it.
    pub(super) fn show_mistakes(&self, mistakes: &[Mistake]) {
        for (field, (entry, row, label)) in &self.mistakes {
            let mistake = mistakes.iter().find(|mistake| mistake.field == *field);
            row.set_visible(mistake.is_some());
            label.set_label(mistake.map_or("", |mistake| &mistake.problem));
            let Some(entry) = entry else { continue };
            let state = match mistake {
                Some(_) => {
                    entry.add_css_class("error");
                    gtk::AccessibleInvalidState::True
                }
                None => {
                    entry.remove_css_class("error");
                    gtk::AccessibleInvalidState::False
                }
            };
            entry.update_state(&[gtk::accessible::State::Invalid(state)]);
        }
    }

    /// Fills in the path of a program.
    pub(super) fn set_program_path(&self, path: &str) {
        self.program.entry.set_text(path);
    }
}

/// "As it was made" is there only for rules that have such a lifetime.
fn offered_lifetimes(form: &Form) -> &'static [LifetimeKind] {
    let kept = form.lifetime.0 == LifetimeKind::Kept;
    let all = LifetimeKind::ALL;
    if kept {
        all
    } else {
        all.split_last().map_or(all, |(_, rest)| rest)
    }
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
