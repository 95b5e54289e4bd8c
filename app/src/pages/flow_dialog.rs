//! All that is known of one connection, and a way to make a rule of it.

use adw::prelude::*;
use bastion_ipc::wire::WireRule;

use super::Output;
use crate::i18n::gettext;
use crate::model::connections::FlowRow;
use crate::model::{names, time};
use crate::widgets::program;

/// Shows it. If the user wants a rule, `sender` is told what they may change and keep.
pub(super) fn present(
    flow: &FlowRow,
    parent: &impl IsA<gtk::Widget>,
    sender: &relm4::Sender<Output>,
) {
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
    dialog.present(Some(parent));
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
        let wanted = Output::MakeRule(Box::new(rule.clone()));
        if sender.send(wanted).is_err() {
            tracing::debug!("the window is gone already");
        }
    });
    button
}
