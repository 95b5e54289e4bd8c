//! What an import would add, for the user to choose from.

use std::rc::Rc;

use adw::prelude::*;
use bastion_ipc::wire::WireRule;
use gtk::{glib, pango};
use relm4::binding::{Binding as _, BoolBinding};
use relm4::typed_view::list::{RelmListItem, TypedListView};

use crate::i18n::{gettext, gettext_f};
use crate::model::rules::preview::{Candidate, Standing};
use crate::widgets::cells;

type List = TypedListView<Line, gtk::NoSelection>;

/// A rule, and whether it is chosen.
struct Line {
    candidate: Candidate,
    chosen: BoolBinding,
}

impl Line {
    fn new(candidate: Candidate) -> Self {
        Self {
            chosen: BoolBinding::new(candidate.is_suggested()),
            candidate,
        }
    }

    fn choose(&self, chosen: bool) {
        if self.candidate.rule.is_some() {
            self.chosen.set(chosen);
        }
    }
}

/// What a line keeps.
struct Cell {
    check: gtk::CheckButton,
    name: gtk::Label,
    standing: gtk::Label,
    sentence: gtk::Label,
    binding: Option<glib::Binding>,
}

impl RelmListItem for Line {
    type Root = gtk::Box;
    type Widgets = Cell;

    fn setup(_: &gtk::ListItem) -> (gtk::Box, Cell) {
        let root = gtk::Box::builder()
            .spacing(12)
            .margin_top(6)
            .margin_bottom(6)
            .margin_start(6)
            .margin_end(6)
            .build();
        let check = gtk::CheckButton::builder()
            .valign(gtk::Align::Center)
            .build();
        let lines = gtk::Box::builder()
            .orientation(gtk::Orientation::Vertical)
            .spacing(3)
            .hexpand(true)
            .valign(gtk::Align::Center)
            .build();
        let (name, standing, sentence) = (cells::line(), cells::pill(), cells::line());
        for label in [&name, &sentence] {
            label.set_wrap(true);
            label.set_wrap_mode(pango::WrapMode::WordChar);
            label.set_ellipsize(pango::EllipsizeMode::None);
        }
        sentence.add_css_class("caption");
        sentence.add_css_class("dim-label");
        lines.append(&name);
        lines.append(&sentence);
        lines.append(&standing);
        root.append(&check);
        root.append(&lines);
        let cell = Cell {
            check,
            name,
            standing,
            sentence,
            binding: None,
        };
        (root, cell)
    }

    fn bind(&mut self, cell: &mut Cell, _: &mut gtk::Box) {
        let Candidate {
            name,
            sentence,
            standing,
            rule,
        } = &self.candidate;
        cell.name.set_label(name);
        cell.sentence.set_label(sentence);
        let label = standing.label();
        cell.standing.set_visible(!label.is_empty());
        cell.standing.set_label(&label);
        for (class, wanted) in [
            ("waiting", *standing == Standing::Differs),
            ("denied", *standing == Standing::Broken),
        ] {
            match wanted {
                true => cell.standing.add_css_class(class),
                false => cell.standing.remove_css_class(class),
            }
        }
        cell.check.set_sensitive(rule.is_some());
        let label = gettext_f("Import rule “{name}”", &[("name", name)]);
        cell.check
            .update_property(&[gtk::accessible::Property::Label(&label)]);
        let binding = self
            .chosen
            .bind_property(BoolBinding::property_name(), &cell.check, "active")
            .sync_create()
            .bidirectional();
        cell.binding = Some(binding.build());
    }

    fn unbind(&mut self, cell: &mut Cell, _: &mut gtk::Box) {
        if let Some(binding) = cell.binding.take() {
            binding.unbind();
        }
    }
}

/// The lines, of which the list has a part on screen.
fn lines(list: &List) -> impl Iterator<Item = relm4::typed_view::TypedListItem<Line>> {
    (0..list.len()).filter_map(|position| list.get(position))
}

fn chosen(list: &List) -> Vec<WireRule> {
    lines(list)
        .filter_map(|line| {
            let line = line.borrow();
            line.chosen.get().then(|| line.candidate.rule.clone())?
        })
        .collect()
}

