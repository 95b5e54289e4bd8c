//! The columns of the rules page.

use std::rc::Rc;

use adw::prelude::*;
use relm4::typed_view::OrdFn;
use relm4::typed_view::column::RelmColumn;

use super::rules::Input;
use crate::i18n::{gettext, gettext_f};
use crate::model::names;
use crate::model::rules::RuleRow;
use crate::widgets::cells::{self, Connected, IconCell};
use crate::widgets::sync::{Keyed, Table};

/// Tells the page what the user does in a row.
pub(crate) type Act = Rc<dyn Fn(Input)>;

/// A row, and whom to tell what is done in it.
pub(crate) struct Item {
    pub(crate) row: RuleRow,
    act: Act,
}

impl Item {
    pub(crate) fn new(row: RuleRow, act: Act) -> Self {
        Self { row, act }
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.row == other.row
    }
}

impl Keyed for Item {
    type Key = String;
    fn key(&self) -> String {
        self.row.id.clone()
    }
}

/// Adds all columns to a table.
pub(crate) fn append(table: &mut Table<Item>) {
    table.append_column::<Enabled>();
    table.append_column::<Rule>();
    table.append_column::<Action>();
    table.append_column::<Program>();
    table.append_column::<Destination>();
    table.append_column::<Hits>();
    table.append_column::<Buttons>();
}

struct Enabled;

impl RelmColumn for Enabled {
    type Root = gtk::Switch;
    type Widgets = Connected;
    type Item = Item;

    const COLUMN_NAME: &'static str = "enabled";

    fn header_title() -> String {
        gettext("On")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Switch, Connected) {
        let switch = gtk::Switch::builder().valign(gtk::Align::Center).build();
        (switch, Connected::default())
    }

    fn bind(item: &mut Item, connected: &mut Connected, switch: &mut gtk::Switch) {
        switch.set_active(item.row.enabled);
        let name = [("name", item.row.name.as_str())];
        let label = gettext_f("Rule “{name}” enabled", &name);
        switch.update_property(&[gtk::accessible::Property::Label(&label)]);
        let (id, act) = (item.row.id.clone(), item.act.clone());
        let handler = switch.connect_active_notify(move |switch| {
            act(Input::Switch(id.clone(), switch.is_active()));
        });
        connected.add(switch, handler);
    }

    fn unbind(_: &mut Item, connected: &mut Connected, _: &mut gtk::Switch) {
        connected.clear();
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| b.row.enabled.cmp(&a.row.enabled)))
    }
}

/// Name, badge and sentence.
#[derive(Debug)]
pub(crate) struct RuleCell {
    name: gtk::Label,
    badge: gtk::Label,
    sentence: gtk::Label,
}

struct Rule;

impl RelmColumn for Rule {
    type Root = gtk::Box;
    type Widgets = RuleCell;
    type Item = Item;

    const COLUMN_NAME: &'static str = "rule";
    const ENABLE_RESIZE: bool = true;
    const ENABLE_EXPAND: bool = true;

    fn header_title() -> String {
        gettext("Rule")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Box, RuleCell) {
        let root = gtk::Box::builder()
            .orientation(gtk::Orientation::Vertical)
            .valign(gtk::Align::Center)
            .build();
        let first = gtk::Box::builder().spacing(6).build();
        let (name, badge, sentence) = (cells::line(), cells::pill(), cells::line());
        sentence.add_css_class("caption");
        sentence.add_css_class("dim-label");
        first.append(&name);
        first.append(&badge);
        root.append(&first);
        root.append(&sentence);
        (
            root,
            RuleCell {
                name,
                badge,
                sentence,
            },
        )
    }

    fn bind(item: &mut Item, cell: &mut RuleCell, root: &mut gtk::Box) {
        cell.name.set_label(&item.row.name);
        cell.badge.set_label(&item.row.badge);
        cell.badge.set_visible(!item.row.badge.is_empty());
        cell.sentence.set_label(&item.row.sentence);
        root.set_tooltip_text(Some(&item.row.sentence));
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| {
            a.row.name.to_lowercase().cmp(&b.row.name.to_lowercase())
        }))
    }
}

