//! Attributes as text, numbers and times.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::{Map, Value};
use tallylight_schemas::fates::Reason;
use tallylight_schemas::infra::{Attribute, InfraMetric};
use tallylight_schemas::scrub;

/// Most attributes of a data point, including those of its resource.
const ATTRIBUTES: usize = 128;
/// Most bytes of all of them.
const BYTES: usize = 8 << 10;
/// Times before 2001 are not Unix times in nanoseconds.
const FIRST_NS: u64 = 1_000_000_000_000_000_000;

/// Attributes with their values as text, in the order they were sent.
pub(super) fn attributes<'a>(
    all: impl Iterator<Item = &'a KeyValue>,
) -> Result<Vec<Attribute>, Reason> {
    with_attributes(&[], all)
}

/// The attributes of a resource, then a record's own.
pub(super) fn with_attributes<'a>(
    rest: &[Attribute],
    own: impl Iterator<Item = &'a KeyValue>,
) -> Result<Vec<Attribute>, Reason> {
    let mut bytes: usize = rest.iter().map(|one| one.k.len() + one.v.len()).sum();
    let mut kept = rest.to_vec();
    for pair in own.filter(|pair| !is_private(&pair.key)) {
        let value = pair.value.as_ref();
        let v = value.map(|value| plain(json(value, is_url(&pair.key)))).unwrap_or_default();
        bytes += pair.key.len() + v.len();
        if kept.len() == ATTRIBUTES || bytes > BYTES {
            return Err(Reason::TooLong);
        }
        kept.push(Attribute { k: pair.key.clone(), v });
    }
    Ok(kept)
}

/// Memory taken by the texts of a point.
pub(super) fn held(point: &InfraMetric) -> usize {
    let InfraMetric { service, instance, scope, name, unit, attributes, .. } = point;
    let names = [Some(service), instance.as_ref(), scope.as_ref(), Some(name), unit.as_ref()];
    let names: usize = names.into_iter().flatten().map(String::len).sum();
    let of = |one: &Attribute| size_of::<Attribute>() + one.k.len() + one.v.len();
    names + attributes.iter().map(of).sum::<usize>()
}

/// Whether an attribute, by its name in OpenTelemetry's conventions, identifies the caller or its
/// credentials: such attributes are not kept.
fn is_private(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "client.address",
        "client.socket.address",
        "http.client_ip",
        "http.user_agent",
        "net.peer.ip",
        "net.sock.peer.addr",
        "network.peer.address",
        "source.address",
        "url.query",
        "user_agent.original",
    ];
    const WITHIN: [&str; 4] =
        ["enduser.", "user.", "http.request.header.", "http.response.header."];
    NAMES.contains(&name) || WITHIN.iter().any(|within| name.starts_with(within))
}

/// Whether an attribute is a URL or a path, by its name.
fn is_url(name: &str) -> bool {
    matches!(name, "http.target" | "http.url" | "url.full" | "url.original" | "url.path")
}

/// A value as text; URLs lose credentials and query, as everywhere in the collector.
pub(super) fn text(value: &AnyValue) -> String {
    plain(json(value, false))
}

fn plain(value: Value) -> String {
    let text = match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    match scrub::other(&text) {
        Cow::Owned(clean) => clean,
        Cow::Borrowed(_) => text,
    }
}

/// A value without what is private in it. The texts of one that `is_url` lose their query, even
/// where they do not look like a URL. The depth is bounded by the parsers.
fn json(value: &AnyValue, is_url: bool) -> Value {
    match &value.value {
        None => Value::Null,
        // JSON's empty item of an array arrives like this.
        Some(Any::BytesValue(bytes)) if bytes.is_empty() => Value::Null,
        Some(Any::StringValue(text)) if is_url => scrub::url(text).into(),
        Some(Any::StringValue(text)) => text.as_str().into(),
        Some(Any::BoolValue(truth)) => (*truth).into(),
        Some(Any::IntValue(number)) => (*number).into(),
        Some(Any::DoubleValue(number)) => (*number).into(),
        Some(Any::BytesValue(bytes)) => BASE64_STANDARD.encode(bytes).into(),
        Some(Any::ArrayValue(items)) => {
            items.values.iter().map(|item| json(item, is_url)).collect()
        }
        Some(Any::KvlistValue(pairs)) => {
            let member = |pair: &KeyValue| {
                let is_url = is_url || self::is_url(&pair.key);
                let value = pair.value.as_ref();
                (pair.key.clone(), value.map_or(Value::Null, |value| json(value, is_url)))
            };
            let kept = pairs.values.iter().filter(|pair| !is_private(&pair.key));
            Value::Object(kept.map(member).collect::<Map<_, _>>())
        }
    }
}

/// Unix µs.
pub(super) fn micros(ns: u64) -> Result<i64, Reason> {
    match ns {
        0 => Err(Reason::NoTs),
        FIRST_NS.. => i64::try_from(ns / 1_000).map_err(|_| Reason::BadTs),
        _ => Err(Reason::BadTs),
    }
}

/// The value of the first of `names` that there is.
pub(super) fn said<'a>(all: &'a [KeyValue], names: &[&str]) -> Option<&'a Any> {
    let find = |name: &&str| all.iter().find(|pair| pair.key == **name)?.value.as_ref();
    names.iter().find_map(|name| find(name)?.value.as_ref())
}

/// A text, or the first of a list: headers are sent as lists.
pub(super) fn first(value: &Any) -> Option<&str> {
    match value {
        Any::StringValue(text) => Some(text),
        Any::ArrayValue(items) => match items.values.first()?.value.as_ref()? {
            Any::StringValue(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// A text, or the last of a list.
pub(super) fn last(value: &Any) -> Option<&str> {
    match value {
        Any::ArrayValue(items) => first(items.values.last()?.value.as_ref()?),
        value => first(value),
    }
}

/// A number, or a text that is one: exporters of text logs write numbers as text.
pub(super) fn number(value: &Any) -> Option<f64> {
    match value {
        Any::IntValue(number) => Some(*number as f64),
        Any::DoubleValue(number) => Some(*number),
        other => first(other)?.parse().ok(),
    }
    .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    fn pair(key: &str, value: Any) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
    }

    #[test]
    fn a_url_loses_its_query_wherever_it_is() {
        let path = || Any::StringValue("/v/1.m4s?t=secret".to_owned());
        let item = AnyValue { value: Some(path()) };
        let list = Any::ArrayValue(ArrayValue { values: vec![item] });
        let inner = vec![pair("url.path", path()), pair("http.target", list.clone())];
        let within = |key| pair(key, Any::KvlistValue(KeyValueList { values: inner.clone() }));
        let all = [pair("url.path", path()), pair("url.full", list), within("seen")];
        for Attribute { k, v } in attributes(all.iter()).unwrap() {
            assert!(v.contains("/v/1.m4s") && !v.contains("secret"), "{k}: {v}");
        }
    }
}
