//! The widgets of the log's page.

use adw::prelude::*;
use gtk::gio;
use relm4::ComponentSender;

use super::export::ExportBar;
use super::filter::FilterBar;
use super::table::Columns;
use super::{Input, LogPage};
use crate::i18n::{gettext, gettext_f, ngettext_f};
use crate::model::names;
use crate::pages::{Filled, Search, adaptive_to, scrolled};

/// Name of the stack's page for troubles.
const TROUBLE: &str = "trouble";

/// The widgets that change.
#[derive(Debug)]
pub struct Widgets {
    filled: Filled,
    trouble: adw::StatusPage,
    title: adw::WindowTitle,
    news: gtk::Button,
    pub(super) filter: FilterBar,
    export: ExportBar,
}

impl Widgets {
    pub(super) fn build(
        root: &adw::ToolbarView,
        view: &gtk::ColumnView,
        columns: &Columns,
        sender: &ComponentSender<LogPage>,
    ) -> Self {
        let search = Search::new(&gettext("Search log"), root);
        let input = sender.clone();
        search.connect(move |text| input.input(Input::Search(text)));
        let (opened, chosen) = (sender.clone(), sender.clone());
        let filter = FilterBar::new(
            move || opened.input(Input::Filtering),
            move |change| chosen.input(Input::Filter(change)),
        );
        let title = adw::WindowTitle::new(&gettext("Log"), "");
        let header = adw::HeaderBar::builder().title_widget(&title).build();
        header.pack_start(&search.button);
        header.pack_end(&menu(root, sender));
        root.add_top_bar(&header);
        root.add_top_bar(&search.bar);
        root.add_top_bar(&filter.bar);

        let scroller = scrolled(view, &gettext("Log"));
        connect(root, view, &scroller, sender);
        let news = news(view);
        let overlay = gtk::Overlay::builder().child(&scroller).build();
        overlay.add_overlay(&news);
        let filled = Filled::new(
            &overlay,
            "document-open-recent-symbolic",
            &gettext("Nothing Logged Yet"),
            &gettext("Every decision appears here, with its reason."),
        );
        filled.show(0, 0);
        let trouble = adw::StatusPage::builder()
            .icon_name("dialog-warning-symbolic")
            .title(gettext("Log Not Available"))
            .build();
        filled.stack.add_named(&trouble, Some(TROUBLE));
        let steps: [(&str, &[&str]); 3] = [
            ("max-width: 900sp", &["user", "protocol"]),
            ("max-width: 700sp", &["user", "protocol", "reason", "port"]),
            (
                "max-width: 500sp",
                &["user", "protocol", "reason", "port", "time"],
            ),
        ];
        let bin = adaptive_to(&filled.stack, columns, &steps);
        root.set_content(Some(&bin));
        let export = ExportBar::new(sender);
        root.add_bottom_bar(&export.bar);
        Self {
            filled,
            trouble,
            title,
            news,
            filter,
            export,
        }
    }

    pub(super) fn show(&self, page: &LogPage) {
        let rows = page.list.n_items();
        if let Some(trouble) = page.trouble.as_ref().filter(|_| rows == 0) {
            let text = gtk::glib::markup_escape_text(trouble);
            self.trouble.set_description(Some(&text));
            self.filled.stack.set_visible_child_name(TROUBLE);
        // While it is searched, what was shown stays.
        } else if rows > 0 || !(page.loading || page.searching) {
            let empty = rows == 0 && page.filter.is_empty();
            self.filled.show(u32::from(!empty), rows);
        }
        self.title.set_subtitle(&count(rows, page.searching));
        self.news.set_visible(page.news > 0 && rows > 0);
        self.news.set_label(&ngettext_f(
            "{n} new decision",
            "{n} new decisions",
            page.news,
            &[],
        ));
        self.filter.show(&page.filter, page.problem.as_ref());
        let export = page.export.as_ref();
        self.export
            .show(export.map(|export| (export.written, export.all)));
    }
}

/// How many decisions are shown.
fn count(rows: u32, searching: bool) -> String {
    let number = names::number(rows.into());
    let count = [("count", number.as_str())];
    match (rows, searching) {
        (0, _) => String::new(),
        (_, true) => gettext_f("{count} decisions so far", &count),
        (_, false) => ngettext_f("{count} decision", "{count} decisions", rows.into(), &count),
    }
}

fn connect(
    root: &adw::ToolbarView,
    view: &gtk::ColumnView,
    scroller: &gtk::ScrolledWindow,
    sender: &ComponentSender<LogPage>,
) {
    let input = sender.clone();
    root.connect_map(move |_| input.input(Input::Shown));
    let input = sender.clone();
    view.connect_activate(move |_, position| input.input(Input::Open(position)));
    let input = sender.clone();
    scroller.vadjustment().connect_value_changed(move |at| {
        if at.value() <= 0.0 {
            input.input(Input::Top);
        }
    });
}

/// Goes to the top, where new decisions are; quiet, as they may come all the time.
fn news(view: &gtk::ColumnView) -> gtk::Button {
    let news = gtk::Button::builder()
        .halign(gtk::Align::Center)
        .valign(gtk::Align::Start)
        .margin_top(48)
        .css_classes(["osd", "pill"])
        .visible(false)
        .build();
    let view = view.downgrade();
    news.connect_clicked(move |_| {
        if let Some(view) = view.upgrade() {
            view.scroll_to(0, None, gtk::ListScrollFlags::FOCUS, None);
        }
    });
    news
}

fn menu(root: &adw::ToolbarView, sender: &ComponentSender<LogPage>) -> gtk::MenuButton {
    let export = gio::SimpleAction::new("export", None);
    let input = sender.clone();
    export.connect_activate(move |_, _| input.input(Input::Export));
    let actions = gio::SimpleActionGroup::new();
    actions.add_action(&export);
    root.insert_action_group("log", Some(&actions));
    let menu = gio::Menu::new();
    menu.append(Some(&gettext("_Export…")), Some("log.export"));
    let button = gtk::MenuButton::builder()
        .icon_name("view-more-symbolic")
        .menu_model(&menu)
        .build();
    let label = gettext("More");
    button.set_tooltip_text(Some(&label));
    button.update_property(&[gtk::accessible::Property::Label(&label)]);
    button
}
