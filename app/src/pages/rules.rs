//! Rules: what is decided without asking.

mod build;
mod filter;
pub(super) mod item;
mod order;
mod preview;
mod transfer;

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use adw::prelude::*;
use bastion_ipc::wire::WireRule;
use relm4::{Component, ComponentController, ComponentParts, ComponentSender, Controller};

use super::{Context, Filled, Output, Undo, report, rule_columns, suggestions, tick_while_shown};
use crate::client::{Client, Failure};
use crate::editor::{self, Editor};
use crate::i18n::{gettext, gettext_f};
use crate::model::rules::preview::Candidate;
use crate::model::rules::{Filter, Listing, listing};
use crate::model::time;
use crate::settings::AppSettings;
use crate::widgets::sync::{Table, sync};
use item::{Item, Page};

/// The component.
pub struct Rules {
    context: Context,
    table: Table<Item>,
    filter: Rc<RefCell<Filter>>,
    page: Rc<Page>,
    editor: Option<Controller<Editor>>,
    /// Counts the editors that were opened.
    edited: u64,
    /// Rules whose switch was used and of which the helper has said nothing yet.
    switching: HashSet<String>,
    /// Rules are being imported, each of which changes the list.
    importing: bool,
    /// The programs that rules are for.
    programs: Vec<String>,
}

/// The widgets that change.
#[derive(Debug)]
pub struct Widgets {
    filled: Filled,
    filters: filter::Filters,
}

/// What the page takes in.
#[derive(Debug)]
pub enum Input {
    /// Rules changed, or there is a helper again.
    Reload,
    /// The user searches for this.
    Search(String),
    /// The user chose what is shown; all but the text that is searched for.
    Narrow(Filter),
    /// The user wants a new rule.
    Add,
    /// The user wants to see or change a rule.
    Edit(Box<WireRule>),
    /// The user activated the row at this position.
    Open(u32),
    /// The user deletes a rule.
    Delete(Box<WireRule>),
    /// The user switches a rule on or off.
    Switch(String, bool),
    /// The rule of the editor of this number is to be kept.
    Save(u64, Box<WireRule>),
    /// The editor of this number was closed.
    Closed(u64),
    /// Undo a deletion.
    Restore(Box<WireRule>),
    /// The user wants to import rules.
    Import,
    /// What is in the file they chose, or why nothing is.
    Preview(Result<Vec<Candidate>, String>),
    /// The user wants these.
    Take(Vec<WireRule>),
    /// The user wants to export all rules, or those that are shown alone.
    Export(bool),
    /// What became of it.
    Exported(Result<String, String>),
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// The rules.
    Listed(Result<Listing, Failure>),
    /// A rule was switched.
    Switched(String, Result<(), Failure>),
    /// A rule was deleted.
    Deleted(Box<WireRule>, Result<(), Failure>),
    /// A rule was kept from the editor of this number.
    Saved(u64, Result<(), Failure>),
    /// A rule was added again.
    Restored(Result<(), Failure>),
    /// So many of so many rules were added; why not more.
    Imported(usize, usize, Result<(), Failure>),
}

impl Component for Rules {
    type Init = Context;
    type Input = Input;
    type Output = Output;
    type CommandOutput = Done;
    type Root = adw::ToolbarView;
    type Widgets = Widgets;

    fn init_root() -> Self::Root {
        adw::ToolbarView::new()
    }

    fn init(
        context: Context,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        let filter = Rc::<RefCell<Filter>>::default();
        let table = table(filter.clone());
        order::remember(&table, AppSettings::load());
        let input = sender.input_sender().clone();
        let page = Rc::new(Page::new(move |message| {
            if input.send(message).is_err() {
                tracing::debug!("the page is gone already");
            }
        }));
        let widgets = build::build(&root, &table, &sender);
        root.add_top_bar(&suggestions::banner(&context, &root));
        // Hits change without a signal.
        let input = sender.clone();
        root.connect_map(move |_| input.input(Input::Reload));
        let shown = page.clone();
        tick_while_shown(&root, move || shown.tick());
        let model = Self {
            context,
            table,
            filter,
            page,
            editor: None,
            edited: 0,
            switching: HashSet::new(),
            importing: false,
            programs: Vec::new(),
        };
        ComponentParts { model, widgets }
    }

