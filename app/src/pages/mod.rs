//! The pages of the main window. Each is a component of its own with a header bar of its own, and
//! makes its own calls; what can't be shown on the page itself goes out as [`Output`].

pub mod connections;
mod flow_columns;
mod flow_dialog;
pub mod log;
pub mod overview;
mod rule_columns;
pub mod rules;
pub(crate) mod suggestions;

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use adw::prelude::*;
use gtk::glib;

use crate::client::{Client, Failure};
use crate::i18n::gettext;
use crate::model::names::Directory;
use crate::shortcuts;
use crate::widgets::cells;
use crate::widgets::sync::Table;

/// What every page gets.
#[derive(Clone, Debug)]
pub struct Context {
    /// Makes calls.
    pub client: Client,
    /// Names users and services.
    pub directory: Directory,
}

/// What a page tells the window.
#[derive(Debug)]
pub enum Output {
    /// A call came to nothing.
    Failed(Failure),
    /// The user wants to make a rule of this.
    MakeRule(Box<bastion_ipc::wire::WireRule>),
    /// The user wants to answer what waits.
    ShowPrompt,
    /// The user wants to see this rule.
    OpenRule(Box<bastion_ipc::wire::WireRule>),
    /// Something was done.
    Told(String),
    /// Something happened, which can be undone.
    Undoable(String, Undo),
}

/// How to undo what was done.
#[derive(Debug)]
pub enum Undo {
    /// Add this rule again.
    AddRule(Box<bastion_ipc::wire::WireRule>),
}

/// A search bar that opens with a button in the header bar, or when somebody types.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) button: gtk::ToggleButton,
    pub(crate) bar: gtk::SearchBar,
    pub(crate) entry: gtk::SearchEntry,
}

impl Search {
    /// `label` says what is searched, `capture` is where typing starts a search.
    pub(crate) fn new(label: &str, capture: &impl IsA<gtk::Widget>) -> Self {
        let entry = gtk::SearchEntry::builder()
            .placeholder_text(label)
            .hexpand(true)
            .build();
        entry.update_property(&[gtk::accessible::Property::Label(label)]);
        let clamp = adw::Clamp::builder()
            .maximum_size(480)
            .child(&entry)
            .build();
        let bar = gtk::SearchBar::builder().child(&clamp).build();
        bar.connect_entry(&entry);
        bar.set_key_capture_widget(Some(capture));
        let button = gtk::ToggleButton::builder()
            .icon_name("edit-find-symbolic")
            .build();
        cells::name(&button, label);
        button
            .bind_property("active", &bar, "search-mode-enabled")
            .bidirectional()
            .build();
        capture.add_controller(on_search_key(&button, &entry));
        Self { button, bar, entry }
    }

    /// Calls `changed` with the text in lower case, when somebody stopped typing.
    pub(crate) fn connect(&self, changed: impl Fn(String) + 'static) {
        self.entry
            .connect_search_changed(move |entry| changed(entry.text().trim().to_lowercase()));
    }
}

/// Opens the search by its key.
fn on_search_key(button: &gtk::ToggleButton, entry: &gtk::SearchEntry) -> gtk::ShortcutController {
    let keys = gtk::ShortcutController::new();
    keys.set_scope(gtk::ShortcutScope::Managed);
    let (open, entry) = (button.clone(), entry.clone());
    let action = gtk::CallbackAction::new(move |_, _| {
        open.set_active(true);
        entry.grab_focus();
        glib::Propagation::Stop
    });
    let trigger = gtk::ShortcutTrigger::parse_string(shortcuts::SEARCH);
    keys.add_shortcut(gtk::Shortcut::new(trigger, Some(action)));
    keys
}

/// Puts a table into a scrolled window that a narrow page can hold.
pub(crate) fn scrolled(table: &gtk::ColumnView, label: &str) -> gtk::ScrolledWindow {
    table.add_css_class("data-table");
    table.set_show_row_separators(false);
    table.update_property(&[gtk::accessible::Property::Label(label)]);
    gtk::ScrolledWindow::builder()
        .vexpand(true)
        .hscrollbar_policy(gtk::PolicyType::Never)
        .child(table)
        .build()
}

