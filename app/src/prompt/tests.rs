use std::cell::{Cell, RefCell};
use std::time::Duration;

use relm4::ComponentController as _;

use super::*;
use crate::testing::{self, find, settle};

/// A prompt with a clock that stands still unless it is moved.
struct Bench {
    prompt: relm4::component::Controller<Prompt>,
    steady: Rc<Cell<Duration>>,
    wall: Rc<Cell<u64>>,
    answers: Rc<RefCell<Vec<(u64, Answer)>>>,
}

impl Bench {
    fn new() -> Self {
        adw::init().unwrap();
        let steady = Rc::new(Cell::new(Duration::from_secs(100)));
        let wall = Rc::new(Cell::new(1_000_000));
        let answers = Rc::new(RefCell::new(Vec::new()));
        let (s, w, a) = (steady.clone(), wall.clone(), answers.clone());
        let clock = Clock {
            steady: Rc::new(move || s.get()),
            wall: Rc::new(move || w.get()),
        };
        let prompt = Prompt::builder()
            .launch((clock, AppSettings::none()))
            .connect_receiver(move |_, Output::Answer(id, answer)| {
                a.borrow_mut().push((id, answer))
            });
        Self {
            prompt,
            steady,
            wall,
            answers,
        }
    }

    fn ask(&self, id: u64) {
        self.send(Input::Ask(Box::new(question(id))));
    }

    fn send(&self, input: Input) {
        self.prompt.emit(input);
        settle();
    }

    /// Time passes, and the window notices.
    fn pass(&self, millis: u64) {
        self.steady
            .set(self.steady.get() + Duration::from_millis(millis));
        self.wall.set(self.wall.get() + millis);
        self.send(Input::Tick);
    }

    fn button(&self, label: &str) -> gtk::Button {
        find(
            self.prompt.widget().upcast_ref(),
            &|widget: &gtk::Button| widget.label().is_some_and(|text| text == label),
        )
    }

    fn row(&self, title: &str) -> adw::ComboRow {
        find(self.prompt.widget().upcast_ref(), &|row: &adw::ComboRow| {
            row.title() == title
        })
    }

    fn shows(&self, text: &str) -> bool {
        testing::shows(self.prompt.widget().upcast_ref(), text)
    }

    fn visible(&self) -> bool {
        self.prompt.widget().is_visible()
    }
}

fn question(id: u64) -> Question {
    Question {
        id,
        opened: 1_000_000,
        deadline: 1_060_000,
        program: format!("/usr/bin/program{id}"),
        uid: 1000,
        user: "alice".into(),
        arguments: vec!["program".into(), "--fetch <b>".into()],
        protocol: "tcp".into(),
        destination: "192.0.2.7".into(),
        host: "example.org".into(),
        port: 443,
        scopes: vec!["flow".into(), "program".into()],
        lifetimes: vec!["once".into(), "forever".into()],
        ..Question::default()
    }
}

#[gtk::test]
fn nothing_can_be_answered_in_the_first_half_second() {
    let bench = Bench::new();
    assert!(!bench.visible());
    bench.ask(1);
    assert!(bench.visible());
    let allow = bench.button("_Allow");
    assert!(!allow.is_sensitive());
    bench.pass(499);
    assert!(!allow.is_sensitive());
    bench.send(Input::Press(Action::Allow));
    bench.send(Input::Close);
    assert!(bench.answers.borrow().is_empty());
    assert!(bench.visible());
    bench.pass(1);
    assert!(allow.is_sensitive());
    bench.send(Input::Focused);
    assert!(!allow.is_sensitive());
    bench.pass(500);
    allow.emit_clicked();
    settle();
    assert_eq!(bench.answers.borrow().len(), 1);
}

#[gtk::test]
fn neither_answer_has_the_focus_or_is_a_default() {
    let bench = Bench::new();
    bench.ask(1);
    bench.pass(600);
    let window = bench.prompt.widget();
    assert!(window.default_widget().is_none());
    let focus = GtkWindowExt::focus(window).unwrap();
    assert!(focus.is::<gtk::Box>(), "{focus:?} has the focus");
}

#[gtk::test]
fn the_answer_is_what_was_chosen() {
    let bench = Bench::new();
    bench.ask(1);
    bench.pass(600);
    bench.row("Applies To").set_selected(1);
    bench.row("Remember").set_selected(1);
    bench.button("_Allow").emit_clicked();
    settle();
    let expected = Answer {
        action: "allow".into(),
        scope: Some("program".into()),
        lifetime: Some("forever".into()),
    };
    assert_eq!(*bench.answers.borrow(), [(1, expected)]);
    assert!(
        bench.visible(),
        "it stays until the helper has taken the answer"
    );
    bench.button("_Deny").emit_clicked();
    settle();
    assert_eq!(bench.answers.borrow().len(), 1, "one question, one answer");
    bench.send(Input::Settled(1, Ok(())));
    assert!(!bench.visible());
}

#[gtk::test]
fn closing_denies_once() {
    let bench = Bench::new();
    bench.ask(1);
    bench.pass(600);
    bench.row("Remember").set_selected(1);
    bench.prompt.widget().close();
    settle();
    assert_eq!(*bench.answers.borrow(), [(1, question::deny_once())]);
    assert!(!bench.visible());
}

#[gtk::test]
fn closing_bothers_no_administrator() {
    let bench = Bench::new();
    let mut asked = question(1);
    asked.needs_administrator = true;
    bench.send(Input::Ask(Box::new(asked)));
    assert!(bench.shows("administrator"));
    bench.pass(600);
    bench.send(Input::Close);
    assert!(bench.answers.borrow().is_empty());
    assert!(!bench.visible());
}

#[gtk::test]
fn questions_are_shown_one_after_another_each_with_its_own_half_second() {
    let bench = Bench::new();
    bench.ask(1);
    bench.ask(2);
    bench.ask(3);
    bench.pass(600);
    assert!(bench.shows("program1") && bench.shows("2 more are waiting"));
    bench.button("_Deny").emit_clicked();
    settle();
    bench.send(Input::Settled(1, Ok(())));
    assert!(bench.shows("program2") && bench.shows("1 more is waiting"));
    assert!(!bench.button("_Allow").is_sensitive());
    bench.send(Input::Withdraw(2));
    assert!(bench.shows("program3"));
    bench.send(Input::Clear);
    assert!(!bench.visible());
}

#[gtk::test]
fn an_answer_that_is_refused_can_be_given_again() {
    let bench = Bench::new();
    bench.ask(1);
    bench.pass(600);
    bench.send(Input::Press(Action::Allow));
    bench.send(Input::Settled(
        1,
        Err(Failure::Refused("Wrong password.".into())),
    ));
    assert!(bench.visible() && bench.shows("Wrong password."));
    bench.pass(500);
    assert!(bench.button("_Allow").is_sensitive());
}

#[gtk::test]
fn a_question_that_is_over_goes_by_itself() {
    let bench = Bench::new();
    bench.ask(1);
    bench.pass(30_000);
    assert!(bench.shows("30 seconds"));
    bench.pass(30_000 + GRACE_MILLIS);
    assert!(!bench.visible());
    assert!(bench.answers.borrow().is_empty());
}

#[gtk::test]
fn what_programs_say_of_themselves_is_no_markup() {
    let bench = Bench::new();
    bench.ask(1);
    assert!(bench.shows("--fetch <b>"));
}
