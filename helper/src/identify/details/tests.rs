use bastion_policy::process::{Evidence, Executable, ProcessKey};

use super::machine::testing::Made;
use super::*;

/// A process that is not there any more.
pub(super) fn process(path: &str) -> Process {
    Process {
        key: ProcessKey {
            pid: u32::MAX,
            start_time: 7,
        },
        uid: 1000,
        executable: Executable {
            path: path.parse().unwrap(),
            file: None,
            replaced: false,
        },
        arguments: Vec::new(),
        working_directory: String::new(),
        cgroup: String::new(),
        app: None,
        parents: Vec::new(),
        evidence: Evidence::PacketPath,
        execs: None,
    }
}

#[test]
fn of_a_process_that_is_gone_the_rest_is_known() {
    let made = Made::new();
    made.put("/var/lib/dpkg/info/dpkg.list", "/usr/bin/python3.13\n");
    made.put("/usr/bin/python3.13", "x");
    let gone = Process {
        arguments: vec!["python3".into(), "./a.py".into()],
        working_directory: "/home/u".into(),
        cgroup: "/lxc.payload.web/system.slice/web.service".into(),
        ..process("/usr/bin/python3.13")
    };
    let details = Inspector::new(made.proc()).inspect(&gone);
    assert_eq!(details.script, Some(Script::File("/home/u/a.py".into())));
    assert_eq!(details.origin.package.unwrap().name, "dpkg");
    // Whether it is apart from the machine nobody can tell any more.
    assert_eq!(details.container, None);
    assert_eq!(details.application, None);
}

#[test]
fn where_the_machine_can_not_be_seen_its_own_words_are_left() {
    let nowhere = tempfile::tempdir().unwrap();
    let bash = Process {
        arguments: vec!["bash".into(), "/opt/run".into()],
        cgroup: "/system.slice/run.service".into(),
        ..process("/usr/bin/bash")
    };
    let details = Inspector::new(ProcFs::at(nowhere.path())).inspect(&bash);
    let expected = Details {
        unit: Some(Unit {
            name: "run.service".into(),
            of_user: false,
        }),
        script: Some(Script::File("/opt/run".into())),
        ..Details::default()
    };
    assert_eq!(details, expected);
}

#[test]
fn what_the_machine_has_no_path_for_is_nobodys_package() {
    let made = Made::new();
    made.put("/var/lib/dpkg/info/dpkg.list", "/.\n");
    made.put("/usr/bin/x", "x");
    let mut inspector = Inspector::new(made.proc());
    for path in ["/proc/42/root/usr/bin/x", "/proc/42/exe", "/usr/bin/x\\\\"] {
        let process = process(path);
        assert_eq!(
            inspector.inspect(&process).origin,
            Origin::default(),
            "{path}"
        );
    }
    let of_snap = Process {
        app: Some("snap:x".parse().unwrap()),
        ..process("/usr/bin/x")
    };
    assert_eq!(inspector.inspect(&of_snap).origin, Origin::default());
}

/// A process in this test's own namespaces, and the same with one of its own.
#[test]
fn a_container_has_files_of_its_own() {
    let proc = ProcFs::default();
    let itself = proc.process(std::process::id()).unwrap();
    let start_time = Stat::of(&itself).unwrap().start_time;
    let inspector = Inspector::new(ProcFs::default());
    assert_eq!(
        inspector.is_apart(&itself),
        itself.link("ns/mnt").unwrap() != proc.machine().unwrap().link("ns/mnt").unwrap()
    );
    let mut process = process("/usr/bin/x");
    process.key = ProcessKey {
        pid: std::process::id(),
        start_time,
    };
    assert!(inspector.process(&process).is_some());
    process.key.start_time += 1;
    assert!(
        inspector.process(&process).is_none(),
        "another with its number"
    );
}
