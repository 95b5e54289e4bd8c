//! The choice of what happens while the firewall is not running.

use bastion_policy::settings::WhenDown;

use super::radio::Radio;
use crate::i18n::gettext;

/// In the order of the rows.
pub const WHEN_DOWN: [WhenDown; 2] = [WhenDown::Open, WhenDown::Closed];

/// The rows, each with what it means.
#[must_use]
pub fn radio(title: &str) -> Radio {
    let said = WHEN_DOWN.map(|down| match down {
        WhenDown::Open => (
            gettext("Allow Connections"),
            gettext("Fail-open: the network always works, but programs connect unchecked until the firewall is back."),
        ),
        WhenDown::Closed => (
            gettext("Block Connections"),
            gettext("Fail-closed: nothing passes unchecked, but there is no network until the firewall is back, unless an administrator stopped it."),
        ),
    });
    Radio::new(title, &said)
}
