//! What whole-system tests of Bastion stand on: sandboxes that run real
//! systemd, D-Bus and polkit, a network between them, and windows driven
//! through accessibility.
