//! Overview: the state at a glance, the mode, counters and health.

mod activity;
mod build;

use activity::Activity;
use adw::prelude::*;
use bastion_ipc::wire::{Event, LogQuery, Status};
use relm4::{Component, ComponentParts, ComponentSender};

use super::{Context, Output, report, suggestions, tick_while_shown};
use crate::client::Failure;
use crate::model::names;
use crate::model::safeguard::Safeguard;
use crate::model::status::{Health, Hero, health};
use crate::model::time;
use crate::model::traffic::{self, Traffic};

/// Most decisions that wait while the log is being read, which takes moments.
const MOST_HELD: usize = 10_000;
/// Modes in the order of the combo row.
const MODES: [&str; 2] = ["ask", "learn"];

/// The component.
pub struct Overview {
    context: Context,
    status: Status,
    safeguard: Safeguard,
    /// A change of the user's is on its way; what the helper says meanwhile is older.
    changing: bool,
    traffic: Traffic,
    /// The newest decision of the log as it was read: number and time. What comes as news, too, is
    /// counted once.
    read: (u64, u64),
    /// What comes while the log is being read.
    held: Option<Vec<Event>>,
}

/// What the page takes in.
#[derive(Debug)]
pub enum Input {
    /// The helper's state.
    Status(Box<Status>),
    /// For whom Safeguard is on.
    Safeguard(Box<Safeguard>),
    /// There is a helper again.
    Reload,
    /// New decisions.
    Decided(Vec<Event>),
    /// The user is being asked.
    Asked,
    /// Time passed.
    Tick,
    /// The user chose a mode by its position.
    Mode(u32),
    /// The user wants a pause of so many seconds; 0 ends it.
    Pause(u32),
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// Something was changed, or not.
    Changed(Result<(), Failure>),
    /// What was decided before the window looked.
    Past(Result<Vec<Event>, Failure>),
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
    activity: Activity,
    health: adw::PreferencesGroup,
    rows: Vec<adw::ActionRow>,
    shown: Vec<Health>,
}

impl Component for Overview {
    type Init = Context;
    type Input = Input;
    type Output = Output;
    type CommandOutput = Done;
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
        let suggestions = suggestions::row(&context, &root);
        let widgets = build::page(&root, &suggestions, &sender);
        let input = sender.clone();
        tick_while_shown(&root, move || input.input(Input::Tick));
        let model = Self {
            context,
            status: Status::default(),
            safeguard: Safeguard::default(),
            changing: false,
            traffic: Traffic::default(),
            read: (0, 0),
            held: None,
        };
        ComponentParts { model, widgets }
    }

    fn update(&mut self, input: Input, sender: ComponentSender<Self>, _: &Self::Root) {
        match input {
            Input::Status(status) => self.status = *status,
            Input::Safeguard(safeguard) => self.safeguard = *safeguard,
            Input::Reload => self.load(&sender),
            Input::Decided(events) => self.count(events),
            Input::Asked => self.traffic.asked(time::now()),
            Input::Tick => {}
            Input::Mode(position) => self.set_mode(position, &sender),
            Input::Pause(seconds) => {
                let client = self.context.client.clone();
                sender.oneshot_command(async move { Done::Changed(client.pause(seconds).await) });
            }
        }
    }

    fn update_cmd(&mut self, done: Done, sender: ComponentSender<Self>, _: &Self::Root) {
        match done {
            Done::Changed(result) => {
                self.changing = false;
                if let Err(failure) = result {
                    report(sender.output_sender(), failure);
                }
            }
            Done::Past(Ok(events)) => {
                let newest = events.iter().max_by_key(|event| event.id);
                self.read = newest.map_or((0, 0), |event| (event.id, event.time));
                self.traffic = self.traffic.questions_alone();
                self.traffic.decided(&events, time::now());
                let held = std::mem::take(&mut self.held);
                self.count(held.unwrap_or_default());
            }
            // The window shows that there is no helper.
            Done::Past(Err(Failure::Down)) => self.held = None,
            Done::Past(Err(failure)) => {
                let held = std::mem::take(&mut self.held);
                self.count(held.unwrap_or_default());
                report(sender.output_sender(), failure);
            }
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
        widgets.activity.show(&self.traffic);
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
            sender.oneshot_command(async move { Done::Changed(client.set_mode(mode).await) });
        }
    }

    fn load(&mut self, sender: &ComponentSender<Self>) {
        self.held = Some(Vec::new());
        let client = self.context.client.clone();
        let query = LogQuery {
            since: Some(time::now().saturating_sub(traffic::BARS as u64 * traffic::STEP)),
            limit: Some(LogQuery::MAX),
            ..LogQuery::default()
        };
        sender.oneshot_command(async move { Done::Past(client.log(&query).await) });
    }

    /// Counts decisions that come as news; while the log is being read they wait.
    fn count(&mut self, events: Vec<Event>) {
        if let Some(held) = &mut self.held {
            held.extend(events);
            held.truncate(MOST_HELD);
            return;
        }
        let (id, time) = self.read;
        // Those that could not be logged have no number.
        let is_new = |event: &Event| event.id == 0 || event.id > id || event.time > time;
        let new: Vec<Event> = events.into_iter().filter(is_new).collect();
        self.traffic.decided(&new, time::now());
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
