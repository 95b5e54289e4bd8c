//! `bastionctl connections`.

use bastion_ipc::wire::{Connection, Ends};

use super::log::why;
use crate::cli::{ConnectionsCommand, EndConnectionArgs};
use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::output::{Output, Table, View, clean, endpoint, program};

/// Shows what is open, or ends it.
pub(crate) async fn run(
    command: &ConnectionsCommand,
    client: &Client,
    output: &Output,
) -> Result<(), Error> {
    let events = client.events().await?;
    match command {
        ConnectionsCommand::List(args) => {
            let open = authenticated(events.get_connections(args.all)).await?;
            output.print(&open, |view| render(&open, view))
        }
        ConnectionsCommand::End(args) => {
            authenticated(events.end_connection(&ends(args), args.all)).await?;
            output.done("The connection is ended.")
        }
    }
}

fn ends(args: &EndConnectionArgs) -> Ends {
    Ends {
        protocol: args.protocol.to_string(),
        source: args.source.ip().to_string(),
        source_port: args.source.port(),
        destination: args.destination.ip().to_string(),
        destination_port: args.destination.port(),
        // Whoever types it means what has these ends now.
        time: None,
    }
}

/// Ends are addresses here, so that they can be given to `end` as they are; names stand apart.
fn render(connections: &[Connection], view: &View) -> String {
    if connections.is_empty() {
        return "Nothing is open.\n".into();
    }
    let titles = [
        "STATE",
        "PROTOCOL",
        "SOURCE",
        "DESTINATION",
        "NAME",
        "PROGRAM",
        "USER",
        "WHY",
    ];
    let mut table = Table::new(view, &titles);
    for Connection { event, state, .. } in connections {
        let end = |address: &str, port| endpoint("", address, port, &event.protocol);
        table.row([
            clean(state).into_owned(),
            clean(&event.protocol).into_owned(),
            end(&event.source, event.source_port),
            end(&event.destination, event.destination_port),
            clean(&event.host).into_owned(),
            program(&event.program).into_owned(),
            view.user(event.uid),
            why(event, view),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;
    use bastion_ipc::wire::Event;

    #[test]
    fn ends_are_shown_as_they_are_typed() {
        let open = Connection {
            event: Event {
                protocol: "tcp".into(),
                source: "2001:db8::1".into(),
                source_port: 40_000,
                destination: "2001:db8::2".into(),
                destination_port: 443,
                host: "example.org".into(),
                program: "/usr/bin/a\u{7}".into(),
                uid: 1000,
                reason: "learn".into(),
                count: 1,
                ..Event::default()
            },
            state: "open".into(),
        };
        assert_eq!(
            render(&[open], &test_view(None)),
            "\
STATE  PROTOCOL  SOURCE               DESTINATION        NAME         PROGRAM         USER   WHY
open   tcp       [2001:db8::1]:40000  [2001:db8::2]:443  example.org  /usr/bin/a\\x07  alice  learn mode
"
        );
        assert_eq!(render(&[], &test_view(None)), "Nothing is open.\n");
    }
}
