//! The root service of Bastion Firewall.

fn main() {}
