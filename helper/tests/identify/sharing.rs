//! Sockets that several processes or programs have.

use bastion_policy::process::{Identity, UnknownReason};

use crate::netns::{Program, identify, in_network, sender, unknown};

#[test]
fn another_program_inherited_it() {
    in_network(|| {
        let mut program = Program::start(
            "s = connect(socket())\n\
             p = subprocess.Popen(['sleep', '1000'], pass_fds=[s.fileno()]); tell('tcp', s)\n\
             wait(); p.kill(); p.wait(); say('ended'); wait()",
        );
        let flow = program.flow();
        assert_eq!(unknown(&flow, Some(0)), UnknownReason::Ambiguous);
        program.go_on();
        program.line();
        assert_eq!(sender(&flow, 0).key.pid, program.pid());
    });
}

/// Passed over a Unix socket to a process that is no relative of the first.
#[test]
fn another_program_received_it() {
    in_network(|| {
        let mut receiver = Program::start(
            "u = socket(AF_UNIX); u.bind('\\0bastion-test-%d' % os.getpid()); u.listen(); say(os.getpid())\n\
             c, _ = u.accept(); _, fds, _, _ = recv_fds(c, 1, 1); os.set_inheritable(fds[0], True)\n\
             os.execvp('sleep', ['sleep', '1000'])",
        );
        let mut program = Program::start(&format!(
            "s = connect(socket()); u = socket(AF_UNIX); u.connect('\\0bastion-test-{}')\n\
             tell('tcp', s); wait(); send_fds(u, [b'x'], [s.fileno()]); say('sent'); wait()",
            receiver.line()
        ));
        let flow = program.flow();
        assert_eq!(sender(&flow, 0).key.pid, program.pid());
        program.go_on();
        program.line();
        let sleep = std::fs::canonicalize("/bin/sleep").unwrap();
        receiver.becomes(sleep.to_str().unwrap());
        assert_eq!(unknown(&flow, Some(0)), UnknownReason::Ambiguous);
    });
}

#[test]
fn children_of_the_same_program_stand_behind_the_oldest() {
    in_network(|| {
        let mut program = Program::start(
            "s = connect(socket())\n\
             for _ in range(3):\n  if not os.fork(): wait(); os._exit(0)\n\
             tell('tcp', s); wait()",
        );
        assert_eq!(sender(&program.flow(), 0).key.pid, program.pid());
    });
}

#[test]
fn children_for_another_user_are_another_program() {
    in_network(|| {
        let mut program = Program::start(
            "s = connect(socket()); r, w = os.pipe()\n\
             if not os.fork(): os.setuid(65534); os.write(w, b'x'); wait(); os._exit(0)\n\
             os.read(r, 1); tell('tcp', s); wait()",
        );
        assert_eq!(unknown(&program.flow(), Some(0)), UnknownReason::Ambiguous);
    });
}

#[test]
fn nobody_has_it_open() {
    in_network(|| {
        let mut program = Program::start(
            "s = connect(socket()); a, b = socketpair()\n\
             send_fds(a, [b'x'], [s.fileno()]); tell('tcp', s); s.close(); say('closed'); wait()",
        );
        let flow = program.flow();
        program.line();
        // Or it may be a process that can't be looked at, where there is one.
        let expected = match std::fs::read_link("/proc/1/exe") {
            Ok(_) => UnknownReason::NoProcess,
            Err(_) => UnknownReason::Unreadable,
        };
        assert_eq!(unknown(&flow, Some(0)), expected);
    });
}

const REUSE: &str = "def bound():\n\
    \x20 s = socket(AF_INET, SOCK_DGRAM); s.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)\n\
    \x20 s.bind(('0.0.0.0', 5353)); return s\n\
    s = bound()\n";

#[test]
fn a_port_that_two_programs_share() {
    in_network(|| {
        let mut one = Program::start(&format!("{REUSE}tell('udp', s); wait()"));
        let flow = one.flow();
        assert_eq!(sender(&flow, 0).key.pid, one.pid());
        let two = Program::start(&format!(
            "{REUSE}os.set_inheritable(s.fileno(), True); os.execvp('sleep', ['sleep', '1000'])"
        ));
        let sleep = std::fs::canonicalize("/bin/sleep").unwrap();
        two.becomes(sleep.to_str().unwrap());
        assert_eq!(unknown(&flow, Some(0)), UnknownReason::Ambiguous);
    });
}

