//! `bastionctl suggestions`.

use bastion_ipc::proxy::RulesProxy;
use bastion_ipc::wire::Suggestion;

use crate::cli::{SuggestionsCommand, WhichSuggestions};
use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::output::{Output, Table, View, clean, endpoint, program};

/// Shows suggestions, makes rules of them, or drops them.
pub(crate) async fn run(
    command: &SuggestionsCommand,
    client: &Client,
    output: &Output,
) -> Result<(), Error> {
    let rules = client.rules().await?;
    match command {
        SuggestionsCommand::List { all } => {
            let mut open = authenticated(rules.list_suggestions(*all)).await?;
            // As in the log, the latest stands where the reader is.
            open.reverse();
            output.print(&open, |view| render(&open, view))
        }
        SuggestionsCommand::Accept { which, scope } => {
            let ids = named(which, &rules).await?;
            let made = authenticated(rules.accept_suggestions(&ids, scope, which.all)).await?;
            output.print(&made, |_| accepted(ids.len(), &made))
        }
        SuggestionsCommand::Drop(which) => {
            let ids = named(which, &rules).await?;
            authenticated(rules.drop_suggestions(&ids, which.all)).await?;
            let numbers: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let restore = format!("bastionctl suggestions restore {}", numbers.join(" "));
            output.done(&format!(
                "Dropped {}; “{restore}{}” takes it back.",
                count(ids.len(), "suggestion"),
                if which.all { " --all" } else { "" }
            ))
        }
        SuggestionsCommand::Restore { ids, all } => {
            authenticated(rules.restore_suggestions(ids, *all)).await?;
            output.done(&format!("Restored {}.", count(ids.len(), "suggestion")))
        }
    }
}

/// The numbers meant.
async fn named(which: &WhichSuggestions, rules: &RulesProxy<'_>) -> Result<Vec<u64>, Error> {
    if !which.everything {
        return Ok(which.ids.clone());
    }
    let open = authenticated(rules.list_suggestions(which.all)).await?;
    match open.is_empty() {
        true => Err(Error::NotFound(NOTHING.into())),
        false => Ok(open.iter().map(|suggestion| suggestion.id).collect()),
    }
}

/// What is said when there is none.
const NOTHING: &str = "There are no suggestions.";

fn accepted(suggestions: usize, rules: &[String]) -> String {
    let ids: Vec<_> = rules.iter().map(|id| clean(id)).collect();
    format!(
        "Accepted {}: {} ({}).",
        count(suggestions, "suggestion"),
        count(rules.len(), "rule"),
        ids.join(", ")
    )
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}

fn render(suggestions: &[Suggestion], view: &View) -> String {
    if suggestions.is_empty() {
        return format!("{NOTHING}\n");
    }
    let headings = [
        "ID",
        "PROGRAM",
        "DESTINATION",
        "PROTOCOL",
        "USER",
        "COUNT",
        "LAST",
    ];
    let mut table = Table::new(view, &headings).align_right(0).align_right(5);
    for suggestion in suggestions {
        let to = endpoint(
            &suggestion.host,
            &suggestion.destination,
            suggestion.destination_port,
            &suggestion.protocol,
        );
        let name = match suggestion.app.as_str() {
            "" => program(&suggestion.program),
            app => clean(app),
        };
        table.row([
            suggestion.id.to_string(),
            name.into_owned(),
            to,
            clean(&suggestion.protocol).into_owned(),
            view.user(suggestion.uid),
            suggestion.count.to_string(),
            view.time(suggestion.last),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;

    #[test]
    fn suggestions_are_a_line_each() {
        let curl = Suggestion {
            id: 7,
            program: "/usr/bin/curl\u{7}".into(),
            uid: 1000,
            protocol: "tcp".into(),
            host: "example.org".into(),
            destination: "192.0.2.1".into(),
            destination_port: 443,
            count: 12,
            last: 1_795_514_403_000,
            ..Suggestion::default()
        };
        let game = Suggestion {
            id: 31,
            program: "/app/bin/game".into(),
            app: "flatpak:org.a.Game".into(),
            uid: 1000,
            protocol: "icmp".into(),
            destination: "192.0.2.1".into(),
            count: 1,
            ..Suggestion::default()
        };
        assert_eq!(
            render(&[curl, game], &test_view(None)),
            "\
ID  PROGRAM             DESTINATION      PROTOCOL  USER   COUNT  LAST
 7  /usr/bin/curl\\x07   example.org:443  tcp       alice     12  2026-11-24 10:00:03
31  flatpak:org.a.Game  192.0.2.1        icmp      alice      1  never
"
        );
        assert_eq!(render(&[], &test_view(None)), "There are no suggestions.\n");
    }

    #[test]
    fn rules_that_were_made_are_named() {
        let said = accepted(3, &["r1".into(), "r2\u{7}".into()]);
        assert_eq!(said, "Accepted 3 suggestions: 2 rules (r1, r2\\x07).");
    }
}
