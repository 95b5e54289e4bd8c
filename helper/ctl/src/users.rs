//! Users by name and number.

use nix::unistd::{Uid, User};

/// The login name of this user.
pub(crate) fn name(uid: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(uid))
        .ok()
        .flatten()
        .map(|user| user.name)
}

/// The uid of the user with this login name.
pub(crate) fn uid(name: &str) -> Option<u32> {
    User::from_name(name)
        .ok()
        .flatten()
        .map(|user| user.uid.as_raw())
}

/// The user who runs this program.
pub(crate) fn own_uid() -> u32 {
    Uid::current().as_raw()
}
