//! The widgets of the main window: the sidebar, the pages, and what stands in for them when there
//! is no helper.

use std::cell::RefCell;

use adw::prelude::*;
use relm4::ComponentSender;

use crate::app::{App, Input};
use crate::i18n::gettext;
use crate::model::link::{Link, Remedy, Trouble};
use crate::model::status::Banner;
use crate::pages::Undo;
use crate::widgets::{announce, toast};

/// Below this width the sidebar is a page of its own.
const NARROW: &str = "max-width: 640sp";
/// Name of the stack's page for troubles.
const TROUBLE: &str = "trouble";

/// Handles on what changes.
#[derive(Clone, Debug)]
pub struct Window {
    toasts: adw::ToastOverlay,
    stack: gtk::Stack,
    sidebar: gtk::ListBox,
    trouble: adw::StatusPage,
    remedy: gtk::Button,
    remedies: std::rc::Rc<RefCell<Option<Remedy>>>,
    banners: Vec<adw::Banner>,
}

struct Place {
    name: &'static str,
    icon: &'static str,
    title: String,
}

fn places() -> [Place; 4] {
    [
        Place {
            name: "overview",
            icon: "security-high-symbolic",
            title: gettext("Overview"),
        },
        Place {
            name: "connections",
            icon: "network-transmit-receive-symbolic",
            title: gettext("Connections"),
        },
        Place {
            name: "rules",
            icon: "view-list-symbolic",
            title: gettext("Rules"),
        },
        Place {
            name: "log",
            icon: "document-open-recent-symbolic",
            title: gettext("Log"),
        },
    ]
}

impl Window {
    /// Fills the window. The pages come in the order of the sidebar.
    pub(crate) fn build(
        window: &adw::ApplicationWindow,
        pages: [&adw::ToolbarView; 4],
        sender: &ComponentSender<App>,
    ) -> Self {
        let stack = gtk::Stack::builder()
            // Pages adapt to the room they have once they are shown, and not before.
            .hhomogeneous(false)
            .transition_type(gtk::StackTransitionType::Crossfade)
            .build();
        let mut banners = Vec::new();
        for (place, page) in places().iter().zip(pages) {
            let banner = adw::Banner::new("");
            banner.set_use_markup(false);
            let input = sender.clone();
            banner.connect_button_clicked(move |_| input.input(Input::Resume));
            page.add_top_bar(&banner);
            banners.push(banner);
            stack.add_named(page, Some(place.name));
        }
        let (trouble, remedy, remedies) = trouble(&stack, sender);
        let toasts = adw::ToastOverlay::new();
        toasts.set_child(Some(&stack));
        let content = adw::NavigationPage::builder()
            .child(&toasts)
            .title(gettext("Overview"))
            .build();
        let sidebar = sidebar();
        let split = adw::NavigationSplitView::builder()
            .sidebar(&sidebar_page(&sidebar))
            .content(&content)
            .min_sidebar_width(200.0)
            .max_sidebar_width(240.0)
            .show_content(true)
            .build();
        window.set_content(Some(&split));
        match adw::BreakpointCondition::parse(NARROW) {
            Ok(condition) => {
                let narrow = adw::Breakpoint::new(condition);
                narrow.add_setter(&split, "collapsed", Some(&true.to_value()));
                window.add_breakpoint(narrow);
            }
            Err(error) => tracing::error!(%error, "the window will not adapt to small screens"),
        }
        connect_sidebar(&sidebar, &stack, &content, &split);
        window.add_action(&page_action(&sidebar, &split));
        Self {
            toasts,
            stack,
            sidebar,
            trouble,
            remedy,
            remedies,
            banners,
        }
    }

    /// Shows the pages, or why there are none.
    pub(crate) fn show_link(&self, link: &Link) {
        let trouble = Trouble::of(link);
        let Some(trouble) = trouble else {
            let row = self.sidebar.selected_row();
            self.stack
                .set_visible_child_name(place_of(row.as_ref()).name);
            self.remedies.replace(None);
            return;
        };
        self.trouble.set_icon_name(Some(trouble.icon));
        self.trouble.set_title(&trouble.title);
        let text = gtk::glib::markup_escape_text(&trouble.description);
        self.trouble.set_description(Some(&text));
        self.remedy.set_visible(trouble.remedy.is_some());
        if let Some((label, remedy)) = trouble.remedy {
            self.remedy.set_label(&label);
            self.remedies.replace(Some(remedy));
        }
        self.stack.set_visible_child_name(TROUBLE);
    }

    /// Shows a text above every page, or none.
    pub(crate) fn show_banner(&self, news: Option<&Banner>) {
        for banner in &self.banners {
            if let Some(news) = news {
                let resume = news.resume.map(|_| gettext("_Resume"));
                let details = Some(news.details.as_str()).filter(|details| !details.is_empty());
                banner.set_title(&news.text);
                banner.set_tooltip_text(details);
                banner.set_button_label(resume.as_deref());
            }
            banner.set_revealed(news.is_some());
        }
    }

    /// Says something for a moment.
    pub(crate) fn toast(&self, text: &str) {
        self.toasts.add_toast(toast::plain(text));
    }

    /// Has a screen reader say something at once, while the window is on the screen.
    pub(crate) fn announce(&self, text: &str) {
        announce(&self.stack, text);
    }

