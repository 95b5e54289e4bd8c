//! The icon in the tray, on desktops that have one: a StatusNotifierItem. Where there is no tray the
//! app lives without, and the icon appears as soon as there is one.

use ksni::menu::{MenuItem, StandardItem};
use ksni::{Category, ToolTip, TrayMethods as _};
use relm4::Sender;
use tokio::sync::watch;

use crate::app::Input;
use crate::flatpak;
use crate::i18n::gettext;
use crate::model::tray::TrayState;

/// Seconds of the pause that the menu offers.
const PAUSE: u32 = 900;

/// Shows states in the tray, as long as it lives.
#[derive(Debug)]
pub(crate) struct Tray {
    states: watch::Sender<TrayState>,
}

impl Tray {
    /// An icon that tells the app what is chosen in its menu.
    pub(crate) fn new(app: Sender<Input>) -> Self {
        let (states, shown) = watch::channel(TrayState::default());
        relm4::spawn(show(shown, app));
        Self { states }
    }

    /// Shows this state.
    pub(crate) fn show(&self, state: TrayState) {
        self.states.send_if_modified(|shown| {
            let new = *shown != state;
            *shown = state;
            new
        });
    }
}

async fn show(mut states: watch::Receiver<TrayState>, app: Sender<Input>) {
    let icon = Icon {
        state: states.borrow_and_update().clone(),
        app,
    };
    // A Flatpak may not have the name on the bus that the specification asks for; trays take the icon
    // without it as well.
    let sandboxed = flatpak::is_here();
    let icon = icon.assume_sni_available(true).disable_dbus_name(sandboxed);
    let icon = match icon.spawn().await {
        Ok(icon) => icon,
        Err(error) => {
            tracing::warn!(%error, "there will be no icon in the tray");
            return;
        }
    };
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        icon.update(|icon| icon.state = state).await;
    }
    icon.shutdown().await;
}

struct Icon {
    state: TrayState,
    app: Sender<Input>,
}

impl Icon {
    fn tell(&self, input: Input) {
        if self.app.send(input).is_err() {
            tracing::debug!("the app is ending");
        }
    }
}

fn item(label: String, input: fn() -> Input) -> MenuItem<Icon> {
    StandardItem {
        // An underscore would be taken for the mark of a shortcut.
        label: label.replace('_', "__"),
        activate: Box::new(move |icon: &mut Icon| icon.tell(input())),
        ..StandardItem::default()
    }
    .into()
}

impl ksni::Tray for Icon {
    fn id(&self) -> String {
        bastion_ipc::names::APP_ID.into()
    }

    fn category(&self) -> Category {
        Category::SystemServices
    }

    fn title(&self) -> String {
        self.state.title.clone()
    }

    fn status(&self) -> ksni::Status {
        match self.state.attention {
            true => ksni::Status::NeedsAttention,
            false => ksni::Status::Active,
        }
    }

    fn icon_name(&self) -> String {
        self.state.icon.clone()
    }

    fn attention_icon_name(&self) -> String {
        self.state.icon.clone()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            icon_name: self.state.icon.clone(),
            title: self.state.title.clone(),
            description: self.state.description.clone(),
            ..ToolTip::default()
        }
    }

    fn activate(&mut self, _: i32, _: i32) {
        self.tell(Input::Activate);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let state = StandardItem {
            label: self.state.title.replace('_', "__"),
            enabled: false,
            ..StandardItem::default()
        };
        let mut menu = vec![
            state.into(),
            MenuItem::Separator,
            item(gettext("Open Bastion"), || Input::Activate),
        ];
        match self.state.paused {
            Some(true) => menu.push(item(gettext("Resume Protection"), || Input::Pause(0))),
            Some(false) => menu.push(item(gettext("Pause for 15 Minutes"), || {
                Input::Pause(PAUSE)
            })),
            None => {}
        }
        menu.push(item(gettext("Preferences"), || Input::Preferences));
        menu.push(MenuItem::Separator);
        menu.push(item(gettext("Quit"), || Input::Quit));
        menu
    }
}
