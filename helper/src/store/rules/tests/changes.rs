use super::*;

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