    /// Says something for a moment, in which it can be undone.
    pub(crate) fn toast_with_undo(&self, text: &str, undo: Undo, sender: &ComponentSender<App>) {
        let sender = sender.clone();
        let toast = toast::undoable(text, move || sender.input(Input::Undo(undo)));
        self.toasts.add_toast(toast);
    }
}

fn place_of(row: Option<&gtk::ListBoxRow>) -> Place {
    let index = row.and_then(|row| usize::try_from(row.index()).ok());
    let mut places = places().into_iter();
    let first = Place {
        name: "overview",
        icon: "",
        title: gettext("Overview"),
    };
    places.nth(index.unwrap_or(0)).unwrap_or(first)
}

fn sidebar() -> gtk::ListBox {
    let list = gtk::ListBox::builder()
        .css_classes(["navigation-sidebar"])
        .build();
    list.update_property(&[gtk::accessible::Property::Label(&gettext("Pages"))]);
    for place in places() {
        let content = gtk::Box::builder()
            .spacing(12)
            .margin_top(6)
            .margin_bottom(6)
            .build();
        let icon = gtk::Image::builder()
            .icon_name(place.icon)
            .accessible_role(gtk::AccessibleRole::Presentation)
            .build();
        content.append(&icon);
        content.append(&gtk::Label::new(Some(&place.title)));
        let row = gtk::ListBoxRow::builder().child(&content).build();
        row.update_property(&[gtk::accessible::Property::Label(&place.title)]);
        list.append(&row);
    }
    list
}

fn sidebar_page(list: &gtk::ListBox) -> adw::NavigationPage {
    let view = adw::ToolbarView::new();
    let header = adw::HeaderBar::new();
    header.pack_end(&main_menu());
    view.add_top_bar(&header);
    view.set_content(Some(list));
    adw::NavigationPage::builder()
        .title(gettext("Bastion"))
        .child(&view)
        .build()
}

/// The button with the main menu.
fn main_menu() -> gtk::MenuButton {
    let menu = gtk::gio::Menu::new();
    menu.append(Some(&gettext("_Preferences")), Some("app.preferences"));
    menu.append(Some(&gettext("_Keyboard Shortcuts")), Some("app.shortcuts"));
    menu.append(Some(&gettext("_Help")), Some("app.help"));
    menu.append(Some(&gettext("_About Bastion")), Some("app.about"));
    menu.append(Some(&gettext("_Quit")), Some("app.quit"));
    gtk::MenuButton::builder()
        .icon_name("open-menu-symbolic")
        .tooltip_text(gettext("Main Menu"))
        .primary(true)
        .menu_model(&menu)
        .build()
}

fn connect_sidebar(
    sidebar: &gtk::ListBox,
    stack: &gtk::Stack,
    content: &adw::NavigationPage,
    split: &adw::NavigationSplitView,
) {
    let (pages, page) = (stack.clone(), content.clone());
    sidebar.connect_row_selected(move |_, row| {
        let place = place_of(row);
        page.set_title(&place.title);
        // While there is trouble it stays; the page chosen comes after it.
        if pages
            .visible_child_name()
            .is_none_or(|name| name != TROUBLE)
        {
            pages.set_visible_child_name(place.name);
        }
    });
    let split = split.clone();
    sidebar.connect_row_activated(move |_, _| split.set_show_content(true));
    sidebar.select_row(sidebar.row_at_index(0).as_ref());
}

/// Shows a page by its name, as its row of the sidebar does.
fn page_action(sidebar: &gtk::ListBox, split: &adw::NavigationSplitView) -> gtk::gio::SimpleAction {
    let action = gtk::gio::SimpleAction::new("page", Some(gtk::glib::VariantTy::STRING));
    let (sidebar, split) = (sidebar.clone(), split.clone());
    action.connect_activate(move |_, name| {
        let name = name.and_then(gtk::glib::Variant::str);
        let row = (0..)
            .zip(places())
            .find(|(_, place)| Some(place.name) == name);
        if let Some((index, _)) = row {
            sidebar.select_row(sidebar.row_at_index(index).as_ref());
            split.set_show_content(true);
        }
    });
    action
}

/// The page that stands in for all others, added to the stack.
fn trouble(
    stack: &gtk::Stack,
    sender: &ComponentSender<App>,
) -> (
    adw::StatusPage,
    gtk::Button,
    std::rc::Rc<RefCell<Option<Remedy>>>,
) {
    let remedies = std::rc::Rc::new(RefCell::new(None));
    let button = gtk::Button::builder()
        .use_underline(true)
        .halign(gtk::Align::Center)
        .css_classes(["pill", "suggested-action"])
        .build();
    let (input, chosen) = (sender.clone(), remedies.clone());
    button.connect_clicked(move |_| {
        let remedy: Option<Remedy> = *chosen.borrow();
        if let Some(remedy) = remedy {
            input.input(Input::Remedy(remedy));
        }
    });
    let page = adw::StatusPage::builder().child(&button).build();
    let view = adw::ToolbarView::new();
    view.add_top_bar(&adw::HeaderBar::new());
    view.set_content(Some(&page));
    stack.add_named(&view, Some(TROUBLE));
    (page, button, remedies)
}
