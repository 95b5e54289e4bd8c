//! The main window, and what holds everything together: it hands what the helper says to the pages
//! and the prompt, and the prompt's answers to the helper.

mod actions;
mod guard;
mod introduction;
mod preferences;
mod questions;
pub mod relaunch;

use std::time::Duration;

use adw::prelude::*;
use bastion_ipc::wire::{Guard, Question, Status, WireSettings};
use bastion_policy::rule::Action;
use gtk::gio;
use relm4::{Component, ComponentController, ComponentParts, ComponentSender, Controller};

use crate::client::{Client, Failure, Message, Task};
use crate::help;
use crate::i18n::gettext;
use crate::model::first_run::Rights;
use crate::model::link::{Link, Remedy};
use crate::model::names::Directory;
use crate::model::safeguard::Safeguard;
use crate::model::status::Banner;
use crate::model::time;
use crate::model::tray::TrayState;
use crate::notification;
use crate::pages::connections::Connections;
use crate::pages::log::LogPage;
use crate::pages::overview::Overview;
use crate::pages::rules::Rules;
use crate::pages::{self, Context, Undo};
use crate::preferences::Preferences;
use crate::prompt::{self, Clock, Prompt};
use crate::settings::{AppSettings, SAFEGUARD_NOTIFICATIONS};
use crate::shortcuts;
use crate::tray::Tray;
use crate::widgets::program;
use crate::window::Window;
use introduction::Introduction;

/// How often the helper is asked what Safeguard does, while it is on for the user.
const WATCH: Duration = Duration::from_secs(2);
/// The action that shows the main window.
const SHOW: &str = "show";

/// The component.
pub struct App {
    client: Client,
    directory: Directory,
    link: Link,
    status: Status,
    safeguard: Safeguard,
    /// The helper is being asked what Safeguard does, or will be in a moment.
    watching: bool,
    /// What stands above every page.
    banner: Option<Banner>,
    overview: Controller<Overview>,
    connections: Controller<Connections>,
    rules: Controller<Rules>,
    log: Controller<LogPage>,
    prompt: Controller<Prompt>,
    preferences: Option<Controller<Preferences>>,
    introduction: Introduction,
    settings: AppSettings,
    tray: Tray,
    /// Keeps the app running while no window is open.
    _hold: gio::ApplicationHoldGuard,
}

/// What the app takes in.
#[derive(Debug)]
pub enum Input {
    /// The helper said something, or the connection to it changed.
    Client(Message),
    /// A page has something to tell.
    Page(pages::Output),
    /// The prompt has something to tell.
    Prompt(prompt::Output),
    /// The user chose an answer that the notification of this question and number offers.
    Notified(u64, u64, Action),
    /// The user wants to see what is asked.
    ShowQuestion,
    /// The user wants to see the main window.
    Activate,
    /// The user wants to undo something.
    Undo(Undo),
    /// The user wants what the banner tells of to end.
    Resume,
    /// The user wants the trouble away.
    Remedy(Remedy),
    /// The user wants to see the preferences.
    Preferences,
    /// The user has seen this assistant of the first run.
    Introduced(u32),
    /// The user wants to read the manual.
    Help,
    /// The user wants to know about the app.
    About,
    /// The user wants to know the keys.
    Shortcuts,
    /// The user wants a pause of so many seconds; 0 ends it.
    Pause(u32),
    /// The user wants the app to end.
    Quit,
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// An answer was delivered, or not.
    Answered(u64, Result<(), Failure>),
    /// What is known of why a question is asked.
    Near(Box<Question>, questions::Near),
    /// The helper was started, or not.
    Started(Result<(), Failure>),
    /// What Safeguard does for the user, asked for before it is ended.
    Guarded(Result<Vec<Guard>, Failure>),
    /// Likewise, asked for now and then.
    Watched(Result<Vec<Guard>, Failure>),
    /// Safeguard was ended, or not.
    Left(Result<(), Failure>),
    /// What the assistant of the first run begins with.
    Introduce(u32, Result<(WireSettings, Rights), Failure>),
}

impl Component for App {
    type Init = (Client, Task);
    type Input = Input;
    type Output = ();
    type CommandOutput = Done;
    type Root = adw::ApplicationWindow;
    type Widgets = Window;

