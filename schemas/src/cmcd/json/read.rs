//! A reader of JSON text. What is rare (escapes, decimals, values nested in an unknown member) is
//! left to [`serde_json`]; the rest accepts and refuses what it does.

use std::borrow::Cow;

use serde_json::{Deserializer, Number, Value as Json};

use crate::cmcd::lex::{Bare, Cursor};
use crate::cmcd::scan;

/// Most digits of a number that is read here; so many always fit.
const DIGITS: usize = 18;

impl<'a> Cursor<'a> {
    /// Steps over white space.
    pub(super) fn skip_white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// An object; `member` gets each name and reads the value. `None` when it is not one.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Option<()>,
    ) -> Option<()> {
        self.each(b'{', b'}', |cursor| {
            let name = cursor.text()?;
            cursor.skip_white();
            cursor.eat(b':').then_some(())?;
            cursor.skip_white();
            member(cursor, name)
        })
    }

    /// An array; `item` reads each item.
    pub(super) fn array(&mut self, item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.each(b'[', b']', item)
    }

    fn each(
        &mut self,
        begin: u8,
        end: u8,
        mut read: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.eat(begin).then_some(())?;
        self.skip_white();
        if self.eat(end) {
            return Some(());
        }
        loop {
            self.skip_white();
            read(self)?;
            self.skip_white();
            if !self.eat(b',') {
                return self.eat(end).then_some(());
            }
        }
    }

    /// Steps over a null, if it comes next.
    pub(super) fn null(&mut self) -> bool {
        self.peek() == Some(b'n') && self.word("null").is_some()
    }

    /// A value that is neither an array nor an object. The outer `None` is invalid JSON, the inner
    /// one a value of another kind, which was stepped over.
    pub(super) fn scalar(&mut self) -> Option<Option<Bare<'a>>> {
        match self.peek()? {
            b'"' => Some(Some(Bare::Text(self.text()?))),
            b't' => self.word("true").map(|()| Some(Bare::Bool(true))),
            b'f' => self.word("false").map(|()| Some(Bare::Bool(false))),
            b'n' => self.word("null").map(|()| None),
            b'[' | b'{' => self.skip_nested().map(|()| None),
            _ => self.json_number().map(Some),
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.rest().starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// A string.
    #[inline]
    fn text(&mut self) -> Option<Cow<'a, str>> {
        if let Some(text) = self.plain_text() {
            return Some(Cow::Borrowed(text));
        }
        match self.by_serde()? {
            Json::String(text) => Some(Cow::Owned(text)),
            _ => None,
        }
    }

    /// A string without escapes; nothing was read when there is none.
    #[inline]
    pub(super) fn plain_text(&mut self) -> Option<&'a str> {
        let text = self.rest().strip_prefix(b"\"")?;
        let bytes = scan::plain(text, false);
        (text.get(bytes) == Some(&b'"')).then_some(())?;
        let from = self.at + 1;
        self.at = from + bytes + 1;
        self.text.get(from..from + bytes)
    }

    /// A whole number of few digits, not below zero; nothing was read when there is none.
    #[inline]
    pub(super) fn whole(&mut self) -> Option<i64> {
        let rest = self.rest();
        let (value, digits) = scan::whole(rest, DIGITS);
        // A leading zero is not JSON.
        let plain = digits == 1 || digits > 1 && rest.first() != Some(&b'0');
        let ends = !matches!(rest.get(digits), Some(b'.' | b'e' | b'E'));
        (plain && ends).then(|| {
            self.at += digits;
            value
        })
    }

    fn json_number(&mut self) -> Option<Bare<'a>> {
        if let Some(value) = self.whole() {
            return Some(Bare::Int(value));
        }
        match self.by_serde()? {
            Json::Number(number) => bare(&number),
            _ => None,
        }
    }

    fn skip_nested(&mut self) -> Option<()> {
        self.by_serde().map(drop)
    }

    /// The value that comes next, whatever it is.
    fn by_serde(&mut self) -> Option<Json> {
        let mut values = Deserializer::from_slice(self.rest()).into_iter();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(value)
    }
}

fn bare(number: &Number) -> Option<Bare<'static>> {
    number.as_i64().map(Bare::Int).or(number.as_f64().map(Bare::Dec))
}
