//! All that is known of one connection, why it was decided so, and a way to make a rule of it.

use adw::prelude::*;
use bastion_ipc::wire::{Explanation, LadderStep, WireRule};

use super::log::Logged;
use super::{Context, Output, send};
use crate::client::Failure;
use crate::i18n::{gettext, gettext_f};
use crate::model::connections::FlowRow;
use crate::model::names::Directory;
use crate::model::{names, time, why};
use crate::widgets::program;

/// Shows it. If the user wants a rule, `sender` is told what they may change and keep.
pub(super) fn present(
    flow: &FlowRow,
    parent: &impl IsA<gtk::Widget>,
    sender: &relm4::Sender<Output>,
) {
    build(flow, sender).dialog.present(Some(parent));
}

/// Shows a decision of the log, with why it was made and what today's rules would make of it.
pub(super) fn present_logged(
    logged: &Logged,
    context: &Context,
    parent: &impl IsA<gtk::Widget>,
    sender: &relm4::Sender<Output>,
) {
    let Built {
        dialog,
        content,
        title,
    } = build(&logged.flow, sender);
    let group = adw::PreferencesGroup::builder()
        .title(gettext("Why"))
        .build();
    let decided = row(&why::sentence(&logged.event, &context.directory), "");
    group.add(&decided);
    content.insert_child_after(&group, Some(&title));
    let opener = Opener {
        dialog: dialog.clone(),
        sender: sender.clone(),
    };
    let rule = why::rule(&logged.event);
    let query = why::query(&logged.event, nix::unistd::getuid().as_raw());
    let (client, directory) = (context.client.clone(), context.directory.clone());
    let asked = relm4::spawn(async move {
        let explained = match query {
            Some(query) => Some(client.explain(&query).await),
            None => None,
        };
        (explained, client.rules().await.unwrap_or_default())
    });
    let place = (content.downgrade(), group.downgrade());
    relm4::spawn_local(async move {
        let Ok((explained, rules)) = asked.await else {
            return;
        };
        if let Some(id) = rule {
            opener.opens(&decided, &id, &rules);
        }
        let (content, group) = (place.0.upgrade(), place.1.upgrade());
        if let (Some(explained), Some(content)) = (explained, content) {
            let today = today(explained, &rules, &directory, &opener);
            content.insert_child_after(&today, group.as_ref());
        }
    });
    dialog.present(Some(parent));
}

/// What today's rules would do, and the rules that match, in order of precedence.
fn today(
    explained: Result<Explanation, Failure>,
    rules: &[WireRule],
    directory: &Directory,
    opener: &Opener,
) -> adw::PreferencesGroup {
    let group = adw::PreferencesGroup::builder()
        .title(gettext("Today"))
        .build();
    let explanation = match explained {
        Ok(explanation) => explanation,
        Err(failure) => {
            group.add(&row(&failure.sentence(), ""));
            return group;
        }
    };
    let verdict = row(
        &why::today(&explanation, directory),
        &why::otherwise(&explanation),
    );
    group.add(&verdict);
    for (place, step) in (1_u32..).zip(&explanation.ladder) {
        let rung = rung(place, step);
        opener.opens(&rung, &step.rule, rules);
        group.add(&rung);
    }
    group
}

fn rung(place: u32, step: &LadderStep) -> adw::ActionRow {
    let title = gettext_f(
        "{place}. {rule}",
        &[("place", &place.to_string()), ("rule", &step.name)],
    );
    row(&title, &why::rung(step))
}

fn row(title: &str, subtitle: &str) -> adw::ActionRow {
    adw::ActionRow::builder()
        .use_markup(false)
        .title(title)
        .subtitle(subtitle)
        .build()
}

/// Opens rules from rows of the dialog.
struct Opener {
    dialog: adw::Dialog,
    sender: relm4::Sender<Output>,
}

