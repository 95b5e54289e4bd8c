//! Exporting what the filter shows.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adw::prelude::*;
use bastion_ipc::wire::LogQuery;
use gtk::gio;
use relm4::{ComponentSender, Sender};

use super::{Done, Input, LogPage};
use crate::client::{Client, Failure};
use crate::i18n::{gettext, gettext_f};
use crate::model::log::Day;
use crate::model::log::export::{Export, ExportError};
use crate::model::log::pages::{PAGE, Pages};
use crate::model::{names, time};
use crate::pages::report;

/// Why nothing was exported.
#[derive(Debug)]
pub enum Problem {
    /// The log could not be read.
    Log(Failure),
    /// The file could not be written.
    File(ExportError),
}

impl Problem {
    /// For the window.
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::Log(failure) => failure,
            Self::File(error) => Failure::Told(error.sentence()),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Log(failure)
    }
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        Self::File(error)
    }
}

/// Asks where to.
pub(super) fn ask(parent: &adw::ToolbarView, sender: &ComponentSender<LogPage>) {
    // One for both: the dialog does not tell which was chosen, so the name's ending has to.
    let filter = gtk::FileFilter::new();
    filter.set_name(Some(&gettext("Logs (.csv, .json)")));
    filter.add_suffix("csv");
    filter.add_suffix("json");
    let filters = gio::ListStore::new::<gtk::FileFilter>();
    filters.append(&filter);
    let today = Day::of(time::now()).map_or_else(String::new, |day| {
        format!("-{:04}-{:02}-{:02}", day.year, day.month, day.day)
    });
    let dialog = gtk::FileDialog::builder()
        .title(gettext("Export Log"))
        .accept_label(gettext("_Export"))
        .initial_name(format!("bastion-log{today}.csv"))
        .filters(&filters)
        .build();
    let window = parent.root().and_downcast::<gtk::Window>();
    let (input, out) = (sender.clone(), sender.output_sender().clone());
    dialog.save(window.as_ref(), gio::Cancellable::NONE, move |chosen| {
        let problem = match chosen.map(|file| file.path()) {
            Ok(Some(path)) => return input.input(Input::ExportTo(path)),
            Ok(None) => gettext("Choose a file on this computer; nothing was exported."),
            // The user thought better of it.
            Err(error) if error.matches(gtk::DialogError::Dismissed) => return,
            Err(error) => error.to_string(),
        };
        report(&out, Failure::Told(problem));
    });
}

/// Writes every event of the query to a file, the oldest first, a page at a time; gives how many, or
/// nothing when it was cancelled. Tells how many of how many are written.
pub(super) async fn run(
    client: &Client,
    query: &LogQuery,
    path: PathBuf,
    cancelled: Arc<AtomicBool>,
    told: &Sender<Done>,
) -> Result<Option<(PathBuf, u64)>, Problem> {
    // Before the log is read for nothing.
    let mut file = Export::create(&path)?;
    let is_cancelled = || cancelled.load(Ordering::Relaxed);
    let mut pages = Pages::default();
    let mut next = LogQuery {
        before: None,
        limit: Some(PAGE),
        ..query.clone()
    };
    loop {
        let more = client.log_pages(&next).await?;
        pages.extend(&more.pages);
        next.before = more.next;
        if more.next.is_none() {
            break;
        }
        if is_cancelled() {
            return Ok(None);
        }
    }
    let mut written = 0;
    for page in pages.oldest_first() {
        if is_cancelled() {
            return Ok(None);
        }
        let events = client.log(&page.query(query)).await?;
        file.write(events.iter().rev())?;
        written += u64::try_from(events.len()).unwrap_or_default();
        if told
            .send(Done::Exporting(written, pages.rows().into()))
            .is_err()
        {
            return Ok(None);
        }
    }
    let finished = relm4::spawn_blocking(move || file.finish()).await;
    match finished {
        Ok(path) => Ok(Some((path?, written))),
        // The task can't be told to end, and does not panic.
        Err(error) => Err(Failure::Told(error.to_string()).into()),
    }
}

/// The bar that tells how far it is.
#[derive(Debug)]
pub(super) struct ExportBar {
    pub(super) bar: gtk::Box,
    label: gtk::Label,
    progress: gtk::ProgressBar,
}

impl ExportBar {
    pub(super) fn new(sender: &ComponentSender<LogPage>) -> Self {
        let label = gtk::Label::builder()
            .xalign(0.0)
            .css_classes(["numeric"])
            .ellipsize(gtk::pango::EllipsizeMode::End)
            .build();
        let progress = gtk::ProgressBar::builder().build();
        let name = gettext("Export Progress");
        progress.update_property(&[gtk::accessible::Property::Label(&name)]);
        let texts = gtk::Box::builder()
            .orientation(gtk::Orientation::Vertical)
            .spacing(6)
            .hexpand(true)
            .valign(gtk::Align::Center)
            .build();
        texts.append(&label);
        texts.append(&progress);
        let cancel = gtk::Button::builder()
            .label(gettext("_Cancel"))
            .use_underline(true)
            .valign(gtk::Align::Center)
            .build();
        let input = sender.clone();
        cancel.connect_clicked(move |_| input.input(Input::CancelExport));
        let bar = gtk::Box::builder()
            .spacing(12)
            .margin_top(6)
            .margin_bottom(6)
            .margin_start(12)
            .margin_end(12)
            .visible(false)
            .build();
        bar.append(&texts);
        bar.append(&cancel);
        Self {
            bar,
            label,
            progress,
        }
    }

    /// Shows how many of how many are written, or nothing.
    pub(super) fn show(&self, export: Option<(u64, u64)>) {
        self.bar.set_visible(export.is_some());
        let Some((written, all)) = export else { return };
        let numbers = [
            ("written", names::number(written)),
            ("all", names::number(all)),
        ];
        let values = numbers.each_ref().map(|(name, n)| (*name, n.as_str()));
        self.label
            .set_label(&gettext_f("Exporting: {written} of {all}", &values));
        let hundredths = written.saturating_mul(100) / all.max(1);
        let hundredths = u32::try_from(hundredths.min(100)).unwrap_or(100);
        self.progress.set_fraction(f64::from(hundredths) / 100.0);
    }
}
