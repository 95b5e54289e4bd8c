//! Kernel-side programs of Bastion and the memory layouts they share with user space.
//!
//! There are none yet: senders are identified through the socket tables and `/proc`
//! (`bastion_helper::identify`).
