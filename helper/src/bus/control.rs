//! `org.bastionfirewall.Helper1.Control`: state, mode and settings.

use std::sync::Arc;

use bastion_ipc::Error;
use bastion_ipc::names::action;
use bastion_ipc::wire::{Guard, Status, WireSettings, mode};
use bastion_policy::settings::{MAX_PAUSE, Settings};
use zbus::message::Header;

use super::access::{Access, bounded};
use super::agents::Agents;

pub(super) struct Control {
    pub(super) access: Arc<Access>,
    pub(super) agents: Arc<Agents>,
}

/// The status with what is known here alone.
pub(super) fn complete(status: Status, access: &Access, agents: &Agents) -> Status {
    let mut status = status;
    status.agents = agents.count();
    status.troubles.extend(access.trouble());
    status
}

#[zbus::interface(
    name = "org.bastionfirewall.Helper1.Control",
    introspection_docs = false
)]
impl Control {
    #[zbus(out_args("status"))]
    async fn get_status(&self, #[zbus(header)] header: Header<'_>) -> Result<Status, Error> {
        let _admitted = self.access.admit(&header, action::VIEW).await?;
        let status = self.access.run(|backend| backend.status()).await?;
        bounded(complete(status, &self.access, &self.agents))
    }

    #[zbus(out_args("settings"))]
    async fn get_settings(
        &self,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<WireSettings, Error> {
        let _admitted = self.access.admit(&header, action::VIEW).await?;
        let settings = self.access.run(|backend| backend.settings()).await?;
        Ok(WireSettings::from(&settings))
    }

    async fn set_settings(
        &self,
        #[zbus(header)] header: Header<'_>,
        settings: WireSettings,
    ) -> Result<(), Error> {
        let admitted = self.access.admit(&header, action::CONFIGURE).await?;
        let settings = Settings::try_from(&settings)?;
        let new = settings.clone();
        self.access
            .run(move |backend| backend.set_settings(new))
            .await??;
        tracing::info!(uid = admitted.uid, ?settings, "settings changed");
        Ok(())
    }

    async fn set_mode(&self, #[zbus(header)] header: Header<'_>, mode: &str) -> Result<(), Error> {
        let admitted = self.access.admit(&header, action::CONFIGURE).await?;
        let mode = self::mode(mode)?;
        self.access
            .run(move |backend| backend.set_mode(mode))
            .await??;
        tracing::info!(uid = admitted.uid, %mode, "mode changed");
        Ok(())
    }

    async fn pause(&self, #[zbus(header)] header: Header<'_>, seconds: u32) -> Result<(), Error> {
        let admitted = self.access.admit(&header, action::CONFIGURE).await?;
        if !(1..=MAX_PAUSE).contains(&seconds) {
            return Err(Error::InvalidArgument(format!(
                "seconds: a pause lasts from 1 to {MAX_PAUSE} seconds, not {seconds}"
            )));
        }
        self.access
            .run(move |backend| backend.pause(seconds))
            .await?;
        tracing::info!(uid = admitted.uid, seconds, "paused");
        Ok(())
    }

    async fn resume(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let admitted = self.access.admit(&header, action::CONFIGURE).await?;
        self.access.run(|backend| backend.pause(0)).await?;
        tracing::info!(uid = admitted.uid, "pause ended");
        Ok(())
    }

    #[zbus(out_args("guards"))]
    async fn get_safeguard(
        &self,
        #[zbus(header)] header: Header<'_>,
        everybody: bool,
    ) -> Result<Vec<Guard>, Error> {
        let (_admitted, seen_by) = self.access.admit_viewer(&header, everybody).await?;
        let guards = self.access.run(move |backend| backend.safeguard(seen_by));
        bounded(guards.await?)
    }

    async fn leave_safeguard(
        &self,
        #[zbus(header)] header: Header<'_>,
        everybody: bool,
    ) -> Result<(), Error> {
        let action = match everybody {
            true => action::CONFIGURE,
            false => action::ANSWER,
        };
        let admitted = self.access.admit(&header, action).await?;
        let whose = (!everybody).then_some(admitted.uid);
        self.access
            .run(move |backend| backend.leave_safeguard(whose))
            .await??;
        tracing::info!(uid = admitted.uid, everybody, "Safeguard was ended");
        Ok(())
    }
}
