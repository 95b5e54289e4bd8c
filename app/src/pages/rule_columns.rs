//! The columns of the rules page.

use adw::prelude::*;
use gtk::glib;
use relm4::typed_view::OrdFn;
use relm4::typed_view::column::RelmColumn;

use super::rules::Input;
use super::rules::item::{Item, Live};
use crate::i18n::{gettext, gettext_f};
use crate::model::rules::Ends;
use crate::model::{names, time};
use crate::widgets::cells::{self, IconCell, RowButton, Tip};
use crate::widgets::sync::Table;
use crate::widgets::text_cell::TextCell;

/// Characters of a rule's sentence, which gets what room is left as well.
const SENTENCE: u32 = 30;
/// Characters of what the sentence says, too, in columns of their own.
const PART: u32 = 13;

/// Adds all columns to a table.
pub(crate) fn append(table: &mut Table<Item>) {
    table.append_column::<Enabled>();
    table.append_column::<Rule>();
    table.append_column::<Action>();
    table.append_column::<Program>();
    table.append_column::<Destination>();
    table.append_column::<Hits>();
    table.append_column::<LastHit>();
    table.append_column::<Buttons>();
}

struct Enabled;

impl RelmColumn for Enabled {
    type Root = gtk::Switch;
    /// The handler of a switch that shows a rule.
    type Widgets = Option<glib::SignalHandlerId>;
    type Item = Item;

    const COLUMN_NAME: &'static str = "enabled";

    fn header_title() -> String {
        gettext("On")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Switch, Self::Widgets) {
        let switch = gtk::Switch::builder().valign(gtk::Align::Center).build();
        (switch, None)
    }

    fn bind(item: &mut Item, switched: &mut Self::Widgets, switch: &mut gtk::Switch) {
        switch.set_active(item.row.enabled);
        let name = [("name", item.row.name.as_str())];
        let label = gettext_f("Rule “{name}” enabled", &name);
        switch.update_property(&[gtk::accessible::Property::Label(&label)]);
        let (id, page) = (item.row.id.clone(), item.page.clone());
        *switched = Some(switch.connect_active_notify(move |switch| {
            page.act(Input::Switch(id.clone(), switch.is_active()));
        }));
    }

    fn unbind(_: &mut Item, switched: &mut Self::Widgets, switch: &mut gtk::Switch) {
        if let Some(handler) = switched.take() {
            switch.disconnect(handler);
        }
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| b.row.enabled.cmp(&a.row.enabled)))
    }
}

/// Name, badges and sentence; where something is wrong, what it is in its place.
#[derive(Debug)]
pub(crate) struct RuleCell {
    warning: gtk::Image,
    name: gtk::Label,
    badge: gtk::Label,
    left: gtk::Label,
    sentence: TextCell,
    tip: Tip,
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
        let warning = gtk::Image::builder()
            .icon_name("dialog-warning-symbolic")
            .css_classes(["warning"])
            .build();
        warning.update_property(&[gtk::accessible::Property::Label(&gettext("Problem"))]);
        let name = cells::line();
        let (line, sentence) = TextCell::new(SENTENCE);
        let [badge, left] = [cells::pill(), cells::pill()];
        left.add_css_class("numeric");
        for pill in [&badge, &left] {
            // With large text there may be no room for it.
            pill.set_ellipsize(gtk::pango::EllipsizeMode::End);
        }
        line.add_css_class("caption");
        first.append(&warning);
        first.append(&name);
        first.append(&badge);
        first.append(&left);
        root.append(&first);
        root.append(&line);
        let cell = RuleCell {
            warning,
            name,
            badge,
            left,
            sentence,
            tip: Tip::over(&root),
        };
        (root, cell)
    }

    fn bind(item: &mut Item, cell: &mut RuleCell, root: &mut gtk::Box) {
        let row = &item.row;
        cell.name.set_label(&row.name);
        cell.badge.set_label(&row.badge);
        cell.badge.set_visible(!row.badge.is_empty());
        cell.left.set_visible(row.ends != Ends::Never);
        item.page
            .begin(cell.left.clone().into(), Live::Left(row.ends.clone()));
        let wrong = !row.problem.is_empty();
        cell.warning.set_visible(wrong);
        let (shown, class, other, tooltip) = match wrong {
            true => {
                let both = format!("{}\n{}", row.sentence, row.problem);
                (&row.problem, "warning", "dim-label", both)
            }
            false => (&row.sentence, "dim-label", "warning", row.sentence.clone()),
        };
        // Its tooltip is that of the whole cell.
        cell.sentence.text(shown);
        cell.sentence.line().remove_css_class(other);
        cell.sentence.line().add_css_class(class);
        cell.tip.set(&tooltip);
        root.update_property(&[gtk::accessible::Property::Description(&tooltip)]);
    }

    fn unbind(item: &mut Item, cell: &mut RuleCell, _: &mut gtk::Box) {
        item.page.end(&cell.left.clone().into());
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| a.row.sort_name.cmp(&b.row.sort_name)))
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
        IconCell::new(PART)
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
    type Root = gtk::Inscription;
    type Widgets = TextCell;
    type Item = Item;

    const COLUMN_NAME: &'static str = "destination";
    const ENABLE_RESIZE: bool = true;

    fn header_title() -> String {
        gettext("Destination")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Inscription, TextCell) {
        TextCell::new(PART)
    }

    fn bind(item: &mut Item, cell: &mut TextCell, _: &mut gtk::Inscription) {
        cell.show(&item.row.destination);
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| a.row.destination.cmp(&b.row.destination)))
    }
}

