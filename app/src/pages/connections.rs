//! Connections: what is open or waits at this moment.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use adw::prelude::*;
use bastion_ipc::wire::Connection;
use gtk::glib;
use relm4::binding::{Binding as _, StringBinding};
use relm4::typed_view::column::RelmColumn;
use relm4::{Component, ComponentParts, ComponentSender};

use super::flow_columns::{Destination, HasFlow, Port, Program, Protocol, State, User};
use super::{
    Context, Filled, Output, Search, adaptive, flow_dialog, report, scrolled, tick_while_shown,
};
use crate::client::Failure;
use crate::i18n::{gettext, gettext_f};
use crate::model::connections::{FlowRow, rows};
use crate::model::time;
use crate::widgets::cells::{self, Connected};
use crate::widgets::sync::{Keyed, Table, sync};

/// Least time between two questions to the helper, however much happens.
const REFRESH: Duration = Duration::from_millis(500);

/// Tells the page what the user does in a row.
type Act = Rc<dyn Fn(Input)>;

/// A row whose age grows, and whom to tell what is done in it.
struct Row {
    flow: FlowRow,
    age: StringBinding,
    act: Act,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.flow == other.flow
    }
}

impl HasFlow for Row {
    fn flow(&self) -> &FlowRow {
        &self.flow
    }
}

impl Keyed for Row {
    type Key = u64;
    fn key(&self) -> u64 {
        self.flow.id
    }
}

/// The component.
pub struct Connections {
    context: Context,
    table: Table<Row>,
    query: Rc<RefCell<String>>,
    act: Act,
    /// A question to the helper is on its way, or was a moment ago.
    asking: bool,
    /// Something happened meanwhile.
    stale: bool,
}

/// What the page takes in.
#[derive(Debug)]
pub enum Input {
    /// Connections may have changed.
    Refresh,
    /// There is no helper any more.
    Clear,
    /// Time passed.
    Tick,
    /// The user activated the row at this position.
    Open(u32),
    /// The user searches for this.
    Search(String),
    /// The user ends this connection.
    End(Box<FlowRow>),
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// The helper's reply.
    Listed(Result<Vec<Connection>, Failure>),
    /// The helper may be asked again.
    Rested,
    /// A connection was ended.
    Ended(Box<FlowRow>, Result<(), Failure>),
}

impl Component for Connections {
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
        let search = Search::new(&gettext("Search connections"), &root);
        let input = sender.clone();
        search.connect(move |text| input.input(Input::Search(text)));
        let header = adw::HeaderBar::new();
        header.pack_start(&search.button);
        root.add_top_bar(&header);
        root.add_top_bar(&search.bar);
        let input = sender.clone();
        table
            .view
            .connect_activate(move |_, position| input.input(Input::Open(position)));
        let filled = Filled::new(
            &scrolled(&table.view, &gettext("Connections")),
            "network-transmit-receive-symbolic",
            &gettext("No Connections"),
            &gettext("What your programs connect to appears here."),
        );
        let steps: [(&str, &[&str]); 2] = [
            ("max-width: 860px", &["user", "protocol"]),
            ("max-width: 560px", &["user", "protocol", "port", "age"]),
        ];
        let bin = adaptive(&filled.stack, &table, &steps);
        root.set_content(Some(&bin));
        let input = sender.clone();
        root.connect_map(move |_| input.input(Input::Refresh));
        let input = sender.clone();
        tick_while_shown(&root, move || input.input(Input::Tick));
        filled.show(0, 0);
        let input = sender.input_sender().clone();
        let act: Act = Rc::new(move |message| {
            if input.send(message).is_err() {
                tracing::debug!("the page is gone already");
            }
        });
        let model = Self {
            context,
            table,
            query,
            act,
            asking: false,
            stale: false,
        };
        ComponentParts {
            model,
            widgets: filled,
        }
    }

    fn update(&mut self, input: Input, sender: ComponentSender<Self>, root: &Self::Root) {
        match input {
            Input::Refresh if root.is_mapped() => self.refresh(&sender),
            // Nobody looks; it is done when somebody does.
            Input::Refresh => {}
            Input::Clear => sync(&mut self.table, Vec::new()),
            Input::Tick => self.tick(),
            Input::Open(position) => {
                if let Some(row) = self.table.get_visible(position) {
                    flow_dialog::present(&row.borrow().flow, root, sender.output_sender());
                }
            }
            Input::Search(text) => {
                *self.query.borrow_mut() = text;
                self.table.notify_filter_changed(0);
            }
            Input::End(flow) => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move {
                    let ends = flow.ends.clone().unwrap_or_default();
                    let result = client.end_connection(&ends).await;
                    Done::Ended(flow, result)
                });
            }
        }
    }

    fn update_cmd(&mut self, done: Done, sender: ComponentSender<Self>, _: &Self::Root) {
        match done {
            Done::Listed(Ok(connections)) => {
                let rows = rows(&connections, &self.context.directory)
                    .into_iter()
                    .map(|flow| Row {
                        flow,
                        age: StringBinding::default(),
                        act: self.act.clone(),
                    })
                    .collect();
                sync(&mut self.table, rows);
                self.tick();
            }
            // The window shows that there is no helper.
            Done::Listed(Err(Failure::Down)) => {}
            Done::Listed(Err(failure)) => report(sender.output_sender(), failure),
            Done::Ended(flow, result) => {
                let out = sender.output_sender();
                match result {
                    Ok(()) => {
                        let text = gettext_f("Connection of {program} ended", &whose(&flow));
                        if out.send(Output::Told(text)).is_err() {
                            tracing::debug!("the window is gone already");
                        }
                    }
                    Err(failure) => report(out, failure),
                }
                self.refresh(&sender);
            }
            Done::Rested => {
                self.asking = false;
                if std::mem::take(&mut self.stale) {
                    self.refresh(&sender);
                }
            }
        }
    }

    fn update_view(&self, filled: &mut Filled, _: ComponentSender<Self>) {
        filled.show(self.table.len(), self.table.selection_model.n_items());
    }
}

