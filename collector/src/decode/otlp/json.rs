//! OTLP's JSON in the form that the generated types read.
//!
//! The rules of protobuf's JSON let a 64-bit number be a string or a number, and let a member be
//! left out. The generated types want a string here and a number there, and all members of some
//! messages. What this collector does not keep is left out before they look at it.

use serde_json::{Map, Value, json};

use super::Export;

/// Members that are not kept.
const UNKEPT: [&str; 17] = [
    "bucketCounts",
    "explicitBounds",
    "exemplars",
    "quantileValues",
    "positive",
    "negative",
    "metadata",
    "entityRefs",
    // Of log records and spans, which are stored by what their attributes say.
    "traceId",
    "spanId",
    "parentSpanId",
    "traceState",
    "events",
    "links",
    "body",
    "flags",
    // Of a status.
    "message",
];
/// Members that are numbers of a list: where they are none they say nothing, and cost no record.
const ENUMS: [&str; 2] = ["severityNumber", "code"];
/// Members that are numbers for the generated types.
const NUMBERS: [&str; 3] = ["asInt", "count", "zeroCount"];
/// Members that are strings for them, but not within [`NUMERIC`].
const TIMES: [&str; 4] =
    ["startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano"];
/// Members whose data points have numbers as times.
const NUMERIC: [&str; 2] = ["exponentialHistogram", "summary"];

pub(super) fn request<E: Export>(body: &[u8]) -> Result<E, String> {
    let mut value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let Some(members) = value.as_object_mut() else {
        return Err("it is not an object".to_owned());
    };
    members.entry(E::SIGNAL.member).or_insert_with(|| json!([]));
    let mut records = 0;
    regular(members, false, (E::SIGNAL.records, &mut records));
    let request: E = serde_json::from_value(value).map_err(|error| error.to_string())?;
    // A metric whose points do not fit its type would be passed over without a word.
    if request.records() == records {
        Ok(request)
    } else {
        Err(format!("some `{}` do not fit what they are in", E::SIGNAL.records))
    }
}

/// serde_json has bounded the depth.
fn regular(members: &mut Map<String, Value>, numeric: bool, (of, records): (&str, &mut usize)) {
    members.retain(|name, value| {
        let is_number = || value.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
        let says_nothing = match name.as_str() {
            "status" => !value.is_object(),
            name => ENUMS.contains(&name) && !is_number() || UNKEPT.contains(&name),
        };
        !says_nothing && !value.is_null()
    });
    // Of all messages only data points have a time, and log records, which pass over the rest.
    if members.contains_key("timeUnixNano") {
        point(members);
    }
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
            Value::Number(number) if time && !numeric => {
                *value = Value::String(number.to_string());
            }
            Value::Object(members) => {
                regular(members, numeric || NUMERIC.contains(&name), (of, records));
            }
            Value::Array(items) => {
                *records += if name == of { items.len() } else { 0 };
                let objects = items.iter_mut().filter_map(Value::as_object_mut);
                objects.for_each(|members| regular(members, numeric, (of, records)));
            }
            _ => {}
        }
    }
}

/// The members that exponential histograms and summaries may not lack; others pass them over.
fn point(members: &mut Map<String, Value>) {
    for name in ["count", "zeroCount", "scale", "flags"] {
        members.entry(name).or_insert_with(|| json!(0));
    }
    members.entry("startTimeUnixNano").or_insert_with(|| json!("0"));
    members.entry("zeroThreshold").or_insert_with(|| json!(0.0));
    for name in ["attributes", "exemplars", "quantileValues"] {
        members.entry(name).or_insert_with(|| json!([]));
    }
}
