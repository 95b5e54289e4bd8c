use proptest::prelude::*;

use super::*;

/// What systemd-resolved 257 sends when a program asks for both families at once.
const BOTH: &str = r#"{"parameters":{"state":"success",
    "question":[{"class":1,"type":1,"name":"www.example"},
                {"class":1,"type":28,"name":"www.example"}],
    "answer":[
    {"rr":{"key":{"class":1,"type":5,"name":"www.example"},"name":"a.example"},
     "raw":"A3d3dwdleGFtcGxlAAAFAAEAAAAAAAsBYQdleGFtcGxlAA==","ifindex":3},
    {"rr":{"key":{"class":1,"type":28,"name":"a.example"},
     "address":[32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,7]},
     "raw":"AWEHZXhhbXBsZQAAHAABAAAAZAAQIAENuAAAAAAAAAAAAAAABw==","ifindex":3},
    {"rr":{"key":{"class":1,"type":1,"name":"a.example"},"address":[192,0,2,7]},
     "raw":"AWEHZXhhbXBsZQAAAQABAAAAZAAEwAACBw==","ifindex":3}]},"continues":true}"#;

/// What it sends when `www.a.test` has turned out to be an alias of a name that it had to ask for
/// in turn.
const REDIRECTED: &str = r#"{"parameters":{"state":"success",
    "question":[{"class":1,"type":1,"name":"host.example.test"}],
    "collectedQuestions":[{"class":1,"type":1,"name":"www.a.test"},
                          {"class":1,"type":28,"name":"www.a.test"}],
    "answer":[{"rr":{"key":{"class":1,"type":1,"name":"host.example.test"},
    "address":[192,0,2,70]},
    "raw":"BGhvc3QHZXhhbXBsZQR0ZXN0AAABAAEAAAAHAATAAAJG"}]},"continues":true}"#;

/// What it sends when a neighbour has answered over LLMNR that `printer` is an alias of
/// `www.bank.test` and that this has the address 6.6.6.6.
const NEIGHBOUR: &str = r#"{"parameters":{"state":"success",
    "question":[{"class":1,"type":1,"name":"printer"}],
    "answer":[{"rr":{"key":{"class":1,"type":5,"name":"printer"},"name":"www.bank.test"},
    "raw":"B3ByaW50ZXIAAAUAAQAAAB4ADwN3d3cEYmFuawR0ZXN0AA==","ifindex":2},
    {"rr":{"key":{"class":1,"type":1,"name":"www.bank.test"},"address":[6,6,6,6]},
    "raw":"A3d3dwRiYW5rBHRlc3QAAAEAAQAAAB4ABAYGBgY=","ifindex":2}]},"continues":true}"#;

fn told(message: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let resolutions = read(message.as_bytes()).unwrap();
    let texts = |resolution: Resolution| {
        let names = resolution.asked.iter().chain(&resolution.targets);
        let addresses = resolution.addresses.iter();
        (
            names.map(ToString::to_string).collect(),
            addresses.map(|lease| lease.address.to_string()).collect(),
        )
    };
    resolutions.into_iter().map(texts).collect()
}

#[test]
fn what_was_found_is_told_question_by_question() {
    let names = vec!["www.example".to_owned(), "a.example".to_owned()];
    assert_eq!(
        told(BOTH),
        [
            (names.clone(), vec!["192.0.2.7".to_owned()]),
            (names, vec!["2001:db8::7".to_owned()]),
        ]
    );
}

