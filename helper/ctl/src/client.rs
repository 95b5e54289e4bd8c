//! The helper, as commands call it.

use std::future::Future;

use bastion_ipc::proxy::{ControlProxy, EventsProxy, PromptsProxy, RulesProxy};
use tokio::sync::OnceCell;
use zbus::Connection;

use crate::authentication::TextAgent;
use crate::error::Error;

/// The system bus; connected when it is first needed, so that nonsense is reported without it.
#[derive(Default)]
pub(crate) struct Client {
    connection: OnceCell<Connection>,
}

impl Client {
    /// The connection itself.
    ///
    /// # Errors
    /// When there is no system bus.
    pub(crate) async fn connection(&self) -> Result<&Connection, Error> {
        self.connection
            .get_or_try_init(Connection::system)
            .await
            .map_err(|error| Error::Unreachable(format!("there is no system bus ({error})")))
    }

    /// State, mode and settings.
    pub(crate) async fn control(&self) -> Result<ControlProxy<'static>, Error> {
        Ok(ControlProxy::new(self.connection().await?).await?)
    }

    /// Rules.
    pub(crate) async fn rules(&self) -> Result<RulesProxy<'static>, Error> {
        Ok(RulesProxy::new(self.connection().await?).await?)
    }

    /// Decisions.
    pub(crate) async fn events(&self) -> Result<EventsProxy<'static>, Error> {
        Ok(EventsProxy::new(self.connection().await?).await?)
    }

    /// Questions.
    pub(crate) async fn prompts(&self) -> Result<PromptsProxy<'static>, Error> {
        Ok(PromptsProxy::new(self.connection().await?).await?)
    }
}

/// Makes a call that may need a password, which is then asked for in this terminal unless the
/// desktop can ask.
///
/// # Errors
/// Those of the call.
pub(crate) async fn authenticated<T>(
    call: impl Future<Output = Result<T, bastion_ipc::Error>>,
) -> Result<T, Error> {
    let _agent = TextAgent::start();
    Ok(call.await?)
}
