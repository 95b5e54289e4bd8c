//! The command line of Bastion Firewall.

fn main() {}
