//! `bastionctl log`.

use bastion_ipc::wire::{Event, LogQuery};

use crate::cli::LogArgs;
use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::input::Surroundings;
use crate::output::{Output, Table, View, destination, fault, program, reason};

/// Shows what was decided.
pub(crate) async fn run(args: &LogArgs, client: &Client, output: &Output) -> Result<(), Error> {
    let query = query(args, &Surroundings::of_process())?;
    let events = client.events().await?;
    let found = authenticated(async {
        let mut found: Vec<Event> = Vec::new();
        while let Some(page) = next_page(&query, args.limit, &found) {
            let asked = page.limit.unwrap_or(LogQuery::MAX);
            let more = events.get_log(&page, args.all).await?;
            let end = u32::try_from(more.len()).is_ok_and(|count| count < asked);
            found.extend(more);
            if end {
                break;
            }
        }
        Ok(found)
    })
    .await?;
    let mut found = found;
    found.reverse();
    output.print(&found, |view| render(&found, view))
}

fn query(args: &LogArgs, surroundings: &Surroundings) -> Result<LogQuery, Error> {
    let time = |text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| surroundings.since(text)).transpose()
    };
    // A path may be a link; a name alone means all files of that name.
    let program = args
        .program
        .as_deref()
        .map(|text| match text.contains('/') {
            true => surroundings.program(text),
            false => Ok(text.to_owned()),
        });
    let query = LogQuery {
        before: args.before,
        since: time(&args.since)?,
        until: time(&args.until)?,
        limit: None,
        verdict: args.verdict.clone(),
        program: program.transpose()?,
        destination: args.destination.clone(),
        rule: args.rule.clone(),
        text: args.text.clone(),
    };
    query
        .clone()
        .checked()
        .map_err(|error| Error::Usage(format!("--{}: {}", error.field, error.problem)))?;
    Ok(query)
}

/// One reply holds at most [`LogQuery::MAX`] events; the next asks for those before the oldest
/// found so far.
fn next_page(query: &LogQuery, limit: u32, found: &[Event]) -> Option<LogQuery> {
    let have = u32::try_from(found.len()).unwrap_or(u32::MAX);
    let missing = limit.checked_sub(have).filter(|missing| *missing > 0)?;
    Some(LogQuery {
        before: found.last().map(|oldest| oldest.id).or(query.before),
        limit: Some(missing.min(LogQuery::MAX)),
        ..query.clone()
    })
}

fn render(events: &[Event], view: &View) -> String {
    if events.is_empty() {
        return "Nothing was decided that fits.\n".into();
    }
    let mut table = Table::new(
        view,
        &["TIME", "VERDICT", "PROGRAM", "USER", "DESTINATION", "WHY"],
    );
    for event in events {
        table.row([
            view.time(event.time),
            event.verdict.clone(),
            program(&event.program).into_owned(),
            view.user(event.uid),
            destination(event),
            why(event, view),
        ]);
    }
    table.render()
}

/// The reason, and how many packets or flows it is about if not one; or what was mended.
pub(super) fn why(event: &Event, view: &View) -> String {
    if event.is_mending() {
        return fault(event);
    }
    let reason = reason(&event.reason, &event.rule_name, view);
    match event.count {
        0 | 1 => reason,
        count => format!("{reason} ({count}×)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;

    fn event(id: u64) -> Event {
        Event {
            id,
            time: 1_795_514_403_000,
            verdict: "allow".into(),
            reason: "rule:web".into(),
            rule_name: "Web".into(),
            program: "/usr/bin/curl".into(),
            uid: 1000,
            protocol: "tcp".into(),
            destination: "192.0.2.1".into(),
            destination_port: 443,
            host: "example.org".into(),
            count: 1,
            ..Event::default()
        }
    }

    #[test]
    fn events_are_aligned() {
        let denied = Event {
            verdict: "deny".into(),
            reason: "timeout".into(),
            program: "unknown".into(),
            uid: u32::MAX,
            host: String::new(),
            count: 3,
            ..event(2)
        };
        let mended = Event {
            verdict: Event::MENDED.into(),
            reason: "doubled".into(),
            rule_name: "IPv4 BASTION_NFQUEUE".into(),
            program: Event::BASTION.into(),
            uid: 0,
            protocol: String::new(),
            destination: "mangle OUTPUT".into(),
            destination_port: 0,
            host: String::new(),
            count: 21,
            ..event(3)
        };
        assert_eq!(
            render(&[event(1), denied, mended], &test_view(None)),
            "\
TIME                 VERDICT  PROGRAM             USER     DESTINATION          WHY
2026-11-24 10:00:03  allow    /usr/bin/curl       alice    example.org:443 tcp  rule “Web”
2026-11-24 10:00:03  deny     an unknown program  unknown  192.0.2.1:443 tcp    no answer in time (3×)
2026-11-24 10:00:03  mended   Bastion             root     mangle OUTPUT        IPv4 BASTION_NFQUEUE was there 21 times
"
        );
        assert_eq!(
            render(&[], &test_view(None)),
            "Nothing was decided that fits.\n"
        );
    }

    #[test]
    fn long_logs_come_page_by_page() {
        let query = LogQuery {
            before: Some(9_000),
            ..LogQuery::default()
        };
        let first = next_page(&query, 1_500, &[]).unwrap();
        assert_eq!((first.before, first.limit), (Some(9_000), Some(1_000)));
        let found: Vec<Event> = (0..1_000).map(|n| event(8_999 - n)).collect();
        let second = next_page(&query, 1_500, &found).unwrap();
        assert_eq!((second.before, second.limit), (Some(8_000), Some(500)));
        assert!(next_page(&query, 1_000, &found).is_none());
    }
}
