//! Whether a caller may do what it asks for: polkit decides, on the sender of the message.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bastion_ipc::Error;
use bastion_policy::escape;
use futures_util::future::BoxFuture;
use zbus::Connection;
use zbus::message::Header;
use zbus_polkit::policykit1::{
    AuthorityProxy, AuthorizationResult, CheckAuthorizationFlags, Subject,
};

/// Decides whether the sender of a message may do something.
pub trait Authorizer: Send + Sync + 'static {
    /// `Ok` if the sender of the message may do `action`, one of `bastion_ipc::names::action`.
    /// With `interactive` a person may be asked to authenticate, so this may take minutes. A
    /// message without a sender is refused.
    ///
    /// # Errors
    /// [`Error::NotAuthorized`] with a sentence that says what to do about it;
    /// [`Error::Unavailable`] when whoever decides could not be asked.
    fn check<'a>(
        &'a self,
        header: &'a Header<'_>,
        action: &'static str,
        interactive: bool,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// True if whoever decides could be asked now. Asks about nobody, and takes at most some
    /// seconds.
    fn answers(&self) -> BoxFuture<'_, bool>;
}

/// The system's polkit. Nothing it says is remembered: it keeps authorisations itself, for as long
/// as the action allows, and takes them back when a session ends or becomes inactive.
#[derive(Debug)]
pub struct Polkit {
    authority: AuthorityProxy<'static>,
    checks: AtomicU64,
}

impl Polkit {
    /// How long polkit may think when it asks nobody.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// How long a person may take to authenticate.
    const PATIENCE_WITH_PEOPLE: Duration = Duration::from_secs(300);

    /// polkit on this bus; it need not be running yet.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn new(connection: &Connection) -> zbus::Result<Self> {
        let authority = AuthorityProxy::builder(connection)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await?;
        Ok(Self {
            authority,
            checks: AtomicU64::new(0),
        })
    }

    async fn ask(
        &self,
        header: &Header<'_>,
        action: &'static str,
        interactive: bool,
    ) -> Result<(), Error> {
        let subject = Subject::new_for_message_header(header).map_err(|_| nameless())?;
        let (flags, patience) = if interactive {
            (
                CheckAuthorizationFlags::ALLOW_USER_INTERACTION,
                Self::PATIENCE_WITH_PEOPLE,
            )
        } else {
            (CheckAuthorizationFlags::empty(), Self::PATIENCE)
        };
        let number = self.checks.fetch_add(1, Ordering::Relaxed);
        let cancellation = format!("bastion-{number}");
        let details = HashMap::new();
        let check =
            self.authority
                .check_authorization(&subject, action, &details, flags, &cancellation);
        let checked = tokio::select! {
            checked = tokio::time::timeout(patience, check) => checked.map_err(|_| interactive),
            () = self.hangs(), if interactive => Err(false),
        };
        match checked {
            Ok(Ok(result)) => verdict(&result, action, interactive),
            Ok(Err(error)) if is_away(&error) => Err(unreachable(action, &error)),
            Ok(Err(error)) => {
                tracing::warn!(%error, action, "polkit could not decide: {error}");
                Err(Error::NotAuthorized(format!(
                    "polkit could not decide about {action}; the helper's journal says why"
                )))
            }
            Err(nobody_came) => {
                // It may have ended just now; then there is nothing to cancel. If polkit hangs, so
                // would who waited for its reply.
                let _ = self
                    .authority
                    .inner()
                    .call_noreply("CancelCheckAuthorization", &(cancellation.as_str(),))
                    .await;
                Err(if nobody_came {
                    Error::NotAuthorized(format!(
                        "{action} was not authorised: nobody authenticated in time"
                    ))
                } else {
                    unreachable(action, &"it does not answer")
                })
            }
        }
    }

    /// Returns when polkit answers nothing, which is no person's slowness.
    async fn hangs(&self) {
        loop {
            tokio::time::sleep(Self::PATIENCE).await;
            if !self.answers().await {
                return;
            }
        }
    }
}

