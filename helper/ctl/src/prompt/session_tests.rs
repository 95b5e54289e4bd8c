use super::*;

fn question(id: u64) -> Question {
    Question {
        id,
        program: format!("/usr/bin/p{id}"),
        deadline: 60_000,
        scopes: ["flow", "destination", "program"].map(String::from).into(),
        lifetimes: ["once", "forever"].map(String::from).into(),
        ..Question::default()
    }
}

fn asked(ids: &[u64]) -> Session {
    let mut session = Session::default();
    for id in ids {
        session.handle(Input::Ask(Box::new(question(*id))), 0);
    }
    session
}

fn keys(session: &mut Session, keys: &str, now: u64) -> Vec<Effect> {
    keys.chars()
        .flat_map(|key| session.handle(Input::Key(key), now))
        .collect()
}

fn answer(action: &str, scope: &str, lifetime: &str) -> Answer {
    Answer {
        action: action.into(),
        scope: Some(scope.into()),
        lifetime: Some(lifetime.into()),
    }
}

#[test]
fn questions_are_shown_one_after_the_other() {
    let mut session = Session::default();
    assert_eq!(
        session.handle(Input::Ask(Box::new(question(1))), 0),
        [Effect::Show]
    );
    assert_eq!(session.handle(Input::Ask(Box::new(question(2))), 0), []);
    assert_eq!(
        session.handle(Input::Ask(Box::new(question(2))), 0),
        [],
        "asked again"
    );
    assert_eq!(session.shown(0).unwrap().more, 1);
    let effects = session.handle(Input::Answered(1), 0);
    assert_eq!(effects, [Effect::Say("Answered.".into()), Effect::Show]);
    assert_eq!(session.shown(0).unwrap().question.id, 2);
}

/// The question with what was found out about its program.
fn inspected(id: u64, state: &str) -> Question {
    Question {
        details: Some(bastion_ipc::wire::Details {
            package: Some("p".into()),
            package_state: Some(state.into()),
            ..Default::default()
        }),
        ..question(id)
    }
}

#[test]
fn what_is_found_out_later_is_told_and_disturbs_nobody() {
    let mut session = asked(&[1, 2]);
    keys(&mut session, "sl", 1_000);
    let again = |id, state| Input::Ask(Box::new(inspected(id, state)));
    let told = [Effect::Found, Effect::Choices];
    assert_eq!(session.handle(again(1, "as-shipped"), 2_000), told);
    assert_eq!(session.handle(again(1, "as-shipped"), 2_000), [], "no news");
    assert_eq!(session.handle(again(2, "changed"), 2_000), [], "it waits");
    assert_eq!(
        keys(&mut session, "a", 2_000),
        [Effect::Answer(1, answer("allow", "destination", "forever"))]
    );
    session.handle(Input::Answered(1), 3_000);
    let shown = session.shown(3_000).unwrap().question;
    assert_eq!(*shown, inspected(2, "changed"));
}

#[test]
fn keys_typed_before_a_new_warning_could_be_read_do_nothing() {
    let mut session = asked(&[1]);
    session.handle(Input::Ask(Box::new(inspected(1, "changed"))), 5_000);
    assert_eq!(keys(&mut session, "a", 5_000 + GUARD - 1), []);
    assert_eq!(keys(&mut session, "a", 5_000 + GUARD).len(), 1);
}

#[test]
fn a_warning_is_told_though_no_fact_is_new() {
    let mut session = asked(&[1]);
    keys(&mut session, "sl", 1_000);
    let replaced = Question {
        replaced: true,
        ..question(1)
    };
    let told = [Effect::Found, Effect::Choices];
    let again = Input::Ask(Box::new(replaced.clone()));
    assert_eq!(session.handle(again.clone(), 5_000), told);
    assert_eq!(session.handle(again, 5_000), [], "no news");
    assert_eq!(keys(&mut session, "a", 5_000 + GUARD - 1), []);
    let answered = answer("allow", "destination", "forever");
    assert_eq!(
        keys(&mut session, "a", 5_000 + GUARD),
        [Effect::Answer(1, answered)]
    );
}

fn of_process(pid: u32) -> Input {
    Input::Ask(Box::new(Question {
        pid,
        arguments: vec![pid.to_string()],
        working_directory: format!("/{pid}"),
        parents: vec![format!("/usr/bin/{pid}")],
        ..inspected(1, "as-shipped")
    }))
}

#[test]
fn another_process_takes_the_place_of_one_and_disturbs_nobody() {
    let mut session = asked(&[1]);
    keys(&mut session, "sl", 1_000);
    assert_eq!(session.handle(of_process(77), 2_000), [Effect::Process]);
    assert_eq!(session.shown(2_000).unwrap().question.pid, 77);
    for pid in 78..100 {
        assert_eq!(
            session.handle(of_process(pid), 2_000),
            [],
            "it is told once"
        );
    }
    let allow = Effect::Answer(1, answer("allow", "destination", "forever"));
    assert_eq!(keys(&mut session, "a", 2_000), [allow]);
    assert_eq!(keys(&mut session, "?", 2_000), [Effect::Show]);
    assert_eq!(session.handle(of_process(100), 2_000), [Effect::Process]);
}

