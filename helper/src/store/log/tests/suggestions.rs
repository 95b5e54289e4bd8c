//! What learn mode allowed is kept, reviewed, and bounded.

use super::*;

fn suggestion(program: &str, uid: u32, host: &str, at: u64) -> Suggestion {
    Suggestion {
        program: program.into(),
        uid,
        protocol: "tcp".into(),
        host: host.into(),
        destination: "192.0.2.1".into(),
        destination_port: 443,
        count: 1,
        first: at,
        last: at,
        ..Suggestion::default()
    }
}

fn hosts(log: &EventLog, seen_by: Option<u32>) -> Vec<String> {
    let open = log.reader().suggestions(seen_by).unwrap();
    open.into_iter().map(|found| found.host).collect()
}

#[test]
fn the_same_connection_is_one_suggestion_over_a_restart() {
    let (_directory, path, mut log) = log();
    let first = suggestion("/usr/bin/curl", 1000, "a.example", 20);
    let again = Suggestion {
        destination: "192.0.2.9".into(),
        count: 4,
        first: 10,
        last: 50,
        ..first.clone()
    };
    // Each of these is another one.
    let others = [
        (
            "/usr/bin/wget",
            "",
            1000,
            "tcp",
            "a.example",
            "192.0.2.1",
            443,
        ),
        (
            "/usr/bin/curl",
            "snap:curl",
            1000,
            "tcp",
            "a.example",
            "192.0.2.1",
            443,
        ),
        (
            "/usr/bin/curl",
            "",
            1001,
            "tcp",
            "a.example",
            "192.0.2.1",
            443,
        ),
        (
            "/usr/bin/curl",
            "",
            1000,
            "udp",
            "a.example",
            "192.0.2.1",
            443,
        ),
        (
            "/usr/bin/curl",
            "",
            1000,
            "tcp",
            "b.example",
            "192.0.2.1",
            443,
        ),
        ("/usr/bin/curl", "", 1000, "tcp", "", "192.0.2.1", 443),
        ("/usr/bin/curl", "", 1000, "tcp", "", "192.0.2.2", 443),
        (
            "/usr/bin/curl",
            "",
            1000,
            "tcp",
            "a.example",
            "192.0.2.1",
            80,
        ),
    ]
    .map(
        |(program, app, uid, protocol, host, destination, destination_port)| Suggestion {
            program: program.into(),
            app: app.into(),
            uid,
            protocol: protocol.into(),
            host: host.into(),
            destination: destination.into(),
            destination_port,
            ..first.clone()
        },
    );
    log.suggest(std::slice::from_ref(&first)).unwrap();
    log.suggest(&others).unwrap();
    drop(log);
    let mut log = EventLog::open(&path);
    log.suggest(&[again]).unwrap();
    let open = log.reader().suggestions(None).unwrap();
    assert_eq!(open.len(), 1 + others.len());
    let merged = Suggestion {
        id: 1,
        destination: "192.0.2.9".into(),
        count: 5,
        first: 10,
        last: 50,
        ..first
    };
    assert_eq!(open[0], merged, "the latest comes first");
    assert_eq!(log.reader().suggestions(Some(1001)).unwrap().len(), 1);
    assert_eq!(log.reader().suggestions(Some(0)).unwrap(), []);
}

#[test]
fn what_was_dropped_stays_so_and_can_be_taken_back() {
    let (_directory, path, mut log) = log();
    let a = suggestion("/usr/bin/curl", 1000, "a.example", 1);
    let b = suggestion("/usr/bin/curl", 1001, "b.example", 2);
    log.suggest(&[a.clone(), b]).unwrap();
    assert!(!log.set_dropped(&[1, 2], Some(1000), true).unwrap());
    assert!(!log.set_dropped(&[1, 7], None, true).unwrap());
    assert_eq!(hosts(&log, None), ["b.example", "a.example"]);
    assert!(log.set_dropped(&[1], Some(1000), true).unwrap());
    log.suggest(&[Suggestion { last: 9, ..a }]).unwrap();
    drop(log);
    let mut log = EventLog::open(&path);
    assert_eq!(hosts(&log, None), ["b.example"]);
    assert!(log.set_dropped(&[1], None, false).unwrap());
    let open = log.reader().suggestions(None).unwrap();
    assert_eq!((open[0].id, open[0].count, open[0].last), (1, 2, 9));
}

