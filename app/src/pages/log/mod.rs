//! Log: what was decided, of any length, with filters.

mod ask;
mod build;
mod export;
mod filler;
mod filter;
mod list;
mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adw::prelude::*;
use bastion_ipc::wire::{Event, LogPages, LogQuery, WireError, WireRule};
use relm4::{Component, ComponentParts, ComponentSender};

use self::build::Widgets;
use self::filter::Change;
pub(crate) use self::list::Logged;
use self::list::{LogItem, LogList};
use super::{Context, Output, flow_dialog, report, tell};
use crate::client::Failure;
use crate::i18n::gettext_f;
use crate::model::connections::FlowRow;
use crate::model::log::pages::{PAGE, Page};
use crate::model::log::{Filter, fresh};
use crate::model::time;
use crate::model::verdict::Verdict;

/// Most new decisions that are kept while the log is being asked for.
const EARLY: usize = 1_000;

/// The component.
pub struct LogPage {
    context: Context,
    filter: Filter,
    /// What makes no sense of the filter; the log is shown as it was.
    problem: Option<WireError>,
    query: LogQuery,
    list: LogList,
    view: gtk::ColumnView,
    /// Counts the times the log was asked for; what was asked before is of no use any more.
    generation: u64,
    /// The first pages have not come yet.
    loading: bool,
    /// More pages are to come.
    searching: bool,
    /// New decisions that came meanwhile.
    early: Vec<Event>,
    /// New decisions that are not on screen.
    news: u64,
    /// Why the log could not be had.
    trouble: Option<String>,
    export: Option<Exporting>,
}

/// An export that is under way.
struct Exporting {
    cancelled: Arc<AtomicBool>,
    written: u64,
    all: u64,
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
    /// The user wants another filter.
    Filter(Change),
    /// The user opened the form of the filter.
    Filtering,
    /// The user activated the row at this position.
    Open(u32),
    /// Rows came on screen that are not there yet.
    Wanted,
    /// The user went to the top.
    Top,
    /// The user wants to export what is shown.
    Export,
    /// To this file.
    ExportTo(PathBuf),
    /// The user thought better of it.
    CancelExport,
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// Where pages begin, and the rows of the first of them, as asked for then; whether it is the
    /// beginning of the log.
    Pages(u64, bool, Result<(LogPages, Vec<Event>), Failure>),
    /// A page, as asked for then.
    Page(u64, Page, Result<Vec<Event>, Failure>),
    /// The rules.
    Rules(Result<Vec<WireRule>, Failure>),
    /// So many of so many are exported.
    Exporting(u64, u64),
    /// It was exported; nothing when that was cancelled.
    Exported(Result<Option<(PathBuf, u64)>, export::Problem>),
}

impl Component for LogPage {
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
        let input = sender.clone();
        let list = LogList::new(move || input.input(Input::Wanted));
        let (view, columns) = table::table(&list);
        let widgets = Widgets::build(&root, &view, &columns, &sender);
        let model = Self {
            context,
            filter: Filter::default(),
            problem: None,
            query: LogQuery::default(),
            list,
            view,
            generation: 0,
            loading: true,
            searching: true,
            early: Vec::new(),
            news: 0,
            trouble: None,
            export: None,
        };
        ComponentParts { model, widgets }
    }

    fn update_with_view(
        &mut self,
        widgets: &mut Widgets,
        input: Input,
        sender: ComponentSender<Self>,
        root: &Self::Root,
    ) {
        match input {
            Input::Reload => self.restart(&sender),
            Input::Decided(events) => self.decided(&events, root.is_mapped()),
            Input::Shown | Input::Top if self.news > 0 && self.is_at_top() => {
                self.restart(&sender);
            }
            Input::Shown | Input::Top => {}
            Input::Search(text) => {
                let filter = self.filter.clone();
                self.choose(Filter { text, ..filter }, &sender);
            }
            Input::Filter(Change::To(filter)) => {
                let text = self.filter.text.clone();
                self.choose(Filter { text, ..filter }, &sender);
            }
            Input::Filter(Change::Without(part)) => {
                self.choose(self.filter.clone().without(part), &sender);
            }
            Input::Filtering => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move { Done::Rules(client.rules().await) });
            }
            Input::Open(position) => self.open(position, &sender, root),
            Input::Wanted => self.fetch(&sender),
            Input::Export if self.export.is_none() => export::ask(root, &sender),
            Input::ExportTo(path) if self.export.is_none() => self.export(path, &sender),
            Input::Export | Input::ExportTo(_) => {}
            Input::CancelExport => {
                if let Some(export) = &self.export {
                    export.cancelled.store(true, Ordering::Relaxed);
                }
            }
        }
        self.update_view(widgets, sender);
    }

    fn update_cmd_with_view(
        &mut self,
        widgets: &mut Widgets,
        done: Done,
        sender: ComponentSender<Self>,
        root: &Self::Root,
    ) {
        let out = sender.output_sender();
        match done {
            Done::Pages(generation, is_first, pages) if generation == self.generation => {
                match pages {
                    Ok((pages, head)) => self.found(is_first, &pages, head, root, &sender),
                    Err(failure) => {
                        self.loading = false;
                        self.searching = false;
                        self.trouble = Some(failure.sentence());
                        fail(out, failure);
                    }
                }
            }
            Done::Page(generation, page, events) if generation == self.generation => {
                match events {
                    Ok(events) => self.list.fill(page, self.rows(events)),
                    Err(failure) => {
                        self.list.failed(page);
                        fail(out, failure);
                    }
                }
                self.fetch(&sender);
            }
            Done::Pages(..) | Done::Page(..) => {}
            Done::Rules(Ok(rules)) => widgets.filter.offer(&rules, &self.filter),
            Done::Rules(Err(failure)) => fail(out, failure),
            Done::Exporting(written, all) => {
                if let Some(export) = &mut self.export {
                    (export.written, export.all) = (written, all);
                }
            }
            Done::Exported(exported) => {
                self.export = None;
                match exported {
                    Ok(Some((path, _))) => {
                        let name = path.file_name().unwrap_or_default().to_string_lossy();
                        tell(
                            out,
                            gettext_f("Log exported to “{file}”", &[("file", &name)]),
                        );
                    }
                    Ok(None) => {}
                    Err(problem) => report(out, problem.failure()),
                }
            }
        }
        self.update_view(widgets, sender);
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        widgets.show(self);
    }
}

