use std::sync::Arc;

use bastion_policy::flow::{Flow, Protocol};
use bastion_policy::pending::{QuestionId, QuestionKey};
use bastion_policy::process::{Ancestor, Evidence, Executable, ProcessKey, UnknownReason};
use bastion_policy::rule::Action;
use bastion_policy::time::Timestamp;

use super::*;
use crate::identify::details::{Application, Container, Package, Script, Unit};

fn process() -> Process {
    let key = |pid| ProcessKey { pid, start_time: 7 };
    Process {
        key: key(42),
        uid: 1000,
        executable: Executable {
            path: "/usr/bin/curl".parse().unwrap(),
            file: None,
            replaced: true,
        },
        arguments: vec!["curl".into(), "https://example.org".into()],
        working_directory: "/home/alice".into(),
        cgroup: String::new(),
        app: Some("flatpak:org.example.App".parse().unwrap()),
        parents: vec![Ancestor {
            key: key(41),
            path: "/usr/bin/bash".parse().unwrap(),
        }],
        evidence: Evidence::PacketPath,
        execs: None,
    }
}

fn question(identity: Identity, protocol: Protocol, host: Option<&str>) -> OpenQuestion {
    let flow = Flow {
        protocol,
        source: "192.0.2.1".parse().unwrap(),
        source_port: 40_000,
        destination: "192.0.2.2".parse().unwrap(),
        destination_port: if protocol.has_ports() { 443 } else { 0 },
        hosts: host.into_iter().map(|h| h.parse().unwrap()).collect(),
    };
    OpenQuestion {
        id: QuestionId(9),
        key: QuestionKey::new(&flow, &identity),
        flow,
        identity,
        opened: Timestamp::from_millis(1_000),
        deadline: Timestamp::from_millis(61_000),
        otherwise: Action::Deny,
    }
}

fn by(uid: u32, session: Option<&str>) -> Caller {
    Caller {
        uid,
        session: session.map(Into::into),
    }
}

fn described(question: &OpenQuestion, agent: &Caller) -> Question {
    describe(&question.clone().into(), agent)
}

const ROOT_UNKNOWN: Identity = Identity::Unknown {
    uid: Some(0),
    reason: UnknownReason::NoProcess,
};

#[test]
fn a_process_is_described_with_everything_known() {
    let identity = Identity::Process(Arc::new(process()));
    let question = question(identity, Protocol::Tcp, Some("www.example.org"));
    let wire = described(&question, &by(1000, Some("2")));
    assert_eq!((wire.id, wire.opened, wire.deadline), (9, 1_000, 61_000));
    assert_eq!((wire.program.as_str(), wire.pid), ("/usr/bin/curl", 42));
    assert_eq!(wire.uid, 1000);
    assert!(wire.replaced && !wire.needs_administrator);
    assert_eq!(wire.app, "flatpak:org.example.App");
    assert_eq!(wire.arguments, ["curl", "https://example.org"]);
    assert_eq!(wire.parents, ["/usr/bin/bash"]);
    assert_eq!(
        (wire.service.as_str(), wire.host.as_str(), wire.port),
        ("https", "www.example.org", 443)
    );
    assert_eq!(
        wire.scopes,
        ["flow", "destination", "domain", "port", "program"]
    );
    assert_eq!(
        wire.lifetimes,
        [
            "once",
            "process",
            "seconds:300",
            "seconds:3600",
            "session",
            "restart",
            "forever"
        ]
    );
    for lifetime in &wire.lifetimes {
        AnswerLifetime::parse(lifetime).unwrap();
    }
}

#[test]
fn details_are_told_as_far_as_they_are_known() {
    let identity = Identity::Process(Arc::new(process()));
    let question = question(identity, Protocol::Tcp, None);
    let wire = |details| {
        let question = question.clone();
        describe(&Asked { question, details }, &by(1000, None)).details
    };
    assert_eq!(wire(None), None);
    assert_eq!(
        wire(Some(Details::default())),
        Some(wire::Details::default())
    );
    let mut details = Details {
        unit: Some(Unit {
            name: "app-web-1.scope".into(),
            of_user: true,
        }),
        script: Some(Script::Module("http.server".into())),
        container: Some(Container {
            manager: "docker",
            name: "0123456789ab".into(),
        }),
        appimage: Some("/home/u/x".repeat(10_000)),
        application: Some(Application {
            desktop_entry: "web.desktop".into(),
            name: "Web".into(),
            icon: String::new(),
        }),
        ..Details::default()
    };
    details.origin.state = PackageState::Unpackaged;
    let told = wire(Some(details.clone())).unwrap();
    assert_eq!(told.unit.as_deref(), Some("app-web-1.scope"));
    assert_eq!(told.user_unit, Some(true));
    assert_eq!(told.script.as_deref(), Some("http.server"));
    assert_eq!(told.container.as_deref(), Some("docker 0123456789ab"));
    assert!(told.appimage.unwrap().len() <= MAX_TEXT + 3);
    assert_eq!(told.desktop_entry.as_deref(), Some("web.desktop"));
    assert_eq!((told.name.as_deref(), told.icon), (Some("Web"), None));
    assert_eq!(told.package_state.as_deref(), Some("unpackaged"));
    details.origin.state = PackageState::Unknown;
    details.origin.package = Some(Package {
        name: "web".into(),
        version: Some("1-1".into()),
    });
    let told = wire(Some(details)).unwrap();
    assert_eq!(told.package.as_deref(), Some("web"));
    assert_eq!(told.package_version.as_deref(), Some("1-1"));
    assert_eq!(told.package_state.as_deref(), Some("unknown"));
}

