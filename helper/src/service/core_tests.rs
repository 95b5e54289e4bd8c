use std::fs;

use bastion_ipc::wire::WireRule;
use bastion_policy::settings::Mode;

use super::*;
use crate::bus::{Backend as _, Caller};
use crate::queue::Waker;
use crate::sockets::Destroyer;
use crate::store::{EventLog, Paths, testing};

/// The service over these files, with an engine that does nothing.
fn core(paths: &Paths) -> Core {
    let (engine, commands) = EngineHandle::new(Waker::new().unwrap());
    std::thread::spawn(move || commands.into_iter().for_each(drop));
    let (decided, _) = tokio::sync::mpsc::channel(1);
    let (ending, _) = Ending::new(decided.downgrade(), Arc::new(Destroyer::default()));
    let core = Core::new(
        engine,
        KernelSide::without_programs(),
        0,
        RuleStore::open(paths),
        SettingsStore::open(paths),
        Ledger::new(EventLog::open(&paths.log)),
        ending,
    );
    core.apply();
    core
}

fn add(core: &Core, name: &str) -> RuleId {
    add_by(core, name, None)
}

/// Adds a rule that says it has this creator.
fn add_by(core: &Core, name: &str, creator: Option<&str>) -> RuleId {
    let rule = WireRule {
        name: name.into(),
        action: "allow".into(),
        creator: creator.map(str::to_owned),
        ..WireRule::default()
    };
    let caller = Caller {
        uid: 0,
        session: None,
    };
    core.add_rule(&rule, &caller).unwrap()
}

/// Changes a file as an editor does: the new one takes the place of the old one as a whole.
fn edit(path: &std::path::Path, change: impl FnOnce(String) -> String) {
    let text = change(fs::read_to_string(path).unwrap());
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

fn names(core: &Core) -> Vec<String> {
    let rules = core.in_force();
    let mut names: Vec<_> = rules.rules().map(|rule| rule.spec().name.clone()).collect();
    names.sort();
    names
}

#[test]
fn a_new_rule_was_imported_or_made_by_whoever_adds_it_for_good() {
    let (_root, paths) = testing::paths();
    let core = core(&paths);
    for (said, creator) in [
        (None, "0"),
        (Some("import"), "import"),
        (Some("factory"), "0"),
        (Some("1000"), "0"),
    ] {
        let id = add_by(&core, "one", said).to_string();
        let made = || {
            let mut rules = core.rules(None).into_iter();
            rules.find(|rule| rule.id.as_ref() == Some(&id)).unwrap()
        };
        let rule = made();
        assert_eq!(rule.creator.as_deref(), Some(creator));
        let other = if creator == "import" { "0" } else { "import" };
        let replacing = WireRule {
            note: Some("changed".into()),
            creator: Some(other.into()),
            ..rule
        };
        core.replace_rule(&replacing).unwrap();
        let rule = made();
        assert_eq!(rule.note.as_deref(), Some("changed"));
        assert_eq!(rule.creator.as_deref(), Some(creator));
    }
}

#[test]
fn a_change_undoes_no_edit_that_nobody_has_read_yet() {
    let (_root, paths) = testing::paths();
    let core = core(&paths);
    let id = add(&core, "added");
    edit(&paths.rules, |text| text.replace("\"added\"", "\"edited\""));
    edit(&paths.settings, |text| {
        text.replace("log_days = 30", "log_days = 90")
    });
    core.enable_rule(&id, false).unwrap();
    let rules = core.in_force();
    let spec = rules.get(&id).unwrap().spec();
    assert_eq!((spec.name.as_str(), spec.enabled), ("edited", false));
    core.set_mode(Mode::Learn).unwrap();
    let settings = core.settings();
    assert_eq!((settings.log_days, settings.mode), (90, Mode::Learn));
    core.reload();
    let stored = core.stored();
    assert!(stored.rules.rules().iter().eq(stored.in_force.rules()));
    assert_eq!(SettingsStore::open(&paths).settings(), &settings);
}

#[test]
fn a_change_that_fails_puts_an_edit_into_force_all_the_same() {
    let (_root, paths) = testing::paths();
    let core = core(&paths);
    let id = add(&core, "added");
    edit(&paths.rules, |text| text.replace("\"added\"", "\"edited\""));
    let absent = "absent".parse().unwrap();
    core.enable_rule(&absent, false).unwrap_err();
    let name = |core: &Core| core.in_force().get(&id).unwrap().spec().name.clone();
    assert_eq!(name(&core), "edited");
    // A broken file is left to who is at work on it.
    edit(&paths.rules, |text| text + "[[rule]]\n");
    core.enable_rule(&id, false).unwrap_err();
    assert_eq!(name(&core), "edited");
    assert!(
        fs::read_to_string(&paths.rules)
            .unwrap()
            .ends_with("[[rule]]\n")
    );
}

#[test]
fn changes_edits_and_reloads_at_the_same_time_lose_nothing() {
    const ROUNDS: usize = 10;
    const EACH: usize = 3;
    let (_root, paths) = testing::paths();
    let core = core(&paths);
    let mut expected = names(&core);
    let switched = add(&core, "switched");
    expected.push("switched".into());
    for round in 0..ROUNDS {
        let edited = format!("edited {round}");
        edit(&paths.rules, |text| {
            format!("{text}\n[[rule]]\nname = \"{edited}\"\naction = \"deny\"\n")
        });
        expected.push(edited);
        let name = |thread, number| format!("added {round} {thread} {number}");
        std::thread::scope(|scope| {
            let core = &core;
            for thread in 0..2 {
                scope.spawn(move || {
                    for number in 0..EACH {
                        add(core, &name(thread, number));
                    }
                });
            }
            scope.spawn(|| {
                for enabled in [false, true, false] {
                    core.enable_rule(&switched, enabled).unwrap();
                }
            });
            scope.spawn(|| (0..2 * EACH).for_each(|_| core.reload()));
        });
        expected.extend((0..2 * EACH).map(|n| name(n / EACH, n % EACH)));
    }
    expected.sort();
    assert_eq!(names(&core), expected);
    assert!(!core.in_force().get(&switched).unwrap().spec().enabled);
    let stored = RuleStore::open(&paths).rules();
    assert!(stored.iter().eq(core.in_force().rules()));
}
