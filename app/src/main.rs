//! The desktop application of Bastion Firewall.
fn main() {}
