//! Log: recent decisions, with filters, page by page.

use adw::prelude::*;
use bastion_ipc::wire::Event;
use relm4::{Component, ComponentParts, ComponentSender};

use super::flow_columns::{Destination, Port, Program, Protocol, Reason, State, Time, User};
use super::{Context, Filled, Output, Search, adaptive, flow_dialog, report, scrolled};
use crate::client::Failure;
use crate::i18n::gettext;
use crate::model::connections::FlowRow;
use crate::model::log::{Filter, Log, Request};
use crate::model::verdict::Verdict;
use crate::widgets::sync::{Keyed, Table, sync};

/// Text forms of the verdicts, in the order of the filter's choices after "all".
const VERDICTS: [&str; 3] = ["allow", "deny", "drop"];

impl Keyed for FlowRow {
    type Key = u64;
    fn key(&self) -> u64 {
        self.id
    }
}

/// The component.
pub struct LogPage {
    context: Context,
    log: Log,
    table: Table<FlowRow>,
}

/// What the page takes in.
#[derive(Debug)]
pub enum Input {
    /// Start anew.
    Reload,
    /// New decisions.
    Decided(Vec<Event>),
    /// The page came on screen.
    Shown,
    /// The user searches for this.
    Search(String),
    /// The user wants this verdict alone; a position in the filter.
    Verdict(u32),
    /// The user activated the row at this position.
    Open(u32),
    /// The user wants older events.
    More,
}

/// The helper's reply to a request.
#[derive(Debug)]
pub struct Page(Request, Result<Vec<Event>, Failure>);

/// The widgets that change.
#[derive(Debug)]
pub struct Widgets {
    filled: Filled,
    more: gtk::Button,
}

impl Component for LogPage {
    type Init = Context;
    type Input = Input;
    type Output = Output;
    type CommandOutput = Page;
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
        let table = table();
        let widgets = build(&root, &table, &sender);
        let input = sender.clone();
        root.connect_map(move |_| input.input(Input::Shown));
        let log = Log::default();
        let model = Self {
            context,
            log,
            table,
        };
        ComponentParts { model, widgets }
    }

    fn update(&mut self, input: Input, sender: ComponentSender<Self>, root: &Self::Root) {
        match input {
            Input::Reload => self.restart(self.log.filter.clone(), &sender),
            Input::Decided(events) => {
                self.log.decided(&events);
                if root.is_mapped() {
                    self.show();
                }
            }
            Input::Shown => self.show(),
            Input::Search(text) => {
                let filter = Filter {
                    text,
                    ..self.log.filter.clone()
                };
                self.restart(filter, &sender);
            }
            Input::Verdict(position) => {
                let index = (position as usize).checked_sub(1);
                let verdict = index.and_then(|index| VERDICTS.get(index)).copied();
                let filter = Filter {
                    verdict,
                    ..self.log.filter.clone()
                };
                self.restart(filter, &sender);
            }
            Input::Open(position) => {
                // What was mended is no connection.
                let row = self.table.get_visible(position);
                if let Some(row) = row.filter(|row| row.borrow().verdict != Verdict::Mended) {
                    flow_dialog::present(&row.borrow(), root, sender.output_sender());
                }
            }
            Input::More if self.log.has_more() => self.ask(self.log.more(), &sender),
            Input::More => {}
        }
    }

    fn update_cmd(&mut self, page: Page, sender: ComponentSender<Self>, _: &Self::Root) {
        match page {
            Page(request, Ok(events)) => {
                self.log.page(&request, events);
                self.show();
            }
            // The window shows that there is no helper.
            Page(_, Err(Failure::Down)) => {}
            Page(_, Err(failure)) => report(sender.output_sender(), failure),
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let rows = self.table.len();
        let empty = rows == 0 && self.log.filter.is_empty();
        widgets.filled.show(u32::from(!empty), rows);
        widgets.more.set_visible(rows > 0 && self.log.has_more());
    }
}

impl LogPage {
    fn restart(&mut self, filter: Filter, sender: &ComponentSender<Self>) {
        let request = self.log.restart(filter);
        self.ask(request, sender);
    }

