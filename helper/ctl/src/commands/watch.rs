//! `bastionctl watch`.

use bastion_ipc::wire::Event;
use futures_util::StreamExt as _;

use super::log::why;
use crate::cli::WatchArgs;
use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::output::{Output, View, destination, note, program};

/// Shows decisions as they are made, and goes on when the helper restarts.
pub(crate) async fn run(args: &WatchArgs, client: &Client, output: &Output) -> Result<(), Error> {
    let events = client.events().await?;
    // Listening comes first, so that nothing is missed in between.
    let mut decided = events.receive_decided().await?;
    let mut owners = events.inner().receive_owner_changed().await?;
    authenticated(events.subscribe(args.all)).await?;
    loop {
        tokio::select! {
            signal = decided.next() => {
                let Some(signal) = signal else {
                    return Err(Error::Unreachable("the bus ended the connection".into()));
                };
                for event in &signal.args()?.events {
                    show(event, args, output)?;
                }
            }
            owner = owners.next() => match owner {
                Some(None) => note("The helper is gone; waiting until it comes back."),
                Some(Some(_)) => {
                    authenticated(events.subscribe(args.all)).await?;
                }
                None => return Err(Error::Unreachable("the bus ended the connection".into())),
            },
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

fn show(event: &Event, args: &WatchArgs, output: &Output) -> Result<(), Error> {
    let wanted = args
        .verdict
        .as_ref()
        .is_none_or(|verdict| *verdict == event.verdict);
    if wanted {
        output.print_line(event, |view| line(event, view))?;
    }
    Ok(())
}

fn line(event: &Event, view: &View) -> String {
    // The colour's own characters must not count as width.
    let verdict = view.paint(
        crate::output::verdict_style(&event.verdict),
        &format!("{:<5}", crate::output::clean(&event.verdict)),
    );
    format!(
        "{}  {verdict}  {} → {}  {}",
        view.clock(event.time),
        program(&event.program),
        destination(event),
        why(event, view)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;

    #[test]
    fn a_decision_is_one_line() {
        let event = Event {
            time: 1_795_514_403_000,
            verdict: "deny".into(),
            reason: "no-agent".into(),
            program: "/tmp/a\nb".into(),
            protocol: "udp".into(),
            destination: "2001:db8::1".into(),
            destination_port: 53,
            count: 1,
            ..Event::default()
        };
        assert_eq!(
            line(&event, &test_view(Some(20))),
            "10:00:03  deny   /tmp/a\\x0ab → [2001:db8::1]:53 udp  nobody to ask"
        );
    }
}
