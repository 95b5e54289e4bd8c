//! The agent the helper calls.

use bastion_ipc::names::HELPER;
use bastion_ipc::wire::Question;
use tokio::sync::mpsc;
use zbus::fdo::{self, DBusProxy};
use zbus::message::Header;
use zbus::names::BusName;
use zbus::{Connection, interface};

use super::session::Input;

/// The object behind the agent's path.
pub(super) struct Agent {
    connection: Connection,
    calls: mpsc::Sender<Input>,
}

impl Agent {
    pub(super) fn new(connection: Connection, calls: mpsc::Sender<Input>) -> Self {
        Self { connection, calls }
    }

    /// Passes the call on if the helper made it; anybody else could ask misleading questions.
    async fn take(&self, header: &Header<'_>, call: Input) -> fdo::Result<()> {
        let name = BusName::try_from(HELPER)?;
        let helper = DBusProxy::new(&self.connection)
            .await?
            .get_name_owner(name)
            .await?;
        if header.sender() != Some(&*helper) {
            return Err(fdo::Error::AccessDenied(
                "Only the Bastion helper may ask questions.".into(),
            ));
        }
        self.calls
            .try_send(call)
            .map_err(|_| fdo::Error::LimitsExceeded("Too many questions wait already.".into()))
    }
}

#[interface(name = "org.bastionfirewall.Agent1")]
impl Agent {
    async fn ask(&self, question: Question, #[zbus(header)] header: Header<'_>) -> fdo::Result<()> {
        self.take(&header, Input::Ask(Box::new(question))).await
    }

    async fn withdraw(
        &self,
        id: u64,
        reason: String,
        #[zbus(header)] header: Header<'_>,
    ) -> fdo::Result<()> {
        self.take(&header, Input::Withdraw { id, reason }).await
    }
}