struct Hits;

impl RelmColumn for Hits {
    type Root = gtk::Inscription;
    type Widgets = TextCell;
    type Item = Item;

    const COLUMN_NAME: &'static str = "hits";

    fn header_title() -> String {
        gettext("Hits")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Inscription, TextCell) {
        TextCell::number(7)
    }

    fn bind(item: &mut Item, cell: &mut TextCell, _: &mut gtk::Inscription) {
        cell.show(&names::number(item.row.hits));
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| b.row.hits.cmp(&a.row.hits)))
    }
}

struct LastHit;

impl RelmColumn for LastHit {
    type Root = gtk::Inscription;
    type Widgets = TextCell;
    type Item = Item;

    const COLUMN_NAME: &'static str = "last-hit";

    fn header_title() -> String {
        gettext("Last Hit")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Inscription, TextCell) {
        TextCell::number(7)
    }

    fn bind(item: &mut Item, cell: &mut TextCell, _: &mut gtk::Inscription) {
        let then = item.row.last_hit;
        item.page.begin(cell.clone().into(), Live::Passed(then));
        let moment = (then > 0).then(|| time::moment(then));
        cell.tip(moment.as_deref().unwrap_or_default());
    }

    fn unbind(item: &mut Item, cell: &mut TextCell, _: &mut gtk::Inscription) {
        item.page.end(&cell.clone().into());
    }

    fn sort_fn() -> OrdFn<Item> {
        Some(Box::new(|a, b| b.row.last_hit.cmp(&a.row.last_hit)))
    }
}

/// Edit and delete.
#[derive(Debug)]
pub(crate) struct ButtonsCell {
    edit: RowButton,
    delete: RowButton,
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
        let (button, edit) = RowButton::new("document-edit-symbolic");
        root.append(&button);
        let (button, delete) = RowButton::new("user-trash-symbolic");
        root.append(&button);
        (root, ButtonsCell { edit, delete })
    }

    fn bind(item: &mut Item, cell: &mut ButtonsCell, _: &mut gtk::Box) {
        let name = [("name", item.row.name.as_str())];
        let (rule, page) = (item.row.wire.clone(), item.page.clone());
        cell.edit
            .show(&gettext_f("Edit rule “{name}”", &name), move || {
                page.act(Input::Edit(Box::new(rule.clone())));
            });
        let (rule, page) = (item.row.wire.clone(), item.page.clone());
        cell.delete
            .show(&gettext_f("Delete rule “{name}”", &name), move || {
                page.act(Input::Delete(Box::new(rule.clone())));
            });
    }

    fn unbind(_: &mut Item, cell: &mut ButtonsCell, _: &mut gtk::Box) {
        cell.edit.clear();
        cell.delete.clear();
    }
}
