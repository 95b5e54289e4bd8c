//! The whole app before the real helper, as people have it: in their language, light or dark, on a
//! desktop or a telephone, written from left to right or from right to left. In each look a user
//! does what each page is for, and what came of it is asked of the firewall and the network. A
//! picture of each page lands in `target/screenshots`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests"
)]

mod look;
mod scene;
mod tasks;

use look::{Look, Style};
use scene::Scene;

/// Each language in both styles and both widths, and each style in both widths.
const LOOKS: [Look; 6] = [
    Look::new("en", Style::Light, look::DESKTOP),
    Look::new("de", Style::Dark, look::DESKTOP),
    Look::new("ar", Style::Light, look::DESKTOP),
    Look::new("en", Style::Dark, look::TELEPHONE),
    Look::new("de", Style::Light, look::TELEPHONE),
    Look::new("ar", Style::Dark, look::TELEPHONE),
];

#[test]
fn every_page_does_what_it_is_for_in_every_look() {
    let Some(mut firewall) = bastion_tests::Firewall::boot_or_skip("looks") else {
        return;
    };
    Scene::prepare(&mut firewall);
    for look in LOOKS {
        println!("{look}");
        let mut scene = Scene::open(&mut firewall, look);
        tasks::answer_questions(&mut scene);
        tasks::see_that_all_is_well(&mut scene);
        tasks::end_a_connection(&mut scene);
        tasks::change_rules(&mut scene);
        tasks::find_in_the_log(&mut scene);
        scene.close();
    }
}