/// Tells the window, but for what it shows anyway: that there is no helper.
fn fail(out: &relm4::Sender<Output>, failure: Failure) {
    if failure != Failure::Down {
        report(out, failure);
    }
}

impl LogPage {
    fn choose(&mut self, filter: Filter, sender: &ComponentSender<Self>) {
        if filter == self.filter {
            return;
        }
        self.filter = filter;
        self.restart(sender);
    }

    /// Asks for the log anew. What was shown stays until the first pages have come.
    fn restart(&mut self, sender: &ComponentSender<Self>) {
        match self.filter.query(time::now()) {
            Ok(query) => {
                self.query = query;
                self.problem = None;
            }
            // What was asked last goes on being shown, also anew.
            Err(problem) => self.problem = Some(problem),
        }
        self.trouble = None;
        self.generation += 1;
        self.loading = true;
        self.searching = true;
        self.early.clear();
        self.ask_pages(None, sender);
    }

    fn ask_pages(&self, before: Option<u64>, sender: &ComponentSender<Self>) {
        let (client, generation) = (self.context.client.clone(), self.generation);
        let query = LogQuery {
            before,
            limit: Some(PAGE),
            ..self.query.clone()
        };
        sender.oneshot_command(async move {
            let is_first = before.is_none();
            let pages = ask::pages(&client, &query, is_first).await;
            Done::Pages(generation, is_first, pages)
        });
    }

    /// Shows what was found, and goes on where it was not all.
    fn found(
        &mut self,
        is_first: bool,
        pages: &LogPages,
        head: Vec<Event>,
        root: &adw::ToolbarView,
        sender: &ComponentSender<Self>,
    ) {
        if is_first {
            self.list.restart(pages, self.rows(head));
            self.news = 0;
            self.loading = false;
            self.scroll_to_top();
            let early = std::mem::take(&mut self.early);
            self.decided(&early, root.is_mapped());
        } else {
            self.list.extend(pages);
        }
        self.searching = pages.next.is_some();
        if self.searching {
            self.ask_pages(pages.next, sender);
        }
    }

    /// Asks for what is on screen and not there yet.
    fn fetch(&self, sender: &ComponentSender<Self>) {
        while let Some(page) = self.list.wanted() {
            let (client, generation) = (self.context.client.clone(), self.generation);
            let query = page.query(&self.query);
            sender.oneshot_command(async move {
                Done::Page(generation, page, client.log(&query).await)
            });
        }
    }

    fn rows(&self, events: Vec<Event>) -> Vec<Logged> {
        let row = |event: Event| Logged {
            flow: FlowRow::of_event(&event, &self.context.directory),
            event,
        };
        events.into_iter().map(row).collect()
    }

    /// Shows new decisions at the top, if that is on screen; else tells that there are some.
    fn decided(&mut self, events: &[Event], is_mapped: bool) {
        if self.loading {
            let room = EARLY.saturating_sub(self.early.len());
            self.early.extend(events.iter().take(room).cloned());
            return;
        }
        let fresh = fresh(events, &self.query, self.list.newest());
        if fresh.is_empty() {
            return;
        }
        if is_mapped && self.news == 0 && self.is_at_top() {
            self.list.prepend(self.rows(fresh));
            self.scroll_to_top();
        } else {
            self.news += u64::try_from(fresh.len()).unwrap_or_default();
        }
    }

    fn is_at_top(&self) -> bool {
        self.view.vadjustment().is_none_or(|at| at.value() <= 0.0)
    }

    /// GTK would rather keep the row at the top in place when others come before it.
    fn scroll_to_top(&self) {
        if self.list.n_items() > 0 {
            self.view
                .scroll_to(0, None, gtk::ListScrollFlags::NONE, None);
        }
    }

    fn open(&self, position: u32, sender: &ComponentSender<Self>, root: &adw::ToolbarView) {
        let item = self.list.item(position).and_downcast::<LogItem>();
        let row = item.and_then(|item| item.row().clone());
        // What was mended is no connection.
        if let Some(row) = row.filter(|row| row.flow.verdict != Verdict::Mended) {
            flow_dialog::present_logged(&row, &self.context, root, sender.output_sender());
        }
    }

    fn export(&mut self, path: PathBuf, sender: &ComponentSender<Self>) {
        let cancelled = Arc::new(AtomicBool::new(false));
        self.export = Some(Exporting {
            cancelled: cancelled.clone(),
            written: 0,
            all: self.list.n_items().into(),
        });
        let (client, query) = (self.context.client.clone(), self.query.clone());
        sender.command(move |told, shutdown| {
            let export = async move {
                let done = export::run(&client, &query, path, cancelled, &told).await;
                if told.send(Done::Exported(done)).is_err() {
                    tracing::debug!("the page is gone already");
                }
            };
            shutdown.register(export).drop_on_shutdown()
        });
    }
}
