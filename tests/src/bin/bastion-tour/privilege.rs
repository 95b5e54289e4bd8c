//! What others may not do.

use bastion_tests::{As, Error, Tour};

use crate::place::Place;

/// Answers questions of any number with “allow”, as alice, and prints the errors' names.
const ANSWER_ALL: &str = "import gi
from gi.repository import Gio, GLib
bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
name, path = 'org.bastionfirewall.Helper1', '/org/bastionfirewall/Helper1'
errors = set()
for number in range(100):
    answer = GLib.Variant('(ta{sv})', (number, {'action': GLib.Variant('s', 'allow')}))
    try:
        bus.call_sync(name, path, name + '.Prompts', 'Answer', answer, None, 0, 5000)
        errors.add('answered')
    except GLib.Error as error:
        errors.add(Gio.DBusError.get_remote_error(error).rsplit('.', 1)[-1])
print(*sorted(errors))";

pub fn walk(tour: &mut Tour, place: &mut Place<'_>) {
    tour.step(
        "Another user's connection waits; alice is not asked, and her answers don't count",
        "1 question open, 0 windows ask, NotFound, 0 connections arrived",
        || {
            place.internet.forget()?;
            let fetch = ["curl", "-s", "-m", "100", "http://203.0.113.8/"];
            let mut bobs = place.sandbox.spawn(As::Background("bob"), &fetch)?;
            place.wait_count("questions", 1)?;
            let windows = place.desktop.windows()?;
            let asking = windows.iter().filter(|w| *w == crate::place::PROMPT).count();
            let answered = place.alice(&["python3", "-c", ANSWER_ALL])?;
            let answered = answered.trim_start_matches("exit 0: ").to_owned();
            let open = place.count("questions")?;
            let arrived = place.connections(80)?;
            bobs.kill();
            place.wait_count("questions", 0)?;
            Ok::<_, Error>(format!(
                "{open} question open, {asking} windows ask, {answered}, {arrived} connections arrived"
            ))
        },
    );
    tour.step(
        "An unprivileged user may not change rules over D-Bus",
        "exit 4, the rules are as before",
        || {
            let before = place.json(&["rules", "list"])?;
            let add = ["bastionctl", "rules", "add", "allow", "--program", "any"];
            let refused = place.sandbox.output(As::Background("bob"), &add)?;
            let same = place.json(&["rules", "list"])? == before;
            let state = if same { "as before" } else { "others" };
            Ok::<_, Error>(format!("exit {}, the rules are {state}", refused.status))
        },
    );
}
