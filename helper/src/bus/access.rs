//! The way into the helper: every method of every interface comes through here first.

use std::sync::Arc;
use std::time::Duration;

use bastion_ipc::Error;
use bastion_ipc::names::action;
use tokio::sync::watch;
use zbus::message::{Flags, Header};
use zbus::names::{OwnedUniqueName, UniqueName};

use super::authority::{Authorizer, nameless};
use super::backend::Backend;
use super::caller::Callers;
use super::gate::{Gate, Permit};
use super::turns::Turns;

/// An authorised call. It holds its places in the gates as long as it lives, so keep it until the
/// reply is ready.
#[derive(Debug)]
pub(super) struct Admitted {
    /// The caller's unique name.
    pub(super) sender: OwnedUniqueName,
    /// The caller's user.
    pub(super) uid: u32,
    _places: (Permit<OwnedUniqueName>, Permit<u32>),
}

/// Lets callers in and runs what they may do.
pub(super) struct Access {
    backend: Arc<dyn Backend>,
    authorizer: Arc<dyn Authorizer>,
    callers: Callers,
    by_sender: Gate<OwnedUniqueName>,
    by_user: Gate<u32>,
    searches: Turns,
    /// Whether polkit could not be asked when it was last tried.
    unauthorised: watch::Sender<bool>,
}

/// What the status says while that is so.
const NO_POLKIT: &str = "polkit can't be asked, so nobody may see more, change anything or answer \
     questions; connections are decided by the rules as before. See that the package polkitd is \
     installed and that “systemctl status polkit” shows it running.";

impl Access {
    /// Most calls one connection may have under way. The window makes a handful at once.
    pub(super) const CALLS_PER_SENDER: usize = 16;
    /// Most calls all connections of one user may have under way.
    const CALLS_PER_USER: usize = 64;
    /// How soon polkit is tried again after it could not be asked; twice as late each time.
    const RETRY_FIRST: Duration = Duration::from_secs(1);
    /// The longest time between two tries.
    const RETRY_LAST: Duration = Duration::from_secs(30);

    pub(super) fn new(
        backend: Arc<dyn Backend>,
        authorizer: Arc<dyn Authorizer>,
        callers: Callers,
    ) -> Self {
        Self {
            backend,
            authorizer,
            callers,
            by_sender: Gate::new(Self::CALLS_PER_SENDER),
            by_user: Gate::new(Self::CALLS_PER_USER),
            searches: Turns::default(),
            unauthorised: watch::Sender::new(false),
        }
    }

    /// Tells when it changes whether polkit can be asked.
    pub(super) fn watch_polkit(&self) -> watch::Receiver<bool> {
        self.unauthorised.subscribe()
    }

    /// Takes note of whether polkit can be asked.
    pub(super) fn note_polkit(&self, away: Option<&str>) {
        let changed =
            |before: &mut bool| std::mem::replace(before, away.is_some()) != away.is_some();
        if !self.unauthorised.send_if_modified(changed) {
            return;
        }
        match away {
            Some(why) => tracing::error!("{NO_POLKIT} The first call that came to nothing: {why}"),
            None => tracing::info!("polkit can be asked again"),
        }
    }

    /// Returns when polkit could not be asked and can be again, which it tries without anybody's
    /// call: a polkit that hung and goes on keeps its name, so the bus has nothing to tell.
    pub(super) async fn polkit_answers_again(&self) {
        let mut unauthorised = self.watch_polkit();
        let mut pause = Self::RETRY_FIRST;
        // This value has the sender, so there is one.
        while unauthorised.wait_for(|away| *away).await.is_ok() {
            tokio::time::sleep(pause).await;
            if self.authorizer.answers().await {
                return;
            }
            pause = (2 * pause).min(Self::RETRY_LAST);
        }
    }

    /// What is wrong with the bus, for the status.
    pub(super) fn trouble(&self) -> Option<String> {
        self.unauthorised.borrow().then(|| NO_POLKIT.into())
    }

    /// Who callers are.
    pub(super) fn callers(&self) -> &Callers {
        &self.callers
    }

