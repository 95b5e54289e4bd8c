//! Choosing which part of the log is shown: a form that opens from a button, and beside it a pill
//! for each part chosen, which takes it away again.

mod form;

use std::cell::RefCell;
use std::rc::Rc;

use adw::prelude::*;
use bastion_ipc::wire::{WireError, WireRule};

use self::form::Form;
use crate::i18n::{gettext, gettext_f};
use crate::model::log::{Filter, Part, Pill};
use crate::widgets::cells;

/// What a filter is told to.
type Chosen = Rc<dyn Fn(Change)>;

/// What the user wants.
#[derive(Clone, Debug)]
pub enum Change {
    /// This filter; its search text does not count.
    To(Filter),
    /// All but this part of it.
    Without(Part),
}

/// The button with the form, and the pills.
pub(super) struct FilterBar {
    pub(super) bar: gtk::ScrolledWindow,
    row: gtk::Box,
    shown: RefCell<Vec<Pill>>,
    form: Rc<Form>,
    chosen: Chosen,
}

impl std::fmt::Debug for FilterBar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FilterBar").finish_non_exhaustive()
    }
}

impl FilterBar {
    /// `opened` is called when the form opens, `chosen` when the user has chosen something.
    pub(super) fn new(opened: impl Fn() + 'static, chosen: impl Fn(Change) + 'static) -> Self {
        let chosen: Chosen = Rc::new(chosen);
        let form = Form::new(chosen.clone());
        let popover = gtk::Popover::builder().child(&form.widget()).build();
        popover.connect_map(move |_| opened());
        let button = gtk::MenuButton::builder()
            .label(gettext("_Filter"))
            .use_underline(true)
            .popover(&popover)
            .build();
        let row = gtk::Box::builder().spacing(6).build();
        let line = gtk::Box::builder()
            .spacing(12)
            .margin_start(12)
            .margin_end(12)
            .margin_top(3)
            .margin_bottom(9)
            .build();
        line.append(&button);
        line.append(&row);
        let bar = gtk::ScrolledWindow::builder()
            .vscrollbar_policy(gtk::PolicyType::Never)
            .child(&line)
            .build();
        Self {
            bar,
            row,
            shown: RefCell::default(),
            form,
            chosen,
        }
    }

    /// Shows what is filtered by, and what makes no sense of it.
    pub(super) fn show(&self, filter: &Filter, problem: Option<&WireError>) {
        self.form.show(filter, problem);
        let pills = filter.pills();
        if *self.shown.borrow() == pills {
            return;
        }
        while let Some(pill) = self.row.first_child() {
            self.row.remove(&pill);
        }
        for (part, label) in &pills {
            self.row.append(&pill(*part, label, self.chosen.clone()));
        }
        self.shown.replace(pills);
    }

    /// Offers these rules.
    pub(super) fn offer(&self, rules: &[WireRule], filter: &Filter) {
        self.form.offer(rules, filter);
    }
}

fn pill(part: Part, label: &str, chosen: Chosen) -> gtk::Button {
    let content = gtk::Box::builder().spacing(6).build();
    let text = cells::line();
    text.set_label(label);
    text.set_max_width_chars(24);
    let cross = gtk::Image::builder()
        .icon_name("window-close-symbolic")
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    content.append(&text);
    content.append(&cross);
    let pill = gtk::Button::builder()
        .child(&content)
        .valign(gtk::Align::Center)
        .css_classes(["filter-pill"])
        .build();
    cells::name(
        &pill,
        &gettext_f("Remove filter: {filter}", &[("filter", label)]),
    );
    pill.connect_clicked(move |_| chosen(Change::Without(part)));
    pill
}
