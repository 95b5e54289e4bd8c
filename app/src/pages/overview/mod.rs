//! Overview: the state at a glance, the mode, counters and health.

use adw::prelude::*;
use bastion_ipc::wire::Status;
use relm4::{Component, ComponentParts, ComponentSender};

use super::{Context, Output, report, tick_while_shown};
use crate::client::Failure;
use crate::i18n::{gettext, gettext_f};
use crate::model::names;
use crate::model::safeguard::Safeguard;
use crate::model::status::{Health, Hero, health};
use crate::model::time;
use crate::widgets::choice;

/// Lengths of a pause offered, in seconds.
const PAUSES: [u32; 4] = [300, 900, 3600, 86_400];
/// Modes in the order of the combo row.
const MODES: [&str; 2] = ["ask", "learn"];

/// The component.
pub struct Overview {
    context: Context,
    status: Status,
    safeguard: Safeguard,
    /// A change of the user's is on its way; what the helper says meanwhile is older.
    changing: bool,
}

/// What the page takes in.
#[derive(Debug)]
pub enum Input {
    /// The helper's state.
    Status(Box<Status>),
    /// For whom Safeguard is on.
    Safeguard(Box<Safeguard>),
    /// Time passed.
    Tick,
    /// The user chose a mode by its position.
    Mode(u32),
    /// The user wants a pause of so many seconds; 0 ends it.
    Pause(u32),
}

/// The widgets that change.
#[derive(Debug)]
pub struct Widgets {
    icon: gtk::Image,
    title: gtk::Label,
    description: gtk::Label,
    pause: gtk::MenuButton,
    resume: gtk::Button,
    counters: [gtk::Label; 4],
    mode: adw::ComboRow,
    health: adw::PreferencesGroup,
    rows: Vec<adw::ActionRow>,
    shown: Vec<Health>,
}

impl Component for Overview {
    type Init = Context;
    type Input = Input;
    type Output = Output;
    type CommandOutput = Result<(), Failure>;
    type Root = adw::ToolbarView;
    type Widgets = Widgets;

    fn init_root() -> Self::Root {
        adw::ToolbarView::new()
    }

    fn init(
        context: Context,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        let widgets = build(&root, &sender);
        let input = sender.clone();
        tick_while_shown(&root, move || input.input(Input::Tick));
        let model = Self {
            context,
            status: Status::default(),
            safeguard: Safeguard::default(),
            changing: false,
        };
        ComponentParts { model, widgets }
    }

    fn update(&mut self, input: Input, sender: ComponentSender<Self>, _: &Self::Root) {
        match input {
            Input::Status(status) => self.status = *status,
            Input::Safeguard(safeguard) => self.safeguard = *safeguard,
            Input::Tick => {}
            Input::Mode(position) => self.set_mode(position, &sender),
            Input::Pause(seconds) => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move { client.pause(seconds).await });
            }
        }
    }

    fn update_cmd(
        &mut self,
        result: Result<(), Failure>,
        sender: ComponentSender<Self>,
        _: &Self::Root,
    ) {
        self.changing = false;
        if let Err(failure) = result {
            report(sender.output_sender(), failure);
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let now = time::now();
        let hero = Hero::of(&self.status, self.safeguard.is_mine(), now);
        widgets.icon.set_icon_name(Some(hero.icon));
        widgets.icon.set_css_classes(&["hero", hero.style]);
        widgets.title.set_label(&hero.title);
        widgets.description.set_label(&hero.description);
        let paused = self.status.paused_until > now;
        widgets.pause.set_visible(!paused);
        widgets.resume.set_visible(paused);
        let numbers = [
            self.status.allowed,
            self.status.denied,
            self.status.asked,
            self.status.questions.into(),
        ];
        for (label, number) in widgets.counters.iter().zip(numbers) {
            label.set_label(&names::number(number));
        }
        if !self.changing {
            let mode = MODES.iter().position(|mode| *mode == self.status.mode);
            widgets
                .mode
                .set_selected(mode.map_or(gtk::INVALID_LIST_POSITION, |p| p as u32));
        }
        let mut lines = health(&self.status, now);
        lines.extend(self.safeguard.health(&self.context.directory, now));
        show_health(widgets, lines);
    }
}

impl Overview {
    fn set_mode(&mut self, position: u32, sender: &ComponentSender<Self>) {
        let mode = MODES.get(position as usize).copied();
        // Showing what the helper says selects, too; only a change is the user's.
        if let Some(mode) =
            mode.filter(|mode| *mode != self.status.mode && !self.status.mode.is_empty())
        {
            self.changing = true;
            let client = self.context.client.clone();
            sender.oneshot_command(async move { client.set_mode(mode).await });
        }
    }
}

fn show_health(widgets: &mut Widgets, health: Vec<Health>) {
    if widgets.shown == health {
        return;
    }
    for row in widgets.rows.drain(..) {
        widgets.health.remove(&row);
    }
    for line in &health {
        let (icon, style) = match line.good {
            true => ("object-select-symbolic", "success"),
            false => ("dialog-warning-symbolic", "warning"),
        };
        let image = gtk::Image::builder()
            .icon_name(icon)
            .css_classes([style])
            .accessible_role(gtk::AccessibleRole::Presentation)
            .build();
        let row = adw::ActionRow::builder()
            .title(&line.title)
            .subtitle(&line.state)
            .use_markup(false)
            .build();
        row.add_prefix(&image);
        widgets.health.add(&row);
        widgets.rows.push(row);
    }
    widgets.shown = health;
}

fn build(root: &adw::ToolbarView, sender: &ComponentSender<Overview>) -> Widgets {
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
