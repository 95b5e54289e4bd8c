//! `bastionctl explain`.

use bastion_ipc::wire::{ExplainQuery, Explanation, LadderStep};
use bastion_policy::flow::Protocol;

use crate::cli::ExplainArgs;
use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::input::Surroundings;
use crate::output::{Output, Table, View, clean, reason};

/// Explains what would be decided about a connection.
pub(crate) async fn run(args: &ExplainArgs, client: &Client, output: &Output) -> Result<(), Error> {
    let query = query(args, &Surroundings::of_process())?;
    let explanation = authenticated(client.rules().await?.explain(&query)).await?;
    output.print(&explanation, |view| render(&explanation, view))
}

fn query(args: &ExplainArgs, surroundings: &Surroundings) -> Result<ExplainQuery, Error> {
    let protocol: Protocol = args
        .protocol
        .parse()
        .map_err(|error| Error::Usage(format!("--protocol: {error}")))?;
    let port = match (args.port, protocol.has_ports()) {
        (Some(port), true) if port > 0 => port,
        (None | Some(0), false) => 0,
        (_, true) => {
            return Err(Error::Usage(format!(
                "Connections over {protocol} have a port from 1 to 65535; write it after the \
                 destination."
            )));
        }
        (Some(_), false) => {
            return Err(Error::Usage(format!(
                "{protocol} has no ports; leave it out."
            )));
        }
    };
    let query = ExplainQuery {
        program: surroundings.program(&args.program)?,
        uid: args
            .user
            .as_deref()
            .map(|user| surroundings.uid(user))
            .transpose()?,
        destination: args.destination.clone(),
        host: None,
        port,
        protocol: Some(protocol.to_string()),
    };
    query
        .flow()
        .map_err(|error| Error::Usage(error.to_string()))?;
    Ok(query)
}

fn render(explanation: &Explanation, view: &View) -> String {
    let winner = explanation.ladder.first();
    let name = winner
        .map(|winner| winner.name.as_str())
        .unwrap_or_default();
    let mut text = format!(
        "{}: {}\n",
        view.verdict(&explanation.outcome),
        reason(&explanation.reason, name, view)
    );
    if explanation.ladder.is_empty() {
        return text;
    }
    text.push_str("\nRules that match, in order of precedence:\n");
    let mut table = Table::new(view, &["", "ACTION", "NAME", "ID", "LOSES BY"]).align_right(0);
    for (position, step) in explanation.ladder.iter().enumerate() {
        let position = (position + 1).to_string();
        table.row([
            &position,
            &step.action,
            &step.name,
            &step.rule,
            loses_by(step),
        ]);
    }
    text.push_str(&table.render());
    if !explanation.without_winner.is_empty() {
        text.push_str(&format!(
            "\nWithout the first: {}\n",
            clean(&explanation.without_winner)
        ));
    }
    text
}

/// Why the rule loses to the one above it.
fn loses_by(step: &LadderStep) -> &str {
    match step.loses_by.as_str() {
        "" => "",
        "priority" => "lower priority",
        "program" => "names the program less closely",
        "destination" => "names the destination less closely",
        "ports" => "names more ports",
        "protocol" => "names no protocol",
        "user" => "names no user",
        "action" => "allows; blocking goes first",
        "created" => "is older",
        "id" => "only its id differs",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;

    fn args(destination: &str, port: Option<u16>, protocol: &str) -> ExplainArgs {
        ExplainArgs {
            program: "unknown".into(),
            destination: destination.into(),
            port,
            protocol: protocol.into(),
            user: None,
        }
    }

    #[test]
    fn ports_fit_protocols() {
        let surroundings = Surroundings::of_process();
        let read = |args: ExplainArgs| query(&args, &surroundings);
        assert_eq!(
            read(args("example.org", Some(443), "tcp")).unwrap().port,
            443
        );
        assert_eq!(read(args("::1", None, "icmpv6")).unwrap().port, 0);
        for wrong in [
            args("example.org", None, "tcp"),
            args("example.org", Some(0), "udp"),
            args("example.org", Some(1), "icmp"),
            args("a b", Some(1), "tcp"),
            args("example.org", Some(1), "tpc"),
        ] {
            assert!(read(wrong).is_err());
        }
    }

    #[test]
    fn the_ladder_is_shown_with_the_winner_first() {
        let step = |rule: &str, name: &str, action: &str, loses_by: &str| LadderStep {
            rule: rule.into(),
            name: name.into(),
            action: action.into(),
            loses_by: loses_by.into(),
        };
        let explanation = Explanation {
            outcome: "deny".into(),
            reason: "rule:r1".into(),
            ladder: vec![
                step("r1", "Block ads", "deny", ""),
                step("r2", "Web", "allow", "destination"),
            ],
            without_winner: "allow".into(),
        };
        assert_eq!(
            render(&explanation, &test_view(None)),
            "\
deny: rule “Block ads”

Rules that match, in order of precedence:
   ACTION  NAME       ID  LOSES BY
1  deny    Block ads  r1
2  allow   Web        r2  names the destination less closely

Without the first: allow
"
        );
    }

    #[test]
    fn no_rule_is_an_answer_too() {
        let explanation = Explanation {
            outcome: "ask".into(),
            reason: "no-rule".into(),
            ..Explanation::default()
        };
        assert_eq!(render(&explanation, &test_view(None)), "ask: no rule\n");
    }
}
