//! The page on which a program is chosen: of those that run, or that are installed, or any file.

use std::cell::RefCell;
use std::rc::Rc;

use adw::prelude::*;
use gtk::glib;

use super::fields::Tell;
use super::{Choice, Input};
use crate::i18n::gettext;
use crate::model::form::Field;
use crate::model::picker::is_found;
use crate::widgets::cells;
use crate::widgets::program::{self, Entry, Look};

/// What there is to choose from, each as a rule names it.
#[derive(Debug, Default)]
pub struct Offer {
    /// Programs that had connections lately.
    pub(super) recent: Vec<String>,
    /// Others that run.
    pub(super) running: Vec<String>,
    /// Applications, and what their entries say of them, where that can be relied on.
    pub(super) installed: Vec<(Option<Entry>, String)>,
}

impl Offer {
    /// Keeps what a rule names in certain ways.
    pub(super) fn retain(&mut self, keep: fn(&str) -> bool) {
        self.recent.retain(|matcher| keep(matcher));
        self.running.retain(|matcher| keep(matcher));
        self.installed.retain(|(_, matcher)| keep(matcher));
    }
}

/// A list with a heading, which is there while it shows anything.
#[derive(Debug)]
struct List {
    group: adw::PreferencesGroup,
    rows: Vec<(adw::ActionRow, String)>,
}

impl List {
    fn new(title: &str, programs: Vec<(Option<Entry>, String)>, field: Field, tell: &Tell) -> Self {
        let group = adw::PreferencesGroup::builder().title(title).build();
        let rows: Vec<_> = programs
            .into_iter()
            .map(|(entry, matcher)| {
                let look = entry.map_or_else(|| program::look(&matcher), |entry| entry.look());
                let row = row(&look, &matcher);
                let (told, chosen) = (tell.clone(), matcher.clone());
                row.connect_activated(move |_| {
                    told(Input::Chosen(field, Choice::Program(chosen.clone())))
                });
                group.add(&row);
                (row, matcher)
            })
            .collect();
        group.set_visible(!rows.is_empty());
        Self { group, rows }
    }

    /// Shows what is searched for; true if that is anything.
    fn search(&self, query: &str) -> bool {
        let mut any = false;
        for (row, matcher) in &self.rows {
            let found = is_found(query, &row.title(), matcher);
            row.set_visible(found);
            any |= found;
        }
        self.group.set_visible(any);
        any
    }
}

fn row(look: &Look, matcher: &str) -> adw::ActionRow {
    let row = adw::ActionRow::builder()
        .title(&look.name)
        .subtitle(matcher)
        .use_markup(false)
        .activatable(true)
        .build();
    let icon = gtk::Image::builder()
        .gicon(&look.icon)
        .pixel_size(32)
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    row.add_prefix(&icon);
    row
}

/// One of the views: that its programs are looked for, then its lists, or that nothing is found.
#[derive(Debug)]
struct View {
    stack: gtk::Stack,
    lists: RefCell<Vec<List>>,
}

impl View {
    fn new(nothing: &str) -> Self {
        let empty = adw::StatusPage::builder()
            .icon_name("system-search-symbolic")
            .title(nothing)
            .build();
        empty.add_css_class("compact");
        let stack = gtk::Stack::new();
        stack.add_named(&looking(), Some("looking"));
        stack.add_named(&empty, Some("empty"));
        Self {
            stack,
            lists: RefCell::default(),
        }
    }

    fn is_filled(&self) -> bool {
        self.stack.child_by_name("lists").is_some()
    }

    /// Shows these, of which some are searched for perhaps.
    fn fill(&self, lists: Vec<List>, query: &str) {
        let page = adw::PreferencesPage::new();
        for list in &lists {
            page.add(&list.group);
        }
        self.stack.add_named(&page, Some("lists"));
        self.lists.replace(lists);
        self.search(query);
    }

    fn search(&self, query: &str) {
        if !self.is_filled() {
            return;
        }
        // Every list is to be searched, also after one in which something is found.
        let lists = self.lists.borrow();
        let found = lists.iter().filter(|list| list.search(query)).count();
        let shown = if found > 0 { "lists" } else { "empty" };
        self.stack.set_visible_child_name(shown);
    }
}

/// Says that programs are looked for.
fn looking() -> gtk::Box {
    let text = gettext("Looking for programs…");
    let spinner = gtk::Spinner::builder()
        .spinning(true)
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    spinner.set_size_request(32, 32);
    let looking = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .spacing(12)
        .valign(gtk::Align::Center)
        .build();
    looking.append(&spinner);
    let label = gtk::Label::builder()
        .label(&text)
        .wrap(true)
        .justify(gtk::Justification::Center)
        .build();
    looking.append(&label);
    looking
}

