//! An open question in the words in which an agent gets it, and which answers it may have.

use bastion_ipc::Error;
use bastion_ipc::wire::{self, AnswerLifetime, AnswerScope, CheckedAnswer, PackageState, Question};
use bastion_policy::process::{Identity, Process};

use super::backend::{Asked, Caller, OpenQuestion};
use super::{services, users};
use crate::identify::details::Details;

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
    if let Some(process) = question.identity.process() {
        lifetimes.push(AnswerLifetime::Process);
        // A rule that outlasts it would be for whatever gets its number next.
        if !process.is_lasting() {
            return lifetimes;
        }
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
    // Proposed are two times; where one may be given, any may.
    let asked = match answer.lifetime {
        AnswerLifetime::Seconds(_) => AnswerLifetime::Seconds(PROPOSED_SECONDS[0]),
        other => other,
    };
    if !lifetimes.contains(&asked) {
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
pub(super) fn describe(asked: &Asked, agent: &Caller) -> Question {
    let question = &asked.question;
    let flow = &question.flow;
    let uid = question.identity.uid();
    let mut wire = Question {
        id: question.id.0,
        opened: question.opened.as_millis(),
        deadline: question.deadline.as_millis(),
        otherwise: Some(question.otherwise.to_string()),
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
        details: asked.details.as_ref().map(describe_details),
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

fn describe_details(details: &Details) -> wire::Details {
    let text = |text: &str| Some(shortened(text)).filter(|text| !text.is_empty());
    let package = details.origin.package.as_ref();
    let application = details.application.as_ref();
    let state = Some(details.origin.state).filter(|state| *state != PackageState::Unknown);
    wire::Details {
        unit: details.unit.as_ref().map(|unit| unit.name.clone()),
        user_unit: details.unit.as_ref().map(|unit| unit.of_user),
        package: package.map(|package| package.name.clone()),
        package_version: package.and_then(|package| package.version.clone()),
        // Of a package it is said as well that nothing is known.
        package_state: state
            .or(package.map(|_| PackageState::Unknown))
            .map(|state| state.as_str().to_owned()),
        script: details
            .script
            .as_ref()
            .and_then(|script| text(&script.to_string())),
        container: details.container.as_ref().map(ToString::to_string),
        appimage: details.appimage.as_deref().and_then(text),
        desktop_entry: application.and_then(|of| text(&of.desktop_entry)),
        name: application.and_then(|of| text(&of.name)),
        icon: application.and_then(|of| text(&of.icon)),
    }
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
