//! The rule that lets a pinned kernel program accept packets, with a real program.

use std::ffi::CString;
use std::io;
use std::mem::size_of_val;
use std::path::Path;

use bastion_helper::netfilter::{Backend, KernelBypass, Netfilter, PinnedProgram, RulesetSpec};
use nix::libc;
use nix::sched::{CloneFlags, unshare};

use crate::support::{Peer, arrived, in_namespace, run, send};

/// `BPF_PROG_LOAD` and `BPF_OBJ_PIN` of `enum bpf_cmd`, with the leading fields of their
/// `union bpf_attr` (`linux/bpf.h`).
const PROG_LOAD: libc::c_long = 5;
const OBJ_PIN: libc::c_long = 6;
const SOCKET_FILTER: u32 = 1;

#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
}

#[repr(C)]
struct Pin {
    path: u64,
    fd: u32,
    flags: u32,
}

fn bpf<T>(command: libc::c_long, attributes: &T) -> u32 {
    // SAFETY: the kernel reads `size_of_val(attributes)` bytes of a live value; the addresses in
    // it point to live buffers of the callers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of_val(attributes),
        )
    };
    u32::try_from(result).unwrap_or_else(|_| panic!("bpf: {}", io::Error::last_os_error()))
}

/// Pins a socket filter that returns this value for every packet; 0 means "no match". The
/// descriptor stays open until the test ends.
fn pin(path: &Path, verdict: u8) {
    // mov r0, verdict; exit
    let instructions = [0xb7u8, 0, 0, 0, verdict, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let fd = bpf(
        PROG_LOAD,
        &Load {
            kind: SOCKET_FILTER,
            count: 2,
            instructions: instructions.as_ptr() as u64,
            license: c"GPL".as_ptr() as u64,
        },
    );
    let path = CString::new(path.to_str().unwrap()).unwrap();
    bpf(
        OBJ_PIN,
        &Pin {
            path: path.as_ptr() as u64,
            fd,
            flags: 0,
        },
    );
}

#[test]
fn a_pinned_program_lets_packets_pass_and_can_be_replaced_and_removed() {
    for (backend, program) in [
        (Backend::Nft, "iptables-nft"),
        (Backend::Legacy, "iptables-legacy"),
    ] {
        in_namespace(move || {
            // A file system for pins in a view of this thread's own.
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            run("mount", "--make-rprivate /");
            let directory = tempfile::tempdir().unwrap();
            run(
                "mount",
                &format!("-t bpf bpf {}", directory.path().display()),
            );
            let path = directory.path().join("allowed");
            let never = directory.path().join("never");
            pin(&never, 0);

            let peer = Peer::connect();
            let receiver = peer.receiver(0);
            let to = receiver.local_addr().unwrap();
            let netfilter = Netfilter::of(backend);
            let stand_in = RulesetSpec {
                queue: 77,
                fail_open: false,
                kernel_bypass: KernelBypass::StandIn,
            };
            let pinned = RulesetSpec {
                kernel_bypass: KernelBypass::Pinned {
                    pass: PinnedProgram::new(&path).unwrap(),
                    taken_over: PinnedProgram::new(&never).unwrap(),
                },
                ..stand_in.clone()
            };
            netfilter.apply(&stand_in).unwrap();
            send(b"nothing allows", to);
            assert!(!netfilter.check(&pinned).unwrap().is_sound());

            pin(&path, 1);
            netfilter.apply(&pinned).unwrap();
            assert!(netfilter.check(&pinned).unwrap().is_sound());
            assert!(!netfilter.check(&stand_in).unwrap().is_sound());
            send(b"the program allows", to);

            // Another program under the same name.
            std::fs::remove_file(&path).unwrap();
            pin(&path, 0);
            netfilter.apply(&pinned).unwrap();
            send(b"the other one does not", to);

            // Without its pin the rule goes all the same.
            std::fs::remove_file(&path).unwrap();
            netfilter.apply(&stand_in).unwrap();
            assert!(netfilter.check(&stand_in).unwrap().is_sound());
            send(b"nothing allows", to);
            netfilter.cleanup().unwrap();
            assert!(!run(&format!("{program}-save"), "").contains("BASTION"));
            assert_eq!(arrived(&receiver), [b"the program allows"]);
        });
    }
}
