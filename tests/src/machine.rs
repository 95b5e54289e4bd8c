//! Virtual machines with other kernels than this one.

use std::process::Command;

use crate::process::checked;
use crate::sandbox::{project, required};

/// Seconds for which a machine may run: without the processor's help it is slow, and several may
/// share one processor.
const PATIENCE: &str = "540";

/// Boots the kernel that Debian's release of this name has, and runs these test programs of the
/// helper's there; each may have arguments. Gives the machine's console, where each program's end
/// stands as `vm: NAME ended with STATUS`; or says why there is no such machine and gives None.
///
/// # Panics
/// When there is none and `BASTION_REQUIRE_REAL` is set.
#[must_use]
pub fn run_on_kernel_or_skip(release: &str, tests: &[&str]) -> Option<String> {
    let mut run = Command::new(project().join("tests/vm/run.sh"));
    run.arg(release)
        .args(tests)
        .env("BASTION_VM_SECONDS", PATIENCE);
    required(checked(run))
}
