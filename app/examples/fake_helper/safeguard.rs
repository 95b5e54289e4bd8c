//! Safeguard as the stand-in has it: on and off as it is told on the bus, by an interface of its
//! own.

use bastion_ipc::Error;
use bastion_ipc::wire::{Guard, LoudProgram, Status};
use zbus::{Connection, interface};

use crate::{Shared, State, now, tell_status};

/// What is told of this user, or of all.
pub(crate) fn guards(state: &State, everybody: bool) -> Vec<Guard> {
    let all = state.status.safeguard.iter();
    let seen = all.filter(|guard| everybody || is_own(guard)).cloned();
    let loud = |guard: Guard| Guard {
        programs: programs(guard.dropped),
        ..guard
    };
    seen.map(loud).collect()
}

/// Ends it for this user, or for all, which may be refused.
pub(crate) fn leave(state: &mut State, everybody: bool) -> Result<(), Error> {
    if everybody {
        state.allow()?;
    }
    let guards = &mut state.status.safeguard;
    guards.retain(|guard| !everybody && !is_own(guard));
    Ok(())
}

/// The only user who calls is the one who started the stand-in.
fn is_own(guard: &Guard) -> bool {
    guard.user == nix::unistd::getuid().as_raw()
}

fn programs(dropped: u64) -> Vec<LoudProgram> {
    let loud = |program: &str, share: u64| LoudProgram {
        program: program.into(),
        undecided: 10 + dropped / share,
        dropped: dropped / share,
    };
    vec![
        loud("/home/alice/.local/share/game/bin/launcher", 2),
        loud("/usr/bin/curl", 4),
        loud("/usr/bin/python3.13", 8),
        loud("/usr/lib/reader/reader", 16),
        loud("unknown", 32),
    ]
}

/// What makes it begin and end. What happens quietly brings no signal.
pub(crate) struct Storm(pub(crate) Shared);

#[interface(name = "org.bastionfirewall.FakeHelper1")]
impl Storm {
    /// Drops connections of a user; it begins, if it has not.
    async fn rage(
        &self,
        user: u32,
        cause: String,
        dropped: u64,
        quietly: bool,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        begin(&mut self.0.lock().unwrap().status, user, cause, dropped);
        self.tell(quietly, bus).await
    }

    /// How often the settings were replaced.
    fn changes(&self) -> u32 {
        self.0.lock().unwrap().changes
    }

    /// All is calm with a user: it ends.
    async fn calm(
        &self,
        user: u32,
        quietly: bool,
        #[zbus(connection)] bus: &Connection,
    ) -> Result<(), Error> {
        let kept = |guard: &Guard| guard.user != user;
        self.0.lock().unwrap().status.safeguard.retain(kept);
        self.tell(quietly, bus).await
    }
}

impl Storm {
    async fn tell(&self, quietly: bool, bus: &Connection) -> Result<(), Error> {
        match quietly {
            true => Ok(()),
            false => tell_status(&self.0, bus).await,
        }
    }
}

/// On from the start, for who starts the stand-in.
pub(crate) fn begin_own(status: &mut Status) {
    let user = nix::unistd::getuid().as_raw();
    begin(status, user, "questions".into(), 43);
}

fn begin(status: &mut Status, user: u32, cause: String, dropped: u64) {
    let guards = &mut status.safeguard;
    match guards.iter_mut().find(|guard| guard.user == user) {
        Some(guard) => guard.dropped += dropped,
        None => guards.push(Guard {
            user,
            since: now(),
            cause,
            dropped,
            programs: Vec::new(),
        }),
    }
}
