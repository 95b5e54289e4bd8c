//! What the app does about Safeguard: asks what it does while it is on for the user, shows it, and
//! ends it.

use std::time::Duration;

use bastion_ipc::wire::Guard;
use relm4::{ComponentController, ComponentSender};

use super::{App, Done};
use crate::client::Failure;
use crate::model::link::Link;
use crate::model::status::{self, Resume};
use crate::model::time;
use crate::pages;
use crate::window::Window;

impl App {
    /// Asks after a while what Safeguard does, unless that is under way or it is not on for the
    /// user. The status alone would not do: it comes when something else has changed.
    pub(super) fn watch(&mut self, after: Duration, sender: &ComponentSender<Self>) {
        if self.watching || self.link != Link::Ready || !self.safeguard.is_mine() {
            return;
        }
        self.watching = true;
        let client = self.client.clone();
        sender.oneshot_command(async move {
            tokio::time::sleep(after).await;
            Done::Watched(client.safeguard().await)
        });
    }

    pub(super) fn learn(&mut self, guards: Result<Vec<Guard>, Failure>, window: &Window) {
        match guards {
            Ok(guards) => {
                self.safeguard.learn(&guards);
                self.show_safeguard(window);
            }
            Err(failure) => tracing::warn!(%failure, "Safeguard could not be asked about"),
        }
    }

    pub(super) fn show_safeguard(&mut self, window: &Window) {
        let safeguard = Box::new(self.safeguard.clone());
        self.overview
            .emit(pages::overview::Input::Safeguard(safeguard));
        let banner = match self.link {
            Link::Ready => self
                .safeguard
                .banner(&self.directory)
                .or_else(|| status::banner(&self.status, time::now())),
            _ => None,
        };
        self.show_tray();
        window.show_banner(banner.as_ref());
        self.banner = banner;
    }

    /// Ends what the banner tells of.
    pub(super) fn resume(&self, sender: &ComponentSender<Self>) {
        match self.banner.as_ref().and_then(|banner| banner.resume) {
            Some(Resume::Protection) => self.overview.emit(pages::overview::Input::Pause(0)),
            Some(Resume::Asking { everybody }) => {
                let client = self.client.clone();
                sender.command(move |done, shutdown| {
                    let leave = async move {
                        // Afterwards nobody tells how many were dropped.
                        done.emit(Done::Guarded(client.safeguard().await));
                        done.emit(Done::Left(client.leave_safeguard(everybody).await));
                    };
                    shutdown.register(leave).drop_on_shutdown()
                });
            }
            None => {}
        }
    }
}
