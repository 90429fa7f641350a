//! OTLP's JSON in the form that the generated types read.
//!
//! The rules of protobuf's JSON let a number be a string, and let a member be left out. The
//! generated types want a string here and a number there, all members of some messages, and a value
//! in each attribute. Members that this collector does not keep are removed before parsing.

use serde_json::{Map, Value, json};

use super::Export;
use super::points::NO_SUM;

/// Members that are not kept.
const UNKEPT: [&str; 16] = [
    "bucketCounts",
    "explicitBounds",
    "exemplars",
    "quantileValues",
    "positive",
    "negative",
    "metadata",
    "entityRefs",
    // Of log records and spans, which are stored by their attributes.
    "traceId",
    "spanId",
    "parentSpanId",
    "traceState",
    "events",
    "links",
    "body",
    // Of a status.
    "message",
];
/// Members that are small numbers. Where they are not, they mean nothing and are removed, which
/// costs no record.
const SMALL: [&str; 3] = ["severityNumber", "code", "flags"];
/// Members that the generated types read as integers.
const NUMBERS: [&str; 3] = ["asInt", "count", "zeroCount"];
/// Members that they read as decimals.
const DECIMALS: [&str; 6] = ["asDouble", "doubleValue", "max", "min", "sum", "zeroThreshold"];
/// Members that they read as strings, but not within [`NUMERIC`].
const TIMES: [&str; 4] =
    ["startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano"];
/// Members whose data points have times as numbers.
const NUMERIC: [&str; 2] = ["exponentialHistogram", "summary"];

/// The kinds of values.
const KINDS: [&str; 7] = [
    "stringValue",
    "boolValue",
    "intValue",
    "doubleValue",
    "arrayValue",
    "kvlistValue",
    "bytesValue",
];
/// Most empty items of arrays in a request. Each takes two hundred times its bytes in memory; the
/// generated types refuse further ones.
const MOST_EMPTY: usize = 16 << 10;

pub(super) fn request<E: Export>(body: &[u8]) -> Result<E, String> {
    let (value, records) = tree::<E>(body)?;
    let request: E = serde_json::from_value(value).map_err(|error| error.to_string())?;
    // A metric whose points do not fit its type would be skipped silently.
    if request.records() == records {
        Ok(request)
    } else {
        Err(format!("some `{}` do not fit what they are in", E::SIGNAL.records))
    }
}

/// A request in the form that the generated types read, and the number of its records.
pub(super) fn tree<E: Export>(body: &[u8]) -> Result<(Value, usize), String> {
    let mut value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let Some(members) = value.as_object_mut() else {
        return Err("it is not an object".to_owned());
    };
    members.entry(E::SIGNAL.member).or_insert_with(|| json!([]));
    let mut walk = Walk { of: E::SIGNAL.records, records: 0, room: MOST_EMPTY };
    walk.regular(members, "");
    Ok((value, walk.records))
}

/// The state of a walk through a request.
struct Walk {
    /// The name of the lists that hold the records, and how many records were seen.
    of: &'static str,
    records: usize,
    /// The rest of [`MOST_EMPTY`].
    room: usize,
}

impl Walk {
    /// `within` is which of [`NUMERIC`] the members are in. The depth was bounded by serde_json.
    fn regular(&mut self, members: &mut Map<String, Value>, within: &str) {
        let numeric = !within.is_empty();
        members.retain(|name, value| !value.is_null() && !says_nothing(name, value));
        for (name, value) in members.iter_mut() {
            let name = name.as_str();
            let time = TIMES.contains(&name);
            match value {
                Value::String(text) if NUMBERS.contains(&name) || time && numeric => {
                    let number = text.parse::<i64>().map(Value::from);
                    if let Ok(number) = number.or_else(|_| text.parse::<u64>().map(Value::from)) {
                        *value = number;
                    }
                }
                // A number that is not finite becomes null.
                Value::String(text) if DECIMALS.contains(&name) => {
                    if let Ok(number) = text.parse::<f64>() {
                        *value = number.into();
                    }
                }
                Value::Number(number) if time && !numeric => {
                    *value = Value::String(number.to_string());
                }
                Value::Object(members) => {
                    let within = if NUMERIC.contains(&name) { name } else { within };
                    self.regular(members, within);
                    if matches!(name, "arrayValue" | "kvlistValue") {
                        let items = members.entry("values").or_insert_with(|| json!([]));
                        self.fill(items.as_array_mut().filter(|_| name == "arrayValue"));
                    }
                }
                Value::Array(items) => {
                    self.records += if name == self.of { items.len() } else { 0 };
                    for members in items.iter_mut().filter_map(Value::as_object_mut) {
                        self.regular(members, within);
                        if name == "dataPoints" {
                            point(members, within);
                        }
                    }
                }
                _ => {}
            }
        }
        if members.get("value").is_some_and(is_empty) {
            members.remove("value");
        }
    }

    /// Replaces empty items of an array, which the generated types do not know, by empty bytes:
    /// both read as NULL.
    fn fill(&mut self, items: Option<&mut Vec<Value>>) {
        let empty = items.into_iter().flatten().filter(|item| is_empty(item));
        for item in empty.take(self.room) {
            *item = json!({"bytesValue": ""});
            self.room -= 1;
        }
    }
}

/// Whether a member is not kept, or does not have the type to mean anything.
fn says_nothing(name: &str, value: &Value) -> bool {
    let is_small = || value.as_u64().is_some_and(|number| i32::try_from(number).is_ok());
    match name {
        "status" => !value.is_object(),
        name => SMALL.contains(&name) && !is_small() || UNKEPT.contains(&name),
    }
}

/// Whether an attribute's value is empty: without any kind, or a number that is not finite.
fn is_empty(value: &Value) -> bool {
    let has_value =
        |(kind, value): (&String, &Value)| KINDS.contains(&kind.as_str()) && !value.is_null();
    value.is_null() || value.as_object().is_some_and(|kinds| !kinds.iter().any(has_value))
}

/// Adds the members that exponential histograms and summaries may not lack; other kinds ignore
/// them.
fn point(members: &mut Map<String, Value>, within: &str) {
    // A sum that is not finite is no sum; a summary without a sum has 0, as in protobuf.
    if within == "summary" && members.get("sum").is_some_and(Value::is_null) {
        let flags = members.get("flags").and_then(Value::as_u64).unwrap_or_default();
        members.insert("flags".to_owned(), json!(flags | u64::from(NO_SUM)));
    }
    members.retain(|_, value| !value.is_null());
    if within == "summary" {
        members.entry("sum").or_insert_with(|| json!(0.0));
    }
    for name in ["count", "zeroCount", "scale", "flags"] {
        members.entry(name).or_insert_with(|| json!(0));
    }
    for name in ["timeUnixNano", "startTimeUnixNano"] {
        members
            .entry(name)
            .or_insert_with(|| if within.is_empty() { "0".into() } else { 0.into() });
    }
    members.entry("zeroThreshold").or_insert_with(|| json!(0.0));
    for name in ["attributes", "exemplars", "quantileValues"] {
        members.entry(name).or_insert_with(|| json!([]));
    }
}

#[cfg(test)]
mod tests;
