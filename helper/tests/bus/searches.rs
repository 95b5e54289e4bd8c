//! Whose search of the log is next.

use bastion_ipc::wire::LogQuery;

use super::*;

#[tokio::test]
#[expect(
    clippy::await_holding_lock,
    reason = "who waits for it has a thread of its own"
)]
async fn searches_of_one_user_let_others_in_between() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let clients = [setup.client(ALICE).await, setup.client(BOB).await];
    let mut calls = tokio::task::JoinSet::new();
    let slow = setup.backend.log.lock().unwrap();
    let mut expected = 0;
    for (client, searches) in clients.iter().zip([8, 2]) {
        for number in 0..searches {
            let events = client.events.clone();
            let query = LogQuery::default();
            calls.spawn(async move {
                match number % 2 {
                    0 => events.get_log(&query, false).await.map(drop),
                    _ => events.get_log_pages(&query, false).await.map(drop),
                }
            });
        }
        expected += searches;
        until("the calls", || setup.polkit.checks().len() == expected).await;
    }
    let running = || setup.backend.searches.lock().unwrap().len() == 1;
    until("one search", running).await;
    drop(slow);
    for call in calls.join_all().await {
        call.unwrap();
    }
    let order = setup.backend.searches.lock().unwrap().clone();
    let [alice, bob] = [Some(ALICE), Some(BOB)];
    assert_eq!(order[..4], [alice, bob, alice, bob]);
    assert_eq!(order[4..], [alice; 6]);
}
