//! `make run`: a tour of Bastion on real traffic, in a machine of its own.
//!
//! Boots a machine and an internet for it, installs the package, and lets a
//! user log in at the screen. Each step prints what was expected and what was
//! seen; pictures of the windows go to `target/run/`. `KEEP=1` leaves all of
//! it up to play with.

mod change;
mod overload;
mod place;
mod privilege;
mod prompt;
mod recover;
mod show;

use std::process::ExitCode;

use anyhow::Context as _;
use bastion_tests::{Desktop, Internet, Manner, Package, Sandbox, Tour, Transport};

use place::Place;

/// Steps of the tour, for a place where nothing has been decided yet.
const STEPS: [fn(&mut Tour, &mut Place<'_>); 6] = [
    prompt::walk,
    change::walk,
    privilege::walk,
    show::walk,
    overload::walk,
    recover::walk,
];

fn main() -> anyhow::Result<ExitCode> {
    let keep = std::env::var_os("KEEP").is_some_and(|keep| keep == "1");
    println!("Booting a machine and an internet for it, installing the package (about 10 s)");
    let package = Package::find()?;
    let sandbox = Sandbox::boot("tour").context("the machine did not boot")?;
    let mut internet = Internet::boot(&sandbox).context("the internet did not start")?;
    for (transport, port, manner) in [
        (Transport::Tcp, 80, Manner::Http),
        (Transport::Tcp, 7, Manner::Echo),
        (Transport::Tcp, 8080, Manner::Http),
        (Transport::Udp, 7, Manner::Echo),
    ] {
        internet.listen(transport, port, manner)?;
    }
    package
        .install(&sandbox)
        .context("the package could not be installed")?;
    let mut tour = Tour::new();
    {
        let mut desktop = Desktop::start(&sandbox, "alice").context("alice could not log in")?;
        desktop.authenticate_as("alice", "alice")?;
        let mut place = Place::new(&sandbox, &mut internet, desktop)?;
        for walk in STEPS {
            walk(&mut tour, &mut place);
        }
    }
    let passed = tour.finish();
    if keep {
        let name = sandbox.name().to_owned();
        internet.keep()?;
        sandbox.keep()?;
        println!("The machine is still up. Enter it:  tests/sandbox/sandbox.sh enter {name}");
        println!("Take everything down:               tests/sandbox/sandbox.sh down --all");
    }
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
