//! `bastion-load client|serve TARGET PROCESSOR`: makes connections, or takes them.
//!
//! TARGET is a [`LoadTarget`] as JSON. Reads a [`LoadRequest`] from each line of its input and
//! answers it with a line, `{"ok": …}` or `{"error": "…"}`; the first answer, before any request,
//! says that it is ready. All its threads run on the one processor.

mod client;
mod server;

use std::io::{Write as _, stdin, stdout};

use anyhow::{Context as _, bail};
use bastion_tests::{LoadRequest, LoadTarget};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::{Value, json};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, target, processor] = arguments.as_slice() else {
        bail!("usage: bastion-load client|serve TARGET PROCESSOR");
    };
    let target: LoadTarget = serde_json::from_str(target).context("TARGET can't be read")?;
    stay_on(processor.parse().context("PROCESSOR is no number")?)?;
    match role.as_str() {
        "client" => {
            let client = client::Client::new(target);
            answer_all(|request| client.answer(request))
        }
        "serve" => {
            let mut server = server::Server::start(target)?;
            answer_all(|request| server.answer(request))
        }
        other => bail!("there is no role {other}"),
    }
}

/// Threads that are started later inherit it.
fn stay_on(processor: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(processor)?;
    sched_setaffinity(Pid::from_raw(0), &set)
        .with_context(|| format!("there is no processor {processor} to run on"))
}

fn answer_all(mut answer: impl FnMut(LoadRequest) -> anyhow::Result<Value>) -> anyhow::Result<()> {
    say(&json!({"ok": null}))?;
    for line in stdin().lines() {
        let answered = serde_json::from_str(&line?)
            .context("this is no request")
            .and_then(&mut answer);
        match answered {
            Ok(value) => say(&json!({"ok": value}))?,
            Err(error) => say(&json!({"error": format!("{error:#}")}))?,
        }
    }
    Ok(())
}

fn say(answer: &Value) -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{answer}")?;
    out.flush()
}
