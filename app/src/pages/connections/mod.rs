//! Connections: what is open or waits at this moment.

mod build;
mod filters;
mod groups;
mod row;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use adw::prelude::*;
use bastion_ipc::wire::Connection;
use relm4::{Component, ComponentParts, ComponentSender};

use super::flow_columns::HasFlow as _;
use super::{Context, Output, flow_dialog, report, tick_while_shown};
use crate::client::Failure;
use crate::i18n::gettext_f;
use crate::model::connections::FlowRow;
use crate::model::connections::live::{Facet, Filter, Listing, Live};
use crate::model::time;
use crate::widgets::sync::{Table, sync};
pub use build::Widgets;
use row::{Act, Row};

/// Least time between two questions to the helper, however much happens.
const REFRESH: Duration = Duration::from_millis(500);

/// Listing everything takes the helper and the bus at most this share of their time.
const SHARE: u32 = 4;

/// How long what is listed goes unasked where nothing happens but bytes and ends.
const STALE: Duration = Duration::from_secs(2);

/// The component.
pub struct Connections {
    context: Context,
    table: Table<Row>,
    live: Live,
    filter: Filter,
    /// What of it is in the table.
    listing: Listing,
    act: Act,
    /// A question to the helper is on its way, or was a moment ago.
    asking: bool,
    /// Something happened meanwhile.
    stale: bool,
    /// When the helper was asked last.
    asked: Option<Instant>,
    /// The search and the filters are open.
    searching: bool,
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
    /// The user opens the search and the filters, or closes them.
    Searching(bool),
    /// The user searches for this.
    Search(String),
    /// The user wants those alone that have this.
    Filter(BTreeMap<Facet, String>),
    /// The user ends this connection.
    End(Rc<FlowRow>),
    /// The user ends the connection that is selected.
    EndSelected,
    /// The user wants to answer the question about a connection that waits.
    Answer,
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// The helper's reply.
    Listed(Result<Vec<Connection>, Failure>),
    /// The helper may be asked again.
    Rested,
    /// A connection of this program was ended.
    Ended(String, Result<(), Failure>),
}

impl Component for Connections {
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
        let table = build::table();
        let widgets = build::build(&root, &table, &sender);
        let input = sender.clone();
        root.connect_map(move |_| input.input(Input::Refresh));
        let input = sender.clone();
        tick_while_shown(&root, move || input.input(Input::Tick));
        let input = sender.input_sender().clone();
        let act: Act = Rc::new(move |message| {
            if input.send(message).is_err() {
                tracing::debug!("the page is gone already");
            }
        });
        let model = Self {
            context,
            table,
            live: Live::default(),
            filter: Filter::default(),
            listing: Listing::default(),
            act,
            asking: false,
            stale: false,
            asked: None,
            searching: false,
        };
        ComponentParts { model, widgets }
    }

    fn update(&mut self, input: Input, sender: ComponentSender<Self>, root: &Self::Root) {
        match input {
            Input::Refresh if root.is_mapped() => self.refresh(&sender),
            // Nobody looks; it is done when somebody does.
            Input::Refresh => {}
            Input::Clear => {
                self.live = Live::default();
                self.show();
            }
            Input::Tick => {
                self.tick();
                if self.asked.is_some_and(|asked| asked.elapsed() >= STALE) {
                    self.refresh(&sender);
                }
            }
            Input::Open(position) => {
                if let Some(row) = self.table.get_visible(position) {
                    flow_dialog::present(row.borrow().flow(), root, sender.output_sender());
                }
            }
            Input::Searching(searching) => {
                self.searching = searching;
                if !searching {
                    self.filter = Filter::default();
                    self.show();
                }
            }
            Input::Search(query) => {
                self.filter.query = query;
                self.show();
            }
            Input::Filter(chosen) => {
                self.filter.chosen = chosen;
                self.show();
            }
            Input::End(flow) => self.end(&flow, &sender),
            Input::EndSelected => {
                let position = self.table.selection_model.selected();
                let row = self.table.get_visible(position);
                if let Some(flow) = row.map(|row| row.borrow().shared()) {
                    self.end(&flow, &sender);
                }
            }
            Input::Answer => {
                if sender.output(Output::ShowPrompt).is_err() {
                    tracing::debug!("the window is gone already");
                }
            }
        }
    }

    fn update_cmd(&mut self, done: Done, sender: ComponentSender<Self>, _: &Self::Root) {
        match done {
            Done::Listed(Ok(connections)) => {
                self.live.update(connections, &self.context.directory);
                self.show();
            }
            // The window shows that there is no helper.
            Done::Listed(Err(Failure::Down)) => {}
            Done::Listed(Err(failure)) => report(sender.output_sender(), failure),
            Done::Ended(program, result) => {
                let out = sender.output_sender();
                match result {
                    Ok(()) => {
                        let program = [("program", program.as_str())];
                        let text = gettext_f("Connection of {program} ended", &program);
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

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        widgets
            .filled
            .show(count(self.live.len()), count(self.listing.matching));
        let notice = self.listing.notice();
        widgets.notice.set_visible(notice.is_some());
        widgets.notice.set_label(&notice.unwrap_or_default());
        if self.searching {
            widgets.filters.offer(&self.live, &self.filter);
        } else if self.filter.chosen.is_empty() {
            widgets.filters.reset();
        }
    }
}

impl Connections {
    fn refresh(&mut self, sender: &ComponentSender<Self>) {
        if self.asking {
            self.stale = true;
            return;
        }
        self.asking = true;
        self.asked = Some(Instant::now());
        let client = self.context.client.clone();
        sender.command(move |out, shutdown| {
            shutdown
                .register(async move {
                    let begun = Instant::now();
                    let listed = client.connections().await;
                    let rest = REFRESH.max(begun.elapsed() * SHARE);
                    // The page is gone: nobody waits for the rest.
                    if out.send(Done::Listed(listed)).is_ok() {
                        tokio::time::sleep(rest).await;
                        let _ = out.send(Done::Rested);
                    }
                })
                .drop_on_shutdown()
        });
    }

    /// Puts into the table what is wanted of all there is.
    fn show(&mut self) {
        self.listing = self.live.listing(&self.filter);
        let rows = self.listing.rows.iter();
        let rows = rows.map(|row| Row::new(row.clone(), self.act.clone()));
        sync(&mut self.table, rows.collect());
    }

    fn tick(&self) {
        let now = time::now();
        for position in 0..self.table.len() {
            if let Some(item) = self.table.get(position) {
                item.borrow().tick(now);
            }
        }
    }

    /// Ends a connection without asking back. Most programs connect again at once, and the list
    /// goes on moving below a question.
    fn end(&self, flow: &FlowRow, sender: &ComponentSender<Self>) {
        let Some(ends) = flow.ends.clone() else {
            return;
        };
        let program = flow.program.clone();
        let client = self.context.client.clone();
        sender.oneshot_command(async move {
            let result = client.end_connection(&ends).await;
            Done::Ended(program, result)
        });
    }
}
