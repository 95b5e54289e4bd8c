//! Compiles the kernel programs: one object for every kernel (CO-RE).

use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const SOURCES: &str = "src/kernel";

/// What libbpf's headers call the processors that Rust calls otherwise.
const PROCESSORS: [(&str, &str); 4] = [
    ("x86_64", "x86"),
    ("aarch64", "arm64"),
    ("riscv64", "riscv"),
    ("s390x", "s390"),
];

fn main() {
    println!("cargo::rerun-if-changed={SOURCES}");
    println!("cargo::rerun-if-env-changed=BPF_CLANG");
    if let Err(why) = compile() {
        eprintln!("error: {why}");
        exit(1);
    }
}

fn compile() -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).map_err(|error| format!("{name}: {error}"));
    let clang = variable("BPF_CLANG").unwrap_or_else(|_| "clang".into());
    let processor = variable("CARGO_CFG_TARGET_ARCH")?;
    let (_, target) = PROCESSORS
        .iter()
        .find(|(name, _)| *name == processor)
        .ok_or_else(|| format!("the kernel programs are not prepared for {processor}"))?;
    let object = PathBuf::from(variable("OUT_DIR")?).join("bastion.bpf.o");
    let mut command = Command::new(&clang);
    command
        .args(["-target", "bpf", "-mcpu=v3", "-O2", "-g"])
        // libbpf's macros make functions whose context is not used.
        .args([
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Wno-unused-parameter",
            "-std=gnu11",
        ])
        .arg(format!("-D__TARGET_ARCH_{target}"));
    // Debian keeps the kernel's own headers (asm/) apart for each processor.
    let multiarch = format!("/usr/include/{processor}-linux-gnu");
    if Path::new(&multiarch).is_dir() {
        command.arg("-idirafter").arg(multiarch);
    }
    command.arg("-c").arg(format!("{SOURCES}/bastion.bpf.c"));
    command.arg("-o").arg(&object);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!(
            "{clang} failed with {status}; the kernel programs need clang and the headers of libbpf \
             (Debian: clang, libbpf-dev)"
        )),
        Err(error) => Err(format!(
            "{clang} can't be run: {error}; install clang and libbpf-dev, or name another by \
             BPF_CLANG"
        )),
    }
}