impl Authorizer for Polkit {
    fn check<'a>(
        &'a self,
        header: &'a Header<'_>,
        action: &'static str,
        interactive: bool,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.ask(header, action, interactive))
    }

    /// Reads a property, which polkit's main loop answers as it does checks. A ping would not do:
    /// GDBus answers that from a thread of its own, though the main loop hangs.
    fn answers(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            let version = self.authority.backend_version();
            match tokio::time::timeout(Self::PATIENCE, version).await {
                Ok(Ok(_)) => true,
                Ok(Err(error)) => !is_away(&error.into()),
                Err(_) => false,
            }
        })
    }
}

/// What a message without a sender gets.
pub(super) fn nameless() -> Error {
    Error::NotAuthorized("a message without a sender can't be authorised".into())
}

/// True if it was not polkit that failed, as about a caller who has left, but nobody was there to
/// decide: what the bus daemon says, or systemd where it can't start polkit.
fn is_away(error: &zbus::Error) -> bool {
    use zbus::DBusError as _;
    let name = match error {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => error.name().to_string(),
        _ => return true,
    };
    let of_bus = name.strip_prefix("org.freedesktop.DBus.Error.");
    let gone = [
        "ServiceUnknown",
        "NoReply",
        "NoServer",
        "Disconnected",
        "TimedOut",
        "Timeout",
    ];
    of_bus.is_some_and(|it| it.starts_with("Spawn.") || gone.contains(&it))
        || name.starts_with("org.freedesktop.systemd1.")
}

fn unreachable(action: &str, error: &dyn std::fmt::Display) -> Error {
    let why = escape::printable(&error.to_string());
    Error::Unavailable(format!(
        "{action} can't be authorised because polkit could not be asked ({why}); see that the \
         package polkitd is installed and that “systemctl status polkit” shows it running."
    ))
}

fn verdict(result: &AuthorizationResult, action: &str, interactive: bool) -> Result<(), Error> {
    if result.is_authorized {
        return Ok(());
    }
    let dismissed = result
        .details
        .get("polkit.dismissed")
        .is_some_and(|value| !value.is_empty());
    Err(Error::NotAuthorized(if dismissed {
        format!("{action} was not authorised: the authentication was dismissed")
    } else if result.is_challenge && !interactive {
        format!("{action} needs authentication, and the call did not allow to ask for it")
    } else if result.is_challenge {
        format!(
            "{action} needs authentication, but nobody could be asked for it; \
             a desktop's authentication agent or pkttyagent has to run in this session"
        )
    } else {
        format!("polkit does not allow {action} to this session")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(authorized: bool, challenge: bool, details: &[(&str, &str)]) -> AuthorizationResult {
        AuthorizationResult {
            is_authorized: authorized,
            is_challenge: challenge,
            details: details
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn only_a_plain_yes_is_a_yes() {
        assert!(verdict(&result(true, false, &[]), "a", false).is_ok());
        for (challenge, interactive, details, word) in [
            (false, true, &[][..], "does not allow"),
            (true, false, &[][..], "did not allow to ask"),
            (true, true, &[][..], "pkttyagent"),
            (true, true, &[("polkit.dismissed", "true")][..], "dismissed"),
        ] {
            let refused = result(false, challenge, details);
            let error = verdict(&refused, "a", interactive).unwrap_err();
            assert!(
                matches!(&error, Error::NotAuthorized(text) if text.contains(word)),
                "{error}"
            );
        }
    }

    #[test]
    fn who_is_not_there_is_told_from_who_can_not_decide() {
        use zbus::fdo;
        let away = |error: fdo::Error| is_away(&error.into());
        let why = || "Why.".to_owned();
        for gone in [
            fdo::Error::ServiceUnknown(why()),
            fdo::Error::NoReply(why()),
            fdo::Error::SpawnFailed(why()),
        ] {
            assert!(away(gone));
        }
        // The caller has left.
        assert!(!away(fdo::Error::NameHasNoOwner(why())));
        let unreachable = unreachable("an.action", &"\u{1b}no");
        assert!(
            matches!(&unreachable, Error::Unavailable(text)
                if text.contains("polkitd is installed") && !text.contains('\u{1b}')),
            "{unreachable}"
        );
    }
}
