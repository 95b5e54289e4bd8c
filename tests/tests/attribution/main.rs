//! Who sent it: every packet of every kind of sending, and of thousands of programs that live for a
//! moment, is attributed to the process that sent it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod crowd;
mod kernel;
mod scene;
mod table;
mod takeover;

use bastion_tests::{KINDS, Kind, Running};
use scene::{Scene, row};
use table::{Event, Row, complaints, table};

#[test]
fn every_packet_of_every_kind_is_attributed_to_its_sender() {
    let Some(mut scene) = Scene::set() else {
        return;
    };
    let (lasting, passing): (Vec<&Kind>, Vec<&Kind>) = KINDS.iter().partition(|it| it.goes_on());
    let running: Vec<Running> = lasting.iter().map(|kind| scene.start(kind)).collect();
    let mut sent: Vec<_> = passing
        .iter()
        .map(|kind| (*kind, scene.send(kind)))
        .collect();
    let takeovers = takeover::play(&mut scene);
    kernel::provoke(&mut scene);
    for (kind, running) in lasting.iter().zip(running) {
        sent.push((*kind, scene.finish(kind, running)));
    }

    let arrived = scene.arrived();
    let mut rows: Vec<Row> = sent
        .iter()
        .map(|(kind, sent)| row(kind, sent, &arrived))
        .collect();
    let kinds = rows.len();
    rows.extend(takeovers.iter().map(|takeover| takeover.row(&arrived)));
    let kernel = rows.len();
    rows.extend(kernel::rows(&arrived));
    let file = |event: &Event| {
        let (protocol, to, port) = (&event.protocol, event.destination, event.destination_port);
        let kind = sent
            .iter()
            .position(|(kind, _)| kind.is_to(protocol, to, port));
        let takeover = || Some(kinds + takeovers.iter().position(|it| it.is_of(event))?);
        kind.or_else(takeover)
            .or_else(|| Some(kernel + kernel::index(event)?))
    };
    let strays = scene.fill(&mut rows, file);

    let table = table(&rows);
    println!("{table}");
    bastion_tests::keep_report("attribution.txt", &table).unwrap();
    let strays: Vec<_> = strays
        .iter()
        .filter(|event| event.program != "kernel")
        .collect();
    assert!(strays.is_empty(), "nobody has sent these: {strays:#?}");
    let complaints = complaints(&rows);
    assert!(complaints.is_empty(), "\n{table}\n{complaints}");
    let lost = crowd::troubles_of_loss(&scene.firewall);
    assert!(lost.is_empty(), "{lost:?}");
}
