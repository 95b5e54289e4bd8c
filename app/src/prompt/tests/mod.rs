mod spoken;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use bastion_ipc::wire::Details;
use relm4::ComponentController as _;

use super::*;
use crate::testing::{self, find, settle};

/// A prompt with a clock that stands still unless it is moved.
struct Bench {
    prompt: relm4::component::Controller<Prompt>,
    steady: Rc<Cell<Duration>>,
    wall: Rc<Cell<u64>>,
    answers: Rc<RefCell<Vec<(u64, Answer)>>>,
    others: Rc<RefCell<Vec<Output>>>,
}

impl Bench {
    fn new() -> Self {
        adw::init().unwrap();
        let steady = Rc::new(Cell::new(Duration::from_secs(100)));
        let wall = Rc::new(Cell::new(1_000_000));
        let answers = Rc::new(RefCell::new(Vec::new()));
        let others = Rc::new(RefCell::new(Vec::new()));
        let (s, w) = (steady.clone(), wall.clone());
        let (a, o) = (answers.clone(), others.clone());
        let clock = Clock {
            steady: Rc::new(move || s.get()),
            wall: Rc::new(move || w.get()),
        };
        let prompt = Prompt::builder()
            .launch((clock, AppSettings::none()))
            .connect_receiver(move |_, output| match output {
                Output::Answer(id, answer) => a.borrow_mut().push((id, answer)),
                other => o.borrow_mut().push(other),
            });
        Self {
            prompt,
            steady,
            wall,
            answers,
            others,
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

    /// What the row of this title says; `None` when there is no such row.
    fn fact(&self, title: &str) -> Option<String> {
        let row = find(
            self.prompt.widget().upcast_ref(),
            &|row: &adw::ActionRow| row.title() == title,
        );
        let said = row.subtitle().map(String::from);
        said.filter(|_| row.get_visible())
    }

    fn details(&self) -> adw::ExpanderRow {
        find(
            self.prompt.widget().upcast_ref(),
            &|_: &adw::ExpanderRow| true,
        )
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

/// The question with what was found out about its program.
fn inspected(id: u64, details: Details) -> Input {
    Input::Ask(Box::new(Question {
        details: Some(details),
        ..question(id)
    }))
}

fn package(state: &str) -> Details {
    Details {
        package: Some("curl".into()),
        package_version: Some("8.14.1-2".into()),
        package_state: Some(state.into()),
        ..Details::default()
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
    assert_eq!(*bench.answers.borrow(), [(1, question::once(Action::Deny))]);
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

#[gtk::test]
fn what_is_known_of_the_program_has_rows_and_the_rest_has_none() {
    let bench = Bench::new();
    bench.send(inspected(1, package("as-shipped")));
    let row = bench.fact("Package");
    assert_eq!(row.as_deref(), Some("curl 8.14.1-2 (as shipped)"));
    assert_eq!(bench.fact("Systemd Unit"), None);
    assert_eq!(bench.fact("Script"), None);
    assert_eq!(bench.fact("Container"), None);
    bench.send(Input::Withdraw(1));
    bench.ask(2);
    assert_eq!(bench.fact("Package"), None);
}

#[gtk::test]
fn a_changed_file_is_warned_of_without_opening_anything() {
    let bench = Bench::new();
    bench.send(inspected(1, package("changed")));
    assert!(!bench.details().is_expanded());
    let warning: gtk::Label = find(bench.prompt.widget().upcast_ref(), &|label: &gtk::Label| {
        label.label().contains("was changed since")
    });
    assert!(warning.is_mapped());
}

#[gtk::test]
fn applications_have_their_name_and_the_path_stays() {
    let bench = Bench::new();
    bench.send(inspected(
        1,
        Details {
            desktop_entry: Some("org.example.Reader.desktop".into()),
            name: Some("News Reader".into()),
            icon: Some("news-reader".into()),
            ..Details::default()
        },
    ));
    assert!(bench.shows("News Reader Wants to Connect"));
    assert_eq!(bench.fact("Program").as_deref(), Some("/usr/bin/program1"));
}

#[gtk::test]
fn what_becomes_known_later_leaves_everything_as_it_is() {
    let bench = Bench::new();
    bench.ask(1);
    bench.pass(600);
    bench.row("Remember").set_selected(1);
    bench.details().set_expanded(true);
    let allow = bench.button("_Allow");
    allow.grab_focus();
    bench.send(inspected(1, package("as-shipped")));
    assert!(bench.fact("Package").is_some());
    assert_eq!(bench.row("Remember").selected(), 1);
    assert!(bench.details().is_expanded());
    assert!(allow.is_sensitive() && allow.is_focus());
    // Another process waits now for the same answer.
    let mut other = question(1);
    other.pid = 77;
    bench.send(Input::Ask(Box::new(other)));
    assert_eq!(bench.fact("Process").as_deref(), Some("77"));
    assert_eq!(bench.row("Remember").selected(), 1);
    assert!(bench.details().is_expanded());
    assert!(allow.is_sensitive() && allow.is_focus());
}

#[gtk::test]
fn a_question_that_changes_all_the_time_can_be_answered() {
    let bench = Bench::new();
    bench.ask(1);
    bench.pass(400);
    assert!(!bench.button("_Deny").is_sensitive());
    for pid in 2..10 {
        let mut other = question(1);
        other.pid = pid;
        bench.send(Input::Ask(Box::new(other)));
        bench.pass(400);
        assert!(bench.button("_Allow").is_sensitive());
        assert!(bench.button("_Deny").is_sensitive());
    }
    // Where Allow would mean something else each time, it can be denied.
    for changed in 2..10 {
        let mut other = question(1);
        other.replaced = changed % 2 == 0;
        other.host = format!("host{}.example.org", changed / 4);
        bench.send(Input::Ask(Box::new(other)));
        bench.pass(400);
        assert!(!bench.button("_Allow").is_sensitive());
        assert!(bench.button("_Deny").is_sensitive());
    }
    bench.button("_Deny").emit_clicked();
    settle();
    let answers = bench.answers.borrow();
    assert_eq!((answers.len(), answers[0].1.action.as_str()), (1, "deny"));
}

#[gtk::test]
fn a_warning_that_comes_later_has_a_half_second_of_its_own() {
    let bench = Bench::new();
    bench.ask(1);
    bench.pass(600);
    bench.row("Remember").set_selected(1);
    let allow = bench.button("_Allow");
    allow.grab_focus();
    bench.send(inspected(1, package("changed")));
    assert!(!allow.is_sensitive());
    assert_eq!(bench.row("Remember").selected(), 1);
    bench.pass(500);
    assert!(allow.is_sensitive() && allow.is_focus());
}
