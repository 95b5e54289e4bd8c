//! Records of the bus as plain JSON, under the names of their fields.

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;

/// On the bus each field of a record carries its type; serde shows that as an object of these two
/// keys. JSON knows types by itself.
const VARIANT: [&str; 2] = ["signature", "value"];

/// The record, indented.
///
/// # Errors
/// Never for records of this program; a record whose keys are no strings would be.
pub(crate) fn pretty<T: Serialize + ?Sized>(record: &T) -> Result<String, Error> {
    serde_json::to_string_pretty(&plain(record)?).map_err(failed)
}

/// The record on one line.
///
/// # Errors
/// As [`pretty`].
pub(crate) fn line<T: Serialize + ?Sized>(record: &T) -> Result<String, Error> {
    serde_json::to_string(&plain(record)?).map_err(failed)
}

fn failed(error: serde_json::Error) -> Error {
    Error::Output(error.into())
}

fn plain<T: Serialize + ?Sized>(record: &T) -> Result<Value, Error> {
    serde_json::to_value(record)
        .map(without_types)
        .map_err(failed)
}

fn without_types(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => {
            if fields.len() == VARIANT.len() && VARIANT.iter().all(|key| fields.contains_key(*key))
            {
                return fields.remove("value").map_or(Value::Null, without_types);
            }
            Value::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| (key, without_types(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_types).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use bastion_ipc::wire::{Connection, Event, Explanation, LadderStep};
    use serde_json::json;

    use super::*;

    #[test]
    fn records_have_the_names_and_types_of_their_fields() {
        let event = Event {
            id: 7,
            program: "/usr/bin/a\\x0ab".into(),
            destination_port: 443,
            ..Event::default()
        };
        let value = plain(&event).unwrap();
        assert_eq!(value["id"], json!(7));
        assert_eq!(value["program"], json!("/usr/bin/a\\x0ab"));
        assert_eq!(value["destination_port"], json!(443));
        assert_eq!(value.as_object().unwrap().len(), 15);
    }

    #[test]
    fn records_within_records_are_plain_too() {
        let connection = plain(&Connection::default()).unwrap();
        assert_eq!(connection["event"]["count"], json!(0));
        let explanation = Explanation {
            ladder: vec![LadderStep {
                rule: "a".into(),
                ..LadderStep::default()
            }],
            ..Explanation::default()
        };
        let value = plain(&explanation).unwrap();
        assert_eq!(value["ladder"][0]["rule"], json!("a"));
    }
}
