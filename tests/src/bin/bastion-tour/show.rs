//! Every page of the window, for a look.

use bastion_tests::{Error, Find, Tour};

use crate::place::Place;

/// Connections that stay open while the pages are shown; nc has a rule.
const OPEN: [&str; 3] = [
    "sleep 60 | nc 203.0.113.3 7",
    "sleep 60 | nc 203.0.113.3 80",
    "(echo hello; sleep 60) | nc -u 203.0.113.3 7",
];

pub fn walk(tour: &mut Tour, place: &mut Place<'_>) {
    tour.step(
        "Open connections are listed live",
        "nc.openbsd, Open",
        || {
            for (number, command) in OPEN.iter().enumerate() {
                place.start(&format!("open{number}"), &["sh", "-c", command])?;
            }
            place.desktop.press(&page("Connections"))?;
            let table = Find::role("tree table").named("Connections");
            let mut seen = Vec::new();
            for text in ["nc.openbsd", "Open"] {
                let label = Find::role("label").named(text).within(table.clone());
                seen.push(place.desktop.wait(&label)?.name);
            }
            Ok::<_, Error>(seen.join(", "))
        },
    );
    for name in ["Overview", "Connections", "Rules", "Log"] {
        let what = format!("The page {name} is shown, and photographed");
        tour.step(&what, name, || {
            place.desktop.press(&page(name))?;
            place.desktop.wait_state(&page(name), "selected", true)?;
            place.picture(Some("Bastion"), &name.to_lowercase())?;
            Ok::<_, Error>(name.to_owned())
        });
    }
}

fn page(name: &str) -> Find {
    Find::role("list item").named(name)
}
