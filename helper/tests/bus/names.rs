//! The helper's name on the bus, and the life of the connection.

use bastion_helper::bus::BusError;
use bastion_ipc::names::HELPER;
use zbus::fdo::DBusProxy;

use super::fakes::{Memory, Polkit};
use super::*;

#[tokio::test]
async fn a_second_helper_is_told_that_one_runs() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let serve = async || {
        let connection = setup.daemon.connect(0).await;
        let polkit = Arc::new(Polkit::default());
        Bus::serve(connection, Arc::new(Memory::default()), polkit).await
    };
    let error = serve().await.unwrap_err();
    assert!(matches!(error, BusError::AlreadyRunning), "{error}");
    assert!(error.to_string().contains("already running"));
    let alice = setup.client(ALICE).await;
    alice.control.get_status().await.unwrap();
    let daemon_view = DBusProxy::new(&alice.connection).await.unwrap();
    // It did not queue for the name either: when the first goes, nobody has it.
    setup.bus.stop().await;
    let owned = daemon_view.name_has_owner(HELPER.try_into().unwrap()).await;
    assert!(!owned.unwrap());
    serve().await.unwrap();
}

#[tokio::test]
async fn nobody_but_root_can_be_the_helper() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let connection = daemon.connect(ALICE).await;
    let backend = Arc::new(Memory::default());
    let error = Bus::serve(connection, backend, Arc::new(Polkit::default()))
        .await
        .unwrap_err();
    assert!(matches!(error, BusError::NameRefused(_)), "{error:?}");
}

#[tokio::test]
async fn the_life_of_the_bus_shows_and_its_end_too() {
    let Some(setup) = Setup::new().await else {
        return;
    };
    let life = setup.bus.life();
    let start = life.last();
    until("a sign of life", || life.last() > start).await;
    drop(setup.daemon);
    soon("the end of the connection", setup.bus.closed()).await;
}
