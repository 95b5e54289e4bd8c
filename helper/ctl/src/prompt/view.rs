//! Questions in words.

use bastion_ipc::wire::{AnswerLifetime, AnswerScope, Question};
use bastion_policy::rule::Action;

use super::session::Shown;
use super::{details, fit};
use crate::output::{View, clean, duration, endpoint, program, reason};

/// Said when nothing is open at the start.
pub(super) const WAITING: &str =
    "Waiting for questions. This terminal asks for your programs; q ends it.";
/// Said at the end.
pub(super) const LEFT: &str = "No more questions here.";
/// Said when the helper left the bus.
pub(super) const HELPER_GONE: &str =
    "The Bastion helper is gone, and its questions with it; waiting until it comes back.";

/// Said once when the question is now about another process of the same program.
pub(super) const OTHER_PROCESS: &str =
    "Another process of this program waits for the same answer; ? shows it.";

/// The whole question, with what can be chosen.
pub(super) fn question(shown: &Shown<'_>, view: &View) -> String {
    let question = shown.question;
    let mut text = format!("\n{}\n", view.bold(&headline(question, view)));
    text.push_str(&listed(facts(question, view), view));
    text.push_str(&warned(question, view));
    text.push_str(&waiting(shown));
    text.push_str(&choices(shown, view));
    text
}

/// What was found out about the program after its question was shown; empty when that is nothing.
pub(super) fn found(shown: &Shown<'_>, view: &View) -> String {
    let question = shown.question;
    let facts = listed(details::facts(question), view);
    let warned = warned(question, view);
    if facts.is_empty() && warned.is_empty() {
        return facts;
    }
    let columns = fit::columns(view);
    let program = fit::short(&program(&question.program), columns);
    let headline = fit::wrap("", &format!("Found out about {program}:"), columns);
    format!("{headline}{facts}{warned}")
}

/// The facts that say something, a row or two for each.
fn listed(facts: Vec<(&str, String)>, view: &View) -> String {
    let columns = fit::columns(view);
    let known = facts.into_iter().filter(|(_, fact)| !fact.is_empty());
    known
        .map(|(name, fact)| fit::fact(name, &fact, columns))
        .collect()
}

fn warned(question: &Question, view: &View) -> String {
    let style = crate::output::verdict_style("ask");
    let lines = warnings(question).into_iter();
    lines
        .map(|warning| {
            let rows = fit::wrap("! ", &warning, fit::columns(view));
            view.paint(style, rows.trim_end()) + "\n"
        })
        .collect()
}

fn headline(question: &Question, view: &View) -> String {
    let columns = fit::columns(view);
    let program = fit::short(&capital(&program(&question.program)), columns);
    let to = fit::short(&to(question), columns);
    let rows = fit::wrap("", &format!("{program} wants to connect to {to}"), columns);
    rows.trim_end().to_owned()
}