    fn init_root() -> Self::Root {
        adw::ApplicationWindow::builder()
            .application(&relm4::main_application())
            .title(gettext("Bastion"))
            .default_width(1000)
            .default_height(720)
            .width_request(360)
            .height_request(294)
            .hide_on_close(true)
            .build()
    }

    fn init(
        (client, task): Self::Init,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        program::read_ahead(&root);
        let settings = AppSettings::load();
        settings.bind_window(&root);
        relm4::set_global_css(include_str!("../style.css"));
        let context = Context {
            client: client.clone(),
            directory: Directory::of_system(),
        };
        let directory = context.directory.clone();
        let input = sender.input_sender();
        let overview = Overview::builder()
            .launch(context.clone())
            .forward(input, Input::Page);
        let connections = Connections::builder()
            .launch(context.clone())
            .forward(input, Input::Page);
        let rules = Rules::builder()
            .launch(context.clone())
            .forward(input, Input::Page);
        let log = LogPage::builder()
            .launch(context)
            .forward(input, Input::Page);
        let prompt = Prompt::builder()
            .launch((Clock::real(), settings.clone()))
            .forward(input, Input::Prompt);
        let application = relm4::main_application();
        application.add_window(prompt.widget());
        let pages = [
            overview.widget(),
            connections.widget(),
            rules.widget(),
            log.widget(),
        ];
        let widgets = Window::build(&root, pages, &sender);
        actions::add(&application, &sender);
        questions::add_actions(&application, &sender);

        let forward = input.clone();
        relm4::spawn(task.run(move |message| {
            if forward.send(Input::Client(message)).is_err() {
                tracing::debug!("the app is ending");
            }
        }));
        let model = Self {
            client,
            directory,
            link: Link::default(),
            status: Status::default(),
            safeguard: Safeguard::of(nix::unistd::getuid().as_raw()),
            watching: false,
            banner: None,
            overview,
            connections,
            rules,
            log,
            prompt,
            preferences: None,
            introduction: Introduction::of(&settings),
            settings,
            tray: Tray::new(input.clone()),
            _hold: application.hold(),
        };
        widgets.show_link(&model.link);
        model.show_tray();
        ComponentParts { model, widgets }
    }

    fn update_with_view(
        &mut self,
        window: &mut Window,
        input: Input,
        sender: ComponentSender<Self>,
        root: &adw::ApplicationWindow,
    ) {
        match input {
            Input::Client(message) => self.hear(message, window, root, &sender),
            Input::Page(pages::Output::Failed(failure)) => window.toast(&failure.sentence()),
            Input::Page(pages::Output::MakeRule(rule) | pages::Output::OpenRule(rule)) => {
                self.rules.emit(pages::rules::Input::Edit(rule));
            }
            Input::Page(pages::Output::ShowPrompt) if self.prompt.widget().is_visible() => {
                self.prompt.widget().present();
            }
            Input::Page(pages::Output::ShowPrompt) => {
                window.toast(&gettext("It is asked elsewhere"))
            }
            Input::Page(pages::Output::Told(text)) => window.toast(&text),
            Input::Page(pages::Output::Undoable(text, undo)) => {
                window.toast_with_undo(&text, undo, &sender);
            }
            Input::Prompt(output) => self.hear_prompt(output, &sender),
            Input::Notified(id, number, action) => {
                self.prompt
                    .emit(prompt::Input::Notified(id, number, action));
            }
            Input::ShowQuestion => self.prompt.emit(prompt::Input::Show),
            Input::Activate => {
                root.present();
                self.introduce(root, &sender);
            }
            Input::Undo(Undo::AddRule(rule)) => {
                self.rules.emit(pages::rules::Input::Restore(rule));
            }
            Input::Resume => self.resume(&sender),
            Input::Remedy(Remedy::Retry) => self.client.retry(),
            Input::Remedy(Remedy::Start) => {
                let client = self.client.clone();
                sender.oneshot_command(async move { Done::Started(client.start_helper().await) });
            }
            Input::Remedy(Remedy::Restart) => {
                let client = self.client.clone();
                sender.oneshot_command(async move { Done::Started(client.restart_helper().await) });
            }
            Input::Remedy(Remedy::Relaunch) => relaunch::ask(),
            Input::Preferences if self.preferences_open() => {}
            Input::Preferences if self.link == Link::Ready => self.open_preferences(root, &sender),
            // Without a helper there is nothing to prefer; the window says so already.
            Input::Preferences => root.present(),
            Input::Introduced(number) => self.introduced(number),
            Input::Help => {
                let toasts = window.clone();
                help::open(root, move |text| toasts.toast(text));
            }
            Input::About => actions::about().present(Some(root)),
            Input::Shortcuts => {
                let keys = shortcuts::window();
                keys.set_transient_for(Some(root));
                keys.present();
            }
            Input::Pause(seconds) => self.overview.emit(pages::overview::Input::Pause(seconds)),
            Input::Quit => relm4::main_application().quit(),
        }
    }

