//! An open question in the words in which an agent gets it, and which answers it may have.

use bastion_ipc::Error;
use bastion_ipc::wire::{AnswerLifetime, AnswerScope, CheckedAnswer, Question};
use bastion_policy::process::{Identity, Process};

use super::backend::{Caller, OpenQuestion};
use super::{services, users};

/// Most arguments and ancestors shown, and most bytes of one of them and of all arguments. The
/// program's arguments are its own words and may have megabytes.
const MAX_ARGUMENTS: usize = 256;
const MAX_PARENTS: usize = 32;
const MAX_TEXT: usize = 4 * 4096;
const MAX_ARGUMENT_BYTES: usize = 64 * 1024;
/// Times proposed for a temporary answer, in seconds; any other that is valid is accepted too.
const PROPOSED_SECONDS: [u32; 2] = [300, 3_600];

/// True if answering asks more than a user may do by itself: the process is not its own.
pub(super) fn concerns_others(question: &OpenQuestion, uid: u32) -> bool {
    question.identity.uid() != Some(uid)
}

/// The scopes an answer may have, narrowest first.
pub(super) fn scopes(question: &OpenQuestion) -> Vec<AnswerScope> {
    // “Whoever it was, anywhere” is no rule anybody should make in passing.
    let known = !matches!(question.identity, Identity::Unknown { .. });
    let offered = |scope: &AnswerScope| match scope {
        AnswerScope::Flow | AnswerScope::Destination => true,
        // The host's domain must not be a top-level domain.
        AnswerScope::Domain => question
            .flow
            .hosts
            .first()
            .is_some_and(|host| host.labels() > 1),
        AnswerScope::Port => known && question.flow.protocol.has_ports(),
        AnswerScope::Program => known,
    };
    AnswerScope::ALL
        .map(|(scope, _)| scope)
        .into_iter()
        .filter(offered)
        .collect()
}

/// The lifetimes proposed to somebody in this session, shortest first.
pub(super) fn lifetimes(question: &OpenQuestion, session: Option<&str>) -> Vec<AnswerLifetime> {
    let mut lifetimes = vec![AnswerLifetime::Once];
    if question.identity.process().is_some() {
        lifetimes.push(AnswerLifetime::Process);
    }
    lifetimes.extend(PROPOSED_SECONDS.map(AnswerLifetime::Seconds));
    if session.is_some() {
        lifetimes.push(AnswerLifetime::Session);
    }
    lifetimes.extend([AnswerLifetime::Restart, AnswerLifetime::Forever]);
    lifetimes
}

/// Refuses answers that the question does not offer.
///
/// # Errors
/// [`Error::InvalidArgument`].
pub(super) fn check(
    question: &OpenQuestion,
    session: Option<&str>,
    answer: CheckedAnswer,
) -> Result<(), Error> {
    let scopes = scopes(question);
    if !scopes.contains(&answer.scope) {
        let offered: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        return Err(Error::InvalidArgument(format!(
            "scope: this question can be answered for {}",
            offered.join(", ")
        )));
    }
    let lifetimes = lifetimes(question, session);
    let temporary = matches!(answer.lifetime, AnswerLifetime::Seconds(_));
    if !temporary && !lifetimes.contains(&answer.lifetime) {
        let offered: Vec<_> = lifetimes.iter().map(ToString::to_string).collect();
        return Err(Error::InvalidArgument(format!(
            "lifetime: this question can be answered for {}",
            offered.join(", ")
        )));
    }
    Ok(())
}

/// The question as an agent of this user in this session gets it. Looks users and services up, so
/// it may wait.
pub(super) fn describe(question: &OpenQuestion, agent: &Caller) -> Question {
    let flow = &question.flow;
    let uid = question.identity.uid();
    let mut wire = Question {
        id: question.id.0,
        opened: question.opened.as_millis(),
        deadline: question.deadline.as_millis(),
        program: question.identity.to_string(),
        uid: uid.unwrap_or(u32::MAX),
        user: uid.map(users::name).unwrap_or_default(),
        protocol: flow.protocol.to_string(),
        destination: flow.destination.to_string(),
        port: flow.destination_port,
        service: services::name(flow.destination_port, flow.protocol).to_owned(),
        host: flow
            .hosts
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
        needs_administrator: concerns_others(question, agent.uid),
        scopes: scopes(question)
            .into_iter()
            .map(|scope| scope.as_str().to_owned())
            .collect(),
        lifetimes: lifetimes(question, agent.session.as_deref())
            .iter()
            .map(ToString::to_string)
            .collect(),
        ..Question::default()
    };
    match &question.identity {
        Identity::Process(process) => describe_process(&mut wire, process),
        Identity::Unknown { reason, .. } => wire.unknown_reason = reason.to_string(),
        Identity::Kernel => {}
    }
    wire
}

fn describe_process(wire: &mut Question, process: &Process) {
    wire.program = process.executable.path.to_string();
    wire.replaced = process.executable.replaced;
    wire.app = process
        .app
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    wire.pid = process.key.pid;
    wire.working_directory = shortened(&process.working_directory);
    let mut room = MAX_ARGUMENT_BYTES;
    wire.arguments = process
        .arguments
        .iter()
        .take(MAX_ARGUMENTS)
        .map(|argument| shortened(argument))
        .take_while(|argument| {
            let fits = argument.len() <= room;
            room = room.saturating_sub(argument.len());
            fits
        })
        .collect();
    if wire.arguments.len() < process.arguments.len() {
        wire.arguments.push("…".into());
    }
    wire.parents = process
        .parents
        .iter()
        .take(MAX_PARENTS)
        .map(|parent| parent.path.to_string())
        .collect();
}

fn shortened(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MAX_TEXT);
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
