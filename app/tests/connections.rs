//! A connection is ended from the window, on a desktop with the helper's stand-in.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use serde_json::json;

use common::Bus;
use common::desktop::Desktop;

const EVENTS: &str = "org.bastionfirewall.Helper1.Events";
const BUTTON: &str = "End connection of firefox to www.wikipedia.org";

#[test]
fn a_connection_is_ended_with_the_button_of_its_row() {
    let bus = Bus::start();
    let _helper = bus.helper(&[]);
    let mut desktop = Desktop::start(&bus);
    desktop.start_app(&[]);
    desktop.shows("Protection Is On");
    let click = |desktop: &mut Desktop, find| desktop.perform("click", json!({ "find": find }));
    click(
        &mut desktop,
        json!({ "role": "list item", "name": "Connections" }),
    );
    click(
        &mut desktop,
        json!({ "role": "label", "name": "www.wikipedia.org" }),
    );
    let before = bus.call(&format!("{EVENTS}.GetConnections"), &["false"]);
    // From the row on without a mouse.
    let button = json!({ "role": "button", "name": BUTTON });
    desktop.perform("focus", json!({ "find": button }));
    desktop.perform("key", json!({ "keys": ["Return"] }));
    desktop.shows("Connection of firefox ended");
    let after = bus.call(&format!("{EVENTS}.GetConnections"), &["false"]);
    assert!(after.len() < before.len(), "{after}");
}
