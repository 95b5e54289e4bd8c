//! More programs connect at once than anybody could be asked about.

use std::time::Duration;

use bastion_tests::{As, Error, Find, Tour, eventually};
use serde_json::Value;

use crate::place::Place;

const PATIENCE: Duration = Duration::from_secs(30);

/// Three hundred programs, each a file of its own, each to a port of its own.
const STORM: &str = "mkdir -p /tmp/storm; cd /tmp/storm
    for n in $(seq 300); do cp /usr/bin/nc.openbsd program-$n; done
    for n in $(seq 300); do ./program-$n -w 100 203.0.113.9 $((20000 + n)) & done; wait";

/// Ends them.
const CALM: &str = "for p in /proc/[0-9]*; do
    case $(readlink \"$p/exe\") in /tmp/storm/*) kill \"${p#/proc/}\" ;; esac
done; rm -rf /tmp/storm";

/// What the banner begins with.
const ON: &str = "Safeguard is on. Too many undecided connections came at once. Loudest: program-";

pub fn walk(tour: &mut Tour, place: &mut Place<'_>) {
    tour.step(
        "300 programs connect at once: Safeguard begins, the window says why, the desktop is notified",
        "the banner is shown, notified of Safeguard",
        || {
            let overview = Find::role("list item").named("Overview");
            place.desktop.press(&overview)?;
            place.start("storm", &["sh", "-c", STORM])?;
            let banner = Find::containing(ON).in_window("Bastion");
            let banner = place.desktop.wait_for(&banner, PATIENCE)?;
            let state = if banner.is("showing") { "shown" } else { "hidden" };
            let notified = notified(place, 1)?;
            place.picture(Some("Bastion"), "safeguard")?;
            place.picture(None, "safeguard-screen")?;
            Ok::<_, Error>(format!(
                "the banner is {state}, notified of {notified}"
            ))
        },
    );
    tour.step(
        "Meanwhile a program with a rule connects as ever",
        "exit 0: hello",
        || place.alice(&["sh", "-c", "echo hello | nc -N -w 5 203.0.113.3 7"]),
    );
    tour.step(
        "The programs end, Resume is pressed: questions are asked again",
        "the banner is gone, notified of Safeguard Has Ended, 0 users left, 0 questions open",
        || {
            place.sandbox.run(As::Root, &["sh", "-c", CALM])?;
            let resume = Find::button("Resume").in_window("Bastion");
            place.desktop.press(&resume)?;
            place.desktop.wait_gone(&resume, PATIENCE)?;
            let notified = notified(place, 2)?;
            place.wait_count("questions", 0)?;
            let status = place.status()?;
            let users = status.get("safeguard").and_then(Value::as_array);
            let users = users.map_or(0, Vec::len);
            Ok::<_, Error>(format!(
                "the banner is gone, notified of {notified}, {users} users left, 0 questions open"
            ))
        },
    );
}

/// The headline of the notification of this number, from 1, without those of questions.
fn notified(place: &mut Place<'_>, number: usize) -> Result<String, Error> {
    eventually("a notification", PATIENCE, || {
        let mut told = place.desktop.notifications().ok()?;
        told.retain(|it| !it.summary.ends_with(" Wants to Connect"));
        Some(told.get(number - 1)?.summary.clone())
    })
}
