//! Other kernels than this machine's, under QEMU: Debian's own, which also let programs trace the
//! kernel, so that senders can be recorded in all three ways.
#![cfg(target_arch = "x86_64")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use bastion_tests::{keep_report, run_on_kernel_or_skip};

/// What is run: one test after the other, so that each has the slow machine for itself.
const TESTS: [&str; 2] = [
    "kernel --nocapture --test-threads=1",
    "queue --test-threads=1",
];

fn all_is_well_on(release: &str, kernel: &str) {
    let Some(console) = run_on_kernel_or_skip(release, &TESTS) else {
        return;
    };
    keep_report(&format!("kernel-{kernel}.txt"), &console).unwrap();
    assert!(
        console.contains(&format!("vm: {kernel}.")),
        "another kernel:\n{console}"
    );
    for test in TESTS {
        let name = test.split(' ').next().unwrap();
        let passed = console.contains(&format!("vm: {name} ended with 0 "));
        assert!(passed, "{name} failed on {kernel}:\n{console}");
    }
    for way in ["Iptables", "Fentry", "Kprobe"] {
        let seen = console.contains(&format!("{way}: "));
        assert!(seen, "nothing was recorded by {way}:\n{console}");
    }
}

#[test]
fn linux_6_1_of_debian_12() {
    all_is_well_on("bookworm", "6.1");
}

#[test]
fn linux_6_12_of_debian_13() {
    all_is_well_on("trixie", "6.12");
}
