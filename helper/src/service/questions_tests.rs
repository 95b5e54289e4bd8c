use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::pending::QuestionKey;
use bastion_policy::process::{Evidence, Executable, Identity, ProcessKey};
use bastion_policy::rule::Action;
use bastion_policy::time::Timestamp;

use super::*;

fn question(id: u64, pid: Option<u32>) -> Question {
    let identity = pid.map_or(Identity::Kernel, |pid| {
        Identity::Process(Arc::new(Process {
            key: ProcessKey { pid, start_time: 7 },
            uid: 1000,
            executable: Executable {
                path: "/usr/bin/curl".parse().unwrap(),
                file: None,
                replaced: false,
            },
            arguments: Vec::new(),
            working_directory: String::new(),
            cgroup: String::new(),
            app: None,
            parents: Vec::new(),
            evidence: Evidence::PacketPath,
            execs: None,
        }))
    });
    let flow = Flow {
        protocol: Protocol::Tcp,
        source: "192.0.2.1".parse().unwrap(),
        source_port: 40_000,
        destination: "192.0.2.2".parse().unwrap(),
        destination_port: 443,
        hosts: Vec::new(),
    };
    Question {
        id: QuestionId(id),
        key: QuestionKey::new(&flow, &identity),
        flow,
        identity,
        opened: Timestamp::from_millis(1_000),
        deadline: Timestamp::from_millis(61_000),
        otherwise: Action::Deny,
    }
}

fn pid(put: &Put) -> Option<u32> {
    let process = put.asked.question.identity.process()?;
    Some(process.key.pid)
}

/// The number of the look-up that a question waits for.
fn look_up(next: Next) -> u64 {
    match next {
        Next::LookUp(turn, _) => turn,
        Next::Put(put) => panic!("{put:?} does not wait"),
    }
}

const ONE: QuestionId = QuestionId(1);

#[test]
fn a_question_waits_for_its_details_but_not_for_long() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    let turn = look_up(desk.opened(question(1, Some(42)), now + PATIENCE));
    assert_eq!(desk.due(), Some(now + PATIENCE));
    assert!(desk.take_due(now).is_empty());
    let put = desk.looked_up(ONE, turn, Some(Details::default())).unwrap();
    assert!(put.first && put.asked.details.is_some());
    assert_eq!(desk.due(), None);
    assert!(
        desk.looked_up(ONE, turn, Some(Details::default()))
            .is_none()
    );

    let turn = look_up(desk.opened(question(1, Some(42)), now + PATIENCE));
    let put = desk.take_due(now + PATIENCE);
    assert_eq!(put.len(), 1);
    assert!(put[0].first && put[0].asked.details.is_none());
    assert!(desk.take_due(now + PATIENCE).is_empty(), "it is put once");
    let put = desk.looked_up(ONE, turn, Some(Details::default())).unwrap();
    assert!(!put.first && put.asked.details.is_some());
    assert!(desk.waiting.is_empty());
}

#[test]
fn a_look_up_that_fails_holds_nothing_up() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    let turn = look_up(desk.opened(question(1, Some(42)), now + PATIENCE));
    let put = desk.looked_up(ONE, turn, None).unwrap();
    assert!(put.first && put.asked.details.is_none());
    let turn = look_up(desk.opened(question(1, Some(42)), now));
    assert_eq!(desk.take_due(now).len(), 1);
    assert!(desk.looked_up(ONE, turn, None).is_none(), "nothing is new");
    assert!(desk.waiting.is_empty());
}

#[test]
fn what_is_no_process_does_not_wait() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    // It was one before.
    let turn = look_up(desk.opened(question(1, Some(42)), now));
    match desk.opened(question(1, None), now) {
        Next::Put(put) => assert!(put.first && put.asked.details.is_none()),
        Next::LookUp(..) => panic!("there is nothing to look up"),
    }
    assert!(
        desk.looked_up(ONE, turn, Some(Details::default()))
            .is_none()
    );
    assert_eq!(desk.due(), None);
}

#[test]
fn details_of_one_process_are_not_told_of_another() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    let first = look_up(desk.opened(question(1, Some(42)), now));
    let second = look_up(desk.opened(question(1, Some(43)), now));
    assert!(
        desk.looked_up(ONE, first, Some(Details::default()))
            .is_none()
    );
    let put = desk
        .looked_up(ONE, second, Some(Details::default()))
        .unwrap();
    assert_eq!(pid(&put), Some(43));
}

#[test]
fn a_closed_question_is_not_opened_again() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    let turn = look_up(desk.opened(question(1, Some(42)), now));
    desk.closed(ONE);
    assert!(desk.take_due(now).is_empty());
    assert!(
        desk.looked_up(ONE, turn, Some(Details::default()))
            .is_none()
    );
}

#[test]
fn a_question_that_changes_all_the_time_is_put_when_it_was_due_at_first() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    look_up(desk.opened(question(1, Some(42)), now + PATIENCE));
    for pid in 43..50 {
        let due = now + PATIENCE * (pid - 40);
        look_up(desk.opened(question(1, Some(pid)), due));
        assert_eq!(desk.due(), Some(now + PATIENCE));
    }
    let put = desk.take_due(now + PATIENCE);
    assert_eq!(put.iter().map(pid).collect::<Vec<_>>(), [Some(49)]);
    assert!(put[0].first);

    // Once it was put, a change is told soon as well, but it is not the first time.
    let due = now + PATIENCE * 2;
    look_up(desk.opened(question(1, Some(50)), due));
    let turn = look_up(desk.opened(question(1, Some(51)), due + PATIENCE));
    assert_eq!(desk.due(), Some(due));
    let put = desk.take_due(due);
    assert_eq!(put.iter().map(pid).collect::<Vec<_>>(), [Some(51)]);
    assert!(!put[0].first);
    let put = desk.looked_up(ONE, turn, Some(Details::default())).unwrap();
    assert!(!put.first && put.asked.details.is_some());

    // A look-up that fails does not keep another process from being told.
    look_up(desk.opened(question(1, Some(52)), due));
    desk.take_due(due);
    let turn = look_up(desk.opened(question(1, Some(53)), due));
    let put = desk.looked_up(ONE, turn, None).unwrap();
    assert_eq!((pid(&put), put.first), (Some(53), false));
}
