use super::*;

const NOW: u64 = 1_700_000_000_000;

fn directory() -> Directory {
    Directory::fixed(&[(1000, "alice")], "")
}

fn mistakes(change: impl FnOnce(&mut Form)) -> Vec<Mistake> {
    let mut form = Form::new();
    change(&mut form);
    form.check(&directory(), NOW).err().unwrap_or_default()
}

fn wrong(change: impl FnOnce(&mut Form)) -> Vec<Field> {
    let mistakes = mistakes(change);
    mistakes.into_iter().map(|mistake| mistake.field).collect()
}

#[test]
fn an_empty_form_is_a_rule_and_names_itself() {
    let complete = Form::new().check(&directory(), NOW).unwrap();
    assert_eq!(complete.wire.id, None);
    assert_eq!(
        complete.wire.name,
        "Allow every program to connect to everywhere"
    );
    assert_eq!(complete.sentence, format!("{}.", complete.wire.name));
}

#[test]
fn all_that_is_wrong_is_said_at_once_beside_its_field() {
    let fields = wrong(|form| {
        form.program = (ProgramKind::Path, "curl".into());
        form.destination = (DestinationKind::Place, "a b".into());
        form.ports = "0".into();
        form.protocol = (ProtocolKind::Number, "256".into());
        form.user = (UserKind::One, "nobody-of-this-name".into());
        form.lifetime = (LifetimeKind::Until, "soon".into());
        form.started_by = "x".into();
    });
    let expected = [
        Field::Program,
        Field::StartedBy,
        Field::User,
        Field::Destination,
        Field::Ports,
        Field::Protocol,
        Field::Lifetime,
    ];
    assert_eq!(fields, expected);
}

#[test]
fn an_entry_that_was_asked_for_must_be_filled_in() {
    assert_eq!(
        wrong(|form| form.program.0 = ProgramKind::Path),
        [Field::Program]
    );
    assert_eq!(
        wrong(|form| form.destination.0 = DestinationKind::Domain),
        [Field::Destination]
    );
    assert_eq!(wrong(|form| form.user.0 = UserKind::One), [Field::User]);
}

#[test]
fn contradictions_name_the_field_to_change() {
    let fields = wrong(|form| {
        form.protocol.0 = ProtocolKind::Icmp;
        form.ports = "443".into();
    });
    assert_eq!(fields, [Field::Ports]);
    let fields = wrong(|form| {
        form.program.0 = ProgramKind::Kernel;
        form.started_by = "/usr/bin/bash".into();
    });
    assert_eq!(fields, [Field::StartedBy]);
    let fields = wrong(|form| {
        form.program.0 = ProgramKind::Kernel;
        form.user = (UserKind::One, "alice".into());
    });
    assert_eq!(fields, [Field::User]);
    let fields = wrong(|form| {
        form.protocol.0 = ProtocolKind::IcmpV6;
        form.destination = (DestinationKind::Place, "192.0.2.1".into());
    });
    assert_eq!(fields, [Field::Protocol]);
    assert_eq!(wrong(|form| form.name = "x".repeat(201)), [Field::Name]);
    assert_eq!(wrong(|form| form.note = "x".repeat(2001)), [Field::Note]);
}

#[test]
fn a_time_that_is_over_is_refused() {
    let past = |form: &mut Form| form.lifetime = (LifetimeKind::Until, "2001-01-01 10:00".into());
    assert_eq!(wrong(past), [Field::Lifetime]);
    let future = |form: &mut Form| form.lifetime = (LifetimeKind::Until, "2099-01-01 10:00".into());
    assert!(wrong(future).is_empty());
}

