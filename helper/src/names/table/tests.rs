use proptest::prelude::*;

use super::super::resolution::Lease;
use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn resolution(names: &[&str], addresses: &[IpAddr], ttl: Duration) -> Resolution {
    let mut names = names.iter().map(|name| name.parse().unwrap());
    Resolution {
        asked: names.next(),
        targets: names.collect(),
        addresses: addresses
            .iter()
            .map(|&address| Lease { address, ttl })
            .collect(),
        by_neighbours: false,
    }
}

fn names(table: &Table, address: IpAddr, now: u64) -> Vec<String> {
    let names = table.of(address, at(now));
    names.iter().map(ToString::to_string).collect()
}

const SHORTEST_MILLIS: u64 = SHORTEST.as_millis() as u64;
const LONGEST_MILLIS: u64 = LONGEST.as_millis() as u64;

#[test]
fn the_name_that_was_asked_for_comes_first_then_the_latest() {
    let here = ip("192.0.2.1");
    let mut table = Table::new();
    let aliased = resolution(
        &["www.example", "edge.example", "host.example"],
        &[here],
        SHORTEST,
    );
    assert_eq!(table.learn(&aliased, at(0)), BTreeSet::from([here]));
    let other = resolution(&["other.example", "host.example"], &[here], SHORTEST);
    assert_eq!(table.learn(&other, at(0)), BTreeSet::from([here]));
    assert_eq!(
        names(&table, here, 0),
        [
            "other.example",
            "www.example",
            "host.example",
            "edge.example"
        ]
    );
    // Nothing is new, but the order is.
    assert_eq!(table.learn(&aliased, at(0)), BTreeSet::new());
    assert_eq!(
        names(&table, here, 0),
        [
            "www.example",
            "other.example",
            "edge.example",
            "host.example"
        ]
    );
    assert_eq!(names(&table, ip("192.0.2.2"), 0), [""; 0]);
}

#[test]
fn a_name_lives_as_long_as_its_answer_says_within_limits() {
    let here = ip("192.0.2.1");
    let hour = 3_600_000;
    for (seconds, life) in [
        (0, SHORTEST_MILLIS),
        (3_600, hour),
        (u64::from(u32::MAX), LONGEST_MILLIS),
    ] {
        let mut table = Table::new();
        let resolution = resolution(&["a.example"], &[here], Duration::from_secs(seconds));
        table.learn(&resolution, at(1_000));
        assert_eq!(names(&table, here, 999 + life), ["a.example"]);
        assert_eq!(table.tick(at(999 + life)), BTreeSet::new());
        assert_eq!(names(&table, here, 1_000 + life), [""; 0]);
        assert_eq!(table.tick(at(1_000 + life)), BTreeSet::from([here]));
        assert_eq!(table.len(), 0);
    }
}

#[test]
fn a_shorter_answer_takes_nothing_from_a_longer_one() {
    let here = ip("2001:db8::1");
    let mut table = Table::new();
    table.learn(&resolution(&["a.example"], &[here], LONGEST), at(0));
    table.learn(&resolution(&["a.example"], &[here], SHORTEST), at(10));
    assert_eq!(names(&table, here, LONGEST_MILLIS - 1), ["a.example"]);
}

#[test]
fn a_name_that_comes_back_after_its_time_is_new() {
    let here = ip("192.0.2.1");
    let mut table = Table::new();
    let short = resolution(&["a.example"], &[here], SHORTEST);
    table.learn(&short, at(0));
    assert_eq!(
        table.learn(&short, at(SHORTEST_MILLIS - 1)),
        BTreeSet::new()
    );
    let over = 2 * SHORTEST_MILLIS;
    assert_eq!(table.learn(&short, at(over)), BTreeSet::from([here]));
}

#[test]
fn the_address_that_was_looked_up_longest_ago_makes_room() {
    let address = |n: usize| IpAddr::V4(u32::try_from(0x0a00_0000 + n).unwrap().into());
    let mut table = Table::new();
    let learn = |table: &mut Table, n| {
        table.learn(&resolution(&["a.example"], &[address(n)], LONGEST), at(0))
    };
    for n in 0..ADDRESSES {
        assert_eq!(learn(&mut table, n), BTreeSet::from([address(n)]));
    }
    assert_eq!(learn(&mut table, 0), BTreeSet::new());
    // Who lost a name is told of as well.
    let changed = learn(&mut table, ADDRESSES);
    assert_eq!(changed, BTreeSet::from([address(1), address(ADDRESSES)]));
    assert_eq!(table.len(), ADDRESSES);
    assert_eq!(names(&table, address(0), 0), ["a.example"]);
    assert_eq!(names(&table, address(1), 0), [""; 0]);
}