#[test]
fn a_port_that_two_processes_of_a_program_share() {
    in_network(|| {
        let mut one = Program::start(&format!("{REUSE}tell('udp', s); wait()"));
        let flow = one.flow();
        let mut two = Program::start(&format!("{REUSE}t = bound(); say('bound'); wait()"));
        two.line();
        let process = sender(&flow, 0);
        assert!([one.pid(), two.pid()].contains(&process.key.pid));
    });
}

#[test]
fn a_port_that_two_users_share_is_told_apart() {
    in_network(|| {
        // Sharing needs the same user; different addresses do not.
        let mut one = Program::start(
            "s = socket(AF_INET, SOCK_DGRAM); s.bind(('192.0.2.1', 5000)); tell('udp', s); wait()",
        );
        let mut two = Program::start(
            "os.setuid(65534); s = socket(AF_INET, SOCK_DGRAM); s.bind(('127.0.0.1', 5000))\n\
             say('bound'); wait()",
        );
        let flow = one.flow();
        two.line();
        assert_eq!(sender(&flow, 0).key.pid, one.pid());
        assert_eq!(sender(&flow, 65534).key.pid, two.pid());
    });
}

#[test]
fn a_thread_with_files_of_its_own() {
    in_network(|| {
        let mut program = Program::start(
            "def thread():\n\
             \x20 assert ctypes.CDLL(None).unshare(0x400) == 0\n\
             \x20 s = connect(socket()); tell('tcp', s); threading.Event().wait()\n\
             threading.Thread(target=thread, daemon=True).start(); wait()",
        );
        assert_eq!(sender(&program.flow(), 0).key.pid, program.pid());
    });
}

#[test]
fn a_program_that_executed_another_is_that_other() {
    in_network(|| {
        let mut program = Program::start(
            "s = connect(socket()); tell('tcp', s); wait(); os.set_inheritable(s.fileno(), True)\n\
             os.execvp('sleep', ['sleep', '1000'])",
        );
        let flow = program.flow();
        let before = sender(&flow, 0);
        program.go_on();
        let sleep = std::fs::canonicalize("/bin/sleep").unwrap();
        program.becomes(sleep.to_str().unwrap());
        let after = sender(&flow, 0);
        assert_eq!(after.key, before.key);
        assert_eq!(after.executable.path.as_str(), sleep.to_str().unwrap());
        assert_eq!(after.arguments, ["sleep", "1000"]);
    });
}

/// Two programs take turns at running in one process, as fast as they can: every answer is one
/// of them with its own file and arguments, or none.
#[test]
fn a_process_that_keeps_changing_is_never_a_mixture() {
    const SHELLS: [&str; 2] = ["sh", "bash"];
    in_network(|| {
        let turn =
            "if [ \"$0\" = sh ]; then exec bash -c \"$T\" bash x; else exec sh -c \"$T\" sh x; fi";
        let mut program = Program::start(&format!(
            "s = connect(socket()); os.set_inheritable(s.fileno(), True); tell('tcp', s)\n\
             os.environ['T'] = r'''{turn}'''; os.execvp('sh', ['sh', '-c', os.environ['T'], 'sh', 'x'])"
        ));
        let flow = program.flow();
        let path = |name: &str| {
            let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
                .map(|dir| dir.join(name))
                .find(|path| path.exists());
            std::fs::canonicalize(found.unwrap()).unwrap()
        };
        let mut named = 0;
        let mut looks = 0;
        while named < 50 {
            looks += 1;
            assert!(looks < 5000, "only {named} of {looks} named");
            let process = match identify(&flow, Some(0)) {
                Identity::Process(process) => process,
                Identity::Unknown { reason, .. } => {
                    assert_eq!(reason, UnknownReason::Changed);
                    continue;
                }
                Identity::Kernel => panic!("not the kernel"),
            };
            let runs =
                |shell: &&&str| path(shell).to_str() == Some(process.executable.path.as_str());
            let Some(shell) = SHELLS.iter().find(runs) else {
                // It has not begun to take turns.
                continue;
            };
            if let Some(argument) = process.arguments.first() {
                assert_eq!(argument, shell);
                named += 1;
            }
        }
    });
}