    fn update(&mut self, input: Input, sender: ComponentSender<Self>, root: &Self::Root) {
        match input {
            Input::Reload => self.reload(&sender),
            Input::Search(text) => {
                self.filter.borrow_mut().text = text;
                self.table.notify_filter_changed(0);
            }
            Input::Narrow(filter) => {
                let text = std::mem::take(&mut self.filter.borrow_mut().text);
                self.filter.replace(Filter { text, ..filter });
                self.table.notify_filter_changed(0);
            }
            Input::Add => self.edit(None, &sender, root),
            Input::Edit(rule) => self.edit(Some(*rule), &sender, root),
            Input::Open(position) => {
                let rule = self.table.get_visible(position);
                if let Some(rule) = rule.map(|item| item.borrow().row.wire.clone()) {
                    self.edit(Some(rule), &sender, root);
                }
            }
            Input::Closed(number) => {
                self.editor.take_if(|_| number == self.edited);
            }
            Input::Switch(id, enabled) => {
                self.switching.insert(id.clone());
                let client = self.context.client.clone();
                sender.oneshot_command(async move {
                    let result = client.set_rule_enabled(&id, enabled).await;
                    Done::Switched(id, result)
                });
            }
            Input::Delete(rule) => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move {
                    let id = rule.id.clone().unwrap_or_default();
                    let result = client.remove_rule(&id).await;
                    Done::Deleted(rule, result)
                });
            }
            Input::Save(number, rule) => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move {
                    let kept = match rule.id {
                        Some(_) => client.replace_rule(&rule).await,
                        None => client.add_rule(&rule).await.map(|_| ()),
                    };
                    Done::Saved(number, kept)
                });
            }
            Input::Restore(rule) => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move {
                    Done::Restored(client.add_rule(&rule).await.map(|_| ()))
                });
            }
            Input::Import => {
                transfer::import(
                    self.wires(false),
                    self.context.directory.clone(),
                    root,
                    &sender,
                );
            }
            Input::Preview(Ok(candidates)) => {
                preview::present(candidates, root, move |rules| {
                    sender.input(Input::Take(rules));
                });
            }
            Input::Preview(Err(problem)) => {
                transfer::complain(&gettext("Rules Can’t Be Imported"), &problem, root);
            }
            Input::Take(rules) => {
                self.importing = true;
                let client = self.context.client.clone();
                sender.oneshot_command(async move { add_all(&client, rules).await });
            }
            Input::Export(shown) => transfer::export(self.wires(shown), root, &sender),
            Input::Exported(Ok(said)) => tell(&sender, said),
            Input::Exported(Err(problem)) => {
                transfer::complain(&gettext("Rules Can’t Be Exported"), &problem, root);
            }
        }
    }

    fn update_cmd(&mut self, done: Done, sender: ComponentSender<Self>, _: &Self::Root) {
        let out = sender.output_sender();
        match done {
            Done::Listed(Ok(listing)) => self.show(listing),
            // The window shows that there is no helper.
            Done::Listed(Err(Failure::Down)) => {}
            Done::Listed(Err(failure)) => report(out, failure),
            Done::Switched(id, result) => {
                self.switching.remove(&id);
                if let Err(failure) = result {
                    self.turn_back(&id);
                    report(out, failure);
                }
                self.reload(&sender);
            }
            Done::Deleted(rule, Ok(())) => {
                let text = gettext_f("“{name}” deleted", &[("name", &rule.name)]);
                if out
                    .send(Output::Undoable(text, Undo::AddRule(rule)))
                    .is_err()
                {
                    tracing::debug!("the window is gone already");
                }
            }
            // It is for the editor that asked, not for one that was opened since.
            Done::Saved(number, result) => match &self.editor {
                Some(editor) if number == self.edited => {
                    editor.emit(editor::Input::Saved(result));
                }
                _ => {
                    if let Err(failure) = result {
                        report(out, failure);
                    }
                }
            },
            Done::Deleted(_, Err(failure)) | Done::Restored(Err(failure)) => report(out, failure),
            Done::Restored(Ok(())) => {}
            Done::Imported(added, chosen, result) => {
                self.importing = false;
                self.reload(&sender);
                tell(&sender, transfer::outcome(added, chosen));
                if let Err(failure) = result {
                    report(sender.output_sender(), failure);
                }
            }
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let shown = self.table.selection_model.n_items();
        widgets.filled.show(self.table.len(), shown);
        widgets.filters.offer(&self.programs);
        widgets.filters.show(&self.filter.borrow());
    }
}

