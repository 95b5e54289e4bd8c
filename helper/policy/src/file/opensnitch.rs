//! Rules of OpenSnitch, each of which is a JSON object in a file of its own: see “Rules” in its
//! documentation. What Bastion has no word for is said to be so, and never left out in silence: a
//! rule that lost one of its conditions would allow more than its author meant.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::exchange::Entry;
use crate::escape;
use crate::text::RuleText;

/// True if an object is a rule of OpenSnitch.
pub(super) fn is_rule(object: &Map<String, Value>) -> bool {
    object.contains_key("operator")
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    precedence: bool,
    action: String,
    duration: String,
    operator: Operator,
}

#[derive(Deserialize)]
struct Operator {
    r#type: String,
    operand: String,
    #[serde(default)]
    data: String,
    #[serde(default)]
    list: Option<Vec<Operator>>,
}

/// The rule of an object.
pub(super) fn entry(object: Map<String, Value>) -> Entry {
    let name = object.get("name").and_then(Value::as_str);
    let name = escape::excerpt(name.unwrap_or_default());
    let read = serde_json::from_value::<Rule>(Value::Object(object));
    let rule = read
        .map_err(|error| error.to_string())
        .and_then(|rule| text(&rule))
        .and_then(|text| text.parse().map_err(|error| error.to_string()));
    Entry { name, rule }
}

fn text(rule: &Rule) -> Result<RuleText, String> {
    let mut text = RuleText {
        id: "unnamed".into(),
        name: escape::excerpt(&rule.name),
        enabled: rule.enabled,
        action: match rule.action.as_str() {
            "allow" => "allow".into(),
            // It lets the program wait, as “drop” does here.
            "deny" => "drop".into(),
            "reject" => "deny".into(),
            other => {
                return Err(format!(
                    "the action “{}” is not known",
                    escape::excerpt(other)
                ));
            }
        },
        lifetime: match rule.duration.as_str() {
            "always" => "forever".into(),
            "until restart" => "restart".into(),
            other => {
                let other = escape::excerpt(other);
                return Err(format!("it holds for “{other}”, and so is over"));
            }
        },
        priority: if rule.precedence { "pinned" } else { "normal" }.into(),
        note: note(&rule.description),
        creator: "import".into(),
        ..RuleText::default()
    };
    apply(&rule.operator, &mut text)?;
    Ok(text)
}

fn note(description: &str) -> String {
    let lines = description.lines().map(escape::printable);
    let note = lines.collect::<Vec<_>>().join("\n");
    note.chars().take(2000).collect()
}

/// Adds a condition to a rule.
fn apply(operator: &Operator, text: &mut RuleText) -> Result<(), String> {
    match (operator.r#type.as_str(), operator.operand.as_str()) {
        ("list", _) => {
            let parts = operator.list.as_deref().filter(|parts| !parts.is_empty());
            let parts = parts.ok_or_else(|| unknown("list", "without a list"))?;
            parts.iter().try_for_each(|part| apply(part, text))
        }
        ("simple", "true") => Ok(()),
        ("simple" | "network", operand) => simple(operand, &operator.data, text),
        ("regexp", "dest.port") => ports(&operator.data, text),
        (kind, operand) => Err(unknown(kind, operand)),
    }
}

fn unknown(kind: &str, operand: &str) -> String {
    let mut said = String::from("Bastion has nothing for its condition “");
    // Writing to a String can't fail.
    let _ = write!(
        said,
        "{} {}”",
        escape::excerpt(kind),
        escape::excerpt(operand)
    );
    said
}

fn simple(operand: &str, data: &str, text: &mut RuleText) -> Result<(), String> {
    let (field, any) = match operand {
        "process.path" => (&mut text.program, "any"),
        "process.parent.path" => (&mut text.started_by, ""),
        "user.id" => (&mut text.user, "any"),
        "dest.host" | "dest.ip" | "dest.network" => (&mut text.destination, "any"),
        "dest.port" => (&mut text.ports, "any"),
        "protocol" => (&mut text.protocol, "any"),
        other => return Err(unknown("simple", other)),
    };
    if field != any {
        return Err(format!("it has two conditions for “{operand}”"));
    }
    *field = match operand {
        // Here protocols have one name for both families.
        "protocol" => data.trim_end_matches('6').to_lowercase(),
        "dest.network" => network(data)?.to_owned(),
        "process.path" | "process.parent.path" => escape::printable(data),
        _ => data.to_owned(),
    };
    Ok(())
}

fn network(data: &str) -> Result<&str, String> {
    match data {
        "LAN" => Ok("group:lan"),
        "MULTICAST" => Ok("group:multicast"),
        network if network.contains('/') => Ok(network),
        other => Err(format!(
            "the network “{}” is not known",
            escape::excerpt(other)
        )),
    }
}

/// `^(80|443)$`, which is how OpenSnitch names several ports.
fn ports(data: &str, text: &mut RuleText) -> Result<(), String> {
    let list = data.trim_start_matches('^').trim_end_matches('$');
    let list = list
        .strip_prefix('(')
        .and_then(|list| list.strip_suffix(')'));
    let list = list.unwrap_or(data);
    let plain = list.split('|').all(|port| port.parse::<u16>().is_ok());
    match plain {
        true => simple("dest.port", &list.replace('|', ","), text),
        false => Err(unknown("regexp", "dest.port")),
    }
}
