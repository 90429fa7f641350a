//! Attributes as text.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::{Map, Value};
use tallylight_schemas::fates::Reason;
use tallylight_schemas::infra::Attribute;
use tallylight_schemas::scrub;

/// Most attributes of a data point, those of its resource counted.
const ATTRIBUTES: usize = 128;
/// Most bytes of all of them.
const BYTES: usize = 8 << 10;

/// Attributes with their values as text, in the order in which they were sent.
pub(super) fn attributes<'a>(
    all: impl Iterator<Item = &'a KeyValue>,
) -> Result<Vec<Attribute>, Reason> {
    let mut bytes = 0;
    let mut kept = Vec::new();
    for pair in all {
        let v = pair.value.as_ref().map(text).unwrap_or_default();
        bytes += pair.key.len() + v.len();
        if kept.len() == ATTRIBUTES || bytes > BYTES {
            return Err(Reason::TooLong);
        }
        kept.push(Attribute { k: pair.key.clone(), v });
    }
    Ok(kept)
}

/// A value as text; URLs lose credentials and query, as everywhere at the door.
pub(super) fn text(value: &AnyValue) -> String {
    let text = match json(value) {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    scrub::other(&text).unwrap_or(text)
}

/// The depth is bounded by the parsers.
fn json(value: &AnyValue) -> Value {
    match &value.value {
        None => Value::Null,
        Some(Any::StringValue(text)) => text.as_str().into(),
        Some(Any::BoolValue(truth)) => (*truth).into(),
        Some(Any::IntValue(number)) => (*number).into(),
        Some(Any::DoubleValue(number)) => (*number).into(),
        Some(Any::BytesValue(bytes)) => BASE64_STANDARD.encode(bytes).into(),
        Some(Any::ArrayValue(items)) => items.values.iter().map(json).collect(),
        Some(Any::KvlistValue(pairs)) => {
            let member =
                |pair: &KeyValue| (pair.key.clone(), pair.value.as_ref().map_or(Value::Null, json));
            Value::Object(pairs.values.iter().map(member).collect::<Map<_, _>>())
        }
    }
}
