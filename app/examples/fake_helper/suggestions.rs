//! Suggestions, as learn mode would make them.

use bastion_ipc::Error;
use bastion_ipc::wire::{Suggestion, WireRule};

use crate::{State, now};

/// Program, application, host, address, port, protocol, how often, and seconds since the last.
type Seen = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    u16,
    &'static str,
    u64,
    u64,
);

const OWN: [Seen; 10] = [
    (
        "/usr/bin/git",
        "",
        "git.example.net",
        "192.0.2.20",
        443,
        "tcp",
        12,
        70,
    ),
    (
        "/usr/bin/git",
        "",
        "code.example.org",
        "192.0.2.21",
        22,
        "tcp",
        3,
        4_000,
    ),
    (
        "/app/bin/fractal",
        "flatpak:org.gnome.Fractal",
        "matrix.example.org",
        "192.0.2.30",
        443,
        "tcp",
        311,
        90,
    ),
    (
        "/usr/bin/curl",
        "",
        "downloads.example.org",
        "192.0.2.40",
        443,
        "tcp",
        1,
        600,
    ),
    ("/usr/bin/ping", "", "", "203.0.113.9", 0, "icmp", 4, 7_300),
    (
        "/usr/lib/game/launcher",
        "",
        "a.cdn.example.com",
        "198.51.100.1",
        443,
        "tcp",
        9,
        86_500,
    ),
    (
        "/usr/lib/game/launcher",
        "",
        "b.cdn.example.com",
        "198.51.100.2",
        443,
        "tcp",
        7,
        86_600,
    ),
    (
        "/usr/lib/game/launcher",
        "",
        "c.cdn.example.com",
        "198.51.100.3",
        443,
        "tcp",
        7,
        86_700,
    ),
    (
        "/usr/lib/game/launcher",
        "",
        "",
        "198.51.100.200",
        27_015,
        "udp",
        2_204,
        86_800,
    ),
    (
        "/usr/lib/game/launcher",
        "",
        "",
        "2001:db8:77:1f00::1234:5678",
        27_016,
        "udp",
        40,
        86_900,
    ),
];
/// Of the system; everybody's are shown with one's own.
const OTHERS: [Seen; 1] = [(
    "/usr/libexec/fwupd/fwupd",
    "",
    "cdn.example.net",
    "192.0.2.50",
    443,
    "tcp",
    2,
    100,
)];

/// Has learned some.
pub(crate) fn learn(state: &mut State) {
    let own = nix::unistd::getuid().as_raw();
    let other = own + 1;
    let seen = OTHERS.map(|seen| (seen, other)).into_iter();
    let seen = seen.chain(OWN.map(|seen| (seen, own)));
    let made = (1..).zip(seen).map(|(id, (seen, uid))| {
        let (program, app, host, destination, destination_port, protocol, count, ago) = seen;
        let suggestion = Suggestion {
            id,
            program: program.into(),
            app: app.into(),
            uid,
            protocol: protocol.into(),
            host: host.into(),
            destination: destination.into(),
            destination_port,
            count,
            first: now() - 90_000_000,
            last: now() - ago * 1_000,
        };
        (suggestion, false)
    });
    state.suggestions = made.collect();
}

/// Those that are open.
pub(crate) fn open(state: &State, everybody: bool) -> Result<Vec<Suggestion>, Error> {
    if everybody && state.refuses {
        return Err(Error::NotAuthorized(
            "Only an administrator may do that.".into(),
        ));
    }
    let own = nix::unistd::getuid().as_raw();
    let open = state.suggestions.iter().filter(|(_, dropped)| !dropped);
    let open = open.map(|(suggestion, _)| suggestion);
    let seen = open.filter(|suggestion| everybody || suggestion.uid == own);
    Ok(seen.cloned().collect())
}

fn check(state: &State, ids: &[u64]) -> Result<(), Error> {
    let exists = |id: &u64| state.suggestions.iter().any(|(found, _)| found.id == *id);
    match ids.iter().all(exists) {
        true => Ok(()),
        false => Err(Error::NotFound("There is no such suggestion.".into())),
    }
}

/// Makes a rule of each; its note tells the scope.
pub(crate) fn accept(
    state: &mut State,
    ids: &[u64],
    scope: &str,
    everybody: bool,
) -> Result<Vec<String>, Error> {
    check(state, ids)?;
    let (accepted, left): (Vec<_>, Vec<_>) = std::mem::take(&mut state.suggestions)
        .into_iter()
        .partition(|(found, _)| ids.contains(&found.id));
    state.suggestions = left;
    let mut made = Vec::new();
    for (suggestion, _) in accepted {
        state.next += 1;
        let id = format!("r{}", state.next);
        let place = match suggestion.host.is_empty() {
            true => suggestion.destination,
            false => suggestion.host,
        };
        state.rules.push(WireRule {
            id: Some(id.clone()),
            name: format!("Learned: {place}"),
            action: "allow".into(),
            program: Some(suggestion.program),
            destination: Some(place),
            user: (!everybody).then(|| suggestion.uid.to_string()),
            note: Some(scope.into()),
            creator: Some("learned".into()),
            ..WireRule::default()
        });
        made.push(id);
    }
    Ok(made)
}

/// Drops them, or takes that back.
pub(crate) fn set_dropped(state: &mut State, ids: &[u64], dropped: bool) -> Result<(), Error> {
    check(state, ids)?;
    for (found, was) in &mut state.suggestions {
        if ids.contains(&found.id) {
            *was = dropped;
        }
    }
    Ok(())
}
