//! Player events as JSON objects with CMCD key names, as `/v1/events` accepts them.
//!
//! Tokens and strings are JSON strings, booleans are booleans. An item of a list is a plain
//! value, or `{"v": 5000, "ot": "v"}` when it has an object type. A lone item need not be in
//! an array. `null` is a key that was not sent; of a key that was sent twice the later value
//! counts, as in CMCD's own form.
//!
//! Objects are read straight from their text. A record's digest is that of the text as it was
//! sent: a client that sends a record again must send the same bytes.

mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::{Map, Number, Value as Json, json};
use xxhash_rust::xxh3::xxh3_64;

use super::convert::{List, plain};
use super::lex::{Bare, Cursor, is_custom, is_token, object_type};
use super::limits::{int_fits, text_fits};
use super::parse::{either, settle, verdict};
use super::rule::Rule;
use super::{Key, Kind, MAX_EVENT_BYTES, Mode, Record, Value};
use crate::fates::Reason;

/// A record from JSON, of either mode: drafts and version 1 had JSON for both. A member `type`
/// is ignored.
pub fn parse(text: &str, mode: Mode) -> Result<Record<'_>, Reason> {
    let mut record = Record::default();
    read(text, &mut record, &mut |_| true)?;
    settle(&mut record, mode)?;
    Ok(record)
}

/// The same into the memory of an earlier record, whose mode is not known: one with `e` and `ts` is
/// an event report, any other a request-mode record.
pub fn parse_either<'a>(text: &'a str, record: &mut Record<'a>) -> (Mode, Result<(), Reason>) {
    match read(text, record, &mut |_| true) {
        Ok(()) => either(record),
        Err(reason) => (Mode::Event, Err(reason)),
    }
}

/// An event with a `type`, into the memory of an earlier record. Returns whether it is a player's;
/// if not, it was not read to its end. It is not judged by the rules of CMCD, as this format is our
/// own ([`Record::judge_event`]).
pub fn parse_event<'a>(text: &'a str, record: &mut Record<'a>) -> Result<bool, Reason> {
    let mut kind = None;
    let read = read(text, record, &mut |said| {
        let player = said == Some("player");
        kind = Some(player);
        player
    });
    match kind {
        Some(false) => Ok(false),
        Some(true) => read.and_then(|()| verdict(record, Mode::Event)).map(|()| true),
        None => Err(read.err().unwrap_or(Reason::BadShape)),
    }
}

/// Reads an object; `of_type` gets its type, if that is a string, and returns whether to continue.
fn read<'a>(
    text: &'a str,
    record: &mut Record<'a>,
    of_type: &mut dyn FnMut(Option<&str>) -> bool,
) -> Result<(), Reason> {
    record.reset(xxh3_64(text.as_bytes()));
    if text.len() > MAX_EVENT_BYTES {
        return Err(Reason::TooLong);
    }
    let mut cursor = Cursor::new(text);
    cursor.skip_white();
    let whole = cursor.object(|cursor, name| {
        if name != "type" {
            return member(cursor, name, record);
        }
        match cursor.scalar()? {
            Some(Bare::Text(said)) => of_type(Some(&said)).then_some(()),
            _ => of_type(None).then_some(()),
        }
    });
    cursor.skip_white();
    (whole.is_some() && cursor.peek().is_none()).then_some(()).ok_or(Reason::BadShape)
}

/// Reads the value of a member. `None` when it is not JSON.
fn member<'a>(cursor: &mut Cursor<'a>, name: Cow<'a, str>, record: &mut Record<'a>) -> Option<()> {
    if cursor.null() {
        return Some(());
    }
    match Key::from_name(&name) {
        Some(key) if quick(cursor, key, record) => {}
        Some(key) => {
            let mut list = List::new(record, key);
            values(cursor, key.kind(), &mut list)?;
            if !list.finish() {
                record.note_name(Rule::ValueLost, &name);
            }
        }
        None if is_custom(&name) => {
            let value = match cursor.plain_text() {
                Some(text) => Some(Cow::Borrowed(text)),
                None => cursor.scalar()?.and_then(plain),
            };
            if !record.set_custom(name.clone(), value) {
                record.note_name(Rule::ValueLost, &name);
            }
        }
        None => {
            cursor.scalar()?;
            record.put_unknown(&name);
        }
    }
    Some(())
}

