//! The page on which a program is chosen: of those that run, or that are installed, or any file.

use adw::prelude::*;
use gtk::glib;

use super::Input;
use super::fields::Tell;
use crate::i18n::gettext;
use crate::model::form::Field;
use crate::model::picker::is_found;
use crate::widgets::cells;
use crate::widgets::program::{self, Look};

/// What there is to choose from, each as a rule names it.
pub(super) struct Offer {
    /// Programs that had connections lately.
    pub(super) recent: Vec<String>,
    /// Others that run.
    pub(super) running: Vec<String>,
    /// Applications, and how to show them.
    pub(super) installed: Vec<(Look, String)>,
}

/// A list with a heading, which is there while it shows anything.
struct List {
    group: adw::PreferencesGroup,
    rows: Vec<(adw::ActionRow, String)>,
}

impl List {
    fn new(title: &str, programs: Vec<(Look, String)>, field: Field, tell: &Tell) -> Self {
        let group = adw::PreferencesGroup::builder().title(title).build();
        let rows: Vec<_> = programs
            .into_iter()
            .map(|(look, matcher)| {
                let row = row(&look, &matcher);
                let (told, chosen) = (tell.clone(), matcher.clone());
                row.connect_activated(move |_| told(Input::Chosen(field, chosen.clone())));
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

/// One of the views: its lists, or that nothing is found.
struct View {
    stack: gtk::Stack,
    lists: Vec<List>,
}

impl View {
    fn new(lists: Vec<List>, nothing: &str) -> Self {
        let page = adw::PreferencesPage::new();
        for list in &lists {
            page.add(&list.group);
        }
        let empty = adw::StatusPage::builder()
            .icon_name("system-search-symbolic")
            .title(nothing)
            .build();
        empty.add_css_class("compact");
        let stack = gtk::Stack::new();
        stack.add_named(&page, Some("lists"));
        stack.add_named(&empty, Some("empty"));
        let view = Self { stack, lists };
        view.search("");
        view
    }

    fn search(&self, query: &str) {
        // Every list is to be searched, also after one in which something is found.
        let found = self.lists.iter().filter(|list| list.search(query)).count();
        let shown = if found > 0 { "lists" } else { "empty" };
        self.stack.set_visible_child_name(shown);
    }
}

/// The page; what is chosen on it goes to the field.
pub(super) fn page(offer: Offer, field: Field, tell: &Tell) -> adw::NavigationPage {
    let looks = |programs: Vec<String>| {
        let look = |matcher: String| (program::look(&matcher), matcher);
        programs.into_iter().map(look).collect::<Vec<_>>()
    };
    let recent = List::new(
        &gettext("With Recent Connections"),
        looks(offer.recent),
        field,
        tell,
    );
    let running = List::new(
        &gettext("Other Running Programs"),
        looks(offer.running),
        field,
        tell,
    );
    let installed = List::new("", offer.installed, field, tell);
    let running = View::new(vec![recent, running], &gettext("No Running Programs Found"));
    let installed = View::new(vec![installed], &gettext("No Applications Found"));

    let stack = adw::ViewStack::new();
    let add = |view: &View, name: &str, title: &str, icon: &str| {
        let page = stack.add_titled(&view.stack, Some(name), title);
        page.set_icon_name(Some(icon));
        page.set_use_underline(true);
    };
    add(
        &running,
        "running",
        &gettext("_Running"),
        "media-playback-start-symbolic",
    );
    add(
        &installed,
        "installed",
        &gettext("_Installed"),
        "view-grid-symbolic",
    );

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
    let search = search(vec![running, installed]);
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
    page
}

fn file_button(field: Field, tell: &Tell) -> gtk::Button {
    let button = gtk::Button::from_icon_name("document-open-symbolic");
    cells::name(&button, &gettext("Choose a File…"));
    let told = tell.clone();
    button.connect_clicked(move |_| told(Input::Browse(field)));
    button
}

fn search(views: Vec<View>) -> gtk::SearchEntry {
    let label = gettext("Search programs");
    let entry = gtk::SearchEntry::builder()
        .placeholder_text(&label)
        .margin_start(12)
        .margin_end(12)
        .margin_bottom(6)
        .build();
    entry.update_property(&[gtk::accessible::Property::Label(&label)]);
    entry.connect_search_changed(move |entry| {
        for view in &views {
            view.search(&entry.text());
        }
    });
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
