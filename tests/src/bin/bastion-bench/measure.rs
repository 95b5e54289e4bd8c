//! One case, measured once.

use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use bastion_tests::Connected;

use crate::case::{Case, Metric};
use crate::guard;
use crate::place::{Place, TARGET};

/// Connections made before anything is measured, in each program that connects: caches are warm
/// then, and what can be taught has been.
const WARM_UP: u32 = 500;
/// Connections from one thread.
const CONNECTIONS: u32 = 5_000;
/// Microseconds from one connection to the next where latency is measured: connections come one at
/// a time then, and find everybody else at rest. Without a pause a client that is fast enough keeps
/// the server awake, and saves what it takes to wake it, which no slower one does.
const PAUSE: u32 = 150;
/// Connections from each of four threads.
const EACH: u32 = 2_000;
const THREADS: u32 = 4;

/// What one round of a case gave.
pub struct Measured {
    /// A figure of each kind.
    pub figures: Vec<(Metric, f64)>,
    /// Connections whose first packet was lost on the way, or its answer.
    pub resent: u32,
}

/// Brings the case about, measures it, and ends it.
pub fn measure(place: &mut Place, case: Case) -> anyhow::Result<Measured> {
    guard::start(place, case)?;
    let measured = figures(place, case);
    let stopped = guard::stop(place, case);
    let measured = measured?;
    stopped?;
    Ok(measured)
}

fn figures(place: &mut Place, case: Case) -> anyhow::Result<Measured> {
    let unit = guard::unit(case);
    let mut client = place.client()?;
    client.connect(1, WARM_UP).context("nothing connects")?;
    let before = place.used_in_the_end(unit)?;
    let single = client.connect_with_pauses(1, CONNECTIONS, PAUSE)?;
    let after = place.used_in_the_end(unit)?;
    guard::prove(place, case, single.connections, before, after)?;
    let one = client.connect(1, CONNECTIONS)?;
    place.used_in_the_end(unit)?;
    let four = client.connect(THREADS, EACH)?;
    place.used_in_the_end(unit)?;
    let received = burst(place, &mut client)?;
    place.used_in_the_end(unit)?;
    let rss = unit.map_or(Ok(0.0), |unit| place.rss_kib(unit))?;
    let cpu = (after.cpu_us - before.cpu_us) / f64::from(single.connections);
    let per_second = |made: Connected| f64::from(made.connections) / made.seconds;
    Ok(Measured {
        figures: vec![
            (Metric::ConnectP50, single.p50_us),
            (Metric::ConnectP99, single.p99_us),
            (Metric::PerSecond, per_second(one)),
            (Metric::PerSecond4, per_second(four)),
            (Metric::BurstReceived, received),
            (Metric::CpuPerConnection, cpu),
            (Metric::Rss, rss),
        ],
        resent: single.resent + one.resent + four.resent,
    })
}

/// Sends the burst, and waits until all has arrived or nothing more comes.
fn burst(place: &mut Place, client: &mut bastion_tests::Load) -> anyhow::Result<f64> {
    const LOOK: Duration = Duration::from_millis(200);
    /// So many looks in which nothing came are the end.
    const SILENCE: u32 = 10;
    place.server.forget()?;
    let sent = client.burst()?;
    anyhow::ensure!(
        sent == u64::from(TARGET.datagrams),
        "the kernel took {sent} datagrams of {}",
        TARGET.datagrams
    );
    let (mut received, mut silent) = (0, 0);
    while received < sent && silent < SILENCE {
        thread::sleep(LOOK);
        let now = place.server.received()?;
        silent = if now == received { silent + 1 } else { 0 };
        received = now;
    }
    // At most 5,000.
    Ok(f64::from(u32::try_from(received)?))
}