impl Rules {
    fn reload(&self, sender: &ComponentSender<Self>) {
        if self.importing {
            // The list comes when it is done.
            return;
        }
        let (client, directory) = (self.context.client.clone(), self.context.directory.clone());
        sender.oneshot_command(async move {
            Done::Listed(match client.rules().await {
                Ok(rules) => {
                    let made = move || listing(rules, &directory, time::now());
                    let made = tokio::task::spawn_blocking(made).await;
                    made.map_err(|error| Failure::Told(error.to_string()))
                }
                Err(failure) => Err(failure),
            })
        });
    }

    /// The rules as the helper sent them: all, or those that are shown.
    fn wires(&self, shown: bool) -> Vec<WireRule> {
        let wire = |position| {
            let item = match shown {
                true => self.table.get_visible(position),
                false => self.table.get(position),
            };
            item.map(|item| item.borrow().row.wire.clone())
        };
        (0..self.table.len()).map_while(wire).collect()
    }

    /// Shows a rule anew, whose switch says what the helper refused.
    fn turn_back(&mut self, id: &str) {
        let found = self.table.find(|item| item.row.id == id);
        let row = found.and_then(|position| Some(self.table.get(position)?.borrow().row.clone()));
        if let (Some(position), Some(row)) = (found, row) {
            self.table.remove(position);
            self.table
                .insert(position, Item::new(row, self.page.clone()));
        }
    }

    fn show(&mut self, listing: Listing) {
        if !self.switching.is_empty() {
            // What was listed before the switch took effect would turn it back; the next list
            // comes when it has.
            return;
        }
        self.programs = listing.programs;
        let item = |row| Item::new(row, self.page.clone());
        let items = listing.rows.into_iter().map(item).collect();
        sync(&mut self.table, items);
    }

    fn edit(
        &mut self,
        rule: Option<WireRule>,
        sender: &ComponentSender<Self>,
        root: &adw::ToolbarView,
    ) {
        let Context { client, directory } = self.context.clone();
        let init = editor::Init {
            rule,
            client,
            directory,
        };
        self.edited += 1;
        let number = self.edited;
        let editor = Editor::builder()
            .launch(init)
            .forward(sender.input_sender(), move |output| match output {
                editor::Output::Save(rule) => Input::Save(number, rule),
                editor::Output::Closed => Input::Closed(number),
            });
        editor.widget().present(Some(root));
        self.editor = Some(editor);
    }
}

/// Adds rules one after the other, until one is refused.
async fn add_all(client: &Client, rules: Vec<WireRule>) -> Done {
    for (added, rule) in rules.iter().enumerate() {
        if let Err(failure) = client.add_rule(rule).await {
            return Done::Imported(added, rules.len(), Err(failure));
        }
    }
    Done::Imported(rules.len(), rules.len(), Ok(()))
}

fn tell(sender: &ComponentSender<Rules>, text: String) {
    if sender.output(Output::Told(text)).is_err() {
        tracing::debug!("the window is gone already");
    }
}

fn table(filter: Rc<RefCell<Filter>>) -> Table<Item> {
    let mut table = Table::new();
    rule_columns::append(&mut table);
    table.add_filter(move |item: &Item| filter.borrow().shows(&item.row));
    table.selection_model.set_autoselect(false);
    table.selection_model.set_can_unselect(true);
    table
}
