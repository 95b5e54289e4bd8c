use bastion_policy::text::RuleText;
use proptest::prelude::*;

use super::*;

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
    #![proptest_config(ProptestConfig::with_cases(32))]

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
