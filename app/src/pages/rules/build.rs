//! The widgets of the page.

use adw::prelude::*;
use gtk::{gio, glib};
use relm4::ComponentSender;

use super::item::Item;
use super::{Input, Rules, Widgets, filter};
use crate::i18n::gettext;
use crate::pages::{Filled, Search, adaptive, scrolled};
use crate::widgets::cells;
use crate::widgets::sync::Table;

/// Up to this width the page shows the least.
const NARROW: &str = "max-width: 620sp";

/// Makes what the page is told.
type Message = fn() -> Input;

/// The menu of the page, whose actions it brings along.
fn menu(root: &adw::ToolbarView, sender: &ComponentSender<Rules>) -> gtk::MenuButton {
    let actions = gio::SimpleActionGroup::new();
    let menu = gio::Menu::new();
    let entries: [(&str, String, Message); 3] = [
        ("import", gettext("_Import…"), || Input::Import),
        ("export", gettext("_Export All…"), || Input::Export(false)),
        ("export-shown", gettext("Export _Shown…"), || {
            Input::Export(true)
        }),
    ];
    for (name, label, message) in entries {
        let action = gio::SimpleAction::new(name, None);
        let input = sender.clone();
        action.connect_activate(move |_, _| input.input(message()));
        actions.add_action(&action);
        menu.append(Some(&label), Some(&format!("rules.{name}")));
    }
    root.insert_action_group("rules", Some(&actions));
    let button = gtk::MenuButton::builder()
        .icon_name("view-more-symbolic")
        .menu_model(&menu)
        .build();
    let name = gettext("More Actions");
    button.set_tooltip_text(Some(&name));
    button.update_property(&[gtk::accessible::Property::Label(&name)]);
    button
}

/// Fills the page.
pub(super) fn build(
    root: &adw::ToolbarView,
    table: &Table<Item>,
    sender: &ComponentSender<Rules>,
) -> Widgets {
    let search = Search::new(&gettext("Search rules"), root);
    let input = sender.clone();
    search.connect(move |text| input.input(Input::Search(text)));
    let add = gtk::Button::builder()
        .icon_name("list-add-symbolic")
        .build();
    cells::name(&add, &gettext("Add Rule"));
    let input = sender.clone();
    add.connect_clicked(move |_| input.input(Input::Add));
    let filters = filter::Filters::new(sender);
    let header = adw::HeaderBar::new();
    header.pack_start(&add);
    header.pack_start(&search.button);
    root.add_top_bar(&header);
    root.add_top_bar(&search.bar);

    let input = sender.clone();
    table
        .view
        .connect_activate(move |_, position| input.input(Input::Open(position)));
    let filled = Filled::new(
        &scrolled(&table.view, &gettext("Rules")),
        "view-list-symbolic",
        &gettext("No Rules"),
        &gettext("Answer a prompt, or add a rule yourself."),
    );
    filled.show(0, 0);
    let steps: [(&str, &[&str]); 2] = [
        ("max-width: 900sp", &["destination", "hits", "last-hit"]),
        (
            NARROW,
            &["destination", "hits", "last-hit", "program", "action"],
        ),
    ];
    let bin = adaptive(&filled.stack, table, &steps);
    root.set_content(Some(&bin));
    let ends = Ends {
        menu: menu(root, sender),
        filter: filters.button.clone(),
        header,
        below: gtk::ActionBar::new(),
    };
    place(ends, root, &bin);
    Widgets { filled, filters }
}

/// The buttons that are at the end of the header bar, and where that is too narrow, below the list.
#[derive(Clone)]
struct Ends {
    menu: gtk::MenuButton,
    filter: gtk::MenuButton,
    header: adw::HeaderBar,
    below: gtk::ActionBar,
}

impl Ends {
    fn put_in_header(&self) {
        for button in [&self.menu, &self.filter] {
            self.header.pack_end(button);
            button.set_direction(gtk::ArrowType::Down);
        }
    }

    fn move_below(&self) {
        for button in [&self.menu, &self.filter] {
            self.header.remove(button);
            button.set_direction(gtk::ArrowType::Up);
        }
        self.below.set_center_widget(Some(&self.filter));
        self.below.pack_end(&self.menu);
    }

    fn move_back(&self) {
        self.below.set_center_widget(gtk::Widget::NONE);
        self.below.remove(&self.menu);
        self.put_in_header();
    }
}

/// Keeps the buttons where there is room for them.
fn place(ends: Ends, root: &adw::ToolbarView, bin: &adw::BreakpointBin) {
    ends.put_in_header();
    root.add_bottom_bar(&ends.below);
    root.set_reveal_bottom_bars(false);
    let root = root.clone();
    bin.connect_current_breakpoint_notify(move |bin| {
        let condition = bin.current_breakpoint().and_then(|now| now.condition());
        let narrow = condition.is_some_and(|condition| condition.to_str() == NARROW);
        // The page is being laid out at this moment.
        let (ends, root) = (ends.clone(), root.clone());
        glib::idle_add_local_once(move || {
            if narrow != root.reveals_bottom_bars() {
                if narrow {
                    ends.move_below();
                } else {
                    ends.move_back();
                }
                root.set_reveal_bottom_bars(narrow);
            }
        });
    });
}
