//! The rows of live connections, and the columns that nothing else has.

use std::rc::Rc;

use bastion_ipc::wire::Ends;
use gtk::glib;
use gtk::prelude::*;
use relm4::binding::{Binding as _, StringBinding};
use relm4::typed_view::OrdFn;
use relm4::typed_view::column::RelmColumn;

use super::Input;
use crate::i18n::{gettext, gettext_f};
use crate::model::connections::FlowRow;
use crate::model::connections::live::LiveRow;
use crate::model::time;
use crate::pages::flow_columns::{self, HasFlow};
use crate::widgets::cells::RowButton;
use crate::widgets::program;
use crate::widgets::sync::{Keyed, Table};
use crate::widgets::text_cell::TextCell;

/// Tells the page what the user does in a row.
pub(super) type Act = Rc<dyn Fn(Input)>;

/// A row whose age grows, and whom to tell what is done in it.
pub(super) struct Row {
    ends: Rc<Ends>,
    flow: Rc<FlowRow>,
    age: StringBinding,
    act: Act,
}

impl Row {
    pub(super) fn new(live: LiveRow, act: Act) -> Self {
        let row = Self {
            ends: live.ends,
            flow: live.flow,
            age: StringBinding::default(),
            act,
        };
        row.tick(time::now());
        row
    }

    /// Shows how old it is now.
    pub(super) fn tick(&self, now: u64) {
        let age = time::age(self.flow.time, now);
        if self.age.get() != age {
            self.age.set(age);
        }
    }

    /// Its flow, to keep.
    pub(super) fn shared(&self) -> Rc<FlowRow> {
        self.flow.clone()
    }

    /// What a screen reader says of it, whichever columns there is room for.
    pub(super) fn sentence(&self) -> String {
        let program = program::look(&self.flow.program_path).name;
        let facts = [
            ("program", program.as_str()),
            ("destination", &self.flow.destination),
            ("port", &self.flow.port),
            ("state", &self.flow.state),
        ];
        match self.flow.port.as_str() {
            "" => gettext_f("{program} to {destination}: {state}", &facts),
            _ => gettext_f("{program} to {destination}, port {port}: {state}", &facts),
        }
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.flow, &other.flow) || self.flow == other.flow
    }
}

impl HasFlow for Row {
    fn flow(&self) -> &FlowRow {
        &self.flow
    }
}

impl Keyed for Row {
    type Key = Rc<Ends>;

    fn key(&self) -> Rc<Ends> {
        self.ends.clone()
    }
}

/// Adds all columns to a table.
pub(super) fn append(table: &mut Table<Row>) {
    table.append_column::<flow_columns::Program<Row>>();
    table.append_column::<flow_columns::Destination<Row>>();
    table.append_column::<flow_columns::Port<Row>>();
    table.append_column::<flow_columns::Protocol<Row>>();
    table.append_column::<flow_columns::User<Row>>();
    table.append_column::<flow_columns::State<Row>>();
    table.append_column::<Age>();
    table.append_column::<Button>();
}

struct Age;

impl RelmColumn for Age {
    type Root = gtk::Inscription;
    /// With what hears of the age that is shown.
    type Widgets = (TextCell, Option<glib::SignalHandlerId>);
    type Item = Row;

    const COLUMN_NAME: &'static str = "age";

    fn header_title() -> String {
        gettext("Age")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Inscription, Self::Widgets) {
        let (line, cell) = TextCell::number(8);
        (line, (cell, None))
    }

    fn bind(row: &mut Row, (cell, heard): &mut Self::Widgets, _: &mut gtk::Inscription) {
        cell.show(&row.age.get());
        let shown = cell.clone();
        // Until the row is unbound.
        *heard = Some(
            row.age
                .connect_value_notify(move |age| shown.show(&age.get())),
        );
    }

    fn unbind(row: &mut Row, (_, heard): &mut Self::Widgets, _: &mut gtk::Inscription) {
        if let Some(handler) = heard.take() {
            row.age.disconnect(handler);
        }
    }

    fn sort_fn() -> OrdFn<Row> {
        Some(Box::new(|a, b| b.flow.time.cmp(&a.flow.time)))
    }
}

/// Whose connection it is, and where to, for sentences about it.
fn whose(flow: &FlowRow) -> [(&'static str, &str); 2] {
    [
        ("program", flow.program.as_str()),
        ("destination", flow.destination.as_str()),
    ]
}

/// The button that ends a connection that is open, or shows the question about one that waits.
struct Button;

impl RelmColumn for Button {
    type Root = gtk::Button;
    type Widgets = RowButton;
    type Item = Row;

    const COLUMN_NAME: &'static str = "end";

    fn header_title() -> String {
        String::new()
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Button, RowButton) {
        RowButton::new("")
    }

    fn bind(row: &mut Row, cell: &mut RowButton, button: &mut gtk::Button) {
        let whose = whose(&row.flow);
        let (icon, label) = match row.flow.ends {
            Some(_) => (
                "process-stop-symbolic",
                gettext_f("End connection of {program} to {destination}", &whose),
            ),
            None => (
                "dialog-question-symbolic",
                gettext_f("Answer for {program} to {destination}", &whose),
            ),
        };
        button.set_icon_name(icon);
        let (flow, act) = (row.flow.clone(), row.act.clone());
        cell.show(&label, move || {
            act(match flow.ends {
                Some(_) => Input::End(flow.clone()),
                None => Input::Answer,
            });
        });
    }

    fn unbind(_: &mut Row, cell: &mut RowButton, _: &mut gtk::Button) {
        cell.clear();
    }
}
