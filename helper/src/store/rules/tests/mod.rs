mod broken;
mod changes;
mod random;

use std::fs;

use bastion_policy::file::record;
use bastion_policy::text::RuleText;

use super::*;
use crate::store::testing;

fn rule(id: &str, lines: &str) -> Rule {
    let text = format!("version = 1\n[[rule]]\nid = \"{id}\"\nname = \"{id}\"\n{lines}");
    let parsed = parse::rules(&text, Place::Permanent);
    let parsed = parsed.or_else(|_| parse::rules(&text, Place::Runtime));
    parsed.unwrap().remove(0)
}

fn allow(id: &str) -> Rule {
    rule(id, "action = \"allow\"\nprogram = \"/usr/bin/curl\"")
}

fn id(text: &str) -> RuleId {
    text.parse().unwrap()
}

fn names(store: &RuleStore) -> Vec<String> {
    let rules = store.rules();
    rules.iter().map(|rule| rule.id().to_string()).collect()
}

/// A store whose permanent file says `text`.
fn store(text: &str) -> (tempfile::TempDir, Paths, RuleStore) {
    let (root, paths) = testing::paths();
    fs::write(&paths.rules, text).unwrap();
    let store = RuleStore::open(&paths);
    assert_eq!(store.troubles(), Vec::<String>::new());
    (root, paths, store)
}

fn permanent(paths: &Paths) -> String {
    fs::read_to_string(&paths.rules).unwrap()
}

const TWO: &str = r#"# My rules
version = 1   # never change

# about browsers

# Firefox, because
[[rule]]
action = "deny"  # for now
name = 'Firefox'
program = "/usr/bin/firefox"
ports = "443, 80"
protocol = "tcp"
id = "firefox"

# curl
[[rule]]
name = "curl"
id = "curl"
action = "allow"

# the end
"#;

#[test]
fn the_first_start_makes_the_factory_rules() {
    let (_root, paths) = testing::paths();
    let store = RuleStore::open(&paths);
    assert_eq!(store.troubles(), Vec::<String>::new());
    assert_eq!(permanent(&paths), FACTORY_RULES);
    assert!(!paths.runtime_rules.exists());
    let rules = store.rules();
    assert!(rules.len() >= 10);
    for rule in &rules {
        let spec = rule.spec();
        assert!(rule.id().as_str().starts_with("factory-"), "{rule:?}");
        assert_eq!(spec.priority.to_string(), "factory", "{rule:?}");
        assert_eq!(spec.creator.to_string(), "factory", "{rule:?}");
        assert_eq!(spec.action.to_string(), "allow", "{rule:?}");
        assert!(spec.note.len() > 40, "{rule:?}");
        // Only a rule that is switched off may be for every program.
        assert!(
            !spec.enabled || spec.program.to_string() != "any",
            "{rule:?}"
        );
        assert!(spec.protocol.to_string() != "any", "{rule:?}");
    }
    RuleSet::new(rules).unwrap();
}

#[test]
fn every_rule_the_explanation_shows_makes_sense() {
    let commented = FACTORY_RULES
        .lines()
        .skip_while(|l| !l.starts_with("#   [[rule]]"));
    let example = commented.take_while(|line| *line != "#");
    let lines: Vec<_> = example
        .map(|line| line.trim_start_matches("#   "))
        .collect();
    let text = format!("version = 1\n{}\n", lines.join("\n"));
    let rules = parse::rules(&text, Place::Permanent).unwrap();
    assert_eq!(rules.len(), 1);
    let explained = lines.iter().filter_map(|line| line.split_once(" = "));
    let explained: HashSet<_> = explained.map(|(field, _)| field).collect();
    for (field, _) in record::fields(&RuleText::from(&rules[0])) {
        let helpers_own = ["id", "creator", "created"].contains(&field);
        assert!(helpers_own || explained.contains(field), "{field}");
    }
}