#[test]
fn a_question_that_changes_all_the_time_can_be_denied_and_put_off() {
    let mut session = asked(&[1, 2]);
    let deny = |scope| [Effect::Answer(1, answer("deny", scope, "once"))];
    assert_eq!(keys(&mut session, "dn", GUARD - 1), []);
    for round in 1..20 {
        let now = 400 * round;
        let changed = match round % 2 {
            0 => Question {
                replaced: round % 4 == 0,
                ..question(1)
            },
            // Even if it is another question but for its number.
            _ => Question {
                host: format!("host{round}.example"),
                ..question(1)
            },
        };
        session.handle(Input::Ask(Box::new(changed)), now);
        assert_eq!(keys(&mut session, "a", now), []);
        if now >= GUARD {
            assert_eq!(keys(&mut session, "d", now), deny("flow"));
        }
    }
    assert_eq!(keys(&mut session, "n", 400 * 20), [Effect::Show]);
    assert_eq!(session.shown(0).unwrap().question.id, 2);
    assert_eq!(keys(&mut session, "d", 400 * 20), [], "it is new");
}

#[test]
fn a_question_whose_answers_mean_something_else_is_shown_anew() {
    let mut session = asked(&[1]);
    keys(&mut session, "sl", 1_000);
    let other = Question {
        scopes: vec!["flow".into()],
        ..question(1)
    };
    let effects = session.handle(Input::Ask(Box::new(other)), 2_000);
    assert_eq!(effects, [Effect::Show]);
    assert_eq!(session.shown(2_000).unwrap().scope, "flow");
    assert_eq!(keys(&mut session, "a", 2_000), []);
}

#[test]
fn a_key_answers_with_the_narrowest_choices() {
    let mut session = asked(&[7]);
    assert_eq!(
        keys(&mut session, "a", 1_000),
        [Effect::Answer(7, answer("allow", "flow", "once"))]
    );
    assert_eq!(
        keys(&mut session, "d", 1_000),
        [Effect::Answer(7, answer("deny", "flow", "once"))]
    );
    assert_eq!(
        keys(&mut session, "x", 1_000),
        [Effect::Answer(7, answer("drop", "flow", "once"))]
    );
}

#[test]
fn choices_go_round_and_start_anew_for_the_next_question() {
    let mut session = asked(&[1, 2]);
    let effects = keys(&mut session, "ssla", 1_000);
    assert_eq!(
        effects.last(),
        Some(&Effect::Answer(1, answer("allow", "program", "forever")))
    );
    keys(&mut session, "sl", 1_000);
    assert_eq!(session.shown(0).unwrap().scope, "flow");
    assert_eq!(session.shown(0).unwrap().lifetime, "once");
    keys(&mut session, "s", 1_000);
    session.handle(Input::Answered(1), 1_000);
    assert_eq!(session.shown(0).unwrap().scope, "flow");
}

#[test]
fn keys_typed_before_a_question_could_be_read_do_nothing() {
    let mut session = asked(&[1, 2]);
    assert_eq!(keys(&mut session, "adxsl", GUARD - 1), []);
    session.handle(Input::Answered(1), 10_000);
    assert_eq!(keys(&mut session, "a", 10_000 + GUARD - 1), []);
    assert_eq!(keys(&mut session, "a", 10_000 + GUARD).len(), 1);
}

#[test]
fn other_keys_and_keys_without_a_question_do_nothing() {
    assert_eq!(keys(&mut asked(&[1]), "\n\u{1b}y AD1", 1_000), []);
    assert_eq!(keys(&mut Session::default(), "adxsln?", 1_000), []);
    assert_eq!(keys(&mut asked(&[1]), "q", 0), [Effect::Leave]);
}

#[test]
fn a_withdrawn_question_makes_room_for_the_next() {
    let mut session = asked(&[1, 2, 3]);
    let withdraw = |id| Input::Withdraw {
        id,
        reason: "timeout".into(),
    };
    assert_eq!(session.handle(withdraw(2), 0), [], "nobody saw it");
    let effects = session.handle(withdraw(1), 0);
    assert!(matches!(&effects[0], Effect::Say(text) if text.contains("/usr/bin/p1")));
    assert_eq!(effects[1], Effect::Show);
    assert_eq!(session.shown(0).unwrap().question.id, 3);
    assert_eq!(session.handle(withdraw(9), 0), []);
}

#[test]
fn a_refused_answer_leaves_the_question_open() {
    let mut session = asked(&[1]);
    let effects = session.handle(Input::Refused("No.".into()), 1_000);
    assert_eq!(effects, [Effect::Say("No.".into()), Effect::Choices]);
    assert_eq!(session.shown(0).unwrap().question.id, 1);
}

#[test]
fn questions_can_be_put_off() {
    let mut session = asked(&[1, 2]);
    assert_eq!(keys(&mut session, "n", 1_000), [Effect::Show]);
    assert_eq!(session.shown(0).unwrap().question.id, 2);
    assert_eq!(keys(&mut asked(&[1]), "n", 1_000), []);
}

#[test]
fn the_helpers_questions_leave_with_it() {
    let mut session = asked(&[1, 2]);
    session.handle(Input::HelperGone, 0);
    assert!(session.shown(0).is_none());
}

#[test]
fn a_question_without_choices_can_be_answered_too() {
    let mut session = Session::default();
    let bare = Question {
        id: 1,
        ..Question::default()
    };
    session.handle(Input::Ask(Box::new(bare)), 0);
    let effects = keys(&mut session, "slsa", 1_000);
    assert_eq!(
        effects.last(),
        Some(&Effect::Answer(1, answer("allow", "flow", "once")))
    );
}