#[test]
fn names_are_told_that_had_to_be_asked_for_in_turn() {
    let names = vec!["www.a.test".to_owned(), "host.example.test".to_owned()];
    assert_eq!(told(REDIRECTED), [(names, vec!["192.0.2.70".to_owned()])]);
    let by_neighbours = |message: &str| {
        let resolutions = read(message.as_bytes()).unwrap();
        resolutions[0].by_neighbours
    };
    assert!(!by_neighbours(REDIRECTED));
    assert!(by_neighbours(&REDIRECTED.replace("www.a.test", "printer")));
    // A name that may be any, and more names than systemd-resolved follows.
    assert_eq!(
        told(&REDIRECTED.replace("www.a.test", "my\\\\032printer.local")),
        []
    );
    let keys = r#"{"class":1,"type":1,"name":"www.a.test"},"#.repeat(COLLECTED + 1);
    let many = format!("\"collectedQuestions\":[{keys}");
    assert_eq!(
        told(&REDIRECTED.replace("\"collectedQuestions\":[", &many)),
        []
    );
}

#[test]
fn what_a_neighbour_has_answered_is_told_to_be_so() {
    let resolutions = read(NEIGHBOUR.as_bytes()).unwrap();
    assert_eq!(resolutions.len(), 1);
    assert!(resolutions[0].by_neighbours);
}

#[test]
fn other_messages_tell_nothing() {
    for message in [
        r#"{"parameters":{"ready":true},"continues":true}"#,
        r#"{"parameters":{"state":"rcode-failure","rcode":5,
            "question":[{"class":1,"type":1,"name":"nix.example"}]},"continues":true}"#,
        r#"{"parameters":{"state":"success"}}"#,
        "{}",
        // A question that is none, or of another class or type, or about another name.
        &BOTH.replace("\"state\":\"success\"", "\"state\":\"timeout\""),
        &BOTH
            .replace(
                "\"class\":1,\"type\":1,\"name\":\"www",
                "\"class\":3,\"type\":1,\"name\":\"www",
            )
            .replace("\"type\":28,\"name\":\"www", "\"type\":16,\"name\":\"www"),
        &BOTH.replace("\"name\":\"www.example\"}", "\"name\":\"bank.example\"}"),
        &BOTH.replace("\"name\":\"www.example\"}", "\"name\":\"..\"}"),
    ] {
        assert_eq!(told(message), [], "{message}");
    }
}

#[test]
fn records_that_are_none_take_nothing_from_the_others() {
    let damaged = BOTH.replace("AWEHZXhhbXBsZQAAHAABAAAAZAAQIAENuAAAAAAAAAAAAAAABw==", "*");
    assert_eq!(told(&damaged).len(), 1);
    let shorter = BOTH.replace(
        "AWEHZXhhbXBsZQAAHAABAAAAZAAQIAENuAAAAAAAAAAAAAAABw==",
        "AWEH",
    );
    assert_eq!(told(&shorter).len(), 1);
    let long = "A".repeat(4 * RECORD);
    let long = BOTH.replace(
        "AWEHZXhhbXBsZQAAHAABAAAAZAAQIAENuAAAAAAAAAAAAAAABw==",
        &long,
    );
    assert_eq!(told(&long).len(), 1);
}

#[test]
fn a_refusal_is_told_escaped() {
    let error = read(br#"{"error":"org.varlink.service.PermissionDenied\n","parameters":{}}"#);
    assert_eq!(
        error.unwrap_err().to_string(),
        "systemd-resolved refuses to tell its answers: org.varlink.service.PermissionDenied\\x0a"
    );
    for message in [
        "",
        "[]",
        "{",
        r#"{"parameters":7}"#,
        "{\"parameters\":{}} x",
    ] {
        let error = read(message.as_bytes()).unwrap_err();
        assert!(
            matches!(error, MonitorError::Malformed(_)),
            "{message}: {error}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_damaged_message_is_read_or_refused(
        mistakes in prop::collection::vec((any::<prop::sample::Index>(), "[ -~]"), 0..4),
    ) {
        let mut bytes = BOTH.as_bytes().to_vec();
        for (at, value) in mistakes {
            let at = at.index(bytes.len());
            bytes[at] = value.as_bytes()[0];
        }
        let _ = read(&bytes);
    }
}
