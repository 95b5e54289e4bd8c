//! What the stand-in is told to be: options of this program.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bastion_ipc::names;
use tokio::sync::Notify;
use zbus::Connection;

use crate::misfit::Misfit;
use crate::{
    Control, Events, Rules, Shared, State, administrator, asking, busy, log, safeguard, state,
    suggestions, system,
};

/// Comes to the bus as it is told, at once or when it is started.
pub(crate) async fn start() -> zbus::Result<Vec<Connection>> {
    let mut state = state(told("--ask"));
    if told("--safeguard") {
        safeguard::begin_own(&mut state.status);
    }
    if told("--settled") {
        state.settings.mode = "learn".into();
        state.status.mode = "learn".into();
    }
    if told("--suggestions") {
        suggestions::learn(&mut state);
    }
    state.refuses = told("--refuse");
    state.administrator.is_slow = told("--slow");
    state.record =
        arguments().find_map(|argument| argument.strip_prefix("--record=").map(PathBuf::from));
    if let Some(count) = arguments().skip_while(|it| it != "--log").nth(1) {
        state.log = log::events(count.parse().unwrap());
    }
    let mut all = Vec::new();
    if told("--unprivileged") {
        all.push(system::serve_polkit().await?);
    }
    let started = Arc::new(Notify::new());
    let misfit = std::env::args().find_map(|argument| Misfit::told(&argument));
    let waits = told("--stopped") || told("--not-installed");
    if waits || misfit.is_some() {
        all.push(system::serve_systemd(!told("--not-installed"), started.clone()).await?);
    }
    if let Some(misfit) = misfit {
        let bus = misfit.serve().await?;
        started.notified().await;
        bus.graceful_shutdown().await;
    } else if waits {
        started.notified().await;
    }
    all.push(match told("--newer") {
        true => serve_newer(state).await?,
        false => serve(state).await?,
    });
    Ok(all)
}

fn arguments() -> impl Iterator<Item = String> {
    std::env::args()
}

fn told(wanted: &str) -> bool {
    arguments().any(|argument| argument == wanted)
}

async fn serve(state: State) -> zbus::Result<Connection> {
    let state: Shared = Arc::new(Mutex::new(state));
    let busy = told("--busy").then(|| state.clone());
    let bus = zbus::connection::Builder::system()
        .serve_at(names::HELPER_PATH, Control(state.clone()))
        .serve_at(names::HELPER_PATH, Rules(state.clone()))
        .serve_at(names::HELPER_PATH, Events(state.clone()))
        .serve_at(names::HELPER_PATH, asking::Prompts(state.clone()))
        .serve_at(names::HELPER_PATH, asking::Asking(state.clone()))
        .serve_at(names::HELPER_PATH, log::Traffic(state.clone()))
        .serve_at(names::HELPER_PATH, administrator::Desk(state.clone()))
        .serve_at(names::HELPER_PATH, safeguard::Storm(state))
        .name(names::HELPER)
        // Another one may take the name.
        .allow_name_replacements(true)
        .replace_existing_names(true)
        .build()
        .await?;
    if let Some(state) = busy {
        busy::go_on(state, bus.clone()).await?;
    }
    Ok(bus)
}

/// A helper that calls all but its state by other names than the app does.
async fn serve_newer(mut state: State) -> zbus::Result<Connection> {
    state.status.version = "99.0.0".into();
    zbus::connection::Builder::system()
        .serve_at(names::HELPER_PATH, Control(Arc::new(Mutex::new(state))))
        .name(names::HELPER)
        .build()
        .await
}
