//! From what was written to what the key holds. Players send scalars where the standard has
//! lists, decimals where it has whole numbers, and numbers as error codes; all of that is
//! taken as meant. Anything else of a wrong type loses the value.

use std::borrow::Cow;

use super::key::{Key, Kind};
use super::lex::Bare;
use super::limits::{MAX_ITEMS, int_fits, text_fits};
use super::rule::{Broken, Rule};
use super::value::Value;

/// Whether values of `key` are texts, which may say who somebody is.
pub(super) fn wants_text(key: Key) -> bool {
    matches!(key.kind(), Kind::Str | Kind::Strs)
}

/// What is irregular about a scalar that is taken as meant.
pub(super) fn faults(key: Key, bare: &Bare<'_>) -> Broken {
    match (key.kind(), bare) {
        (Kind::Int | Kind::Ints, Bare::Dec(_)) => Broken::one(Rule::DecimalForInteger),
        (Kind::Strs, Bare::Int(_) | Bare::Dec(_) | Bare::Token(_)) if key == Key::Ec => {
            Broken::one(Rule::NumberForText)
        }
        (_, Bare::Text(text)) if !text.is_ascii() => Broken::one(Rule::NotAscii),
        _ => Broken::NONE,
    }
}

/// A scalar as the value of `key`; `None` when it cannot be.
pub(super) fn scalar<'a>(key: Key, bare: Bare<'a>, ot: Option<Cow<'a, str>>) -> Option<Value<'a>> {
    match key.kind() {
        Kind::Int => int(key, &bare).map(Value::Int),
        Kind::Dec => dec(&bare).map(Value::Dec),
        Kind::Bool => match bare {
            Bare::Bool(value) => Some(Value::Bool(value)),
            _ => None,
        },
        Kind::Token => match bare {
            Bare::Token(text) if text_fits(key, &text) => Some(Value::Text(text)),
            _ => None,
        },
        Kind::Str => text(key, bare).map(Value::Text),
        Kind::Ints => int(key, &bare).map(|value| Value::Ints(vec![(value, ot)])),
        Kind::Strs => text(key, bare).map(|value| Value::Texts(vec![value])),
    }
}

fn int(key: Key, bare: &Bare<'_>) -> Option<i64> {
    let value = match bare {
        Bare::Int(value) => *value,
        // At most 15 digits before the point, so the number fits.
        Bare::Dec(value) if value.abs() < 1e15 => value.round() as i64,
        _ => return None,
    };
    int_fits(key, value).then_some(value)
}

fn dec(bare: &Bare<'_>) -> Option<f64> {
    match bare {
        Bare::Int(value) => Some(*value as f64),
        Bare::Dec(value) => value.is_finite().then_some(*value),
        _ => None,
    }
}

fn text<'a>(key: Key, bare: Bare<'a>) -> Option<Cow<'a, str>> {
    let text = match bare {
        Bare::Text(text) => text,
        Bare::Token(_) | Bare::Int(_) | Bare::Dec(_) if key == Key::Ec => plain(bare)?,
        _ => return None,
    };
    text_fits(key, &text).then_some(text)
}

/// Any scalar as text: how custom keys and error codes are kept.
pub(super) fn plain(bare: Bare<'_>) -> Option<Cow<'_, str>> {
    Some(match bare {
        Bare::Text(text) | Bare::Token(text) => text,
        Bare::Int(value) => Cow::Owned(value.to_string()),
        Bare::Dec(value) => Cow::Owned(value.to_string()),
        Bare::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Bare::Unfit => return None,
    })
}

/// Collects an inner list into the value of a key. A scalar key takes the first item.
#[derive(Debug)]
pub(super) struct List<'a> {
    key: Key,
    value: Value<'a>,
    bad: bool,
}

impl<'a> List<'a> {
    pub(super) fn new(key: Key) -> Self {
        Self { key, value: Value::Absent, bad: false }
    }

    pub(super) fn push(&mut self, bare: Bare<'a>, ot: Option<Cow<'a, str>>) {
        if self.bad {
            return;
        }
        let done = match &mut self.value {
            Value::Absent => scalar(self.key, bare, ot).map(|value| self.value = value),
            Value::Ints(items) if items.len() < MAX_ITEMS => {
                int(self.key, &bare).map(|value| items.push((value, ot)))
            }
            Value::Texts(items) if items.len() < MAX_ITEMS => {
                text(self.key, bare).map(|value| items.push(value))
            }
            Value::Ints(_) | Value::Texts(_) => None,
            _ => Some(()),
        };
        self.bad = done.is_none();
    }

    /// The value; `None` for an empty list, one that is too long, or one with a bad item.
    pub(super) fn finish(self) -> Option<Value<'a>> {
        (!self.bad && self.value != Value::Absent).then_some(self.value)
    }
}
