//! The prompt: a window of its own that asks about one connection at a time, the oldest first.
//!
//! Nothing is answered by accident. Allow and Deny do nothing in the first half second after the
//! window appears, takes the focus, or turns to another question; neither has the focus then, and
//! neither is a default button. Alt+A and Alt+D answer; Space and Enter only on a button that was
//! gone to. A question that changes while it is shown (a program can bring that about as often as
//! it likes) closes Allow again where that matters, and never Deny. Escape does nothing: whoever presses it was likely busy in another window when this
//! one came. Closing the window denies once, after the same half second.
//!
//! What is not seen in the window the desktop is notified of (`notify`); the window comes without
//! taking the keyboard where it can (`raise`), and a screen reader says what is asked (`speech`).

mod answers;
mod notify;
mod parts;
mod raise;
mod speech;
mod view;
mod why;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use adw::prelude::*;
use bastion_ipc::wire::{Answer, Question};
use bastion_policy::rule::Action;
use gtk::glib;
use relm4::{Component, ComponentParts, ComponentSender};

use crate::client::Failure;
use crate::model::asked::Line;
use crate::model::guard::Guard;
use crate::model::notice::{News, Notices, Wording};
use crate::model::question::{self, QuestionText};
use crate::model::stack::{Shown, Stack};
use crate::model::time;
use crate::settings::AppSettings;
use speech::Speech;
use view::View;

/// How often the time left is shown anew, and the half second checked.
const TICK: Duration = Duration::from_millis(100);
/// The helper withdraws what is over; if it doesn't, the question goes this much later anyway.
const GRACE_MILLIS: u64 = 2_000;

/// Where the prompt takes the time from.
#[derive(Clone)]
pub struct Clock {
    /// Time since some moment; never goes backwards.
    pub steady: Rc<dyn Fn() -> Duration>,
    /// Milliseconds since the Unix epoch.
    pub wall: Rc<dyn Fn() -> u64>,
}

impl Clock {
    /// The real time.
    #[must_use]
    pub fn real() -> Self {
        let start = Instant::now();
        Self {
            steady: Rc::new(move || start.elapsed()),
            wall: Rc::new(time::now),
        }
    }
}

/// The component.
pub struct Prompt {
    clock: Clock,
    settings: AppSettings,
    stack: Stack,
    text: Option<QuestionText>,
    /// Keeps Allow closed.
    guard: Guard,
    /// Keeps Deny closed. No change of the question restarts it: denying by accident is safe.
    deny_guard: Guard,
    /// Questions whose answer is on its way.
    answering: BTreeSet<u64>,
    /// What the desktop was notified of.
    notices: Notices,
    /// Each open question, as it was when what its notification says was put together.
    worded: BTreeMap<u64, (Question, Wording)>,
    /// What a screen reader says.
    speech: Speech,
    /// It was asked why the shown question is asked.
    why_asked: bool,
    ticking: Option<glib::SourceId>,
    /// The button that had the focus when a warning came, until it can be pressed again.
    resumed: Option<gtk::Button>,
}

/// What the prompt takes in.
#[derive(Debug)]
pub enum Input {
    /// Ask this.
    Ask(Box<Question>),
    /// This needs no answer any more.
    Withdraw(u64),
    /// What became of an answer.
    Settled(u64, Result<(), Failure>),
    /// Whoever asked is gone.
    Clear,
    /// Time passed.
    Tick,
    /// The window took the focus.
    Focused,
    /// Allow or Deny was pressed.
    Press(Action),
    /// The user wants to close the window.
    Close,
    /// The user wants to see the window.
    Show,
    /// The user chose an answer that the notification of this question and number offers.
    Notified(u64, u64, Action),
    /// The user wants to know why the shown question is asked.
    Why,
    /// Which rules come near a question.
    Near(u64, Result<Vec<Line>, Failure>),
}

/// What the prompt gives out.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// The user's answer to a question; [`Input::Settled`] is expected in return.
    Answer(u64, Answer),
    /// What the desktop is to show.
    Desktop(News),
    /// An answer from a notification counted for nothing; the sentence says why.
    Unanswered(String),
    /// [`Input::Near`] is wanted for this question.
    Why(Box<Question>),
}

impl Component for Prompt {
    type Init = (Clock, AppSettings);
    type Input = Input;
    type Output = Output;
    type CommandOutput = ();
    type Root = adw::Window;
    type Widgets = View;

    fn init_root() -> Self::Root {
        adw::Window::new()
    }

    fn init(
        (clock, settings): Self::Init,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        let view = View::build(&root);
        for (button, action) in [(&view.allow, Action::Allow), (&view.deny, Action::Deny)] {
            let sender = sender.clone();
            button.connect_clicked(move |_| sender.input(Input::Press(action)));
        }
        let input = sender.clone();
        root.connect_close_request(move |_| {
            input.input(Input::Close);
            glib::Propagation::Stop
        });
        let input = sender.clone();
        root.connect_is_active_notify(move |window| {
            if window.is_active() {
                input.input(Input::Focused);
            }
        });
        let input = sender.clone();
        view.why.row.connect_expanded_notify(move |row| {
            if row.is_expanded() {
                input.input(Input::Why);
            }
        });
        let model = Self {
            clock,
            settings,
            stack: Stack::default(),
            text: None,
            guard: Guard::default(),
            deny_guard: Guard::default(),
            answering: BTreeSet::new(),
            notices: Notices::default(),
            worded: BTreeMap::new(),
            speech: Speech::default(),
            why_asked: false,
            ticking: None,
            resumed: None,
        };
        ComponentParts {
            model,
            widgets: view,
        }
    }