#[test]
fn what_is_edited_comes_back_as_it_was() {
    let wire = WireRule {
        id: Some("r1".into()),
        name: "Web".into(),
        enabled: Some(false),
        action: "drop".into(),
        program: Some("pattern:/opt/*/bin/x".into()),
        started_by: Some("/usr/bin/bash".into()),
        user: Some("1000".into()),
        destination: Some("domain:example.org".into()),
        ports: Some("80,8000-8100".into()),
        protocol: Some("sctp".into()),
        lifetime: Some("until:2099-01-01T10:00:00Z".into()),
        priority: Some("pinned".into()),
        note: Some("two\nlines".into()),
        creator: Some("1000".into()),
        created: Some("2026-01-01T00:00:00Z".into()),
        hits: Some(3),
        last_hit: Some(4),
    };
    let form = Form::of(&wire, &directory());
    assert!(form.is_edit());
    assert_eq!(form.user.1, "alice");
    let rule = form.check(&directory(), NOW).unwrap().wire;
    let expected = WireRule {
        hits: None,
        last_hit: None,
        ..wire
    };
    assert_eq!(rule, expected);
}

#[test]
fn every_text_form_survives_being_taken_apart() {
    for text in [
        "any",
        "kernel",
        "unknown",
        "/usr/bin/a",
        "pattern:/a/*",
        "flatpak:a.B",
        "snap:a",
        "appimage:a",
    ] {
        let (kind, value) = ProgramKind::split(text);
        assert_eq!(kind.text(&value), text);
    }
    for text in [
        "any",
        "example.org",
        "domain:example.org",
        "192.0.2.0/24",
        "group:lan",
        "group:internet",
        "group:multicast",
    ] {
        let (kind, value) = DestinationKind::split(text);
        assert_eq!(kind.text(&value), text);
    }
    for text in [
        "any", "tcp", "udp", "udplite", "icmp", "icmpv6", "sctp", "47",
    ] {
        let (kind, value) = ProtocolKind::split(text);
        assert_eq!(kind.text(&value), text);
    }
    for text in ["forever", "restart", "session:c2", "process:12:345"] {
        let (kind, value) = LifetimeKind::split(text);
        assert_eq!(kind.text(&value, NOW), text);
    }
}

#[test]
fn spaces_between_ports_do_not_matter() {
    let mut form = Form::new();
    form.ports = " 80, 443 ".into();
    let rule = form.check(&directory(), NOW).unwrap().wire;
    assert_eq!(rule.ports.as_deref(), Some("80,443"));
}

#[test]
fn what_is_said_fits_the_mistake() {
    let said = |change: &dyn Fn(&mut Form)| {
        let [mistake] = mistakes(change).try_into().unwrap();
        mistake.problem
    };
    let of = |destination: &str| {
        said(&|form| form.destination = (DestinationKind::Place, destination.into()))
    };
    assert!(of("10.0.0.0/33").contains("a network like"));
    assert!(of("10.0.0.9-10.0.0.1").contains("the lower address first"));
    assert!(of("a b").contains("a name like"));
    assert!(said(&|form| form.destination.0 = DestinationKind::Domain).contains("a domain like"));
    assert!(said(&|form| form.ports = "90-80".into()).contains("lower port"));
    assert!(said(&|form| form.program.0 = ProgramKind::Snap).contains("Snap’s name"));
    assert!(said(&|form| form.started_by = "flatpak:org.a.B".into()).contains("/usr/bin/bash"));
}

#[test]
fn ports_tell_their_services() {
    let directory = Directory::fixed(&[], "http 80/tcp\nhttps 443/tcp\ndomain 53/udp");
    let hint = |ports: &str, protocol: ProtocolKind| {
        let form = Form {
            ports: ports.into(),
            protocol: (protocol, String::new()),
            ..Form::new()
        };
        form.hint(Field::Ports, &directory)
    };
    let any = ProtocolKind::Any;
    assert_eq!(
        hint("80, 443, 7, 53", any).as_deref(),
        Some("80 (http), 443 (https), 53 (domain)")
    );
    assert_eq!(hint("443", ProtocolKind::Udp), None);
    assert_eq!(hint("8000-8100", any), None);
    assert_eq!(hint("443,", any), None, "it is no list of ports yet");
    assert_eq!(hint("", any), None);
}
