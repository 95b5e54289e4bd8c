use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn name(number: u8) -> OwnedUniqueName {
    format!(":1.{number}").try_into().unwrap()
}

fn standing(uid: u32, presence: Presence, administrator: bool) -> Standing {
    Standing {
        uid,
        presence,
        administrator,
    }
}

fn id(number: u64) -> QuestionId {
    QuestionId(number)
}

#[test]
fn people_have_numbers_that_no_service_has() {
    assert_eq!(Owner::of(Some(1000)), Owner::User(1000));
    assert_eq!(Owner::of(Some(1_234_567_890)), Owner::User(1_234_567_890));
    for uid in [0, 33, 999, 61_184, 65_534, u32::MAX] {
        assert_eq!(Owner::of(Some(uid)), Owner::System, "{uid}");
    }
    assert_eq!(Owner::of(None), Owner::System);
}

#[test]
fn a_users_question_goes_to_the_session_on_the_screen_then_to_the_newest_agent() {
    let mut registry = Registry::default();
    let away = standing(1000, Presence::Away, false);
    let here = standing(1000, Presence::AtSeat, false);
    registry.register(name(1), here).unwrap();
    registry.register(name(2), here).unwrap();
    registry.register(name(3), away).unwrap();
    registry
        .register(name(4), standing(1001, Presence::AtSeat, true))
        .unwrap();
    registry.open(id(1), Owner::User(1000));
    assert_eq!(registry.put_to(id(1)), Some(&name(2)));
    for (leaving, next) in [(2, Some(1)), (1, Some(3)), (3, None)] {
        assert!(registry.leave(&name(leaving)));
        assert_eq!(registry.put_to(id(1)), next.map(name).as_ref());
    }
    registry.register(name(5), away).unwrap();
    assert_eq!(registry.put_to(id(1)), Some(&name(5)), "it waited for one");
}

#[test]
fn the_systems_questions_go_to_an_administrator_who_is_there() {
    let mut registry = Registry::default();
    registry.open(id(1), Owner::System);
    registry
        .register(name(1), standing(1000, Presence::AtSeat, false))
        .unwrap();
    registry
        .register(name(2), standing(1001, Presence::Away, true))
        .unwrap();
    assert_eq!(registry.put_to(id(1)), None);
    registry.set_presence(&name(2), Presence::Remote);
    assert_eq!(registry.put_to(id(1)), Some(&name(2)));
    registry.set_presence(&name(2), Presence::Away);
    assert_eq!(registry.put_to(id(1)), None);
}

#[test]
fn a_question_moves_only_when_its_session_leaves_the_screen() {
    let mut registry = Registry::default();
    registry
        .register(name(1), standing(1000, Presence::AtSeat, false))
        .unwrap();
    registry.open(id(1), Owner::User(1000));
    registry
        .register(name(2), standing(1000, Presence::AtSeat, false))
        .unwrap();
    assert_eq!(registry.put_to(id(1)), Some(&name(1)), "it is shown there");
    registry.set_presence(&name(1), Presence::Away);
    assert_eq!(registry.put_to(id(1)), Some(&name(2)));
}

#[test]
fn one_user_cannot_take_all_places() {
    let mut registry = Registry::default();
    let mine = standing(1000, Presence::AtSeat, false);
    for number in 0..MAX_PER_USER {
        registry.register(name(number as u8), mine).unwrap();
    }
    assert_eq!(registry.register(name(99), mine), Err(Full));
    assert_eq!(registry.register(name(0), mine), Ok(()), "it is in already");
    let other = standing(1001, Presence::AtSeat, false);
    assert_eq!(registry.register(name(98), other), Ok(()));
    registry.leave(&name(1));
    assert_eq!(registry.register(name(99), mine), Ok(()));
}

#[derive(Clone, Debug)]
enum Op {
    Register(u8, Standing),
    Leave(u8),
    SetPresence(u8, Presence),
    Open(u64, Owner),
    Close(u64),
}

fn presences() -> impl Strategy<Value = Presence> {
    prop_oneof![
        Just(Presence::Away),
        Just(Presence::Remote),
        Just(Presence::AtSeat),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let uids = 1000_u32..1003;
    let standings = (uids.clone(), presences(), any::<bool>())
        .prop_map(|(uid, presence, administrator)| standing(uid, presence, administrator));
    let owners = prop_oneof![Just(Owner::System), uids.prop_map(Owner::User)];
    prop_oneof![
        (0_u8..12, standings).prop_map(|(agent, standing)| Op::Register(agent, standing)),
        (0_u8..12).prop_map(Op::Leave),
        (0_u8..12, presences()).prop_map(|(agent, presence)| Op::SetPresence(agent, presence)),
        (0_u64..12, owners).prop_map(|(question, owner)| Op::Open(question, owner)),
        (0_u64..12).prop_map(Op::Close),
    ]
}

fn apply(registry: &mut Registry, open: &mut BTreeSet<u64>, op: Op) {
    match op {
        Op::Register(agent, standing) => {
            let _ = registry.register(name(agent), standing);
        }
        Op::Leave(agent) => {
            registry.leave(&name(agent));
        }
        Op::SetPresence(agent, presence) => registry.set_presence(&name(agent), presence),
        Op::Open(question, owner) => {
            registry.open(id(question), owner);
            open.insert(question);
        }
        Op::Close(question) => {
            let holder = registry.put_to(id(question)).cloned();
            assert_eq!(registry.close(id(question)), holder);
            open.remove(&question);
        }
    }
}

fn verify_invariants(registry: &Registry, open: &BTreeSet<u64>) {
    let known: BTreeSet<u64> = registry.questions.keys().map(|id| id.0).collect();
    assert_eq!(
        &known, open,
        "no question is lost, and none comes from nowhere"
    );
    let mut put = 0;
    for agent in registry.agents.keys() {
        for question in registry.put_to_agent(agent) {
            assert_eq!(registry.put_to(question), Some(agent));
            put += 1;
        }
    }
    for (id, question) in &registry.questions {
        let fitting: Vec<_> = registry
            .agents
            .iter()
            .filter(|(_, agent)| agent.standing.fits(question.owner))
            .collect();
        match registry.put_to(*id) {
            None => assert!(
                fitting.is_empty(),
                "it is put to somebody who fits, if any does"
            ),
            Some(holder) => {
                put -= 1;
                let (_, agent) = fitting
                    .iter()
                    .find(|(name, _)| *name == holder)
                    .expect("the holder is registered and fits");
                let somebody_is_there = fitting
                    .iter()
                    .any(|(_, agent)| agent.standing.presence != Presence::Away);
                assert!(agent.standing.presence != Presence::Away || !somebody_is_there);
            }
        }
    }
    assert_eq!(put, 0, "every question is put to at most one agent");
    assert!(registry.agents.len() <= MAX_AGENTS);
}

proptest! {
    #[test]
    fn every_question_is_with_one_fitting_agent_or_waits(ops in prop::collection::vec(ops(), 0..200)) {
        let mut registry = Registry::default();
        let mut open = BTreeSet::new();
        for op in ops {
            apply(&mut registry, &mut open, op);
            verify_invariants(&registry, &open);
        }
    }
}