    fn update_with_view(
        &mut self,
        view: &mut View,
        input: Input,
        sender: ComponentSender<Self>,
        window: &adw::Window,
    ) {
        match input {
            Input::Ask(question) => {
                let shown = self.stack.ask(*question);
                self.turn(shown, view, window, &sender);
            }
            Input::Withdraw(id) => {
                let shown = self.stack.remove(id);
                self.turn(shown, view, window, &sender);
            }
            Input::Settled(id, result) => self.settled(id, result, view, window, &sender),
            Input::Clear => {
                self.stack.clear();
                self.turn(Shown::Nothing, view, window, &sender);
            }
            Input::Tick => {
                let over = (self.clock.wall)().saturating_sub(GRACE_MILLIS);
                let shown = self.stack.expire(over);
                self.turn(shown, view, window, &sender);
            }
            Input::Focused => {
                self.restart_guards();
                self.resumed = None;
            }
            Input::Press(action) => self.press(action, view, &sender),
            Input::Close => self.close(view, window, &sender),
            Input::Show if self.text.is_some() => window.present(),
            Input::Show => {}
            Input::Notified(id, number, action) => {
                self.answer_notified((id, number, action), window, &sender);
            }
            Input::Why => self.ask_why(&sender),
            Input::Near(id, near) => self.show_near(id, near, view),
        }
        self.refresh(view, window);
        self.notify(window, &sender);
    }

    fn shutdown(&mut self, _: &mut View, _: relm4::Sender<Output>) {
        self.stop_ticking();
    }
}

impl Prompt {
    fn restart_guards(&mut self) {
        let now = (self.clock.steady)();
        self.guard.restart(now);
        self.deny_guard.restart(now);
    }

    /// Shows what the stack says is to be shown.
    fn turn(
        &mut self,
        shown: Shown,
        view: &View,
        window: &adw::Window,
        sender: &ComponentSender<Self>,
    ) {
        match (shown, self.stack.shown()) {
            (Shown::Same, _) => return,
            (Shown::More, Some(question)) => {
                let text = QuestionText::new(question);
                self.amend(text, view, window);
                return;
            }
            (Shown::Other, Some(question)) => {
                let text = QuestionText::new(question);
                let scope = question::position(&text.scopes, &self.settings.text("prompt-scope"));
                let lifetime =
                    question::position(&text.lifetimes, &self.settings.text("prompt-lifetime"));
                view.show(&text, scope, lifetime);
                View::fit(window);
                self.speech.begin(View::summary(&text));
                self.why_asked = false;
                let before = self.text.replace(text).map(|text| text.id);
                match before == Some(question.id) {
                    true => self.guard.restart((self.clock.steady)()),
                    false => self.restart_guards(),
                }
                if !window.is_visible() {
                    raise::raise(window);
                }
                // After showing, which would move the focus to the first widget that takes it.
                GtkWindowExt::set_focus(window, Some(&view.head));
                self.start_ticking(sender);
            }
            _ => {
                self.text = None;
                self.speech = Speech::default();
                window.set_visible(false);
                self.stop_ticking();
            }
        }
        let open: BTreeSet<_> = self.stack.all().map(|question| question.id).collect();
        self.answering.retain(|id| open.contains(id));
        self.resumed = None;
    }

    /// Shows the same question with what else is known of it.
    fn amend(&mut self, text: QuestionText, view: &View, window: &adw::Window) {
        let before = self.text.replace(text);
        let (Some(before), Some(text)) = (before, &self.text) else {
            return;
        };
        let heading = view.heading();
        view.show_facts(text);
        if view.heading() != heading {
            view.announce(&View::summary(text));
        }
        let news = text.warnings.iter();
        for warning in news.filter(|warning| !before.warnings.contains(warning)) {
            View::fit(window);
            view.point_out(warning);
        }
        // An answer shall not be given to what could not be read yet.
        if text.warnings != before.warnings || view.heading() != heading {
            self.resumed = view.focused_answer().or(self.resumed.take());
            self.guard.restart((self.clock.steady)());
        }
    }

    /// Brings what changes all the time up to date.
    fn refresh(&mut self, view: &View, window: &adw::Window) {
        let allowable = self.answerable(Action::Allow);
        view.set_answerable(allowable, self.answerable(Action::Deny));
        if let Some(button) = self.resumed.take_if(|_| allowable) {
            view.resume_at(&button);
        }
        view.show_waiting(self.stack.waiting());
        let Some(question) = self.stack.shown() else {
            return;
        };
        let now = (self.clock.wall)();
        view.show_time(question, now);
        let rest = question.deadline.saturating_sub(now);
        let left = view.time_left();
        for text in self.speech.go_on(window.is_mapped(), rest, &left) {
            view.announce(&text);
        }
    }

    fn start_ticking(&mut self, sender: &ComponentSender<Self>) {
        if self.ticking.is_none() {
            let sender = sender.clone();
            self.ticking = Some(glib::timeout_add_local(TICK, move || {
                sender.input(Input::Tick);
                glib::ControlFlow::Continue
            }));
        }
    }

    fn stop_ticking(&mut self) {
        if let Some(source) = self.ticking.take() {
            source.remove();
        }
    }
}

fn tell(sender: &ComponentSender<Prompt>, output: Output) {
    if let Err(output) = sender.output(output) {
        tracing::error!(?output, "nobody listens to the prompt");
    }
}