struct Action;

impl RelmColumn for Action {
    type Root = gtk::Label;
    type Widgets = ();
    type Item = Item;

    const COLUMN_NAME: &'static str = "action";

    fn header_title() -> String {
        gettext("Action")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Label, ()) {
        (cells::pill(), ())
    }

    fn bind(item: &mut Item, (): &mut (), pill: &mut gtk::Label) {
        cells::show_verdict(pill, item.row.verdict, &item.row.action);
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| a.row.verdict.cmp(&b.row.verdict)))
    }
}

struct Program;

impl RelmColumn for Program {
    type Root = gtk::Box;
    type Widgets = IconCell;
    type Item = Item;

    const COLUMN_NAME: &'static str = "program";
    const ENABLE_RESIZE: bool = true;

    fn header_title() -> String {
        gettext("Program")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Box, IconCell) {
        IconCell::short()
    }

    fn bind(item: &mut Item, cell: &mut IconCell, _: &mut gtk::Box) {
        cell.show(&item.row.program_path, &item.row.program);
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| a.row.program.cmp(&b.row.program)))
    }
}

struct Destination;

impl RelmColumn for Destination {
    type Root = gtk::Label;
    type Widgets = ();
    type Item = Item;

    const COLUMN_NAME: &'static str = "destination";
    const ENABLE_RESIZE: bool = true;

    fn header_title() -> String {
        gettext("Destination")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Label, ()) {
        (cells::short_line(), ())
    }

    fn bind(item: &mut Item, (): &mut (), label: &mut gtk::Label) {
        label.set_label(&item.row.destination);
        label.set_tooltip_text(Some(&item.row.destination));
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| a.row.destination.cmp(&b.row.destination)))
    }
}

struct Hits;

impl RelmColumn for Hits {
    type Root = gtk::Label;
    type Widgets = ();
    type Item = Item;

    const COLUMN_NAME: &'static str = "hits";

    fn header_title() -> String {
        gettext("Hits")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Label, ()) {
        (cells::number(), ())
    }

    fn bind(item: &mut Item, (): &mut (), label: &mut gtk::Label) {
        label.set_label(&names::number(item.row.hits));
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| b.row.hits.cmp(&a.row.hits)))
    }
}

/// Edit and delete.
#[derive(Debug)]
pub(crate) struct ButtonsCell {
    edit: gtk::Button,
    delete: gtk::Button,
    connected: Connected,
}

struct Buttons;

impl RelmColumn for Buttons {
    type Root = gtk::Box;
    type Widgets = ButtonsCell;
    type Item = Item;

    const COLUMN_NAME: &'static str = "buttons";

    fn header_title() -> String {
        String::new()
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Box, ButtonsCell) {
        let root = gtk::Box::builder().valign(gtk::Align::Center).build();
        let edit = cells::button("document-edit-symbolic");
        let delete = cells::button("user-trash-symbolic");
        root.append(&edit);
        root.append(&delete);
        (
            root,
            ButtonsCell {
                edit,
                delete,
                connected: Connected::default(),
            },
        )
    }

    fn bind(item: &mut Item, cell: &mut ButtonsCell, _: &mut gtk::Box) {
        let name = [("name", item.row.name.as_str())];
        for (button, label) in [
            (&cell.edit, gettext_f("Edit rule “{name}”", &name)),
            (&cell.delete, gettext_f("Delete rule “{name}”", &name)),
        ] {
            cells::name(button, &label);
        }
        let (rule, act) = (item.row.wire.clone(), item.act.clone());
        let edit = cell
            .edit
            .connect_clicked(move |_| act(Input::Edit(Box::new(rule.clone()))));
        let (rule, act) = (item.row.wire.clone(), item.act.clone());
        let delete = cell
            .delete
            .connect_clicked(move |_| act(Input::Delete(Box::new(rule.clone()))));
        cell.connected.add(&cell.edit, edit);
        cell.connected.add(&cell.delete, delete);
    }

    fn unbind(_: &mut Item, cell: &mut ButtonsCell, _: &mut gtk::Box) {
        cell.connected.clear();
    }
}