impl Connections {
    fn refresh(&mut self, sender: &ComponentSender<Self>) {
        if self.asking {
            self.stale = true;
            return;
        }
        self.asking = true;
        let client = self.context.client.clone();
        sender.command(move |out, shutdown| {
            shutdown
                .register(async move {
                    let listed = client.connections().await;
                    // The page is gone: nobody waits for the rest.
                    if out.send(Done::Listed(listed)).is_ok() {
                        tokio::time::sleep(REFRESH).await;
                        let _ = out.send(Done::Rested);
                    }
                })
                .drop_on_shutdown()
        });
    }

    fn tick(&self) {
        let now = time::now();
        for position in 0..self.table.len() {
            if let Some(item) = self.table.get(position) {
                let item = item.borrow();
                let age = time::age(item.flow.time, now);
                if item.age.get() != age {
                    item.age.set(age);
                }
            }
        }
    }
}

fn table(query: Rc<RefCell<String>>) -> Table<Row> {
    let mut table = Table::new();
    table.append_column::<Program<Row>>();
    table.append_column::<Destination<Row>>();
    table.append_column::<Port<Row>>();
    table.append_column::<Protocol<Row>>();
    table.append_column::<User<Row>>();
    table.append_column::<State<Row>>();
    table.append_column::<Age>();
    table.append_column::<End>();
    table.add_filter(move |row: &Row| row.flow.matches(&query.borrow()));
    table.selection_model.set_autoselect(false);
    table.selection_model.set_can_unselect(true);
    table
}

struct Age;

impl RelmColumn for Age {
    type Root = gtk::Label;
    type Widgets = Option<glib::Binding>;
    type Item = Row;

    const COLUMN_NAME: &'static str = "age";

    fn header_title() -> String {
        gettext("Age")
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Label, Option<glib::Binding>) {
        (cells::number(), None)
    }

    fn bind(row: &mut Row, binding: &mut Option<glib::Binding>, label: &mut gtk::Label) {
        *binding = Some(
            row.age
                .bind_property(StringBinding::property_name(), label, "label")
                .sync_create()
                .build(),
        );
    }

    fn unbind(_: &mut Row, binding: &mut Option<glib::Binding>, _: &mut gtk::Label) {
        if let Some(binding) = binding.take() {
            binding.unbind();
        }
    }

    fn sort_fn() -> relm4::typed_view::OrdFn<Row> {
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

/// The button that ends an open connection.
struct End;

impl RelmColumn for End {
    type Root = gtk::Button;
    type Widgets = Connected;
    type Item = Row;

    const COLUMN_NAME: &'static str = "end";

    fn header_title() -> String {
        String::new()
    }

    fn setup(_: &gtk::ListItem) -> (gtk::Button, Connected) {
        let button = cells::button("process-stop-symbolic");
        (button, Connected::default())
    }

    fn bind(row: &mut Row, connected: &mut Connected, button: &mut gtk::Button) {
        let flow = &row.flow;
        button.set_visible(flow.ends.is_some());
        let label = gettext_f("End connection of {program} to {destination}", &whose(flow));
        cells::name(button, &label);
        let (flow, act) = (flow.clone(), row.act.clone());
        let handler = button.connect_clicked(move |_| act(Input::End(Box::new(flow.clone()))));
        connected.add(button, handler);
    }

    fn unbind(_: &mut Row, connected: &mut Connected, _: &mut gtk::Button) {
        connected.clear();
    }
}
