//! The kernel programs on the real kernel.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is a failure"
)]

mod kinds;
mod passes;
#[path = "../support/programs.rs"]
mod programs;
mod repeats;
mod senders;
mod station;
mod world;

use bastion_helper::kernel::Kernel;

use world::in_world;

#[test]
fn every_program_is_taken_by_the_kernel() {
    in_world(|| {
        let (mut kernel, _parts) = Kernel::load().unwrap();
        kernel.pin().unwrap();
        kernel.attach_processes().unwrap();
        kernel.attach_names().unwrap();
        kernel.attach_cookies().unwrap();
        if station::hooks().len() > 1 {
            kernel.attach_fentry().unwrap();
            kernel.attach_kprobe().unwrap();
        }
    });
}
