//! `bastionctl rules`.

mod check;
mod transfer;
mod view;

use bastion_ipc::wire::WireRule;
use serde::Serialize;

use crate::cli::{AddArgs, EditArgs, RulesCommand};
use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::input::Surroundings;
use crate::output::{Output, clean};

/// Lists, shows or changes rules.
pub(crate) async fn run(
    command: &RulesCommand,
    client: &Client,
    output: &Output,
) -> Result<(), Error> {
    match command {
        RulesCommand::List { text } => list(text.as_deref(), client, output).await,
        RulesCommand::Show { id } => {
            let rule = find(all(client).await?, id)?;
            output.print(&rule, |view| view::whole(&rule, view))
        }
        RulesCommand::Add(args) => add(args, client, output).await,
        RulesCommand::Edit(args) => edit(args, client, output).await,
        RulesCommand::Remove { ids } => remove(ids, client, output).await,
        RulesCommand::Enable { ids } => switch(ids, true, client, output).await,
        RulesCommand::Disable { ids } => switch(ids, false, client, output).await,
        RulesCommand::Check => check::run(client, output).await,
        RulesCommand::Export => transfer::export(client, output).await,
        RulesCommand::Import { file, dry_run } => {
            transfer::import(file, *dry_run, client, output).await
        }
    }
}

async fn all(client: &Client) -> Result<Vec<WireRule>, Error> {
    authenticated(client.rules().await?.list()).await
}

fn find(rules: Vec<WireRule>, id: &str) -> Result<WireRule, Error> {
    rules
        .into_iter()
        .find(|rule| rule.id.as_deref() == Some(id))
        .ok_or_else(|| {
            Error::NotFound(format!(
                "There is no rule “{}”; “bastionctl rules list” shows all.",
                clean(id)
            ))
        })
}

async fn list(text: Option<&str>, client: &Client, output: &Output) -> Result<(), Error> {
    let mut rules = all(client).await?;
    rules.retain(|rule| text.is_none_or(|text| contains(rule, text)));
    output.print(&rules, |view| view::list(&rules, view))
}

/// True if a person who looks for this text means the rule.
fn contains(rule: &WireRule, text: &str) -> bool {
    let text = text.to_lowercase();
    let fields = [&rule.id, &rule.program, &rule.destination, &rule.note];
    fields
        .into_iter()
        .flatten()
        .chain([&rule.name])
        .any(|field| field.to_lowercase().contains(&text))
}

/// What `rules add --json` prints.
#[derive(Serialize)]
struct Added<'a> {
    id: &'a str,
}

async fn add(args: &AddArgs, client: &Client, output: &Output) -> Result<(), Error> {
    let rule = WireRule {
        action: args.action.clone(),
        enabled: Some(!args.disabled),
        ..WireRule::default()
    };
    let rule = Surroundings::of_process().apply(&args.fields, rule)?;
    let id = authenticated(client.rules().await?.add(&rule)).await?;
    output.print(&Added { id: &id }, |_| {
        format!("Added rule {}: {}", clean(&id), clean(&rule.name))
    })
}

async fn edit(args: &EditArgs, client: &Client, output: &Output) -> Result<(), Error> {
    let rules = client.rules().await?;
    let mut rule = find(all(client).await?, &args.id)?;
    if let Some(action) = &args.action {
        rule.action.clone_from(action);
    }
    let rule = Surroundings::of_process().apply(&args.fields, rule)?;
    authenticated(rules.replace(&rule)).await?;
    output.done(&format!("Changed rule {}.", clean(&args.id)))
}

async fn remove(ids: &[String], client: &Client, output: &Output) -> Result<(), Error> {
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    authenticated(client.rules().await?.remove(&names)).await?;
    output.done(&format!("Removed {}.", count(ids.len())))
}

async fn switch(
    ids: &[String],
    enabled: bool,
    client: &Client,
    output: &Output,
) -> Result<(), Error> {
    let rules = client.rules().await?;
    for id in ids {
        authenticated(rules.set_enabled(id, enabled)).await?;
    }
    let state = if enabled { "on" } else { "off" };
    output.done(&format!("Switched {} {state}.", count(ids.len())))
}

fn count(rules: usize) -> String {
    match rules {
        1 => "1 rule".into(),
        more => format!("{more} rules"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> WireRule {
        WireRule {
            id: Some("web".into()),
            name: "Browsing".into(),
            action: "allow".into(),
            program: Some("/usr/bin/Firefox".into()),
            ..WireRule::default()
        }
    }

    #[test]
    fn rules_are_found_by_id_alone() {
        assert_eq!(find(vec![rule()], "web").unwrap(), rule());
        let error = find(vec![rule()], "Browsing\u{7}").unwrap_err();
        assert_eq!(error.code(), crate::error::code::NOT_FOUND);
        assert!(error.to_string().contains("“Browsing\\x07”"));
    }

    #[test]
    fn searching_ignores_case() {
        assert!(contains(&rule(), "firefox"));
        assert!(contains(&rule(), "BROWS"));
        assert!(!contains(&rule(), "curl"));
    }
}
