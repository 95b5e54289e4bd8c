//! Kernel programs of Bastion, and the memory layouts they share with user space.
//!
//! The programs are C, because only clang writes the relocations by which one object fits every
//! kernel (CO-RE). `src/kernel/bastion.bpf.c` is where they begin; `build.rs` compiles them into
//! [`OBJECT`]. `bastion_helper::kernel` loads them.

mod layout;

pub use layout::*;

/// Aligned as an ELF reader needs it.
#[repr(C, align(8))]
struct Aligned<Bytes: ?Sized>(Bytes);

static ALIGNED: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/bastion.bpf.o")));

/// The programs, as an ELF object.
pub static OBJECT: &[u8] = &ALIGNED.0;
