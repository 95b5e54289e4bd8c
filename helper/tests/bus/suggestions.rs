//! Who reviews whose suggestions.

use bastion_ipc::names::action::{MANAGE_RULES, VIEW_ALL};

use super::calls::{invalid, refused};
use super::*;

#[tokio::test]
async fn everybody_reviews_their_own_suggestions_and_an_administrator_all() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let bob = setup.client(BOB).await;
    let listed = bob.rules.list_suggestions(false).await.unwrap();
    let whose: Vec<_> = listed.iter().map(|found| (found.id, found.uid)).collect();
    assert_eq!(whose, [(2, BOB)]);
    refused(bob.rules.list_suggestions(true).await);
    refused(bob.rules.accept_suggestions(&[1, 2], "flow", true).await);
    refused(bob.rules.drop_suggestions(&[1, 2], true).await);
    let made = bob.rules.accept_suggestions(&[9, 2, 9], "port", false);
    assert_eq!(made.await.unwrap(), ["made"]);
    bob.rules.drop_suggestions(&[2], false).await.unwrap();
    bob.rules.restore_suggestions(&[2], false).await.unwrap();
    invalid(
        bob.rules.accept_suggestions(&[], "flow", false).await,
        "ids",
    );
    let many: Vec<u64> = (0..2_001).collect();
    invalid(bob.rules.drop_suggestions(&many, false).await, "ids");
    let scope = "everything\u{1b}";
    invalid(
        bob.rules.accept_suggestions(&[2], scope, false).await,
        "scope",
    );

    setup.polkit.allow(&[MANAGE_RULES, VIEW_ALL]);
    let checks = setup.polkit.checks().len();
    assert_eq!(bob.rules.list_suggestions(true).await.unwrap().len(), 2);
    let made = bob.rules.accept_suggestions(&many[..2_000], "flow", true);
    made.await.unwrap();
    bob.rules.drop_suggestions(&[1], true).await.unwrap();
    let once = &setup.polkit.checks()[checks..];
    let actions: Vec<_> = once.iter().map(|(action, _)| *action).collect();
    assert_eq!(actions, [VIEW_ALL, MANAGE_RULES, MANAGE_RULES]);
    let changes = setup.backend.changes();
    assert_eq!(
        changes[..3],
        [
            "accept [2, 9] port of Some(1001)",
            "dropped [2] of Some(1001): true",
            "dropped [2] of Some(1001): false",
        ]
    );
    assert!(changes[3].starts_with("accept [0, 1, 2, "), "{changes:?}");
    assert!(changes[3].ends_with("1999] flow of None"), "{changes:?}");
    assert_eq!(changes[4..], ["dropped [1] of None: true"]);
}
