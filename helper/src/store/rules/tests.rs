use std::fs;
use std::os::unix::fs::symlink;

use bastion_policy::text::RuleText;
use proptest::prelude::*;

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
    for (field, _) in edit::fields(&RuleText::from(&rules[0])) {
        let helpers_own = ["id", "creator", "created"].contains(&field);
        assert!(helpers_own || explained.contains(field), "{field}");
    }
}

#[test]
fn a_change_touches_nothing_else() {
    let (_root, paths, mut store) = store(TWO);
    let mut spec = store.rules()[0].spec().clone();
    spec.action = bastion_policy::rule::Action::Allow;
    spec.enabled = false;
    store
        .replace(&Rule::new(id("firefox"), spec).unwrap())
        .unwrap();
    let expected = TWO
        .replace(
            "action = \"deny\"  # for now",
            "action = \"allow\"  # for now",
        )
        .replace("id = \"firefox\"\n", "id = \"firefox\"\nenabled = false\n");
    assert_eq!(permanent(&paths), expected);

    store.upsert(&[allow("new"), allow("newer")]).unwrap();
    let text = permanent(&paths);
    assert!(text.starts_with(&expected), "{text}");
    let added = &text[expected.len()..];
    let one = |id: &str| {
        format!(
            "\n[[rule]]\nid = \"{id}\"\nname = \"{id}\"\nenabled = true\naction = \"allow\"\n\
             program = \"/usr/bin/curl\"\n"
        )
    };
    assert_eq!(added, one("new") + &one("newer"));
    assert_eq!(names(&store), ["firefox", "curl", "new", "newer"]);
}

#[test]
fn a_removed_rule_takes_its_own_comment_with_it_and_no_other() {
    let (_root, paths, mut store) = store(TWO);
    store.remove(&[id("firefox")]).unwrap();
    let text = permanent(&paths);
    for kept in ["# My rules", "# about browsers", "# curl", "# the end"] {
        assert!(text.contains(kept), "{text}");
    }
    assert!(!text.contains("Firefox"), "{text}");
    store.remove(&[id("curl")]).unwrap();
    let text = permanent(&paths);
    assert!(
        text.contains("# about browsers") && text.contains("# the end"),
        "{text}"
    );
    assert!(!text.contains("curl"), "{text}");
    store.upsert(&[allow("new")]).unwrap();
    let text = permanent(&paths);
    let end = text.find("# the end").unwrap();
    assert!(text.find("# about browsers").unwrap() < end, "{text}");
    assert!(end < text.find("[[rule]]").unwrap(), "{text}");
}

#[test]
fn removing_is_all_or_nothing() {
    let (_root, paths, mut store) = store(TWO);
    let session = rule("s", "action = \"allow\"\nlifetime = \"session:c2\"");
    store.upsert(std::slice::from_ref(&session)).unwrap();
    let error = store
        .remove(&[id("s"), id("firefox"), id("nobody")])
        .unwrap_err();
    assert!(matches!(error, StoreError::NotFound(_)), "{error}");
    assert_eq!(names(&store), ["firefox", "curl", "s"]);
    // The second file can't be written: the first gets its rule back.
    let before = permanent(&paths);
    let runtime = fs::read_to_string(&paths.runtime_rules).unwrap();
    let blocked = testing::block_writes(&paths.rules);
    let error = store.remove(&[id("s"), id("firefox")]).unwrap_err();
    assert!(matches!(error, StoreError::File(_)), "{error}");
    drop(blocked);
    assert_eq!(permanent(&paths), before);
    assert_eq!(fs::read_to_string(&paths.runtime_rules).unwrap(), runtime);
    assert_eq!(names(&store), ["firefox", "curl", "s"]);
    store.remove(&[id("s"), id("firefox")]).unwrap();
    assert_eq!(names(&RuleStore::open(&paths)), ["curl"]);
}