#[test]
fn what_is_not_known_offers_no_answer_that_rests_on_it() {
    let unknown = question(ROOT_UNKNOWN, Protocol::Udp, Some("localhost"));
    let wire = described(&unknown, &by(1000, None));
    assert_eq!((wire.program.as_str(), wire.pid), ("unknown", 0));
    assert_eq!(wire.unknown_reason, "its process was gone");
    assert_eq!((wire.uid, wire.user.as_str()), (0, "root"));
    assert!(wire.needs_administrator);
    assert_eq!(wire.scopes, ["flow", "destination"]);
    assert_eq!(
        wire.lifetimes,
        ["once", "seconds:300", "seconds:3600", "restart", "forever"]
    );
    let kernel = question(Identity::Kernel, Protocol::Icmp, None);
    let wire = described(&kernel, &by(0, None));
    assert_eq!((wire.program.as_str(), wire.uid), ("kernel", u32::MAX));
    assert!(
        wire.needs_administrator,
        "the kernel's packets are nobody's own"
    );
    assert_eq!(wire.scopes, ["flow", "destination", "program"]);
}

#[test]
fn only_answers_that_were_offered_are_accepted() {
    let question = question(ROOT_UNKNOWN, Protocol::Udp, None);
    let answer = |scope, lifetime| CheckedAnswer {
        action: Action::Allow,
        scope,
        lifetime,
    };
    let flow = |lifetime| answer(AnswerScope::Flow, lifetime);
    for good in [
        flow(AnswerLifetime::Once),
        flow(AnswerLifetime::Seconds(17)),
        answer(AnswerScope::Destination, AnswerLifetime::Forever),
    ] {
        check(&question, None, good).unwrap();
    }
    for bad in [
        flow(AnswerLifetime::Process),
        flow(AnswerLifetime::Session),
        answer(AnswerScope::Domain, AnswerLifetime::Once),
        answer(AnswerScope::Port, AnswerLifetime::Once),
        answer(AnswerScope::Program, AnswerLifetime::Once),
    ] {
        let error = check(&question, None, bad).unwrap_err();
        assert!(matches!(error, Error::InvalidArgument(_)), "{bad:?}");
    }
    check(&question, Some("2"), flow(AnswerLifetime::Session)).unwrap();
}

#[test]
fn a_program_without_a_lasting_path_gets_no_rule_that_outlasts_it() {
    let offered = |path: &str, app: Option<&str>| {
        let mut process = process();
        process.executable.path = path.parse().unwrap();
        process.app = app.map(|app| app.parse().unwrap());
        question(Identity::Process(Arc::new(process)), Protocol::Tcp, None)
    };
    for path in ["/proc/42/exe", "/proc/42/root/tmp/x"] {
        let question = offered(path, None);
        let wire = described(&question, &by(1000, Some("2")));
        assert_eq!(wire.lifetimes, ["once", "process"]);
        let check = |lifetime| {
            let answer = CheckedAnswer {
                action: Action::Allow,
                scope: AnswerScope::Flow,
                lifetime,
            };
            check(&question, Some("2"), answer)
        };
        check(AnswerLifetime::Once).unwrap();
        check(AnswerLifetime::Process).unwrap();
        for lifetime in [
            AnswerLifetime::Seconds(300),
            AnswerLifetime::Seconds(17),
            AnswerLifetime::Session,
            AnswerLifetime::Restart,
            AnswerLifetime::Forever,
        ] {
            let error = check(lifetime).unwrap_err();
            assert!(matches!(error, Error::InvalidArgument(_)), "{lifetime:?}");
        }
    }
    // A rule for an application names that, not the path.
    let wire = described(
        &offered("/proc/42/root/app/x", Some("snap:x")),
        &by(1000, None),
    );
    assert!(wire.lifetimes.contains(&"forever".to_owned()));
}

#[test]
fn a_program_with_megabytes_of_arguments_does_not_fill_the_bus() {
    let mut long = process();
    long.arguments = vec!["ä".repeat(1024 * 1024); 1_000];
    long.working_directory = "/x".repeat(1024 * 1024);
    long.parents = vec![long.parents[0].clone(); 1_000];
    let identity = Identity::Process(Arc::new(long));
    let wire = described(&question(identity, Protocol::Tcp, None), &by(1000, None));
    let bytes: usize = wire.arguments.iter().map(String::len).sum();
    assert!(bytes <= MAX_ARGUMENT_BYTES + 3, "{bytes}");
    assert_eq!(wire.arguments.last().map(String::as_str), Some("…"));
    assert!(wire.working_directory.len() <= MAX_TEXT + 3);
    assert_eq!(wire.parents.len(), MAX_PARENTS);
}
