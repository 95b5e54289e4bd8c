//! The widgets of the dialog.

use adw::prelude::*;
use relm4::ComponentSender;

use super::list::{Check, List};
use super::{Input, Output, Suggestions};
use crate::i18n::{gettext, gettext_f, ngettext_f};
use crate::model::names;
use crate::model::suggestions::{Review, scopes};
use crate::widgets::{choice, toast};

/// The widgets that change.
#[derive(Debug)]
pub(crate) struct Widgets {
    title: adw::WindowTitle,
    toasts: adw::ToastOverlay,
    everybody: adw::SwitchRow,
    scope: adw::ComboRow,
    all: Check,
    pub(super) list: List,
    empty: adw::StatusPage,
    bar: gtk::Box,
    accept: gtk::Button,
    drop: gtk::Button,
}

pub(super) fn dialog() -> adw::Dialog {
    adw::Dialog::builder()
        .title(gettext("Suggestions"))
        .content_width(560)
        .content_height(680)
        .build()
}

/// Fills the dialog.
pub(super) fn content(dialog: &adw::Dialog, sender: &ComponentSender<Suggestions>) -> Widgets {
    let input = sender.clone();
    dialog.connect_closed(move |_| {
        if input.output(Output::Closed).is_err() {
            tracing::debug!("who opened the dialog is gone already");
        }
    });
    let (everybody, scope) = (everybody(sender), scope(sender));
    let settings = adw::PreferencesGroup::builder()
        .description(gettext(
            "Learn mode allowed these connections. What you accept becomes a rule; what you drop is not suggested again.",
        ))
        .build();
    settings.add(&scope);
    settings.add(&everybody);
    let input = sender.clone();
    let all = Check::new(move |chosen| input.input(Input::ChooseAll(chosen)));
    all.button.set_label(Some(&gettext("Select All")));
    let list = List::new(&all.button);
    let empty = adw::StatusPage::builder()
        .icon_name("object-select-symbolic")
        .title(gettext("No Suggestions"))
        .description(gettext(
            "In learn mode, connections that no rule decides are allowed and suggested here.",
        ))
        .css_classes(["compact"])
        .build();
    let column = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .spacing(24)
        .margin_top(12)
        .margin_bottom(24)
        .margin_start(12)
        .margin_end(12)
        .build();
    column.append(&settings);
    column.append(&list.group);
    column.append(&empty);
    let scrolled = gtk::ScrolledWindow::builder()
        .hscrollbar_policy(gtk::PolicyType::Never)
        .vexpand(true)
        .child(&adw::Clamp::builder().child(&column).build())
        .build();
    let (bar, accept, drop) = bar(sender);
    let title = adw::WindowTitle::new(&gettext("Suggestions"), "");
    let header = adw::HeaderBar::builder().title_widget(&title).build();
    let view = adw::ToolbarView::builder()
        .bottom_bar_style(adw::ToolbarStyle::Raised)
        .build();
    // Within the bars: what is said hides none of the buttons.
    let toasts = adw::ToastOverlay::new();
    toasts.set_child(Some(&scrolled));
    view.add_top_bar(&header);
    view.set_content(Some(&toasts));
    view.add_bottom_bar(&bar);
    dialog.set_child(Some(&view));
    Widgets {
        title,
        toasts,
        everybody,
        scope,
        all,
        list,
        empty,
        bar,
        accept,
        drop,
    }
}

fn everybody(sender: &ComponentSender<Suggestions>) -> adw::SwitchRow {
    let row = adw::SwitchRow::builder()
        .title(gettext("All Users and the System"))
        .subtitle(gettext("Takes an administrator; rules are for all users"))
        .build();
    let input = sender.clone();
    row.connect_active_notify(move |row| input.input(Input::Everybody(row.is_active())));
    row
}

fn scope(sender: &ComponentSender<Suggestions>) -> adw::ComboRow {
    let row = choice::row(
        &gettext("Rules Allow"),
        &scopes().each_ref().map(String::as_str),
    );
    let input = sender.clone();
    row.connect_selected_notify(move |row| input.input(Input::Scope(row.selected())));
    row
}

/// The bar with what can be done about those chosen.
fn bar(sender: &ComponentSender<Suggestions>) -> (gtk::Box, gtk::Button, gtk::Button) {
    let button = |label: &str, style: &[&str]| {
        gtk::Button::builder()
            .label(label)
            .use_underline(true)
            .css_classes(style.to_vec())
            .build()
    };
    let drop = button(&gettext("_Drop"), &["pill"]);
    let input = sender.clone();
    drop.connect_clicked(move |_| input.input(Input::Drop));
    let accept = button(&gettext("_Accept"), &["pill", "suggested-action"]);
    let input = sender.clone();
    accept.connect_clicked(move |_| input.input(Input::Accept));
    let bar = gtk::Box::builder()
        .spacing(12)
        .halign(gtk::Align::Center)
        .margin_top(9)
        .margin_bottom(9)
        .build();
    bar.append(&drop);
    bar.append(&accept);
    (bar, accept, drop)
}

impl Widgets {
    /// Shows what there is, whose, and how much of it is chosen.
    pub(super) fn show(&self, review: &Review, everybody: bool, loaded: bool, busy: bool) {
        let any = !review.is_empty();
        let chosen = review.chosen().len();
        self.title.set_subtitle(&match any {
            true => gettext_f(
                "{chosen} of {all} selected",
                &[
                    ("chosen", &names::number(chosen as u64)),
                    ("all", &names::number(review.len() as u64)),
                ],
            ),
            false => String::new(),
        });
        self.scope.set_visible(any);
        self.list.group.set_visible(any);
        self.bar.set_visible(any);
        self.empty.set_visible(loaded && !any);
        self.all.show(review.chosen_of_all());
        self.everybody.set_sensitive(!busy);
        if !busy {
            self.everybody.set_active(everybody);
        }
        for button in [&self.accept, &self.drop] {
            button.set_sensitive(chosen > 0 && !busy);
        }
    }

    /// Says something for a moment.
    pub(super) fn tell(&self, text: &str) {
        self.toasts.add_toast(toast::plain(text));
    }

    /// Says for a moment that these were dropped, which can be undone.
    pub(super) fn tell_dropped(
        &self,
        ids: Vec<u64>,
        everybody: bool,
        sender: &ComponentSender<Suggestions>,
    ) {
        let n = ids.len() as u64;
        let text = ngettext_f("{n} suggestion dropped", "{n} suggestions dropped", n, &[]);
        let sender = sender.clone();
        let toast = toast::undoable(&text, move || sender.input(Input::Restore(ids, everybody)));
        self.toasts.add_toast(toast);
    }
}
