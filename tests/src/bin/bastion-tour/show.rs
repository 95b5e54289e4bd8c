//! Every page of the window, for a look.

use bastion_tests::{Error, Find, Tour};

use crate::place::Place;

pub fn walk(tour: &mut Tour, place: &mut Place<'_>) {
    for page in ["Overview", "Connections", "Rules", "Log"] {
        let what = format!("The page {page} is shown, and photographed");
        tour.step(&what, page, || {
            let row = Find::role("list item").named(page);
            place.desktop.press(&row)?;
            place.desktop.wait_state(&row, "selected", true)?;
            place.picture(Some("Bastion"), &page.to_lowercase())?;
            Ok::<_, Error>(page.to_owned())
        });
    }
}