    /// Counts the call in without asking polkit: for those that [`Access::authorize`] what they
    /// do once they know what that is.
    pub(super) async fn enter(&self, header: &Header<'_>) -> Result<Admitted, Error> {
        let sender: OwnedUniqueName = header.sender().ok_or_else(nameless)?.to_owned().into();
        let busy = || Error::LimitReached("too many calls at once; wait for their replies".into());
        let by_sender = self.by_sender.enter(sender.clone()).ok_or_else(busy)?;
        let uid = self.callers.uid(&sender).await?;
        let by_user = self.by_user.enter(uid).ok_or_else(busy)?;
        Ok(Admitted {
            sender,
            uid,
            _places: (by_sender, by_user),
        })
    }

    /// Counts the call in and asks polkit for `action`. A person is asked to authenticate only if
    /// the message allows it.
    pub(super) async fn admit(
        &self,
        header: &Header<'_>,
        action: &'static str,
    ) -> Result<Admitted, Error> {
        let admitted = self.enter(header).await?;
        self.authorize(header, action).await?;
        Ok(admitted)
    }

    /// As [`Access::admit`] for what concerns the caller's own user (`view`) or, with `everybody`,
    /// all users (`view-all`). Also gives what `Backend` takes as `seen_by`.
    pub(super) async fn admit_viewer(
        &self,
        header: &Header<'_>,
        everybody: bool,
    ) -> Result<(Admitted, Option<u32>), Error> {
        let action = if everybody {
            action::VIEW_ALL
        } else {
            action::VIEW
        };
        let admitted = self.admit(header, action).await?;
        let seen_by = (!everybody).then_some(admitted.uid);
        Ok((admitted, seen_by))
    }

    /// Asks polkit about the sender of the message.
    pub(super) async fn authorize(
        &self,
        header: &Header<'_>,
        action: &'static str,
    ) -> Result<(), Error> {
        let interactive = header
            .primary()
            .flags()
            .contains(Flags::ALLOW_INTERACTIVE_AUTH);
        self.check(header, action, interactive).await
    }

    async fn check(
        &self,
        header: &Header<'_>,
        action: &'static str,
        interactive: bool,
    ) -> Result<(), Error> {
        let checked = self.authorizer.check(header, action, interactive).await;
        self.note_polkit(match &checked {
            Err(Error::Unavailable(why)) => Some(why),
            _ => None,
        });
        checked
    }

    /// True if polkit would authorise the sender for one of `actions` without asking anybody.
    pub(super) async fn may(&self, header: &Header<'_>, actions: &[&'static str]) -> bool {
        for action in actions {
            if self.check(header, action, false).await.is_ok() {
                return true;
            }
        }
        false
    }

    /// Runs something of the backend where it may wait for the disk without holding up the bus.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Backend) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let backend = Arc::clone(&self.backend);
        tokio::task::spawn_blocking(move || work(&*backend))
            .await
            .map_err(|error| {
                tracing::error!(%error, "a call could not be completed: {error}");
                Error::Unavailable("the helper failed at this call; its journal says more".into())
            })
    }

    /// As [`Access::run`] for what searches the log, once it is the caller's turn.
    pub(super) async fn search<T: Send + 'static>(
        &self,
        admitted: &Admitted,
        work: impl FnOnce(&dyn Backend) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = self.searches.wait(admitted.uid).await;
        self.run(move |backend| {
            // Until the search is over, also if nobody waits for it any more.
            let _turn = turn;
            work(backend)
        })
        .await?
    }

    /// True while the peer is on the bus.
    pub(super) async fn is_there(&self, name: &UniqueName<'_>) -> bool {
        self.callers.is_there(name).await
    }
}

/// Largest reply in bytes. The bus takes 32 MiB by default (dbus-daemon(1), `max_message_size`) and
/// throws out who sends more, so that one long reply would end the helper's connection.
const MAX_REPLY: usize = 16 * 1024 * 1024;

/// The reply, unless it is too long for the bus.
pub(super) fn bounded<T: serde::Serialize + zbus::DynamicType>(reply: T) -> Result<T, Error> {
    use zbus::wire::{LE, serialized::Context, serialized_size};
    let size = serialized_size(Context::new(LE, 0), &reply)
        .map_err(|error| Error::Unavailable(format!("the reply could not be written: {error}")))?;
    if *size > MAX_REPLY {
        return Err(Error::LimitReached(format!(
            "the reply would have {} MiB, more than the bus carries",
            *size / 1024 / 1024
        )));
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_too_long_for_the_bus_are_refused() {
        assert!(bounded(vec!["short".to_owned()]).is_ok());
        let long = vec!["x".repeat(1024 * 1024); 17];
        assert!(matches!(bounded(long), Err(Error::LimitReached(_))));
    }
}