fn capital(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

fn to(question: &Question) -> String {
    endpoint(
        &question.host,
        &question.destination,
        question.port,
        &question.protocol,
    )
}

fn facts(question: &Question, view: &View) -> Vec<(&'static str, String)> {
    let list = |texts: &[String], separator: &str| {
        let clean: Vec<_> = texts.iter().map(|text| clean(text)).collect();
        clean.join(separator)
    };
    let pid = match question.pid {
        0 => String::new(),
        pid => pid.to_string(),
    };
    let user = if question.user.is_empty() {
        view.user(question.uid)
    } else {
        format!("{} ({})", clean(&question.user), question.uid)
    };
    let service = if question.service.is_empty() {
        String::new()
    } else {
        format!(" ({})", clean(&question.service))
    };
    let mut facts = vec![
        ("Address", clean(&question.destination).into_owned()),
        (
            "Protocol",
            format!("{}{service}", clean(&question.protocol)),
        ),
    ];
    facts.extend(details::facts(question));
    facts.extend([
        ("User", user),
        ("Process", pid),
        ("Arguments", list(&question.arguments, " ")),
        ("Directory", clean(&question.working_directory).into_owned()),
        ("Started by", list(&question.parents, " ← ")),
    ]);
    facts
}

/// What people have to know before they answer, each a sentence.
pub(super) fn warnings(question: &Question) -> Vec<String> {
    let mut warnings = Vec::new();
    if !question.unknown_reason.is_empty() {
        let why = fit::short(&question.unknown_reason, fit::COLUMNS);
        warnings.push(format!("Which program it is could not be proven: {why}."));
    }
    if question.replaced {
        warnings.push("The file at that path is not the one that runs: it was replaced.".into());
    }
    if details::is_changed(question) {
        warnings.push("The program's file was changed since its package was installed.".into());
    }
    if question.needs_administrator {
        warnings.push("It is not your program: an administrator has to authenticate.".into());
    }
    warnings
}

fn waiting(shown: &Shown<'_>) -> String {
    let more = match shown.more {
        0 => String::new(),
        1 => "; 1 more question waits".into(),
        more => format!("; {more} more questions wait"),
    };
    let otherwise = match shown.question.unanswered() {
        Action::Allow => "Allowed",
        Action::Deny => "Denied",
        Action::Drop => "Dropped",
    };
    let left = duration(shown.seconds_left);
    format!("{otherwise} without an answer in {left}{more}\n")
}

/// What can be chosen.
pub(super) fn choices(shown: &Shown<'_>, view: &View) -> String {
    let key = |key: &str| view.bold(&format!("[{key}]"));
    let next = if shown.more > 0 {
        format!("  {} next question", key("n"))
    } else {
        String::new()
    };
    // The question itself may be out of sight by now.
    let columns = fit::columns(view);
    let program = fit::short(&program(&shown.question.program), columns);
    let to = fit::short(&to(shown.question), columns);
    let what = fit::wrap("", &format!("{program} to {to}"), columns);
    let scope = fit::short(&scope(shown), columns);
    let lifetime = fit::short(&lifetime(shown.lifetime), columns);
    format!(
        "{what}{} for: {scope}   {} lasting: {lifetime}\n\
         {} allow  {} deny  {} deny silently{next}  {} quit\n",
        key("s"),
        key("l"),
        key("a"),
        key("d"),
        key("x"),
        key("q"),
    )
}

fn scope(shown: &Shown<'_>) -> String {
    let question = shown.question;
    let place = if question.host.is_empty() {
        &question.destination
    } else {
        &question.host
    };
    let place = clean(place);
    match AnswerScope::parse(shown.scope) {
        Ok(AnswerScope::Flow) => to(question),
        Ok(AnswerScope::Destination) => format!("{place}, any port"),
        Ok(AnswerScope::Domain) => format!("the domain of {place}, any port"),
        Ok(AnswerScope::Port) => format!(
            "{} port {}, anywhere",
            clean(&question.protocol),
            question.port
        ),
        Ok(AnswerScope::Program) => "everything this program does".into(),
        Err(_) => clean(shown.scope).into_owned(),
    }
}

fn lifetime(text: &str) -> String {
    match AnswerLifetime::parse(text) {
        Ok(AnswerLifetime::Once) => "just this once".into(),
        Ok(AnswerLifetime::Process) => "until the program quits".into(),
        Ok(AnswerLifetime::Session) => "until the session ends".into(),
        Ok(AnswerLifetime::Restart) => "until the next restart".into(),
        Ok(AnswerLifetime::Forever) => "forever".into(),
        Ok(AnswerLifetime::Seconds(seconds)) => duration(seconds.into()),
        Err(_) => clean(text).into_owned(),
    }
}

/// What is said about a question that is no longer open.
pub(super) fn about(question: &Question, said: &str) -> String {
    let program = fit::short(&program(&question.program), fit::COLUMNS);
    let to = fit::short(&to(question), fit::COLUMNS);
    format!("{program} to {to}: {said}")
}

/// Why a question is no longer open.
pub(super) fn withdrawn(text: &str) -> String {
    let view = View {
        width: None,
        colour: false,
        zone: jiff::tz::TimeZone::UTC,
        users: crate::users::name,
    };
    match text {
        "" => "no answer is needed any more.".into(),
        text => format!(
            "no answer is needed any more ({}).",
            reason(text, "", &view)
        ),
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