#[test]
fn a_rule_moves_to_the_file_its_lifetime_belongs_to() {
    let (_root, paths, mut store) = store("version = 1\n");
    for (lifetime, there) in [
        ("forever", true),
        ("restart", false),
        ("until:2030-01-01T00:00:00Z", true),
        ("process:12:3456", false),
        ("session:c2", false),
        ("forever", true),
    ] {
        let lines = format!("action = \"allow\"\nprogram = \"/a\"\nlifetime = \"{lifetime}\"");
        store.upsert(&[rule("a", &lines)]).unwrap();
        assert_eq!(permanent(&paths).contains("[[rule]]"), there, "{lifetime}");
        let runtime = fs::read_to_string(&paths.runtime_rules).unwrap_or_default();
        assert_eq!(runtime.contains("[[rule]]"), !there, "{lifetime}");
        let read = RuleStore::open(&paths);
        assert_eq!(read.rules(), store.rules());
        assert_eq!(read.rules()[0].spec().lifetime.to_string(), lifetime);
    }
}

#[test]
fn errors_say_where_what_and_what_to_do() {
    let head = "version = 1\n\n[[rule]]\nname = \"Täst\"\n";
    for (rest, place, says) in [
        (
            "action = \"alow\"\n",
            "line 5, column 10",
            "rule “Täst”: action: “alow”",
        ),
        (
            "action = \"allow\"\nports = \"0\"\n",
            "line 6, column 9",
            "ports: “0”",
        ),
        (
            "action = \"allow\"\nports = 70000\n",
            "line 6, column 9",
            "1 to 65535",
        ),
        (
            "action = \"allow\"\nport = \"1\"\n",
            "line 6, column 1",
            "unknown field `port`",
        ),
        (
            "action = \"allow\"\nenabled = 1\n",
            "line 6, column 11",
            "boolean",
        ),
        ("action = [\"allow\"]\n", "line 5, column 10", "string"),
        ("", "line 3, column 1", "missing field `action`"),
        ("action = \"allow\n", "line 5, column", "string"),
        (
            "action = \"allow\"\naction = \"deny\"\n",
            "line 6, column 1",
            "duplicate key",
        ),
        (
            "action = \"allow\"\n[[rule]]\naction = \"deny\"",
            "line 6, column 1",
            "`name`",
        ),
        (
            "action = \"allow\"\n[more]\n",
            "line 6, column 2",
            "remove this",
        ),
        (
            "action = \"allow\"\nlifetime = \"restart\"",
            "line 6, column 12",
            "forever",
        ),
        (
            "action = \"allow\"\nprotocol = \"icmp\"\nports = 1",
            "line 7, column 9",
            "no ports",
        ),
        (
            "action = \"allow\"\nprogram = \"/a\u{202e}b\"",
            "line 6, column 11",
            "\\u{202e}",
        ),
    ] {
        let (_root, paths, mut store) = store(TWO);
        let text = format!("{head}{rest}");
        fs::write(&paths.rules, &text).unwrap();
        let [Reload::Kept(error), Reload::Unchanged] = store.reload() else {
            panic!("{text}")
        };
        let error = error.to_string();
        for part in ["etc/bastion/rules.toml", place, says, "correct the file"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(store.troubles(), vec![error]);
        assert_eq!(names(&store), ["firefox", "curl"]);
        // The user's half-finished work is not overwritten.
        assert!(store.upsert(&[allow("new")]).is_err());
        assert!(store.remove(&[id("curl")]).is_err());
        assert_eq!(permanent(&paths), text);
        assert_eq!(names(&store), ["firefox", "curl"]);
    }
}

#[test]
fn a_half_written_file_loses_no_rule() {
    let (_root, paths, mut store) = store(TWO);
    let whole = TWO.trim_end().len();
    let mut broken = 0;
    for end in (0..whole).filter(|end| TWO.is_char_boundary(*end)) {
        fs::write(&paths.rules, &TWO[..end]).unwrap();
        match &store.reload()[0] {
            Reload::Kept(_) => broken += 1,
            // A text that ends between two rules makes sense, and nobody can know better.
            Reload::Changed | Reload::Unchanged => {
                assert!(parse::rules(&TWO[..end], Place::Permanent).is_ok(), "{end}")
            }
        }
    }
    assert!(broken > whole / 3);
    fs::write(&paths.rules, TWO).unwrap();
    store.reload();
    assert_eq!(names(&store), ["firefox", "curl"]);
    assert_eq!(store.troubles(), Vec::<String>::new());
}

#[test]
fn a_file_that_is_no_good_file_loses_no_rule() {
    let (root, paths, mut store) = store(TWO);
    let aside = root.path().join("aside.toml");
    fs::copy(&paths.rules, &aside).unwrap();
    let kinds: [(&str, &dyn Fn()); 5] = [
        ("MiB", &|| {
            fs::write(&paths.rules, vec![b'#'; 10_000_000]).unwrap()
        }),
        ("UTF-8", &|| {
            fs::write(&paths.rules, b"version = 1\n#\xff").unwrap()
        }),
        ("symbolic link", &|| symlink(&aside, &paths.rules).unwrap()),
        ("FIFO", &|| {
            nix::unistd::mkfifo(&paths.rules, nix::sys::stat::Mode::S_IRUSR).unwrap();
        }),
        ("is gone", &|| {}),
    ];
    for (says, make) in kinds {
        fs::remove_file(&paths.rules).unwrap_or_default();
        make();
        let [Reload::Kept(error), _] = store.reload() else {
            panic!("{says}")
        };
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(names(&store), ["firefox", "curl"]);
        if says != "is gone" {
            assert!(store.upsert(&[allow("new")]).is_err(), "{says}");
            let started = RuleStore::open(&paths);
            assert_eq!(names(&started), ["firefox", "curl"], "{says}");
            assert!(started.troubles()[0].contains(says));
        }
    }
    // A file that is gone is nobody's work: the next change brings it back.
    store.upsert(&[allow("new")]).unwrap();
    assert_eq!(names(&RuleStore::open(&paths)), ["firefox", "curl", "new"]);
    assert!(permanent(&paths).starts_with(TWO));
    assert_eq!(store.troubles(), Vec::<String>::new());
}

#[test]
fn broken_from_the_start_and_no_copy_means_factory_rules() {
    let (_root, paths) = testing::paths();
    fs::write(&paths.rules, "nonsense").unwrap();
    let store = RuleStore::open(&paths);
    assert!(names(&store).iter().all(|id| id.starts_with("factory-")));
    assert_eq!(store.troubles().len(), 1);
    assert_eq!(permanent(&paths), "nonsense");
}

#[test]
fn hand_edits_are_taken_over_and_own_writes_are_no_edit() {
    let (_root, paths, mut store) = store(TWO);
    store.upsert(&[allow("new")]).unwrap();
    assert!(matches!(
        store.reload(),
        [Reload::Unchanged, Reload::Unchanged]
    ));
    let edited = permanent(&paths).replace("/usr/bin/firefox", "/usr/bin/epiphany");
    fs::write(&paths.rules, edited).unwrap();
    assert!(matches!(
        store.reload(),
        [Reload::Changed, Reload::Unchanged]
    ));
    assert_eq!(
        store.rules()[0].spec().program.to_string(),
        "/usr/bin/epiphany"
    );
    // An edit that nobody reloaded yet survives a change made meanwhile.
    let edited = permanent(&paths).replace("/usr/bin/epiphany", "/usr/bin/lynx");
    fs::write(&paths.rules, edited).unwrap();
    store.remove(&[id("new")]).unwrap();
    assert_eq!(store.rules()[0].spec().program.to_string(), "/usr/bin/lynx");
    assert_eq!(names(&store), ["firefox", "curl"]);
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
fn a_full_disk_loses_no_rule() {
    testing::on_a_small_disk(512 << 10, |root| {
        let paths = testing::paths_under(root);
        let mut store = RuleStore::open(&paths);
        let before = store.rules();
        fs::write(root.join("filler"), vec![0; 400 << 10]).unwrap();
        let many: Vec<_> = (0..2_000).map(|n| allow(&format!("r{n}"))).collect();
        let error = store.upsert(&many).unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{error}");
        assert_eq!(store.rules(), before);
        assert_eq!(permanent(&paths), FACTORY_RULES);
        fs::remove_file(root.join("filler")).unwrap();
        store.upsert(&many[..100]).unwrap();
        assert_eq!(RuleStore::open(&paths).rules().len(), before.len() + 100);
    });
}

#[test]
fn the_fields_are_those_of_a_rules_text_form() {
    let text = RuleText {
        started_by: "/a".into(),
        note: "x".into(),
        created: "2026-11-24T10:00:00Z".into(),
        ..RuleText::from(&allow("a"))
    };
    let ours: Vec<_> = edit::fields(&text)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let theirs = toml_edit::ser::to_document(&text).unwrap();
    let theirs: Vec<_> = theirs.iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(ours, theirs);
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let pick = |choices: &'static [&'static str]| prop::sample::select(choices);
    let text = "[^\\p{C}\u{2028}\u{2029}]{1,30}";
    let who = (
        pick(&[
            "any",
            "/usr/bin/a b",
            "/x\\\\y",
            "pattern:/opt/*/b",
            "flatpak:org.x",
            "/ü\"'",
        ]),
        pick(&["", "/usr/bin/bash", "pattern:/usr/**"]),
        pick(&["any", "0", "1000"]),
    );
    let whither = (
        pick(&[
            "any",
            "example.org",
            "domain:x.org",
            "::1",
            "10.0.0.0/8",
            "group:lan",
        ]),
        pick(&["any", "443", "80,443,8000-8100"]),
        pick(&["any", "tcp", "udp"]),
    );
    let rest = (
        pick(&[
            "forever",
            "restart",
            "until:2030-01-01T00:00:00.5Z",
            "session:c1",
        ]),
        pick(&["factory", "normal", "pinned"]),
        pick(&["hand", "learned", "1000"]),
        pick(&["allow", "deny", "drop"]),
    );
    let texts = (text, "([^\\p{C}\u{2028}\u{2029}]|\n){0,40}", any::<bool>());
    (any::<u8>(), who, whither, rest, texts).prop_filter_map(
        "hidden characters are refused",
        |(id, who, whither, rest, texts)| {
            let text = RuleText {
                id: format!("r{id}"),
                name: texts.0,
                enabled: texts.2,
                action: rest.3.into(),
                program: who.0.into(),
                started_by: who.1.into(),
                user: who.2.into(),
                destination: whither.0.into(),
                ports: whither.1.into(),
                protocol: whither.2.into(),
                lifetime: rest.0.into(),
                priority: rest.1.into(),
                note: texts.1,
                creator: rest.2.into(),
                created: String::new(),
            };
            text.parse().ok()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is put, replaced and removed, the files say what a plain map would.
    #[test]
    fn rules_survive_the_way_through_the_files(
        steps in prop::collection::vec((any_rule(), any::<bool>()), 1..24),
    ) {
        let (_root, paths, mut store) = store(TWO);
        let mut expected: std::collections::HashMap<_, _> =
            store.rules().into_iter().map(|rule| (rule.id().clone(), rule)).collect();
        for (rule, remove) in steps {
            if remove && expected.remove(rule.id()).is_some() {
                store.remove(&[rule.id().clone()]).unwrap();
            } else {
                store.upsert(std::slice::from_ref(&rule)).unwrap();
                expected.insert(rule.id().clone(), rule);
            }
            let read = RuleStore::open(&paths);
            prop_assert_eq!(read.troubles(), Vec::<String>::new());
            prop_assert_eq!(read.rules(), store.rules());
            let said: std::collections::HashMap<_, _> =
                read.rules().into_iter().map(|rule| (rule.id().clone(), rule)).collect();
            prop_assert_eq!(&said, &expected);
            prop_assert!(permanent(&paths).contains("# the end"));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(content: Vec<u8>) {
        let (_root, paths, mut store) = store(TWO);
        fs::write(&paths.rules, content).unwrap();
        store.reload();
        let _ = store.upsert(&[allow("new")]);
        let _ = RuleStore::open(&paths);
    }

    /// Bytes of a real file replaced, doubled and cut out go deeper than noise does.
    #[test]
    fn damaged_files_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, any::<Vec<u8>>()), 1..6),
    ) {
        let mut content = TWO.as_bytes().to_vec();
        for (at, length, with) in damage {
            let start = at.index(content.len() + 1);
            let end = (start + length).min(content.len());
            content.splice(start..end, with);
        }
        let (_root, paths, mut store) = store(TWO);
        fs::write(&paths.rules, content).unwrap();
        store.reload();
        let _ = store.upsert(&[allow("new")]);
        let _ = store.remove(&[id("firefox")]);
    }
}