impl Opener {
    /// Makes the row open the rule of this id, if there still is one.
    fn opens(&self, row: &adw::ActionRow, id: &str, rules: &[WireRule]) {
        let found = rules.iter().find(|rule| rule.id.as_deref() == Some(id));
        let Some(rule) = found.cloned() else {
            return;
        };
        let arrow = gtk::Image::builder()
            .icon_name("go-next-symbolic")
            .accessible_role(gtk::AccessibleRole::Presentation)
            .build();
        row.add_suffix(&arrow);
        row.set_tooltip_text(Some(&gettext("Open Rule")));
        row.set_activatable(true);
        let (dialog, sender) = (self.dialog.downgrade(), self.sender.clone());
        row.connect_activated(move |_| {
            if let Some(dialog) = dialog.upgrade() {
                dialog.close();
            }
            send(&sender, Output::OpenRule(Box::new(rule.clone())));
        });
    }
}

/// The dialog, and where more can be added.
struct Built {
    dialog: adw::Dialog,
    content: gtk::Box,
    title: gtk::Label,
}

fn build(flow: &FlowRow, sender: &relm4::Sender<Output>) -> Built {
    let look = program::look(&flow.program_path);
    let icon = gtk::Image::builder()
        .gicon(&look.icon)
        .pixel_size(64)
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    let title = gtk::Label::builder()
        .label(&look.name)
        .css_classes(["title-2"])
        .wrap(true)
        .justify(gtk::Justification::Center)
        .build();
    let content = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .spacing(12)
        .margin_top(6)
        .margin_bottom(24)
        .margin_start(18)
        .margin_end(18)
        .build();
    content.append(&icon);
    content.append(&title);
    content.append(&facts(flow));

    let dialog = adw::Dialog::builder()
        .title(gettext("Connection"))
        .content_width(460)
        .build();
    let scrolled = gtk::ScrolledWindow::builder()
        .hscrollbar_policy(gtk::PolicyType::Never)
        .propagate_natural_height(true)
        .child(&content)
        .build();
    let view = adw::ToolbarView::new();
    view.add_top_bar(&adw::HeaderBar::new());
    view.set_content(Some(&scrolled));
    if let Some(rule) = flow.rule() {
        view.add_bottom_bar(&button(&dialog, rule, sender));
        view.set_bottom_bar_style(adw::ToolbarStyle::Raised);
    }
    dialog.set_child(Some(&view));
    Built {
        dialog,
        content,
        title,
    }
}

fn facts(flow: &FlowRow) -> adw::PreferencesGroup {
    let count = match flow.count {
        1 => String::new(),
        more => names::number(more.into()),
    };
    let facts = [
        (gettext("File"), flow.program_path.clone()),
        (gettext("Destination"), flow.destination.clone()),
        (gettext("Address"), flow.address.clone()),
        (gettext("Port"), flow.port.clone()),
        (gettext("Protocol"), flow.protocol.clone()),
        (gettext("User"), flow.user.clone()),
        (gettext("Verdict"), flow.state.clone()),
        (gettext("Reason"), flow.reason.clone()),
        (gettext("Connections"), count),
        (gettext("Time"), time::moment(flow.time)),
    ];
    let group = adw::PreferencesGroup::new();
    for (title, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        let row = adw::ActionRow::builder()
            .title(title)
            .subtitle(fact)
            .subtitle_selectable(true)
            .use_markup(false)
            .css_classes(["property"])
            .build();
        group.add(&row);
    }
    group
}

fn button(dialog: &adw::Dialog, rule: WireRule, sender: &relm4::Sender<Output>) -> gtk::Button {
    let button = gtk::Button::builder()
        .label(gettext("Make a _Rule…"))
        .use_underline(true)
        .halign(gtk::Align::Center)
        .css_classes(["pill"])
        .margin_top(9)
        .margin_bottom(9)
        .build();
    let (shown, sender) = (dialog.clone(), sender.clone());
    button.connect_clicked(move |_| {
        shown.close();
        send(&sender, Output::MakeRule(Box::new(rule.clone())));
    });
    button
}