/// The page; what is chosen on it goes to the field.
#[derive(Debug)]
pub(super) struct Picker {
    /// To be shown.
    pub(super) page: adw::NavigationPage,
    /// For which a program is chosen.
    pub(super) field: Field,
    views: Rc<Views>,
    search: gtk::SearchEntry,
}

#[derive(Debug)]
struct Views {
    running: View,
    installed: View,
}

impl Views {
    fn search(&self, query: &str) {
        self.running.search(query);
        self.installed.search(query);
    }
}

impl Picker {
    /// A page that says that programs are looked for.
    pub(super) fn new(field: Field, tell: &Tell) -> Self {
        let views = Rc::new(Views {
            running: View::new(&gettext("No Running Programs Found")),
            installed: View::new(&gettext("No Applications Found")),
        });
        let stack = switched(&views);
        let header = adw::HeaderBar::builder()
            .show_end_title_buttons(false)
            .title_widget(
                &adw::ViewSwitcher::builder()
                    .stack(&stack)
                    .policy(adw::ViewSwitcherPolicy::Wide)
                    .build(),
            )
            .build();
        header.pack_end(&file_button(field, tell));
        let search = search(&views);
        let view = adw::ToolbarView::new();
        view.add_top_bar(&header);
        view.add_top_bar(&search);
        view.set_content(Some(&stack));
        let page = adw::NavigationPage::builder()
            .title(gettext("Choose a Program"))
            .child(&view)
            .build();
        let entry = search.clone();
        page.connect_showing(move |_| {
            entry.grab_focus();
        });
        Self {
            page,
            field,
            views,
            search,
        }
    }

    /// Shows what there is to choose from. What came first stays.
    pub(super) fn fill(&self, offer: Offer, tell: &Tell) {
        if self.views.running.is_filled() {
            return;
        }
        let list = |title: &str, programs: Vec<(Option<Entry>, String)>| {
            List::new(title, programs, self.field, tell)
        };
        let by_path = |programs: Vec<String>| programs.into_iter().map(|it| (None, it)).collect();
        let recent = list(&gettext("With Recent Connections"), by_path(offer.recent));
        let running = list(&gettext("Other Running Programs"), by_path(offer.running));
        let installed = list("", offer.installed);
        let query = self.search.text();
        self.views.running.fill(vec![recent, running], &query);
        self.views.installed.fill(vec![installed], &query);
    }
}

/// A stack of the views, which a view switcher has buttons for.
fn switched(views: &Views) -> adw::ViewStack {
    let stack = adw::ViewStack::new();
    let add = |view: &View, name: &str, title: &str, icon: &str| {
        let page = stack.add_titled(&view.stack, Some(name), title);
        page.set_icon_name(Some(icon));
        page.set_use_underline(true);
    };
    add(
        &views.running,
        "running",
        &gettext("_Running"),
        "media-playback-start-symbolic",
    );
    add(
        &views.installed,
        "installed",
        &gettext("_Installed"),
        "view-grid-symbolic",
    );
    stack
}

fn file_button(field: Field, tell: &Tell) -> gtk::Button {
    let button = gtk::Button::from_icon_name("document-open-symbolic");
    cells::name(&button, &gettext("Choose a File…"));
    let told = tell.clone();
    button.connect_clicked(move |_| told(Input::Browse(field)));
    button
}

fn search(views: &Rc<Views>) -> gtk::SearchEntry {
    let label = gettext("Search programs");
    let entry = gtk::SearchEntry::builder()
        .placeholder_text(&label)
        .margin_start(12)
        .margin_end(12)
        .margin_bottom(6)
        .build();
    entry.update_property(&[gtk::accessible::Property::Label(&label)]);
    let searched = views.clone();
    entry.connect_search_changed(move |entry| searched.search(&entry.text()));
    entry.connect_stop_search(|entry| {
        // It fails where there is no page to go back to.
        let _ = entry.activate_action("navigation.pop", None);
    });
    // The first press clears the search; the next one leaves the page.
    let keys = gtk::EventControllerKey::new();
    keys.set_propagation_phase(gtk::PropagationPhase::Capture);
    let searched = entry.downgrade();
    keys.connect_key_pressed(move |_, key, _, _| {
        let entry = searched.upgrade().filter(|entry| !entry.text().is_empty());
        match entry.filter(|_| key == gtk::gdk::Key::Escape) {
            Some(entry) => {
                entry.set_text("");
                glib::Propagation::Stop
            }
            None => glib::Propagation::Proceed,
        }
    });
    entry.add_controller(keys);
    entry
}
