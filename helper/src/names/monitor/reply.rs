//! What systemd-resolved's monitor sends: JSON, each message with a zero byte behind it
//! (varlink.org; the interface io.systemd.Resolve.Monitor of systemd).

use bastion_policy::escape;
use bastion_policy::matcher::HostName;
use domain::dep::octseq::array::Array;
use domain::utils::base64;
use serde::Deserialize;

use super::MonitorError;
use crate::names::messages::{Question, RECORDS, Record, Wanted, WireName};
use crate::names::resolution::Resolution;

/// Class IN (RFC 1035, section 3.2.4).
const IN: u16 = 1;

/// Most questions that are read of one message. Programs ask for the addresses of both families
/// at once.
const QUESTIONS: usize = 8;

/// Most questions that led to others, of one message: systemd-resolved follows 16 aliases.
const COLLECTED: usize = 64;

/// Most bytes of a record. Names have at most 255 of them, so that nothing here needs more than a
/// few hundred, but for records of type HTTPS with much besides addresses.
const RECORD: usize = 2_048;

#[derive(Deserialize)]
struct Reply {
    error: Option<String>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    state: Option<String>,
    question: Option<Vec<Key>>,
    #[serde(rename = "collectedQuestions")]
    collected: Option<Vec<Key>>,
    answer: Option<Vec<Answer>>,
}

/// A question.
#[derive(Deserialize)]
struct Key {
    class: u16,
    r#type: u16,
    name: String,
}

#[derive(Deserialize)]
struct Answer {
    /// The whole record as it stands in messages, in base64.
    raw: Option<String>,
}

/// Reads a message: what came of the questions it tells of.
pub(super) fn read(message: &[u8]) -> Result<Vec<Resolution>, MonitorError> {
    let reply: Reply = serde_json::from_slice(message)?;
    if let Some(error) = reply.error {
        return Err(MonitorError::Refused(escape::excerpt(&error)));
    }
    let Parameters {
        state,
        question,
        collected,
        answer,
    } = reply.parameters;
    // The first message says that it is ready, and others that nothing was found.
    if state.as_deref() != Some("success") {
        return Ok(Vec::new());
    }
    let records: Vec<_> = answer
        .unwrap_or_default()
        .iter()
        .take(RECORDS)
        .filter_map(record)
        .collect();
    let Some(aliases) = aliases(&collected.unwrap_or_default()) else {
        return Ok(Vec::new());
    };
    Ok(question
        .unwrap_or_default()
        .iter()
        .take(QUESTIONS)
        .filter_map(asked)
        .filter_map(|question| Resolution::at_the_end_of(&aliases, &question, &records))
        .collect())
}

/// The names that led to the questions: what a program asked for, and what that turned out to be an
/// alias of, where systemd-resolved had to ask anew. Nothing if one of them is no host's, because
/// it is unknown then who has answered for it.
fn aliases(collected: &[Key]) -> Option<Vec<WireName>> {
    let mut aliases = Vec::new();
    if collected.len() > COLLECTED {
        return None;
    }
    for key in collected {
        let name = asked(key)?.name;
        if !aliases.contains(&name) {
            aliases.push(name);
        }
    }
    Some(aliases)
}

fn asked(key: &Key) -> Option<Question> {
    let wanted = Wanted::from_number(key.r#type).filter(|_| key.class == IN)?;
    let name: HostName = key.name.parse().ok()?;
    Some(Question {
        name: (&name).into(),
        wanted,
    })
}

fn record(answer: &Answer) -> Option<Record> {
    let raw: Array<RECORD> = base64::decode(answer.raw.as_deref()?).ok()?;
    Record::read(raw.as_slice())
}

#[cfg(test)]
mod tests;