#[test]
fn a_rule_without_an_id_gets_one_that_lasts() {
    let text = "version = 1\n[[rule]]\nname = \"a\"\naction = \"deny\"\nports = 443\n\
                [[rule]]\nname = \"b\"\naction = \"deny\"\ncreated = 2026-11-24T10:00:00Z\n";
    let (_root, paths, mut store) = store(text);
    let before = store.rules();
    let ids: Vec<_> = before.iter().map(|rule| rule.id().clone()).collect();
    // The same in every version of Bastion: hits and the app know the rule by it.
    assert_eq!(ids[0].as_str(), "hand-5d213df6bb0282c5");
    let noted = text.replace(
        "ports = 443",
        "ports = \"443\"\nnote = \"x\"\nenabled = false",
    );
    fs::write(&paths.rules, noted).unwrap();
    store.reload();
    assert_eq!(store.rules()[0].id(), &ids[0]);
    // When Bastion changes such a rule, it writes its id down.
    let mut spec = before[0].spec().clone();
    spec.name = "c".into();
    store
        .replace(&Rule::new(ids[0].clone(), spec).unwrap())
        .unwrap();
    assert_eq!(permanent(&paths).matches("id = ").count(), 1);
    let read = RuleStore::open(&paths).rules();
    assert_eq!(read[0].id(), &ids[0]);
    assert_eq!(read[0].spec().name, "c");
    store.remove(&ids).unwrap();
    assert_eq!(store.rules(), []);
}

#[test]
fn no_id_is_used_twice() {
    let one = "[[rule]]\nname = \"a\"\naction = \"deny\"\n";
    let twice = format!("version = 1\n{one}{one}");
    let error = parse::rules(&twice, Place::Permanent).unwrap_err();
    assert!(error.problem.contains("line 2 says the same"), "{error}");
    assert_eq!(error.line, 5);
    let named = twice.replace("name", "id = \"x\"\nname");
    let error = parse::rules(&named, Place::Permanent).unwrap_err();
    assert!(error.problem.contains("line 2 has the same id"), "{error}");
    assert_eq!((error.line, error.column), (7, 6));

    let (_root, paths, store) = store(TWO);
    drop(store);
    let text = "version = 1\n[[rule]]\nid = \"curl\"\nname = \"x\"\naction = \"deny\"\n\
                lifetime = \"restart\"\n";
    fs::write(&paths.runtime_rules, text).unwrap();
    let store = RuleStore::open(&paths);
    assert_eq!(names(&store), ["firefox", "curl"]);
    assert!(store.troubles()[0].contains("“curl”"));
    assert_eq!(store.rules()[1].spec().action.to_string(), "allow");
}

#[test]
fn tens_of_thousands_of_rules_are_fine_and_too_many_are_refused() {
    let (_root, paths, mut store) = store(TWO);
    let many: Vec<_> = (0..20_000).map(|n| allow(&format!("r{n}"))).collect();
    store.upsert(&many).unwrap();
    assert_eq!(store.rules().len(), 20_002);
    let started = RuleStore::open(&paths);
    assert_eq!(started.troubles(), Vec::<String>::new());
    assert_eq!(started.rules(), store.rules());
    let more = |count: usize, note: &str| -> Vec<_> {
        let mut spec = many[0].spec().clone();
        spec.note = note.into();
        let rules = (0..count).map(|n| Rule::new(id(&format!("x{n}")), spec.clone()).unwrap());
        rules.collect()
    };
    let error = store.upsert(&more(RuleSet::MAX_RULES, "")).unwrap_err();
    assert!(
        matches!(error, StoreError::TooManyRules { count: 120_002, .. }),
        "{error}"
    );
    let error = store.upsert(&more(5_000, &"x".repeat(2_000))).unwrap_err();
    assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
    assert_eq!(store.rules().len(), 20_002);
}

#[test]
fn the_fields_are_those_of_a_rules_text_form() {
    let text = RuleText {
        started_by: "/a".into(),
        note: "x".into(),
        created: "2026-11-24T10:00:00Z".into(),
        ..RuleText::from(&allow("a"))
    };
    let ours: Vec<_> = record::fields(&text)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let theirs = toml_edit::ser::to_document(&text).unwrap();
    let theirs: Vec<_> = theirs.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(ours, theirs);
}
