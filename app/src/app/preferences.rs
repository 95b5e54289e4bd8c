//! The preferences, one dialog at a time.

use adw::prelude::*;
use relm4::{Component, ComponentController, ComponentSender};

use super::{App, Input};
use crate::pages;
use crate::preferences::{Output, Preferences};

impl App {
    pub(super) fn open_preferences(
        &mut self,
        root: &adw::ApplicationWindow,
        sender: &ComponentSender<Self>,
    ) {
        // While something is on its way to the helper, the dialog that sent it goes on.
        let kept = self.preferences.take();
        let kept = kept.filter(|preferences| preferences.model().is_busy());
        let preferences = kept.unwrap_or_else(|| {
            let own = (self.client.clone(), self.settings.clone());
            Preferences::builder()
                .launch(own)
                .forward(sender.input_sender(), |output| match output {
                    Output::Failed(failure) => Input::Page(pages::Output::Failed(failure)),
                })
        });
        preferences.widget().present(Some(root));
        self.preferences = Some(preferences);
    }

    pub(super) fn preferences_open(&self) -> bool {
        self.preferences
            .as_ref()
            .is_some_and(|preferences| preferences.widget().is_mapped())
    }
}
