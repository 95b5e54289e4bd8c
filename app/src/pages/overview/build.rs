//! The widgets of the overview.

use adw::prelude::*;
use relm4::ComponentSender;

use super::activity::Activity;
use super::{Input, Overview, Widgets};
use crate::i18n::{gettext, gettext_f};
use crate::model::time;
use crate::widgets::choice;

/// Lengths of a pause offered, in seconds.
const PAUSES: [u32; 4] = [300, 900, 3600, 86_400];

/// Fills the page.
pub(super) fn page(
    root: &adw::ToolbarView,
    suggestions: &adw::Bin,
    sender: &ComponentSender<Overview>,
) -> Widgets {
    root.add_top_bar(&adw::HeaderBar::new());

    let icon = gtk::Image::builder()
        .pixel_size(96)
        .accessible_role(gtk::AccessibleRole::Presentation)
        .build();
    let title = gtk::Label::builder()
        .css_classes(["title-1"])
        .wrap(true)
        .build();
    let description = gtk::Label::builder()
        .css_classes(["body", "dim-label"])
        .wrap(true)
        .justify(gtk::Justification::Center)
        .build();
    let pause = gtk::MenuButton::builder()
        .label(gettext("_Pause"))
        .use_underline(true)
        .halign(gtk::Align::Center)
        .css_classes(["pill"])
        .margin_top(12)
        .build();
    pause.set_popover(Some(&pause_choices(sender)));
    let resume = gtk::Button::builder()
        .label(gettext("_Resume Protection"))
        .use_underline(true)
        .halign(gtk::Align::Center)
        .css_classes(["pill", "suggested-action"])
        .margin_top(12)
        .build();
    let input = sender.clone();
    resume.connect_clicked(move |_| input.input(Input::Pause(0)));

    let hero = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .spacing(6)
        .margin_top(12)
        .build();
    for child in [
        icon.upcast_ref::<gtk::Widget>(),
        title.upcast_ref(),
        description.upcast_ref(),
    ] {
        hero.append(child);
    }
    hero.append(&pause);
    hero.append(&resume);

    let (cards, counters) = counters();
    let (mode_group, mode) = mode(sender);
    let activity = Activity::new();
    let health = adw::PreferencesGroup::builder()
        .title(gettext("Health"))
        .build();

    let content = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .spacing(24)
        .margin_top(12)
        .margin_bottom(24)
        .margin_start(18)
        .margin_end(18)
        .build();
    content.append(&hero);
    content.append(&cards);
    content.append(&mode_group);
    content.append(suggestions);
    content.append(&activity.root);
    content.append(&health);
    let clamp = adw::Clamp::builder()
        .maximum_size(680)
        .child(&content)
        .build();
    let scrolled = gtk::ScrolledWindow::builder()
        .hscrollbar_policy(gtk::PolicyType::Never)
        .child(&clamp)
        .build();
    root.set_content(Some(&scrolled));
    Widgets {
        icon,
        title,
        description,
        pause,
        resume,
        counters,
        mode,
        activity,
        health,
        rows: Vec::new(),
        shown: Vec::new(),
    }
}

/// The cards with numbers, in the order of [`Overview::update_view`].
fn counters() -> (gtk::FlowBox, [gtk::Label; 4]) {
    let cards = gtk::FlowBox::builder()
        .selection_mode(gtk::SelectionMode::None)
        .homogeneous(true)
        .min_children_per_line(2)
        .max_children_per_line(4)
        .column_spacing(12)
        .row_spacing(12)
        .build();
    let titles = [
        (gettext("Allowed"), "success"),
        (gettext("Denied"), "error"),
        (gettext("Asked"), "accent"),
        (gettext("Waiting"), "warning"),
    ];
    let labels = titles.map(|(title, style)| {
        let number = gtk::Label::builder()
            .css_classes(["title-1", "numeric", style])
            .build();
        let caption = gtk::Label::builder()
            .label(&title)
            .css_classes(["caption-heading", "dim-label"])
            .build();
        number.update_relation(&[gtk::accessible::Relation::DescribedBy(&[
            caption.upcast_ref()
        ])]);
        let card = gtk::Box::builder()
            .orientation(gtk::Orientation::Vertical)
            .spacing(3)
            .css_classes(["card", "counter"])
            .build();
        card.append(&number);
        card.append(&caption);
        let child = gtk::FlowBoxChild::builder()
            .child(&card)
            .focusable(false)
            .build();
        cards.append(&child);
        number
    });
    (cards, labels)
}

fn mode(sender: &ComponentSender<Overview>) -> (adw::PreferencesGroup, adw::ComboRow) {
    let names = [gettext("Ask"), gettext("Learn")];
    let row = choice::row(&gettext("Mode"), &names.each_ref().map(String::as_str));
    row.set_subtitle(&gettext("What happens to connections that no rule decides"));
    let input = sender.clone();
    row.connect_selected_notify(move |row| input.input(Input::Mode(row.selected())));
    let group = adw::PreferencesGroup::new();
    group.add(&row);
    let preferences = adw::ActionRow::builder()
        .title(gettext("Preferences"))
        .activatable(true)
        .action_name("app.preferences")
        .build();
    preferences.add_suffix(&gtk::Image::from_icon_name("go-next-symbolic"));
    group.add(&preferences);
    (group, row)
}

fn pause_choices(sender: &ComponentSender<Overview>) -> gtk::Popover {
    let list = gtk::Box::builder()
        .orientation(gtk::Orientation::Vertical)
        .build();
    let popover = gtk::Popover::builder()
        .child(&list)
        .css_classes(["menu"])
        .build();
    for seconds in PAUSES {
        let span = time::span(seconds.into());
        let button = gtk::Button::builder()
            .label(gettext_f("For {span}", &[("span", &span)]))
            .css_classes(["flat"])
            .build();
        let (input, menu) = (sender.clone(), popover.clone());
        button.connect_clicked(move |_| {
            menu.popdown();
            input.input(Input::Pause(seconds));
        });
        list.append(&button);
    }
    popover
}
