//! What the user database says about users. It may be on the network, so nothing here is called
//! where a wait would hurt.

use nix::unistd::{Gid, Group, Uid, User};

/// Groups whose members administer the machine: Debian's, that of old Ubuntus, everybody else's.
const ADMINISTRATORS: [&str; 3] = ["sudo", "admin", "wheel"];

/// The login name, escaped; empty when the user has none.
pub(super) fn name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => bastion_policy::escape::printable(&user.name),
        _ => String::new(),
    }
}

/// True for root and members of the groups that administer the machine. Only for the choice of
/// whom to ask: what anybody may do is polkit's to say.
pub(super) fn is_administrator(uid: u32) -> bool {
    if uid == 0 {
        return true;
    }
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else {
        return false;
    };
    ADMINISTRATORS
        .iter()
        .any(|group| match Group::from_name(group) {
            Ok(Some(group)) => is_member(&user, group.gid, &group.mem),
            _ => false,
        })
}

fn is_member(user: &User, gid: Gid, members: &[String]) -> bool {
    user.gid == gid || members.contains(&user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_and_administers() {
        assert_eq!(name(0), "root");
        assert!(is_administrator(0));
    }

    #[test]
    fn a_number_nobody_has_is_nobody() {
        assert_eq!(name(3_999_999_999), "");
        assert!(!is_administrator(3_999_999_999));
    }

    #[test]
    fn members_are_listed_or_have_the_group_as_their_own() {
        let root = User::from_uid(Uid::from_raw(0)).unwrap().unwrap();
        let none: [String; 0] = [];
        assert!(is_member(&root, Gid::from_raw(0), &none));
        assert!(is_member(&root, Gid::from_raw(7), &["root".into()]));
        assert!(!is_member(&root, Gid::from_raw(7), &["toor".into()]));
    }
}