    fn update_cmd_with_view(
        &mut self,
        window: &mut Window,
        done: Done,
        sender: ComponentSender<Self>,
        root: &adw::ApplicationWindow,
    ) {
        match done {
            Done::Introduce(number, found) => {
                self.begin_introduction(number, found, root, &sender);
            }
            Done::Answered(id, result) => self.prompt.emit(prompt::Input::Settled(id, result)),
            Done::Near(question, near) => self.tell_near(&question, near),
            Done::Started(Ok(())) | Done::Left(Ok(())) => {}
            Done::Started(Err(failure)) | Done::Left(Err(failure)) => {
                window.toast(&failure.sentence());
            }
            Done::Guarded(guards) => self.learn(guards, window),
            Done::Watched(guards) => {
                self.learn(guards, window);
                self.watching = false;
                self.watch(WATCH, &sender);
            }
        }
    }
}

impl App {
    /// Hands on what the helper says.
    fn hear(
        &mut self,
        message: Message,
        window: &Window,
        root: &adw::ApplicationWindow,
        sender: &ComponentSender<Self>,
    ) {
        match message {
            Message::Link(link) => {
                self.set_link(link, window);
                self.introduce(root, sender);
            }
            Message::Status(status) => self.set_status(*status, window, sender),
            Message::Decided(events) => {
                self.connections.emit(pages::connections::Input::Refresh);
                self.overview
                    .emit(pages::overview::Input::Decided(events.clone()));
                self.log.emit(pages::log::Input::Decided(events));
            }
            Message::RulesChanged => self.rules.emit(pages::rules::Input::Reload),
            Message::Ask(question) => {
                self.prompt.emit(prompt::Input::Ask(question));
                self.overview.emit(pages::overview::Input::Asked);
                self.connections.emit(pages::connections::Input::Refresh);
            }
            Message::Withdraw(id) => self.prompt.emit(prompt::Input::Withdraw(id)),
        }
    }

    fn set_status(&mut self, status: Status, window: &Window, sender: &ComponentSender<Self>) {
        let change = self.safeguard.hear(&status, time::now());
        let notify = self.settings.flag(SAFEGUARD_NOTIFICATIONS) != Some(false);
        if let Some(change) = change.filter(|_| notify) {
            let show = format!("app.{SHOW}");
            notification::of_safeguard(&relm4::main_application(), change, &show);
            window.announce(&[change.title(), change.body()].join(". "));
        }
        self.watch(Duration::ZERO, sender);
        self.overview
            .emit(pages::overview::Input::Status(Box::new(status.clone())));
        if status.questions != self.status.questions {
            self.connections.emit(pages::connections::Input::Refresh);
        }
        self.status = status;
        self.show_safeguard(window);
    }

    fn show_tray(&self) {
        let guarded = self.safeguard.is_mine();
        let state = TrayState::of(&self.link, &self.status, guarded, time::now());
        self.tray.show(state);
    }

    fn set_link(&mut self, link: Link, window: &Window) {
        // What fails is tried again and again, and says the same each time.
        if link == self.link && link != Link::Ready {
            return;
        }
        window.show_link(&link);
        self.link = link;
        if self.link == Link::Ready {
            self.rules.emit(pages::rules::Input::Reload);
            self.log.emit(pages::log::Input::Reload);
            self.overview.emit(pages::overview::Input::Reload);
            self.connections.emit(pages::connections::Input::Refresh);
        } else {
            self.introduction.interrupt();
            // Whoever asked is gone, and with it every packet that waited.
            self.prompt.emit(prompt::Input::Clear);
            self.connections.emit(pages::connections::Input::Clear);
            self.show_safeguard(window);
        }
    }
}
