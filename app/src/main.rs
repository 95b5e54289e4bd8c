//! The desktop application of Bastion Firewall: starts it, once per session.
//!
//! `--background` starts it without a window; it then waits for questions. A second start shows
//! the window of the first.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;

use anyhow::Context as _;
use bastion::app::{App, relaunch};
use bastion::client::Client;
use bastion::i18n;
use bastion_ipc::names;
use gtk::gio::prelude::*;
use gtk::glib;
use relm4::RelmApp;

const BACKGROUND: &str = "background";

fn main() -> anyhow::Result<()> {
    // Before anything can start a thread.
    let bound = i18n::init();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("BASTION_LOG")
                .unwrap_or_else(|_| "warn,bastion=info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    if let Err(error) = bound {
        tracing::warn!(%error, "texts stay in English");
    }
    // What a window manager and a screen reader call the program.
    glib::set_application_name("Bastion");
    adw::init().context("there is no display to show windows on")?;

    let application = adw::Application::builder()
        .application_id(names::APP_ID)
        .build();
    add_options(&application);
    RelmApp::from_app(application)
        .visible_on_activate(false)
        .run::<App>(Client::new());
    relaunch::perform().context("Bastion could not be started anew")
}

/// Understands `--background`: the first activation, which every start brings, then shows nothing.
fn add_options(application: &adw::Application) {
    application.add_main_option(
        BACKGROUND,
        glib::Char::from(b'b'),
        glib::OptionFlags::NONE,
        glib::OptionArg::None,
        &i18n::gettext("Start without a window and wait for questions"),
        None,
    );
    let quiet = Rc::new(Cell::new(false));
    let asked = quiet.clone();
    application.connect_handle_local_options(move |application, options| {
        if !options.contains(BACKGROUND) {
            return ControlFlow::Continue(());
        }
        if let Err(error) = application.register(gtk::gio::Cancellable::NONE) {
            tracing::error!(%error, "the session bus can't be used");
            return ControlFlow::Break(glib::ExitCode::FAILURE);
        }
        if application.is_remote() {
            // It runs already, and waits for questions.
            return ControlFlow::Break(glib::ExitCode::SUCCESS);
        }
        asked.set(true);
        ControlFlow::Continue(())
    });
    application.connect_activate(move |application| {
        if quiet.take() {
            application.stop_signal_emission_by_name("activate");
        }
    });
}