/// A stack that shows the table, or a status page while it is empty or nothing is found.
#[derive(Debug)]
pub struct Filled {
    pub(crate) stack: gtk::Stack,
}

impl Filled {
    pub(crate) fn new(
        table: &impl IsA<gtk::Widget>,
        icon: &str,
        title: &str,
        description: &str,
    ) -> Self {
        let empty = adw::StatusPage::builder()
            .icon_name(icon)
            .title(title)
            .description(description)
            .build();
        let nothing = adw::StatusPage::builder()
            .icon_name("edit-find-symbolic")
            .title(gettext("No Results Found"))
            .description(gettext("Try a different search."))
            .build();
        let stack = gtk::Stack::builder().vexpand(true).build();
        stack.add_named(table, Some("table"));
        stack.add_named(&empty, Some("empty"));
        stack.add_named(&nothing, Some("nothing"));
        Self { stack }
    }

    /// Shows what there is: `rows` of them, of which `visible` match the search.
    pub(crate) fn show(&self, rows: u32, visible: u32) {
        self.stack.set_visible_child_name(match (rows, visible) {
            (0, _) => "empty",
            (_, 0) => "nothing",
            _ => "table",
        });
    }
}

/// Puts the content into a bin that hides columns of the table while it is narrow: each width, as
/// `max-width: 500sp`, with the names of what is hidden then. The last that fits counts.
pub(crate) fn adaptive<T: 'static>(
    content: &impl IsA<gtk::Widget>,
    table: &Table<T>,
    steps: &[(&str, &[&str])],
) -> adw::BreakpointBin {
    adaptive_to(content, table.get_columns(), steps)
}

/// As [`adaptive`], for columns by their names.
pub(crate) fn adaptive_to(
    content: &impl IsA<gtk::Widget>,
    columns: &HashMap<&'static str, gtk::ColumnViewColumn>,
    steps: &[(&str, &[&str])],
) -> adw::BreakpointBin {
    let bin = adw::BreakpointBin::builder()
        .width_request(300)
        .height_request(200)
        .child(content)
        .build();
    for (width, hidden) in steps {
        let Ok(condition) = adw::BreakpointCondition::parse(width) else {
            tracing::error!(width, "this is no condition of a breakpoint");
            continue;
        };
        let breakpoint = adw::Breakpoint::new(condition);
        for column in hidden.iter().filter_map(|name| columns.get(name)) {
            breakpoint.add_setter(column, "visible", Some(&false.to_value()));
        }
        bin.add_breakpoint(breakpoint);
    }
    bin
}

/// Calls `tick` every second while the widget is on screen; hidden pages wake nobody up.
pub(crate) fn tick_while_shown(widget: &impl IsA<gtk::Widget>, tick: impl Fn() + Clone + 'static) {
    let running: Rc<Cell<Option<glib::SourceId>>> = Rc::default();
    let source = running.clone();
    widget.connect_map(move |_| {
        tick();
        let tick = tick.clone();
        let every_second = glib::timeout_add_seconds_local(1, move || {
            tick();
            glib::ControlFlow::Continue
        });
        if let Some(old) = source.replace(Some(every_second)) {
            old.remove();
        }
    });
    widget.connect_unmap(move |_| {
        if let Some(source) = running.take() {
            source.remove();
        }
    });
}

/// Tells the window that a call came to nothing.
pub(crate) fn report(sender: &relm4::Sender<Output>, failure: Failure) {
    tracing::warn!(%failure, "a call came to nothing");
    send(sender, Output::Failed(failure));
}

/// Tells the window that something was done.
pub(crate) fn tell(sender: &relm4::Sender<Output>, what: String) {
    send(sender, Output::Told(what));
}

/// Sends to the window, if it is still there.
pub(crate) fn send(sender: &relm4::Sender<Output>, output: Output) {
    if sender.send(output).is_err() {
        tracing::debug!("the window is gone already");
    }
}
