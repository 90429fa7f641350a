//! Player events as JSON objects with CMCD key names, as `/v1/events` takes them.
//!
//! Tokens and strings are JSON strings, booleans are booleans. An item of a list is a plain
//! value, or `{"v": 5000, "ot": "v"}` when it has an object type. A lone item need not be in
//! an array. `null` is a key that was not sent.

use std::borrow::Cow;

use serde_json::{Map, Number, Value as Json, json};
use xxhash_rust::xxh3::xxh3_64;

use super::convert::{List, plain};
use super::judge::judge;
use super::lex::{Bare, is_custom, is_token, object_type};
use super::parse::{decode_next_objects, verdict};
use super::rule::Rule;
use super::{Key, Kind, MAX_RECORD_BYTES, Mode, Record, Value};
use crate::fates::Reason;

/// A player event from JSON. The key `type` is the envelope's and is passed over.
pub fn from_json(event: &Json) -> Result<Record<'static>, Reason> {
    from_json_as(event, Mode::Event)
}

/// The same for a record of either mode: drafts and version 1 had JSON for both.
pub fn from_json_as(event: &Json, mode: Mode) -> Result<Record<'static>, Reason> {
    let Json::Object(members) = event else { return Err(Reason::BadShape) };
    let text = event.to_string();
    if text.len() > MAX_RECORD_BYTES {
        return Err(Reason::TooLong);
    }
    let mut record = Record::default();
    record.reset(xxh3_64(text.as_bytes()));
    for (name, value) in members {
        if name == "type" || value.is_null() {
            continue;
        }
        match Key::from_name(name) {
            Some(key) => {
                let value = value_of(key, value);
                if value.is_none() {
                    record.note_name(Rule::ValueLost, name);
                }
                record.set_or_drop(key, value);
            }
            None if is_custom(name) => match bare(Kind::Str, value).and_then(plain) {
                Some(value) => record.set_custom(Cow::Owned(name.clone()), value),
                None => record.drop_value(),
            },
            None => {
                let draft = matches!(name.as_str(), "cdn" | "df");
                record.note_name(if draft { Rule::DraftKey } else { Rule::UnknownKey }, name);
                record.drop_key();
            }
        }
    }
    if mode == Mode::Request {
        decode_next_objects(&mut record);
    }
    verdict(&record, mode)?;
    judge(&mut record, mode);
    Ok(record)
}

fn value_of(key: Key, value: &Json) -> Option<Value<'static>> {
    let items = match value {
        Json::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut list = List::new(key);
    for item in items {
        let (value, ot) = match item {
            Json::Object(item) => (item.get("v")?, item.get("ot").and_then(Json::as_str)),
            plain => (plain, None),
        };
        list.push(bare(key.kind(), value)?, ot.and_then(object_type).map(Cow::Borrowed));
    }
    list.finish()
}

/// JSON has no tokens, so a string is one where the key wants one.
fn bare(kind: Kind, value: &Json) -> Option<Bare<'static>> {
    match value {
        Json::Bool(value) => Some(Bare::Bool(*value)),
        Json::Number(number) => number.as_i64().map(Bare::Int).or(number.as_f64().map(Bare::Dec)),
        Json::String(text) if kind == Kind::Token => {
            is_token(text).then(|| Bare::Token(Cow::Owned(text.clone())))
        }
        Json::String(text) => Some(Bare::Text(Cow::Owned(text.clone()))),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A record in the form that [`from_json`] reads.
pub fn to_json(record: &Record<'_>) -> Json {
    let known =
        record.values().iter().map(|(key, value)| (key.name().to_owned(), plain_json(value)));
    let custom =
        record.custom().iter().map(|(key, value)| (key.to_string(), Json::from(value.as_ref())));
    Json::Object(known.chain(custom).collect::<Map<_, _>>())
}

fn plain_json(value: &Value<'_>) -> Json {
    match value {
        Value::Absent => Json::Null,
        Value::Int(value) => Json::from(*value),
        Value::Dec(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Bool(value) => Json::from(*value),
        Value::Text(text) => Json::from(text.as_ref()),
        Value::Ints(items) => items
            .iter()
            .map(|(value, ot)| match ot {
                Some(ot) => json!({"v": value, "ot": ot}),
                None => Json::from(*value),
            })
            .collect(),
        Value::Texts(items) => items.iter().map(|text| Json::from(text.as_ref())).collect(),
    }
}
