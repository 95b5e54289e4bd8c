//! Rules as JSON, as `bastionctl rules list --json` prints them.

use serde_json::{Map, Value};

use super::exchange::Entry;
use crate::escape;
use crate::text::RuleText;

/// What the helper adds to the fields of a rule.
const OF_HELPER: [&str; 2] = ["hits", "last_hit"];

/// The rule of an object.
pub(super) fn entry(mut object: Map<String, Value>) -> Entry {
    let name = object.get("name").and_then(Value::as_str);
    let name = escape::excerpt(name.unwrap_or_default());
    for field in OF_HELPER {
        object.remove(field);
    }
    object.retain(|_, value| !value.is_null());
    // Ids are given anew where the rule is added.
    object.entry("id").or_insert_with(|| "unnamed".into());
    let rule = serde_json::from_value::<RuleText>(Value::Object(object))
        .map_err(|error| error.to_string())
        .and_then(|text| text.parse().map_err(|error| error.to_string()));
    Entry { name, rule }
}
