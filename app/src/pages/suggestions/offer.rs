//! What tells that there are suggestions, and opens the dialog.

use adw::prelude::*;
use relm4::{Component, ComponentController, ComponentParts, ComponentSender, Controller};

use super::super::{Context, tick_while_shown};
use super::{Output, Suggestions};
use crate::client::Failure;
use crate::i18n::gettext;
use crate::model::suggestions;

/// Seconds after which it is looked again what there is, while somebody may be looking.
const EVERY: u32 = 5;

/// A banner above this page, revealed while there are suggestions.
pub(crate) fn banner(context: &Context, page: &adw::ToolbarView) -> adw::Bin {
    launch(context, page, Face::Banner(adw::Banner::new("")))
}

/// A row in a group of its own on this page, visible while there are suggestions, or may be soon.
pub(crate) fn row(context: &Context, page: &adw::ToolbarView) -> adw::Bin {
    let row = adw::ActionRow::builder()
        .activatable(true)
        .use_markup(false)
        .build();
    launch(context, page, Face::Row(row))
}

fn launch(context: &Context, page: &adw::ToolbarView, face: Face) -> adw::Bin {
    let mut offer = Offer::builder()
        .launch((context.clone(), page.clone(), face))
        .detach();
    // It lives as long as its widget.
    offer.detach_runtime();
    offer.widget().clone()
}

/// What it looks like.
#[derive(Debug)]
enum Face {
    Banner(adw::Banner),
    Row(adw::ActionRow),
}

/// What there was when it was last looked.
#[derive(Debug)]
struct Found {
    open: usize,
    learning: bool,
}

struct Offer {
    context: Context,
    open: usize,
    /// The mode is learn.
    learning: bool,
    /// Seconds since it was last looked what there is.
    passed: u32,
    dialog: Option<Controller<Suggestions>>,
}

#[derive(Debug)]
enum Input {
    /// A second passed, or the page came up.
    Tick,
    /// The user wants to review suggestions.
    Review,
    /// The dialog was closed.
    Closed,
}

impl Component for Offer {
    type Init = (Context, adw::ToolbarView, Face);
    type Input = Input;
    type Output = ();
    type CommandOutput = Result<Found, Failure>;
    type Root = adw::Bin;
    type Widgets = Face;

    fn init_root() -> Self::Root {
        adw::Bin::new()
    }

    fn init(
        (context, page, face): Self::Init,
        root: Self::Root,
        sender: ComponentSender<Self>,
    ) -> ComponentParts<Self> {
        let input = sender.clone();
        match &face {
            Face::Banner(banner) => {
                banner.set_use_markup(false);
                banner.set_button_label(Some(&gettext("Re_view")));
                banner.connect_button_clicked(move |_| input.input(Input::Review));
                root.set_child(Some(banner));
            }
            Face::Row(row) => {
                row.set_subtitle(&gettext("Accept or drop what learn mode allowed"));
                row.add_suffix(&gtk::Image::from_icon_name("go-next-symbolic"));
                row.connect_activated(move |_| input.input(Input::Review));
                let group = adw::PreferencesGroup::new();
                group.add(row);
                root.set_child(Some(&group));
            }
        }
        root.set_visible(false);
        let model = Self {
            context,
            open: 0,
            learning: false,
            passed: EVERY,
            dialog: None,
        };
        let input = sender.clone();
        tick_while_shown(&page, move || input.input(Input::Tick));
        ComponentParts {
            model,
            widgets: face,
        }
    }

    fn update(&mut self, input: Input, sender: ComponentSender<Self>, root: &adw::Bin) {
        match input {
            Input::Tick if self.passed < EVERY => self.passed += 1,
            Input::Tick => self.look(&sender),
            // A second click came before the dialog did.
            Input::Review if self.dialog.is_some() => {}
            Input::Review => {
                let dialog = Suggestions::builder()
                    .launch(self.context.clone())
                    .forward(sender.input_sender(), |Output::Closed| Input::Closed);
                dialog.widget().present(Some(root));
                self.dialog = Some(dialog);
            }
            Input::Closed => {
                self.dialog = None;
                self.look(&sender);
            }
        }
    }

    fn update_cmd_with_view(
        &mut self,
        face: &mut Face,
        found: Self::CommandOutput,
        _: ComponentSender<Self>,
        root: &adw::Bin,
    ) {
        match found {
            Ok(found) => {
                self.open = found.open;
                self.learning = found.learning;
                self.show(face, root);
            }
            // The window shows that there is no helper; nobody has asked for anything else.
            Err(failure) => tracing::debug!(%failure, "there may be suggestions"),
        }
    }
}

impl Offer {
    fn look(&mut self, sender: &ComponentSender<Self>) {
        self.passed = 1;
        let client = self.context.client.clone();
        sender.oneshot_command(async move {
            Ok(Found {
                open: client.suggestions(false).await?.len(),
                learning: client.settings().await?.mode == "learn",
            })
        });
    }

    fn show(&self, face: &Face, root: &adw::Bin) {
        let any = self.open > 0;
        match face {
            Face::Banner(banner) => {
                if any {
                    banner.set_title(&suggestions::from_learn_mode(self.open));
                }
                banner.set_revealed(any);
                root.set_visible(any);
            }
            // Where one's own are none, there may be those of the system.
            Face::Row(row) => {
                row.set_title(&suggestions::count(self.open));
                root.set_visible(any || self.learning);
            }
        }
    }
}
