//! `bastionctl safeguard`.

use bastion_ipc::wire::Guard;
use bastion_policy::safeguard::Cause;

use crate::cli::SafeguardCommand;
use crate::client::{Client, authenticated};
use crate::error::Error;
use crate::output::{Output, View, clean};
use crate::users;

/// Shows for whom Safeguard is on, or ends it.
pub(crate) async fn run(
    command: &SafeguardCommand,
    client: &Client,
    output: &Output,
) -> Result<(), Error> {
    let control = client.control().await?;
    match command {
        SafeguardCommand::Show(args) => {
            let guards = authenticated(control.get_safeguard(args.all)).await?;
            output.print(&guards, |view| render(&guards, view))
        }
        SafeguardCommand::Leave(args) => {
            authenticated(control.leave_safeguard(args.all)).await?;
            output.done("Safeguard is off: connections that no rule decides are asked about again.")
        }
    }
}

fn render(guards: &[Guard], view: &View) -> String {
    if guards.is_empty() {
        return "Safeguard is not on.\n".into();
    }
    guards.iter().map(|guard| one(guard, view)).collect()
}

fn one(guard: &Guard, view: &View) -> String {
    let mut text = format!(
        "{} since {}, because {}; {} connections dropped\n",
        view.bold(&format!("Safeguard is on for {}", whom(guard.user))),
        view.time(guard.since),
        because(&guard.cause),
        guard.dropped,
    );
    for loud in &guard.programs {
        text.push_str(&format!(
            "  {}: {} undecided, {} dropped\n",
            clean(&loud.program),
            loud.undecided,
            loud.dropped,
        ));
    }
    text
}

/// For whom, in words.
pub(super) fn whom(user: u32) -> String {
    match user {
        u32::MAX => "connections of which no user is known".into(),
        uid => users::name(uid).map_or_else(|| format!("user {uid}"), |name| clean(&name).into()),
    }
}

/// Why, in words.
pub(super) fn because(cause: &str) -> String {
    match cause.parse::<Cause>() {
        Ok(cause) => cause.because().into(),
        Err(_) => clean(cause).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_view;
    use bastion_ipc::wire::LoudProgram;

    #[test]
    fn guards_are_told_with_cause_and_programs() {
        let guards = [Guard {
            user: u32::MAX,
            since: 1_795_514_403_000,
            cause: "packets".into(),
            dropped: 12,
            programs: vec![LoudProgram {
                program: "/usr/bin/a\u{7}b".into(),
                undecided: 9,
                dropped: 7,
            }],
        }];
        assert_eq!(
            render(&guards, &test_view(None)),
            "Safeguard is on for connections of which no user is known since 2026-11-24 10:00:03, \
             because too many packets waited; 12 connections dropped\n  \
             /usr/bin/a\\x07b: 9 undecided, 7 dropped\n"
        );
        assert_eq!(render(&[], &test_view(None)), "Safeguard is not on.\n");
    }
}
