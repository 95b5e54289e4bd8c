//! Rules: what is decided without asking.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

use adw::prelude::*;
use bastion_ipc::wire::WireRule;
use relm4::{Component, ComponentController, ComponentParts, ComponentSender, Controller};

use super::rule_columns::{self, Act, Item};
use super::{Context, Filled, Output, Search, Undo, adaptive, report, scrolled};
use crate::client::Failure;
use crate::editor::{self, Editor};
use crate::i18n::{gettext, gettext_f};
use crate::model::rules::rows;
use crate::widgets::cells;
use crate::widgets::sync::{Table, sync};

/// The component.
pub struct Rules {
    context: Context,
    table: Table<Item>,
    query: Rc<RefCell<String>>,
    act: Act,
    editor: Option<Controller<Editor>>,
    /// Rules whose switch was used and of which the helper has said nothing yet.
    switching: HashSet<String>,
}

/// What the page takes in.
#[derive(Debug)]
pub enum Input {
    /// Rules changed, or there is a helper again.
    Reload,
    /// The user searches for this.
    Search(String),
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
    /// The editor's rule is to be kept.
    Save(Box<WireRule>),
    /// The editor was closed.
    Closed,
    /// Undo a deletion.
    Restore(Box<WireRule>),
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// The rules.
    Listed(Result<Vec<WireRule>, Failure>),
    /// A rule was switched.
    Switched(String, Result<(), Failure>),
    /// A rule was deleted.
    Deleted(Box<WireRule>, Result<(), Failure>),
    /// A rule was kept from the editor.
    Saved(Result<(), Failure>),
    /// A rule was added again.
    Restored(Result<(), Failure>),
}

impl Component for Rules {
    type Init = Context;
    type Input = Input;
    type Output = Output;
    type CommandOutput = Done;
    type Root = adw::ToolbarView;
    type Widgets = Filled;

    fn init_root() -> Self::Root {
        adw::ToolbarView::new()
    }

    fn init(
        context: Context,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        let query = Rc::new(RefCell::new(String::new()));
        let table = table(query.clone());
        let input = sender.input_sender().clone();
        let act: Act = Rc::new(move |message| {
            if input.send(message).is_err() {
                tracing::debug!("the page is gone already");
            }
        });
        let widgets = build(&root, &table, &sender);
        // Hits change without a signal.
        let input = sender.clone();
        root.connect_map(move |_| input.input(Input::Reload));
        let model = Self {
            context,
            table,
            query,
            act,
            editor: None,
            switching: HashSet::new(),
        };
        ComponentParts { model, widgets }
    }

    fn update(&mut self, input: Input, sender: ComponentSender<Self>, root: &Self::Root) {
        match input {
            Input::Reload => self.reload(&sender),
            Input::Search(text) => {
                *self.query.borrow_mut() = text;
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
            // The next one may be open already.
            Input::Closed => self.editor = self.editor.take().filter(|e| e.widget().is_mapped()),
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
            Input::Save(rule) => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move {
                    Done::Saved(match rule.id {
                        Some(_) => client.replace_rule(&rule).await,
                        None => client.add_rule(&rule).await.map(|_| ()),
                    })
                });
            }
            Input::Restore(rule) => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move {
                    Done::Restored(client.add_rule(&rule).await.map(|_| ()))
                });
            }
        }
    }

    fn update_cmd(&mut self, done: Done, sender: ComponentSender<Self>, _: &Self::Root) {
        let out = sender.output_sender();
        match done {
            Done::Listed(Ok(rules)) => self.show(rules),
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
            Done::Saved(result) => {
                if let Some(editor) = &self.editor {
                    editor.emit(editor::Input::Saved(result));
                }
            }
            Done::Deleted(_, Err(failure)) | Done::Restored(Err(failure)) => report(out, failure),
            Done::Restored(Ok(())) => {}
        }
    }

    fn update_view(&self, filled: &mut Filled, _: ComponentSender<Self>) {
        filled.show(self.table.len(), self.table.selection_model.n_items());
    }
}

impl Rules {
    fn reload(&self, sender: &ComponentSender<Self>) {
        let client = self.context.client.clone();
        sender.oneshot_command(async move { Done::Listed(client.rules().await) });
    }

    /// Shows a rule anew, whose switch says what the helper refused.
    fn turn_back(&mut self, id: &str) {
        let found = self.table.find(|item| item.row.id == id);
        let row = found.and_then(|position| Some(self.table.get(position)?.borrow().row.clone()));
        if let (Some(position), Some(row)) = (found, row) {
            self.table.remove(position);
            self.table
                .insert(position, Item::new(row, self.act.clone()));
        }
    }

    fn show(&mut self, rules: Vec<WireRule>) {
        if !self.switching.is_empty() {
            // What was listed before the switch took effect would turn it back; the next list
            // comes when it has.
            return;
        }
        let items = rows(rules, &self.context.directory)
            .into_iter()
            .map(|row| Item::new(row, self.act.clone()))
            .collect();
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
        let editor = Editor::builder()
            .launch(init)
            .forward(sender.input_sender(), |output| match output {
                editor::Output::Save(rule) => Input::Save(rule),
                editor::Output::Closed => Input::Closed,
            });
        editor.widget().present(Some(root));
        self.editor = Some(editor);
    }
}

fn table(query: Rc<RefCell<String>>) -> Table<Item> {
    let mut table = Table::new();
    rule_columns::append(&mut table);
    table.add_filter(move |item: &Item| item.row.matches(&query.borrow()));
    table.selection_model.set_autoselect(false);
    table.selection_model.set_can_unselect(true);
    table
}

fn build(root: &adw::ToolbarView, table: &Table<Item>, sender: &ComponentSender<Rules>) -> Filled {
    let search = Search::new(&gettext("Search rules"), root);
    let input = sender.clone();
    search.connect(move |text| input.input(Input::Search(text)));
    let add = gtk::Button::builder()
        .icon_name("list-add-symbolic")
        .build();
    cells::name(&add, &gettext("Add Rule"));
    let input = sender.clone();
    add.connect_clicked(move |_| input.input(Input::Add));
    let header = adw::HeaderBar::new();
    header.pack_start(&add);
    header.pack_start(&search.button);
    root.add_top_bar(&header);
    root.add_top_bar(&search.bar);

    let input = sender.clone();
    table
        .view
        .connect_activate(move |_, position| input.input(Input::Open(position)));
    let filled = Filled::new(
        &scrolled(&table.view, &gettext("Rules")),
        "view-list-symbolic",
        &gettext("No Rules"),
        &gettext("Answer a prompt, or add a rule yourself."),
    );
    filled.show(0, 0);
    let steps: [(&str, &[&str]); 2] = [
        ("max-width: 860px", &["destination", "hits"]),
        (
            "max-width: 620px",
            &["destination", "hits", "program", "action"],
        ),
    ];
    let bin = adaptive(&filled.stack, table, &steps);
    root.set_content(Some(&bin));
    filled
}
