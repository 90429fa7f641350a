//! Converts what was written into the value of a key. Players send scalars where the standard has
//! lists, decimals where it has whole numbers, tokens in quotes, and numbers as error codes; all of
//! that is read as meant. Anything else of a wrong type loses the value.

use std::borrow::Cow;

use super::key::{Key, Kind};
use super::lex::{Bare, is_token};
use super::limits::{MAX_ITEMS, int_fits, text_fits};
use super::rule::{Broken, Rule};
use super::value::{Record, Value};

/// Whether values of `key` are texts, which may identify a viewer.
pub(super) fn wants_text(key: Key) -> bool {
    matches!(key.kind(), Kind::Str | Kind::Strs)
}

/// The rules that a scalar breaks although it is read as meant.
pub(super) fn faults(key: Key, bare: &Bare<'_>) -> Broken {
    match (key.kind(), bare) {
        (Kind::Int | Kind::Ints, Bare::Dec(_)) => Broken::one(Rule::DecimalForInteger),
        (Kind::Strs, Bare::Int(_) | Bare::Dec(_) | Bare::Token(_)) if key == Key::Ec => {
            Broken::one(Rule::NumberForText)
        }
        (Kind::Token, Bare::Text(_)) => Broken::one(Rule::TextForToken),
        (_, Bare::Text(text)) if !text.is_ascii() => Broken::one(Rule::NotAscii),
        _ => Broken::NONE,
    }
}

/// A scalar as the value of `key`, which is not a list; `None` when it does not fit.
fn scalar<'a>(key: Key, bare: Bare<'a>) -> Option<Value<'a>> {
    match (key.kind(), bare) {
        (Kind::Int, bare) => int(key, &bare).map(Value::Int),
        (Kind::Dec, bare) => dec(&bare).map(Value::Dec),
        (Kind::Bool, Bare::Bool(value)) => Some(Value::Bool(value)),
        (Kind::Token, Bare::Token(text)) if text_fits(key, &text) => Some(Value::Text(text)),
        (Kind::Token, Bare::Text(text)) if is_token(&text) && text_fits(key, &text) => {
            Some(Value::Text(text))
        }
        (Kind::Str, bare) => text(key, bare).map(Value::Text),
        _ => None,
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

/// Any scalar as text, as custom values and error codes are kept.
pub(super) fn plain(bare: Bare<'_>) -> Option<Cow<'_, str>> {
    Some(match bare {
        Bare::Text(text) | Bare::Token(text) => text,
        Bare::Int(value) => Cow::Owned(value.to_string()),
        Bare::Dec(value) => Cow::Owned(value.to_string()),
        Bare::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Bare::Unfit => return None,
    })
}

/// Collects scalars, written as an inner list or alone, into the value of a key. A scalar key takes
/// the first.
#[derive(Debug)]
pub(super) struct List<'r, 'a> {
    record: &'r mut Record<'a>,
    key: Key,
    /// The numbers of items in the record's lists before.
    before: [usize; 2],
    items: usize,
    /// The value of a scalar key.
    first: Option<Value<'a>>,
    bad: bool,
}

impl<'r, 'a> List<'r, 'a> {
    pub(super) fn new(record: &'r mut Record<'a>, key: Key) -> Self {
        let before = record.items();
        Self { record, key, before, items: 0, first: None, bad: false }
    }

    pub(super) fn push(&mut self, bare: Bare<'a>, ot: Option<&'static str>) {
        if self.bad {
            return;
        }
        let done = match self.key.kind() {
            Kind::Ints | Kind::Strs if self.items == MAX_ITEMS => None,
            Kind::Ints => int(self.key, &bare).map(|value| self.record.push_int((value, ot))),
            Kind::Strs => text(self.key, bare).map(|value| self.record.push_text(value)),
            _ if self.items > 0 => Some(()),
            _ => scalar(self.key, bare).map(|value| self.first = Some(value)),
        };
        self.items += 1;
        self.bad = done.is_none();
    }

    /// Notes an item that is not a scalar.
    pub(super) fn spoil(&mut self) {
        self.bad = true;
    }

    /// Sets the key, or counts its value as lost: an empty list, one that is too long, or one
    /// with a bad item. Returns whether the key is set.
    pub(super) fn finish(self) -> bool {
        let value = match self.key.kind() {
            _ if self.bad || self.items == 0 => None,
            Kind::Ints | Kind::Strs => Some(self.record.list_since(self.before)),
            _ => self.first,
        };
        let set = value.is_some();
        self.record.set_or_drop(self.key, value);
        set
    }
}
