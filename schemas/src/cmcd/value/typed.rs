//! Records from values that have types already, such as those of Arrow columns. The result is the
//! same as from JSON ([`crate::cmcd::json`]), without text to read.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_64;

use super::{Record, Value};
use crate::cmcd::Mode;
use crate::cmcd::convert::List;
use crate::cmcd::json::fitting;
use crate::cmcd::key::{Key, Kind};
use crate::cmcd::lex::{Bare, is_token, object_type};
use crate::cmcd::limits::{int_fits, text_fits};
use crate::cmcd::parse::verdict;
use crate::cmcd::rule::Rule;
use crate::fates::Reason;

/// A value with its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Typed<'a> {
    /// A whole number.
    Int(i64),
    /// Any other number.
    Dec(f64),
    /// A boolean.
    Bool(bool),
    /// A string, or a token.
    Text(&'a str),
}

impl<'a> From<Typed<'a>> for Bare<'a> {
    fn from(value: Typed<'a>) -> Self {
        match value {
            Typed::Int(value) => Bare::Int(value),
            Typed::Dec(value) => Bare::Dec(value),
            Typed::Bool(value) => Bare::Bool(value),
            Typed::Text(text) => Bare::Text(Cow::Borrowed(text)),
        }
    }
}

impl<'a> Record<'a> {
    /// Begins an event in the memory of an earlier record.
    pub fn begin(&mut self) {
        self.reset(0);
    }

    /// A member that is one of the standard's keys, with a lone value.
    #[inline]
    pub fn put(&mut self, key: Key, value: Typed<'a>) {
        let plain = match (key.kind(), value) {
            (Kind::Int, Typed::Int(number)) if int_fits(key, number) => Value::Int(number),
            (Kind::Ints, Typed::Int(number)) if int_fits(key, number) => {
                self.list_of_int((number, None))
            }
            (Kind::Str, Typed::Text(text)) if text_fits(key, text) => Value::Text(text.into()),
            (Kind::Token, Typed::Text(text)) if text_fits(key, text) && is_token(text) => {
                Value::Text(text.into())
            }
            _ => return self.put_list(key, [Some((value, None))]),
        };
        self.set(key, plain);
    }

    /// The same for a list of items, each with its object type if it has one. An item without a
    /// value (`None`) costs the whole list.
    pub fn put_list(
        &mut self,
        key: Key,
        items: impl IntoIterator<Item = Option<(Typed<'a>, Option<&'a str>)>>,
    ) {
        let mut list = List::new(self, key);
        for item in items {
            let item = item.and_then(|(value, ot)| Some((fitting(key.kind(), value.into())?, ot)));
            match item {
                Some((value, ot)) => list.push(value, ot.and_then(object_type)),
                None => list.spoil(),
            }
        }
        if !list.finish() {
            self.note_name(Rule::ValueLost, key.name());
        }
    }

    /// A member that is a custom key.
    pub fn put_custom(&mut self, name: &'a str, value: &'a str) {
        if !self.set_custom(name.into(), Some(value.into())) {
            self.note_name(Rule::ValueLost, name);
        }
    }

    /// A member that is not a key.
    pub fn put_unknown(&mut self, name: &str) {
        self.note_name(Rule::of_unknown(name), name);
        self.drop_key();
    }

    /// Ends the event, and returns whether it can be used. `sent` are bytes that are equal for the
    /// same event sent again, and only then.
    pub fn end(&mut self, sent: &[u8]) -> Result<(), Reason> {
        self.digest = xxh3_64(sent);
        verdict(self, Mode::Event)
    }
}
