//! What [`super::Rule::new`] checks.

use std::fmt;
use std::str::FromStr;

use super::{Lifetime, RuleError, RuleSpec};
use crate::escape;
use crate::flow::Protocol;
use crate::matcher::{PortMatcher, ProgramMatcher, ProtocolMatcher, UserMatcher};

/// The spec with every value as its text form reads. Matchers can be put together in code in ways
/// that no text gives, such as ports out of order; so every rule that exists survives a file or
/// the bus unchanged.
pub(super) fn canonical(spec: RuleSpec) -> Result<RuleSpec, RuleError> {
    Ok(RuleSpec {
        program: match spec.program {
            ProgramMatcher::App(_) => reread("program", &spec.program)?,
            // Paths and patterns can't be made but from text, and patterns are expensive to read.
            program => program,
        },
        started_by: spec
            .started_by
            .filter(|program| *program != ProgramMatcher::Any),
        user: reread("user", &spec.user)?,
        destination: reread("destination", &spec.destination)?,
        ports: reread("ports", &spec.ports)?,
        protocol: reread("protocol", &spec.protocol)?,
        lifetime: reread("lifetime", &spec.lifetime)?,
        ..spec
    })
}

fn reread<T: fmt::Display + FromStr>(field: &'static str, value: &T) -> Result<T, RuleError> {
    let text = value.to_string();
    text.parse().map_err(|_| RuleError::Meaningless {
        field,
        text: escape::excerpt(&text),
    })
}

pub(super) fn protocol(spec: &RuleSpec) -> Result<(), RuleError> {
    let ProtocolMatcher::Only(protocol) = spec.protocol else {
        return Ok(());
    };
    if spec.ports != PortMatcher::Any && !protocol.has_ports() {
        return Err(RuleError::PortsWithoutProtocol(protocol));
    }
    match (protocol, spec.destination.is_ipv4()) {
        (Protocol::Icmp, Some(false)) | (Protocol::IcmpV6, Some(true)) => {
            Err(RuleError::OtherFamily {
                protocol,
                destination: spec.destination.clone(),
            })
        }
        _ => Ok(()),
    }
}

pub(super) fn program(spec: &RuleSpec) -> Result<(), RuleError> {
    let program = &spec.program;
    let no_process = matches!(program, ProgramMatcher::Kernel | ProgramMatcher::Unknown);
    match &spec.started_by {
        Some(_) if no_process => {
            return Err(RuleError::StartedByWithoutProcess(program.to_string()));
        }
        None | Some(ProgramMatcher::Path(_) | ProgramMatcher::Pattern(_)) => {}
        Some(other) => {
            return Err(RuleError::StartedByKind(escape::excerpt(
                &other.to_string(),
            )));
        }
    }
    if *program == ProgramMatcher::Kernel && spec.user != UserMatcher::Any {
        return Err(RuleError::UserOfKernel);
    }
    let no_program = no_process || *program == ProgramMatcher::Any;
    if matches!(spec.lifetime, Lifetime::Process(_)) && no_program {
        return Err(RuleError::ProcessWithoutProgram);
    }
    Ok(())
}

/// Names are one line, notes may have several.
pub(super) fn texts(spec: &RuleSpec) -> Result<(), RuleError> {
    let name_ok = escape::is_printable(&spec.name);
    let note_ok = spec.note.split('\n').all(escape::is_printable);
    for (field, text, printable, min, max) in [
        ("name", &spec.name, name_ok, 1, 200),
        ("note", &spec.note, note_ok, 0, 2000),
    ] {
        if !printable || !(min..=max).contains(&text.chars().count()) {
            return Err(RuleError::Text { field, min, max });
        }
    }
    Ok(())
}