/// Reads a value of the usual form: a lone one of the type of its key. `false` when it needs a
/// closer look; nothing was read then.
#[inline]
fn quick<'a>(cursor: &mut Cursor<'a>, key: Key, record: &mut Record<'a>) -> bool {
    let from = cursor.at;
    let value = match key.kind() {
        Kind::Int => cursor.whole().filter(|number| int_fits(key, *number)).map(Value::Int),
        Kind::Ints => cursor
            .whole()
            .filter(|number| int_fits(key, *number))
            .map(|number| record.list_of_int((number, None))),
        Kind::Str | Kind::Token => cursor
            .plain_text()
            .filter(|text| text_fits(key, text) && (key.kind() == Kind::Str || is_token(text)))
            .map(|text| Value::Text(Cow::Borrowed(text))),
        Kind::Dec | Kind::Bool | Kind::Strs => None,
    };
    match value {
        Some(value) => record.set(key, value),
        None => cursor.at = from,
    }
    cursor.at > from
}

fn values<'a>(cursor: &mut Cursor<'a>, kind: Kind, list: &mut List<'_, 'a>) -> Option<()> {
    if cursor.peek() == Some(b'[') {
        return cursor.array(|cursor| item(cursor, kind, list));
    }
    item(cursor, kind, list)
}

/// One value of a key: plain, or an object with its object type.
fn item<'a>(cursor: &mut Cursor<'a>, kind: Kind, list: &mut List<'_, 'a>) -> Option<()> {
    let (mut value, mut ot) = (None, None);
    if cursor.peek() == Some(b'{') {
        cursor.object(|cursor, name| {
            let said = cursor.scalar()?;
            match &*name {
                "v" => value = said,
                "ot" => ot = said,
                _ => {}
            }
            Some(())
        })?;
    } else {
        value = cursor.scalar()?;
    }
    let ot = match &ot {
        Some(Bare::Text(name)) => object_type(name),
        _ => None,
    };
    match value.and_then(|value| fitting(kind, value)) {
        Some(value) => list.push(value, ot),
        None => list.spoil(),
    }
    Some(())
}

/// JSON has no tokens, so a string is one where the key has one.
pub(super) fn fitting(kind: Kind, value: Bare<'_>) -> Option<Bare<'_>> {
    match value {
        Bare::Text(text) if kind == Kind::Token => is_token(&text).then_some(Bare::Token(text)),
        other => Some(other),
    }
}

/// A record in the form that [`parse`] reads.
pub fn to_json(record: &Record<'_>) -> Json {
    let known = record.values().iter();
    let known = known.map(|(key, value)| (key.name().to_owned(), plain_json(value, record)));
    let custom =
        record.custom().iter().map(|(key, value)| (key.to_string(), Json::from(value.as_ref())));
    Json::Object(known.chain(custom).collect::<Map<_, _>>())
}

fn plain_json(value: &Value<'_>, record: &Record<'_>) -> Json {
    match value {
        Value::Absent => Json::Null,
        Value::Int(value) => Json::from(*value),
        Value::Dec(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Bool(value) => Json::from(*value),
        Value::Text(text) => Json::from(text.as_ref()),
        Value::Ints(list) => record
            .ints(*list)
            .iter()
            .map(|(value, ot)| match ot {
                Some(ot) => json!({"v": value, "ot": ot}),
                None => Json::from(*value),
            })
            .collect(),
        Value::Texts(list) => {
            record.texts(*list).iter().map(|text| Json::from(text.as_ref())).collect()
        }
    }
}
