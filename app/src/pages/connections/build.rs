//! The widgets of the page.

use adw::prelude::*;
use gtk::{gio, glib};
use relm4::ComponentSender;

use super::filters::Filters;
use super::row::{self, Row};
use super::{Connections, Input, groups};
use crate::i18n::gettext;
use crate::pages::{Filled, Search, adaptive, scrolled};
use crate::settings::AppSettings;
use crate::widgets::cells;
use crate::widgets::sorted;
use crate::widgets::sync::Table;

/// Where it is remembered how connections are sorted, and whether they are grouped.
const ORDER: &str = "connections-order";
const GROUPED: &str = "connections-grouped";
/// Names of actions.
const VIEW: &str = "view";
const GROUP: &str = "group";

/// The widgets that change.
pub struct Widgets {
    pub(super) filled: Filled,
    pub(super) filters: Filters,
    /// Says that not all are shown.
    pub(super) notice: gtk::Label,
}

pub(super) fn build(
    root: &adw::ToolbarView,
    table: &Table<Row>,
    sender: &ComponentSender<Connections>,
) -> Widgets {
    let search = Search::new(&gettext("Search connections"), root);
    cells::name(&search.button, &gettext("Search and filter connections"));
    let input = sender.clone();
    search.connect(move |text| input.input(Input::Search(text)));
    let input = sender.clone();
    let filters = Filters::new(move |chosen| input.input(Input::Filter(chosen)));
    below_search(&search, &filters, sender);
    let header = adw::HeaderBar::new();
    header.pack_start(&search.button);
    header.pack_end(&view_menu(root, table));
    root.add_top_bar(&header);
    root.add_top_bar(&search.bar);

    let input = sender.clone();
    table
        .view
        .connect_activate(move |_, position| input.input(Input::Open(position)));
    table.view.set_row_factory(Some(&named_rows()));
    let input = sender.clone();
    table
        .view
        .add_controller(on_key("Delete", move || input.input(Input::EndSelected)));
    let filled = Filled::new(
        &scrolled(&table.view, &gettext("Connections")),
        "network-transmit-receive-symbolic",
        &gettext("No Connections"),
        &gettext("What your programs connect to appears here."),
    );
    filled.show(0, 0);
    let steps: [(&str, &[&str]); 3] = [
        ("max-width: 1020sp", &["user"]),
        ("max-width: 900sp", &["user", "protocol"]),
        ("max-width: 560sp", &["user", "protocol", "port", "age"]),
    ];
    let bin = adaptive(&filled.stack, table, &steps);
    root.set_content(Some(&bin));
    let notice = gtk::Label::builder()
        .css_classes(["caption", "dim-label"])
        .wrap(true)
        .justify(gtk::Justification::Center)
        .margin_top(6)
        .margin_bottom(6)
        .margin_start(12)
        .margin_end(12)
        .visible(false)
        .build();
    root.add_bottom_bar(&notice);
    Widgets {
        filled,
        filters,
        notice,
    }
}

/// Puts the filters below the search; they end with it.
fn below_search(search: &Search, filters: &Filters, sender: &ComponentSender<Connections>) {
    let entry = search.bar.child();
    search.bar.set_child(None::<&gtk::Widget>);
    let both = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .spacing(6)
        .build();
    if let Some(entry) = entry {
        both.append(&entry);
    }
    let clamp = adw::Clamp::builder()
        .maximum_size(720)
        .child(&filters.root)
        .build();
    both.append(&clamp);
    search.bar.set_child(Some(&both));
    both.add_controller(on_key("Escape", {
        let button = search.button.clone();
        move || button.set_active(false)
    }));
    let input = sender.clone();
    search.button.connect_active_notify(move |button| {
        input.input(Input::Searching(button.is_active()));
    });
}

/// The button with the menu that groups and sorts, also by what there is no room for.
fn view_menu(root: &adw::ToolbarView, table: &Table<Row>) -> gtk::MenuButton {
    let settings = AppSettings::load();
    let order = sorted::keep(table, &settings, ORDER);
    root.insert_action_group(sorted::GROUP, Some(&order));
    let view = gio::SimpleActionGroup::new();
    view.add_action(&group_action(table, settings));
    root.insert_action_group(VIEW, Some(&view));

    let menu = gio::Menu::new();
    let group = format!("{VIEW}.{GROUP}");
    menu.append(Some(&gettext("_Group by Program")), Some(&group));
    let names = [
        "age",
        "program",
        "destination",
        "port",
        "protocol",
        "user",
        "state",
    ];
    let sort = sorted::menu(table, &gettext("Newest First"), &names);
    menu.append_section(Some(&gettext("Sort")), &sort);
    let button = gtk::MenuButton::builder()
        .icon_name("view-sort-descending-symbolic")
        .menu_model(&menu)
        .build();
    let label = gettext("Group and sort connections");
    button.set_tooltip_text(Some(&label));
    button.update_property(&[gtk::accessible::Property::Label(&label)]);
    button
}

fn group_action(table: &Table<Row>, settings: AppSettings) -> gio::SimpleAction {
    let grouped = settings.flag(GROUPED) == Some(true);
    let grouping = groups::Grouping::of(table);
    grouping.show(grouped);
    let action = gio::SimpleAction::new_stateful(GROUP, None, &grouped.to_variant());
    action.connect_activate(move |action, _| {
        let grouped = action.state().and_then(|state| state.get::<bool>());
        let grouped = !grouped.unwrap_or_default();
        action.set_state(&grouped.to_variant());
        grouping.show(grouped);
        settings.set_flag(GROUPED, grouped);
    });
    action
}

/// Names rows for screen readers.
fn named_rows() -> gtk::SignalListItemFactory {
    let factory = gtk::SignalListItemFactory::new();
    factory.connect_bind(|_, row| {
        let Some(row) = row.downcast_ref::<gtk::ColumnViewRow>() else {
            return;
        };
        let item = row.item().and_downcast::<glib::BoxedAnyObject>();
        if let Some(item) = item
            && let Ok(item) = item.try_borrow::<Row>()
        {
            row.set_accessible_label(&item.sentence());
        }
    });
    factory
}

/// Does something at a key, while the focus is within.
fn on_key(key: &str, act: impl Fn() + 'static) -> gtk::ShortcutController {
    let keys = gtk::ShortcutController::new();
    let action = gtk::CallbackAction::new(move |_, _| {
        act();
        glib::Propagation::Stop
    });
    let trigger = gtk::ShortcutTrigger::parse_string(key);
    keys.add_shortcut(gtk::Shortcut::new(trigger, Some(action)));
    keys
}

/// The table.
pub(super) fn table() -> Table<Row> {
    let mut table = Table::new();
    row::append(&mut table);
    table.selection_model.set_autoselect(false);
    table.selection_model.set_can_unselect(true);
    table
}