#[test]
fn what_is_forgotten_comes_back_as_another() {
    let (_directory, _path, mut log) = log();
    let seen = [suggestion("/usr/bin/curl", 1000, "a.example", 1)];
    log.suggest(&seen).unwrap();
    log.forget_suggestions(&[1, 99]).unwrap();
    assert_eq!(log.reader().suggestions(None).unwrap(), []);
    log.suggest(&seen).unwrap();
    assert_eq!(log.reader().suggestions(None).unwrap()[0].id, 2);
}

#[test]
fn no_program_and_no_user_takes_the_room_of_others() {
    let (_directory, _path, mut log) = log();
    let many = |program: &str, uid, count: usize, at: u64| -> Vec<Suggestion> {
        let name = |n| format!("h{n}.example");
        (0..count)
            .map(|n| suggestion(program, uid, &name(n), at + n as u64))
            .collect()
    };
    let of = |log: &EventLog, program: &str| -> usize {
        let open = log.reader().suggestions(None).unwrap();
        open.iter().filter(|found| found.program == program).count()
    };
    log.suggest(&many("/bin/old", 1000, 10, 0)).unwrap();
    log.suggest(&many("/bin/mail", 1001, 10, 0)).unwrap();
    for start in 0..5 {
        log.suggest(&many(
            &format!("/bin/torrent{}", start % 2),
            1000,
            1_500,
            1_000 + start,
        ))
        .unwrap();
    }
    assert_eq!(
        log.reader().suggestions(None).unwrap().len(),
        Suggestion::MAX
    );
    assert_eq!((of(&log, "/bin/old"), of(&log, "/bin/mail")), (10, 10));
    let torrents = [of(&log, "/bin/torrent0"), of(&log, "/bin/torrent1")];
    assert_eq!(torrents, [990, 990]);
    // Of its own, a program keeps what was seen last.
    let newest = log.reader().suggestions(None).unwrap();
    assert!(newest.iter().any(|found| found.host == "h1499.example"));
    assert!(
        !newest
            .iter()
            .any(|found| found.program.ends_with("torrent0") && found.host == "h0.example")
    );

    // Those that were dropped have room of their own.
    let dropped: Vec<u64> = newest.iter().map(|found| found.id).collect();
    assert!(log.set_dropped(&dropped, None, true).unwrap());
    log.suggest(&many("/bin/new", 1002, 10, 0)).unwrap();
    assert_eq!(log.reader().suggestions(None).unwrap().len(), 10);
    assert!(log.set_dropped(&dropped, None, false).unwrap());
    assert_eq!(
        log.reader().suggestions(None).unwrap().len(),
        Suggestion::MAX + 10
    );
    log.suggest(&many("/bin/new", 1002, 1, 0)).unwrap();
    assert_eq!(
        log.reader().suggestions(None).unwrap().len(),
        Suggestion::MAX
    );
    assert_eq!(of(&log, "/bin/new"), 10);
}

#[test]
fn a_database_of_the_first_version_gets_suggestions_and_keeps_its_events() {
    let (_directory, path, mut log) = log();
    log.append(&[event(1)]).unwrap();
    let connection = &log.database.as_ref().unwrap().connection;
    connection
        .execute_batch("DROP TABLE suggestions; PRAGMA user_version = 1")
        .unwrap();
    drop(log);
    let mut log = EventLog::open(&path);
    assert_eq!(log.troubles(), Vec::<String>::new());
    assert_eq!(ids(&log, &all(), None), [1]);
    log.suggest(&[suggestion("/usr/bin/curl", 1000, "", 1)])
        .unwrap();
    assert_eq!(log.reader().suggestions(None).unwrap().len(), 1);
}
