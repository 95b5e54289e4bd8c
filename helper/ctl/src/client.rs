//! The helper, as commands call it.

use std::future::Future;

use bastion_ipc::proxy::{ControlProxy, EventsProxy, PromptsProxy, RulesProxy};
use zbus::Connection;

use crate::authentication::TextAgent;
use crate::error::Error;

/// A connection to the system bus.
pub(crate) struct Client {
    connection: Connection,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When there is no system bus.
    pub(crate) async fn connect() -> Result<Self, Error> {
        let connection = Connection::system()
            .await
            .map_err(|error| Error::Unreachable(format!("there is no system bus ({error})")))?;
        Ok(Self { connection })
    }

    /// The connection itself.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// State, mode and settings.
    pub(crate) async fn control(&self) -> Result<ControlProxy<'static>, Error> {
        Ok(ControlProxy::new(&self.connection).await?)
    }

    /// Rules.
    pub(crate) async fn rules(&self) -> Result<RulesProxy<'static>, Error> {
        Ok(RulesProxy::new(&self.connection).await?)
    }

    /// Decisions.
    pub(crate) async fn events(&self) -> Result<EventsProxy<'static>, Error> {
        Ok(EventsProxy::new(&self.connection).await?)
    }

    /// Questions.
    pub(crate) async fn prompts(&self) -> Result<PromptsProxy<'static>, Error> {
        Ok(PromptsProxy::new(&self.connection).await?)
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
