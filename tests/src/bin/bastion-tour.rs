//! `make run`: a tour of Bastion on real traffic, in a machine of its own.
//!
//! Boots a machine and an internet for it, installs the package, and lets a
//! user log in at the screen. Each step prints what was expected and what was
//! seen. `KEEP=1` leaves all of it up to play with.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bastion_tests::{As, Desktop, Internet, Package, Sandbox, Tour, eventually_equal};

const HELPER: &str = "bastion-helper.service";
const START_TIMEOUT: Duration = Duration::from_secs(20);

fn main() -> anyhow::Result<ExitCode> {
    let keep = std::env::var_os("KEEP").is_some_and(|keep| keep == "1");
    println!("Booting a machine and an internet for it, installing the package (about 10 s)");
    let package = Package::find()?;
    let sandbox = Sandbox::boot("tour").context("the machine did not boot")?;
    let internet = Internet::boot(&sandbox).context("the internet did not start")?;
    package
        .install(&sandbox)
        .context("the package could not be installed")?;
    let mut tour = Tour::new();
    {
        let mut desktop = Desktop::start(&sandbox, "alice").context("alice could not log in")?;
        desktop.authenticate_as("alice", "alice")?;
        walk(&mut tour, &sandbox, &mut desktop)?;
    }
    let passed = tour.finish();
    if keep {
        let (name, other) = (
            sandbox.name().to_owned(),
            internet.sandbox().name().to_owned(),
        );
        internet.keep()?;
        sandbox.keep()?;
        println!("The machine is still up. As root:  tests/sandbox/sandbox.sh enter {name}");
        println!(
            "As a user at the screen:           tests/sandbox/sandbox.sh user {name} alice --pty bash"
        );
        println!("Down with it and its internet:     tests/sandbox/sandbox.sh down {name} {other}");
    }
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The steps, in order.
fn walk(tour: &mut Tour, sandbox: &Sandbox, desktop: &mut Desktop<'_>) -> anyhow::Result<()> {
    tour.step(
        "The session at the screen is active and local",
        "yes seat0",
        || {
            let session = desktop.session().to_owned();
            let show = [
                "loginctl",
                "show-session",
                &session,
                "-P",
                "Active",
                "-P",
                "Seat",
            ];
            let shown = sandbox.run(As::Root, &show)?;
            let mut words: Vec<&str> = shown.split_whitespace().collect();
            words.sort_unstable_by(|a, b| b.cmp(a));
            Ok::<_, bastion_tests::Error>(words.join(" "))
        },
    );
    tour.step("systemd has started the helper", "active", || {
        let state = || {
            Ok(sandbox
                .output(As::Root, &["systemctl", "is-active", HELPER])?
                .stdout
                .trim()
                .to_owned())
        };
        eventually_equal(
            "the helper's start",
            START_TIMEOUT,
            &"active".to_owned(),
            state,
        )?;
        state()
    });
    Ok(())
}
