//! What the prompt tells the rest of the app.

use super::*;
use crate::model::notice::News;

impl Bench {
    /// Takes what was told since the last time.
    fn told(&self) -> Vec<Output> {
        self.others.take()
    }

    /// The numbers of question and notification of each that is shown.
    fn notified(&self) -> Vec<(u64, u64)> {
        let told = self.told();
        let notified = told.iter().filter_map(|output| match output {
            Output::Desktop(News::Notify { id, number, .. }) => Some((*id, *number)),
            _ => None,
        });
        notified.collect()
    }
}

#[gtk::test]
fn an_answer_from_a_notification_is_for_its_question_alone_and_for_once() {
    let bench = Bench::new();
    bench.ask(1);
    bench.ask(2);
    bench.pass(1_000);
    // Under test the window may have the focus, and then the first question is seen.
    let notified = bench.notified();
    let (id, number) = *notified.iter().find(|(id, _)| *id == 2).unwrap();
    bench.send(Input::Notified(id, number, Action::Allow));
    assert!(bench.answers.borrow().is_empty(), "before it can be read");
    assert!(matches!(bench.told()[..], [Output::Unanswered(_)]));
    bench.pass(1_000);
    let (id, number) = *bench.notified().last().unwrap();
    bench.pass(500);
    bench.send(Input::Notified(1, number, Action::Allow));
    assert!(bench.answers.borrow().is_empty(), "it told of another one");
    bench.send(Input::Notified(id, number, Action::Allow));
    bench.send(Input::Notified(id, number, Action::Allow));
    let once = question::once(Action::Allow);
    assert_eq!(*bench.answers.borrow(), [(2, once)]);
    assert!(bench.shows("program1"), "the window goes on with its own");
}

#[gtk::test]
fn a_notification_goes_with_its_question() {
    let bench = Bench::new();
    bench.ask(1);
    bench.ask(2);
    bench.pass(1_000);
    assert!(!bench.notified().is_empty());
    bench.send(Input::Clear);
    let told = bench.told();
    assert!(
        told.contains(&Output::Desktop(News::Withdraw(2))),
        "{told:?}"
    );
}

#[gtk::test]
fn what_a_notification_answered_can_not_be_pressed_as_well() {
    let bench = Bench::new();
    bench.ask(1);
    bench.ask(2);
    bench.pass(1_000);
    let (_, number) = *bench.notified().iter().find(|(id, _)| *id == 2).unwrap();
    bench.pass(500);
    bench.send(Input::Notified(2, number, Action::Deny));
    bench.send(Input::Withdraw(1));
    bench.pass(600);
    assert!(bench.shows("program2"));
    assert!(!bench.button("_Allow").is_sensitive());
    // It came to nothing, which is said, and then it can.
    bench.send(Input::Settled(2, Err(Failure::Down)));
    bench.pass(600);
    assert!(bench.button("_Allow").is_sensitive());
}

#[gtk::test]
fn why_it_is_asked_is_looked_up_once_and_only_when_somebody_wants_to_know() {
    let bench = Bench::new();
    let why = |told: Vec<Output>| {
        told.iter()
            .filter(|output| matches!(output, Output::Why(_)))
            .count()
    };
    bench.ask(1);
    bench.pass(600);
    assert_eq!(why(bench.told()), 0);
    let row: adw::ExpanderRow = find(
        bench.prompt.widget().upcast_ref(),
        &|row: &adw::ExpanderRow| row.title().starts_with("Why"),
    );
    row.set_expanded(true);
    settle();
    assert_eq!(why(bench.told()), 1);
    row.set_expanded(false);
    row.set_expanded(true);
    settle();
    assert_eq!(why(bench.told()), 0);
    let line = Line {
        title: "near".into(),
        text: "Does not fit".into(),
    };
    bench.send(Input::Near(7, Ok(vec![line.clone()])));
    assert!(!bench.shows("Does not fit"), "of another question");
    bench.send(Input::Near(1, Ok(vec![line])));
    assert!(bench.shows("Does not fit"));
    bench.send(Input::Withdraw(1));
    bench.ask(2);
    assert!(!row.is_expanded() && !bench.shows("Does not fit"));
}