/// Shows the candidates, and hands on those that the user chooses.
pub(super) fn present(
    candidates: Vec<Candidate>,
    parent: &impl IsA<gtk::Widget>,
    take: impl Fn(Vec<WireRule>) + 'static,
) {
    let mut list = List::new();
    list.extend_from_iter(candidates.into_iter().map(Line::new));
    list.view.set_single_click_activate(true);
    list.view.set_show_separators(true);
    list.view
        .update_property(&[gtk::accessible::Property::Label(&gettext(
            "Rules to Import",
        ))]);
    let list = Rc::new(list);

    let dialog = adw::Dialog::builder()
        .title(gettext("Import Rules"))
        .content_width(560)
        .content_height(620)
        .build();
    let title = adw::WindowTitle::new(&gettext("Import Rules"), "");
    let import = gtk::Button::builder()
        .label(gettext("_Import"))
        .use_underline(true)
        .css_classes(["suggested-action"])
        .build();
    count(&list, &title, &import);
    watch(&list, &title, &import);
    let (shown, all) = (dialog.clone(), list.clone());
    import.connect_clicked(move |_| {
        take(chosen(&all));
        shown.close();
    });
    dialog.set_child(Some(&content(&list, &dialog, &title, &import)));
    dialog.set_default_widget(Some(&import));
    dialog.present(Some(parent));
}

/// Says how many are chosen.
fn count(list: &List, title: &adw::WindowTitle, import: &gtk::Button) {
    let count = lines(list)
        .filter(|line| line.borrow().chosen.get())
        .count();
    import.set_sensitive(count > 0);
    title.set_subtitle(&gettext_f(
        "{chosen} of {all} chosen",
        &[
            ("chosen", &count.to_string()),
            ("all", &list.len().to_string()),
        ],
    ));
}

/// Counts anew when something was chosen, once for all that is chosen at a time.
fn watch(list: &Rc<List>, title: &adw::WindowTitle, import: &gtk::Button) {
    let due = Rc::new(std::cell::Cell::new(false));
    for line in lines(list) {
        let (due, all) = (due.clone(), Rc::downgrade(list));
        let (title, import) = (title.clone(), import.clone());
        let changed = move || {
            if due.replace(true) {
                return;
            }
            let (due, all, title, import) =
                (due.clone(), all.clone(), title.clone(), import.clone());
            glib::idle_add_local_once(move || {
                due.set(false);
                if let Some(all) = all.upgrade() {
                    count(&all, &title, &import);
                }
            });
        };
        line.borrow()
            .chosen
            .connect_notify_local(Some(BoolBinding::property_name()), move |_, _| changed());
    }
}

fn content(
    list: &Rc<List>,
    dialog: &adw::Dialog,
    title: &adw::WindowTitle,
    import: &gtk::Button,
) -> adw::ToolbarView {
    let cancel = gtk::Button::builder()
        .label(gettext("_Cancel"))
        .use_underline(true)
        .build();
    let shown = dialog.clone();
    cancel.connect_clicked(move |_| {
        shown.close();
    });
    let header = adw::HeaderBar::builder()
        .title_widget(title)
        .show_start_title_buttons(false)
        .show_end_title_buttons(false)
        .build();
    header.pack_start(&cancel);
    header.pack_end(import);

    let everything = gtk::CheckButton::builder()
        .label(gettext("Choose _All"))
        .use_underline(true)
        .margin_top(6)
        .margin_bottom(6)
        .margin_start(6)
        .margin_end(6)
        .build();
    let all = list.clone();
    everything.connect_toggled(move |check| {
        lines(&all).for_each(|line| line.borrow().choose(check.is_active()));
    });
    let all = list.clone();
    list.view.connect_activate(move |_, position| {
        if let Some(line) = all.get(position) {
            let line = line.borrow();
            line.choose(!line.chosen.get());
        }
    });
    let scrolled = gtk::ScrolledWindow::builder()
        .hscrollbar_policy(gtk::PolicyType::Never)
        .vexpand(true)
        .child(&list.view)
        .build();
    let view = adw::ToolbarView::new();
    view.add_top_bar(&header);
    view.add_top_bar(&everything);
    view.set_content(Some(&scrolled));
    view
}
