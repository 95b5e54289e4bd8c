//! The main window, and what holds everything together: it hands what the helper says to the pages
//! and the prompt, and the prompt's answers to the helper.

use adw::prelude::*;
use bastion_ipc::names;
use bastion_ipc::wire::Status;
use gtk::gio;
use relm4::{Component, ComponentController, ComponentParts, ComponentSender, Controller};

use crate::client::{Client, Failure, Message, Task};
use crate::i18n::gettext;
use crate::model::names::Directory;
use crate::model::status::{self, Link, Remedy};
use crate::model::time;
use crate::pages::connections::Connections;
use crate::pages::log::LogPage;
use crate::pages::overview::Overview;
use crate::pages::rules::Rules;
use crate::pages::{self, Context, Undo};
use crate::preferences::Preferences;
use crate::prompt::{self, Clock, Prompt};
use crate::settings::AppSettings;
use crate::window::Window;

/// The component.
pub struct App {
    client: Client,
    link: Link,
    status: Status,
    overview: Controller<Overview>,
    connections: Controller<Connections>,
    rules: Controller<Rules>,
    log: Controller<LogPage>,
    prompt: Controller<Prompt>,
    preferences: Option<Controller<Preferences>>,
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
    /// The user answered a question.
    Prompt(prompt::Output),
    /// The user wants to see the main window.
    Activate,
    /// The user wants to undo something.
    Undo(Undo),
    /// The user wants the pause to end.
    Resume,
    /// The user wants the trouble away.
    Remedy(Remedy),
    /// The user wants to see the preferences.
    Preferences,
    /// The user wants to know about the app.
    About,
}

/// What comes of commands.
#[derive(Debug)]
pub enum Done {
    /// An answer was delivered, or not.
    Answered(u64, Result<(), Failure>),
    /// The helper was started, or not.
    Started(Result<(), Failure>),
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
        let settings = AppSettings::load();
        settings.bind_window(&root);
        relm4::set_global_css(include_str!("style.css"));
        let context = Context {
            client: client.clone(),
            directory: Directory::of_system(),
        };
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
            .launch((Clock::real(), settings))
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
        add_actions(&application, &sender);

        let forward = input.clone();
        relm4::spawn(task.run(move |message| {
            if forward.send(Input::Client(message)).is_err() {
                tracing::debug!("the app is ending");
            }
        }));
        let model = Self {
            client,
            link: Link::default(),
            status: Status::default(),
            overview,
            connections,
            rules,
            log,
            prompt,
            preferences: None,
            _hold: application.hold(),
        };
        widgets.show_link(&model.link);
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
            Input::Client(message) => self.hear(message, window),
            Input::Page(pages::Output::Failed(failure)) => window.toast(&failure.sentence()),
            Input::Page(pages::Output::Undoable(text, undo)) => {
                window.toast_with_undo(&text, undo, &sender);
            }
            Input::Prompt(prompt::Output::Answer(id, answer)) => {
                let client = self.client.clone();
                sender.oneshot_command(async move {
                    Done::Answered(id, client.answer(id, &answer).await)
                });
            }
            Input::Activate => root.present(),
            Input::Undo(Undo::AddRule(rule)) => {
                self.rules.emit(pages::rules::Input::Restore(rule));
            }
            Input::Resume => self.overview.emit(pages::overview::Input::Pause(0)),
            Input::Remedy(Remedy::Retry) => self.client.retry(),
            Input::Remedy(Remedy::Start) => {
                let client = self.client.clone();
                sender.oneshot_command(async move { Done::Started(client.start_helper().await) });
            }
            Input::Preferences if self.preferences_open() => {}
            Input::Preferences if self.link == Link::Ready => {
                let preferences = Preferences::builder().launch(self.client.clone()).detach();
                preferences.widget().present(Some(root));
                self.preferences = Some(preferences);
            }
            // Without a helper there is nothing to prefer; the window says so already.
            Input::Preferences => root.present(),
            Input::About => about().present(Some(root)),
        }
    }

    fn update_cmd_with_view(
        &mut self,
        window: &mut Window,
        done: Done,
        _: ComponentSender<Self>,
        _: &adw::ApplicationWindow,
    ) {
        match done {
            Done::Answered(id, result) => self.prompt.emit(prompt::Input::Settled(id, result)),
            Done::Started(Ok(())) => {}
            Done::Started(Err(failure)) => window.toast(&failure.sentence()),
        }
    }
}

impl App {
    fn preferences_open(&self) -> bool {
        self.preferences
            .as_ref()
            .is_some_and(|preferences| preferences.widget().is_mapped())
    }

    /// Hands on what the helper says.
    fn hear(&mut self, message: Message, window: &Window) {
        match message {
            Message::Link(link) => self.set_link(link, window),
            Message::Status(status) => {
                window.show_banner(status::banner(&status, time::now()).as_ref());
                self.overview
                    .emit(pages::overview::Input::Status(Box::new(status.clone())));
                if status.questions != self.status.questions {
                    self.connections.emit(pages::connections::Input::Refresh);
                }
                self.status = status;
            }
            Message::Decided(events) => {
                self.connections.emit(pages::connections::Input::Refresh);
                self.log.emit(pages::log::Input::Decided(events));
            }
            Message::RulesChanged => self.rules.emit(pages::rules::Input::Reload),
            Message::Ask(question) => {
                self.prompt.emit(prompt::Input::Ask(question));
                self.connections.emit(pages::connections::Input::Refresh);
            }
            Message::Withdraw(id) => self.prompt.emit(prompt::Input::Withdraw(id)),
        }
    }

    fn set_link(&mut self, link: Link, window: &Window) {
        window.show_link(&link);
        if link == Link::Ready {
            self.rules.emit(pages::rules::Input::Reload);
            self.log.emit(pages::log::Input::Reload);
            self.connections.emit(pages::connections::Input::Refresh);
        } else {
            // Whoever asked is gone, and with it every packet that waited.
            self.prompt.emit(prompt::Input::Clear);
            self.connections.emit(pages::connections::Input::Clear);
            window.show_banner(None);
        }
        self.link = link;
    }
}

fn add_actions(application: &gtk::Application, sender: &ComponentSender<App>) {
    let act = |name: &str, input: fn() -> Input| {
        let action = gio::SimpleAction::new(name, None);
        let sender = sender.clone();
        action.connect_activate(move |_, _| sender.input(input()));
        application.add_action(&action);
    };
    act("preferences", || Input::Preferences);
    act("about", || Input::About);
    let quit = gio::SimpleAction::new("quit", None);
    quit.connect_activate(|_, _| relm4::main_application().quit());
    application.add_action(&quit);
    application.set_accels_for_action("app.quit", &["<Control>q"]);
    application.set_accels_for_action("app.preferences", &["<Control>comma"]);
    application.set_accels_for_action("window.close", &["<Control>w"]);
    let activated = sender.input_sender().clone();
    application.connect_activate(move |_| {
        if activated.send(Input::Activate).is_err() {
            tracing::debug!("the app is ending");
        }
    });
}

fn about() -> adw::AboutDialog {
    adw::AboutDialog::builder()
        .application_name(gettext("Bastion"))
        .application_icon(names::APP_ID)
        .version(env!("CARGO_PKG_VERSION"))
        .developer_name(gettext("The Bastion Firewall developers"))
        .website(env!("CARGO_PKG_HOMEPAGE"))
        .license_type(gtk::License::Gpl30)
        .comments(gettext("Decide which programs may use the network."))
        .build()
}