#[test]
fn of_many_names_those_behind_others_go_first() {
    let here = ip("192.0.2.1");
    let mut table = Table::new();
    let kept = ["first.example", "target.example"];
    table.learn(&resolution(&kept, &[here], LONGEST), at(0));
    for n in 2..=NAMES {
        let name = format!("n{n}.example");
        table.learn(&resolution(&[&name], &[here], LONGEST), at(0));
    }
    let known = names(&table, here, 0);
    assert_eq!(known.len(), NAMES);
    assert_eq!(known.last().map(String::as_str), Some("first.example"));
    table.learn(&resolution(&["last.example"], &[here], LONGEST), at(0));
    let known = names(&table, here, 0);
    assert_eq!(known.len(), NAMES);
    assert!(!known.contains(&"first.example".to_owned()));
}

/// What one name of one address amounts to, in the simplest form that could be right.
#[derive(Clone, Debug)]
struct Fact {
    address: IpAddr,
    name: String,
    asked: bool,
    order: usize,
    until: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Learn(Vec<u8>, Vec<u8>, u64),
    Wait(u64),
    Tick,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Some of five, each once, in any order.
    let few = |most: usize| {
        let all = Just(vec![0, 1, 2, 3, 4]).prop_shuffle();
        (all, 1..=most).prop_map(|(mut all, count)| {
            all.truncate(count);
            all
        })
    };
    let step = prop_oneof![
        4 => (few(4), few(2), 0..4u64).prop_map(|(n, a, hours)| Step::Learn(n, a, hours)),
        2 => (1..150u64).prop_map(Step::Wait),
        1 => Just(Step::Tick),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    /// The model is a list of facts that is never cleaned up and never full.
    #[test]
    fn the_table_says_what_a_list_of_facts_says(steps in steps()) {
        let mut table = Table::new();
        let mut facts: Vec<Fact> = Vec::new();
        let mut now = 0;
        let mut order = 0;
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        let known = |facts: &[Fact], of: IpAddr, now: u64| {
            let mut known: Vec<_> = facts
                .iter()
                .filter(|fact| fact.address == of && fact.until > now)
                .cloned()
                .collect();
            known.sort_by_key(|fact| (!fact.asked, std::cmp::Reverse(fact.order)));
            known.into_iter().map(|fact| fact.name).collect::<Vec<_>>()
        };
        let mut told = 0;
        for step in steps {
            match step {
                Step::Wait(minutes) => now += minutes * 60_000,
                Step::Tick => {
                    let lost: BTreeSet<_> = facts
                        .iter()
                        .filter(|fact| fact.until <= now && fact.until > told)
                        .map(|fact| fact.address)
                        .collect();
                    let changed = table.tick(at(now));
                    // One that was learned anew meanwhile was told of then.
                    prop_assert!(changed.is_subset(&lost));
                    told = now;
                }
                Step::Learn(names, addresses, hours) => {
                    let texts: Vec<_> = names.iter().map(|n| format!("n{n}.example")).collect();
                    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
                    let addresses: Vec<_> = addresses.into_iter().map(address).collect();
                    let ttl = Duration::from_hours(hours);
                    let mut expected = BTreeSet::new();
                    let until = now + (hours * 3_600_000).clamp(SHORTEST_MILLIS, LONGEST_MILLIS);
                    for of in &addresses {
                        for (n, name) in texts.iter().enumerate().rev() {
                            order += 1;
                            let is = |fact: &Fact| fact.address == *of && fact.name == *name;
                            let old = facts.iter().find(|fact| is(fact) && fact.until > now);
                            if old.is_none() {
                                expected.insert(*of);
                            }
                            let fact = Fact {
                                address: *of,
                                name: (*name).to_owned(),
                                asked: n == 0 || old.is_some_and(|old| old.asked),
                                order,
                                until: until.max(old.map_or(0, |old| old.until)),
                            };
                            facts.retain(|fact| !is(fact));
                            facts.push(fact);
                        }
                    }
                    let resolution = resolution(&texts, &addresses, ttl);
                    prop_assert_eq!(table.learn(&resolution, at(now)), expected);
                }
            }
            for n in 0..5 {
                prop_assert_eq!(names(&table, address(n), now), known(&facts, address(n), now));
            }
        }
    }
}