    fn ask(&self, request: Request, sender: &ComponentSender<Self>) {
        let client = self.context.client.clone();
        sender.oneshot_command(async move {
            let events = client.log(&request.query).await;
            Page(request, events)
        });
    }

    fn show(&mut self) {
        let rows = self.log.rows(&self.context.directory);
        sync(&mut self.table, rows);
    }
}

fn table() -> Table<FlowRow> {
    let mut table = Table::new();
    table.append_column::<Time<FlowRow>>();
    table.append_column::<Program<FlowRow>>();
    table.append_column::<Destination<FlowRow>>();
    table.append_column::<Port<FlowRow>>();
    table.append_column::<Protocol<FlowRow>>();
    table.append_column::<User<FlowRow>>();
    table.append_column::<State<FlowRow>>();
    table.append_column::<Reason<FlowRow>>();
    table.selection_model.set_autoselect(false);
    table.selection_model.set_can_unselect(true);
    table
}

fn build(
    root: &adw::ToolbarView,
    table: &Table<FlowRow>,
    sender: &ComponentSender<LogPage>,
) -> Widgets {
    let search = Search::new(&gettext("Search log"), root);
    let input = sender.clone();
    search.connect(move |text| input.input(Input::Search(text)));
    let header = adw::HeaderBar::new();
    header.pack_start(&search.button);
    root.add_top_bar(&header);
    root.add_top_bar(&search.bar);
    root.add_top_bar(&verdicts(sender));

    let more = gtk::Button::builder()
        .label(gettext("Load _More"))
        .use_underline(true)
        .halign(gtk::Align::Center)
        .margin_top(6)
        .margin_bottom(12)
        .css_classes(["pill"])
        .build();
    let input = sender.clone();
    more.connect_clicked(move |_| input.input(Input::More));
    let input = sender.clone();
    table
        .view
        .connect_activate(move |_, position| input.input(Input::Open(position)));
    let scroller = scrolled(&table.view, &gettext("Log"));
    let input = sender.clone();
    scroller.connect_edge_reached(move |_, edge| {
        if edge == gtk::PositionType::Bottom {
            input.input(Input::More);
        }
    });
    let list = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .build();
    list.append(&scroller);
    list.append(&more);
    let filled = Filled::new(
        &list,
        "document-open-recent-symbolic",
        &gettext("Nothing Logged Yet"),
        &gettext("Every decision appears here, with its reason."),
    );
    filled.show(0, 0);
    let steps: [(&str, &[&str]); 3] = [
        ("max-width: 900px", &["user", "protocol"]),
        ("max-width: 700px", &["user", "protocol", "reason", "port"]),
        (
            "max-width: 500px",
            &["user", "protocol", "reason", "port", "time"],
        ),
    ];
    let bin = adaptive(&filled.stack, table, &steps);
    root.set_content(Some(&bin));
    Widgets { filled, more }
}

/// One button for each verdict, of which one is pressed.
fn verdicts(sender: &ComponentSender<LogPage>) -> gtk::Box {
    let choices = gtk::Box::builder()
        .css_classes(["linked"])
        .halign(gtk::Align::Center)
        .margin_top(3)
        .margin_bottom(9)
        .margin_start(6)
        .margin_end(6)
        .build();
    choices.update_property(&[gtk::accessible::Property::Label(&gettext("Verdict"))]);
    let labels = [
        gettext("All"),
        gettext("Allowed"),
        gettext("Denied"),
        gettext("Dropped"),
    ];
    let mut first: Option<gtk::ToggleButton> = None;
    for (position, label) in (0..).zip(&labels) {
        // Narrow windows cut long words short.
        let button = gtk::ToggleButton::builder()
            .label(label)
            .can_shrink(true)
            .build();
        button.set_group(first.as_ref());
        button.set_active(first.is_none());
        let input = sender.clone();
        button.connect_toggled(move |button| {
            if button.is_active() {
                input.input(Input::Verdict(position));
            }
        });
        choices.append(&button);
        first.get_or_insert(button);
    }
    choices
}
