//! `org.bastionfirewall.Helper1.Events`: decisions, live and logged.

use std::sync::Arc;

use bastion_ipc::Error;
use bastion_ipc::names::action;
use bastion_ipc::wire::{Connection, Ends, Event, LogPages, LogQuery, Status};
use bastion_policy::flow::Tuple;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;

use super::access::{Access, bounded};
use super::authority::nameless;
use super::backend::{Backend, Named};
use super::subscriptions::Subscriptions;

pub(super) struct Events {
    pub(super) access: Arc<Access>,
    pub(super) subscriptions: Arc<Subscriptions>,
}

#[zbus::interface(
    name = "org.bastionfirewall.Helper1.Events",
    introspection_docs = false
)]
impl Events {
    async fn subscribe(
        &self,
        #[zbus(header)] header: Header<'_>,
        everybody: bool,
    ) -> Result<(), Error> {
        let (admitted, seen_by) = self.access.admit_viewer(&header, everybody).await?;
        let name = admitted.sender.clone();
        self.subscriptions.add(name, admitted.uid, seen_by)?;
        // It may have left before it was in the list, and then nobody would take it out.
        if !self.access.is_there(&admitted.sender).await {
            self.subscriptions.remove(&admitted.sender);
        }
        Ok(())
    }

    async fn unsubscribe(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        let sender = header.sender().ok_or_else(nameless)?;
        self.subscriptions.remove(&sender.to_owned().into());
        Ok(())
    }

    #[zbus(out_args("events"))]
    async fn get_log(
        &self,
        #[zbus(header)] header: Header<'_>,
        query: LogQuery,
        everybody: bool,
    ) -> Result<Vec<Event>, Error> {
        let (admitted, seen_by) = self.access.admit_viewer(&header, everybody).await?;
        let query = query.checked()?;
        let search = move |backend: &dyn Backend| backend.log(&query, seen_by);
        bounded(self.access.search(&admitted, search).await?)
    }

    #[zbus(out_args("pages"))]
    async fn get_log_pages(
        &self,
        #[zbus(header)] header: Header<'_>,
        query: LogQuery,
        everybody: bool,
    ) -> Result<LogPages, Error> {
        let (admitted, seen_by) = self.access.admit_viewer(&header, everybody).await?;
        let query = query.checked()?;
        let search = move |backend: &dyn Backend| backend.log_pages(&query, seen_by);
        self.access.search(&admitted, search).await
    }

    #[zbus(out_args("connections"))]
    async fn get_connections(
        &self,
        #[zbus(header)] header: Header<'_>,
        everybody: bool,
    ) -> Result<Vec<Connection>, Error> {
        let (_admitted, seen_by) = self.access.admit_viewer(&header, everybody).await?;
        let connections = self.access.run(move |backend| backend.connections(seen_by));
        bounded(connections.await?)
    }

    async fn end_connection(
        &self,
        #[zbus(header)] header: Header<'_>,
        connection: Ends,
        everybody: bool,
    ) -> Result<(), Error> {
        let action = match everybody {
            true => action::ANSWER_OTHERS,
            false => action::ANSWER,
        };
        let admitted = self.access.admit(&header, action).await?;
        let tuple = Tuple::try_from(&connection)?;
        let time = connection.time;
        let by = admitted.uid;
        let whose = (!everybody).then_some(by);
        self.access
            .run(move |backend| backend.end_connection(Named { tuple, time }, whose, by))
            .await??;
        tracing::info!(
            uid = by,
            protocol = %tuple.protocol,
            source = %tuple.source,
            destination = %tuple.destination,
            "a connection was ended by hand"
        );
        Ok(())
    }

    #[zbus(signal)]
    pub(super) async fn decided(emitter: &SignalEmitter<'_>, events: &[&Event])
    -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn status_changed(
        emitter: &SignalEmitter<'_>,
        status: &Status,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn rules_changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}
