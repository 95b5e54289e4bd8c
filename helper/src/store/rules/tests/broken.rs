use std::os::unix::fs::symlink;

use super::*;

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
fn a_copy_without_room_is_told_until_there_is_some() {
    let (_root, paths, mut store) = store(TWO);
    let copy = &paths.rules_last_good;
    let obstacle = testing::block_writes(copy);
    store.upsert(&[allow("new")]).unwrap();
    assert!(store.troubles()[0].contains("rules.last-good.toml"));
    assert!(!store.retry_last_good());
    assert_eq!(store.troubles().len(), 1);
    drop(obstacle);
    assert!(store.retry_last_good());
    assert_eq!(store.troubles(), Vec::<String>::new());
    assert_eq!(fs::read_to_string(copy).unwrap(), permanent(&paths));
    assert!(!store.retry_last_good());
}

#[test]
fn without_its_directory_bastion_starts_with_factory_rules() {
    let (_root, paths) = testing::paths();
    fs::remove_dir(paths.rules.parent().unwrap()).unwrap();
    let mut store = RuleStore::open(&paths);
    assert!(names(&store).iter().all(|id| id.starts_with("factory-")));
    let troubles = store.troubles();
    assert!(troubles[0].contains("mkdir -p "), "{troubles:?}");
    assert!(store.upsert(&[allow("new")]).is_err());
    fs::create_dir(paths.rules.parent().unwrap()).unwrap();
    store.upsert(&[allow("new")]).unwrap();
    assert_eq!(store.troubles(), Vec::<String>::new());
    assert!(permanent(&paths).starts_with(FACTORY_RULES));
}
