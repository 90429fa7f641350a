//! The fast path: values as nearly every player writes them. Any other form, and a value that does
//! not fit its key, is left to the tolerant reader ([`super::parse`]).

use std::borrow::Cow;

use super::key::{Key, Kind};
use super::lex::{Cursor, object_type, token_bytes};
use super::limits::{int_fits, text_fits};
use super::scan;
use super::value::{Record, Value};

/// The most digits of a whole number, by RFC 8941.
const DIGITS: usize = 15;
/// The longest object type, bytes.
const LONGEST: usize = 2;

/// Reads the text between a key and the next comma, and sets the key. `None` when it needs a closer
/// look; nothing was read then.
#[inline]
pub(super) fn value<'a>(cursor: &mut Cursor<'a>, key: Key, record: &mut Record<'a>) -> Option<()> {
    let (value, end) = match (key.kind(), cursor.rest()) {
        (Kind::Int, [b'=', rest @ ..]) => {
            let (number, digits) = scan::whole(rest, DIGITS);
            (digits > 0 && int_fits(key, number)).then_some((Value::Int(number), 1 + digits))?
        }
        (Kind::Ints, [b'=', b'(', rest @ ..]) => {
            let (number, digits) = scan::whole(rest, DIGITS);
            let (ot, close) = object_type_in(rest.get(digits..)?)?;
            let end = 2 + digits + close;
            (digits > 0 && int_fits(key, number) && cursor.ends_at(end)).then_some(())?;
            (record.list_of_int((number, ot)), end)
        }
        (Kind::Token, _) => token(cursor).and_then(|said| text(key, said))?,
        (Kind::Str, _) if !matches!(key, Key::Cmsdd | Key::Cmsds) => {
            quoted(cursor).and_then(|said| text(key, said))?
        }
        (Kind::Bool, _) => (Value::Bool(true), 0),
        _ => return None,
    };
    cursor.ends_at(end).then(|| cursor.at += end)?;
    record.set(key, value);
    Some(())
}

/// The same for a custom key with a string.
#[inline]
pub(super) fn custom<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let (said, end) = quoted(cursor)?;
    cursor.ends_at(end).then(|| cursor.at += end)?;
    Some(said)
}

fn text<'a>(key: Key, (said, end): (&'a str, usize)) -> Option<(Value<'a>, usize)> {
    text_fits(key, said).then_some((Value::Text(Cow::Borrowed(said)), end))
}

/// A text in quotes behind `=`, without escapes, and where it ends.
fn quoted<'a>(cursor: &Cursor<'a>) -> Option<(&'a str, usize)> {
    let text = cursor.rest().strip_prefix(b"=\"")?;
    let bytes = scan::plain(text, true);
    (text.get(bytes) == Some(&b'"')).then_some(())?;
    let from = cursor.at + 2;
    Some((cursor.text.get(from..from + bytes)?, bytes + 3))
}

/// A token behind `=`, and where it ends.
fn token<'a>(cursor: &Cursor<'a>) -> Option<(&'a str, usize)> {
    let bytes = token_bytes(cursor.rest().strip_prefix(b"=")?);
    let from = cursor.at + 1;
    (bytes > 0).then_some((cursor.text.get(from..from + bytes)?, bytes + 1))
}

/// The object type behind the only item of a list, if any, and where the list ends.
fn object_type_in(text: &[u8]) -> Option<(Option<&'static str>, usize)> {
    let name = match text {
        [b')', ..] => return Some((None, 1)),
        [b';', name @ ..] => name,
        _ => return None,
    };
    let bytes = name.iter().take(LONGEST + 1).position(|byte| *byte == b')')?;
    let name = std::str::from_utf8(name.get(..bytes)?).ok()?;
    Some((Some(object_type(name)?), bytes + 2))
}
