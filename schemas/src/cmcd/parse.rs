//! The recovering parser.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use xxhash_rust::xxh3::xxh3_64;

use super::cmsd;
use super::convert::{List, faults, plain};
use super::judge::judge;
use super::lex::{Bare, Cursor, is_custom};
use super::quick;
use super::rule::{Broken, Rule};
use super::{Key, Kind, MAX_RECORD_BYTES, Mode, Record};
use crate::fates::Reason;

/// The newest version that is understood.
const NEWEST: i64 = 2;
/// Unreadable members after which the rest of a record is given up: the search for the next member
/// can scan the whole rest, and a hostile record may consist of such members only.
const MAX_UNREADABLE: u32 = 32;

/// One record: a line of a body, or a decoded `CMCD` query value. A bad value costs the value and a
/// bad key the key; an error means that the record is unusable as a whole.
pub fn parse<'a>(text: &'a str, mode: Mode) -> Result<Record<'a>, Reason> {
    let mut record = Record::default();
    parse_into(text, mode, &mut record)?;
    Ok(record)
}

/// [`parse`] into the memory of an earlier record of the same body. After an error the
/// record holds what could be read.
pub fn parse_into<'a>(text: &'a str, mode: Mode, record: &mut Record<'a>) -> Result<(), Reason> {
    read(text, record)?;
    settle(record, mode)
}

/// [`parse_into`] of a record whose mode is not known: one with `e` and `ts` is an event report,
/// any other a request-mode record.
pub fn parse_either<'a>(text: &'a str, record: &mut Record<'a>) -> (Mode, Result<(), Reason>) {
    match read(text, record) {
        Ok(()) => either(record),
        Err(reason) => (Mode::Event, Err(reason)),
    }
}

/// [`settle`] in the mode that the record turns out to be of.
pub(super) fn either(record: &mut Record<'_>) -> (Mode, Result<(), Reason>) {
    let mode = match verdict(record, Mode::Event) {
        Err(Reason::NoEvent | Reason::NoTs) => Mode::Request,
        _ => Mode::Event,
    };
    (mode, settle(record, mode))
}

fn read<'a>(text: &'a str, record: &mut Record<'a>) -> Result<(), Reason> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    record.reset(xxh3_64(text.as_bytes()));
    if text.len() > MAX_RECORD_BYTES {
        return Err(Reason::TooLong);
    }
    let mut cursor = Cursor::new(text);
    let mut unreadable = 0;
    while cursor.peek().is_some() && unreadable < MAX_UNREADABLE {
        cursor.skip_space();
        let from = cursor.at();
        if cursor.peek() != Some(b',') && member(&mut cursor, record).is_none() {
            unreadable += 1;
            cursor.resync(from);
        }
        cursor.eat(b',');
    }
    if cursor.peek().is_some() {
        record.drop_key();
    }
    Ok(())
}

/// Ends a record that was read: decides whether it can be used as a whole, and notes which rules it
/// breaks as one.
pub(super) fn settle(record: &mut Record<'_>, mode: Mode) -> Result<(), Reason> {
    decode_next_objects(record);
    verdict(record, mode)?;
    judge(record, mode);
    Ok(())
}

/// Reads one member, up to the comma behind it. `None` when it cannot be read; the loss has been
/// counted then.
fn member<'a>(cursor: &mut Cursor<'a>, record: &mut Record<'a>) -> Option<()> {
    let from = cursor.at();
    let Some(name) = cursor.key() else {
        record.drop_key();
        record.note(Broken::one(Rule::Unreadable), None, "");
        return None;
    };
    let mut broken = Broken::NONE;
    let key = Key::from_name(name);
    let read = match key {
        Some(key) if quick::value(cursor, key, record).is_some() => Some(()),
        Some(key) => {
            let read = value_of(cursor, key, record, &mut broken);
            if read.is_none() {
                record.set_or_drop(key, None);
            }
            read
        }
        None if is_custom(name) => {
            let (value, read) = match quick::custom(cursor) {
                Some(text) => (Some(Cow::Borrowed(text)), Some(())),
                None => other_value(cursor, &mut broken),
            };
            if !record.set_custom(Cow::Borrowed(name), value) {
                broken = Broken::one(Rule::ValueLost);
            }
            read
        }
        None => {
            record.drop_key();
            let (_, read) = other_value(cursor, &mut broken);
            broken = broken.and(Broken::one(Rule::of_unknown(name)));
            read
        }
    };
    // Keys of the standard have no capitals.
    if key.is_none() && name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        broken = broken.and(Broken::one(Rule::CapitalKey));
    }
    if read.is_none() {
        // Where it ends is not known, so only its name is shown.
        record.note(Broken::one(Rule::Unreadable), None, name);
    } else if !broken.is_empty() {
        record.note(broken, key, cursor.since(from));
    }
    read
}

/// Reads the value of a custom or unknown key; the second part is `None` when it cannot be read.
fn other_value<'a>(
    cursor: &mut Cursor<'a>,
    broken: &mut Broken,
) -> (Option<Cow<'a, str>>, Option<()>) {
    let Some(value) = custom_value(cursor) else { return (None, None) };
    if value.as_ref().is_some_and(|text| !text.is_ascii()) {
        *broken = Broken::one(Rule::NotAscii);
    }
    (value, Some(()))
}

/// The outer `None` is a value that cannot be read, so that its end is unknown; the inner
/// one is a value that was read but does not fit its key.
type Read<T> = Option<Option<T>>;

/// Reads the value of a known key and sets it. `None` when it cannot be read.
fn value_of<'a>(
    cursor: &mut Cursor<'a>,
    key: Key,
    record: &mut Record<'a>,
    broken: &mut Broken,
) -> Option<()> {
    let wants_list = matches!(key.kind(), Kind::Ints | Kind::Strs);
    let mut list = List::new(record, key);
    match begin(cursor)? {
        Begin::True => list.push(Bare::Bool(true), None),
        Begin::List => {
            let mut found = Broken::NONE;
            cursor.list(|bare, ot| {
                found = found.and(faults(key, &bare));
                list.push(bare, ot);
            })?;
            *broken = if wants_list { found } else { found.and(Broken::one(Rule::ListForScalar)) };
        }
        Begin::Scalar => {
            let bare = cursor.bare()?;
            let ot = cursor.params()?;
            *broken = faults(key, &bare);
            if wants_list {
                *broken = broken.and(Broken::one(Rule::ScalarForList));
            }
            list.push(bare, ot);
        }
    }
    if !cursor.member_ends() {
        return None;
    }
    if !list.finish() {
        *broken = Broken::one(Rule::ValueLost);
    } else if matches!(key, Key::Cmsdd | Key::Cmsds)
        && record.text(key).is_some_and(|text| !cmsd::is_readable(key, text))
    {
        *broken = broken.and(Broken::one(Rule::CmsdUnreadable));
    }
    Some(())
}

fn custom_value<'a>(cursor: &mut Cursor<'a>) -> Read<Cow<'a, str>> {
    let value = match begin(cursor)? {
        Begin::True => Some(Cow::Borrowed("true")),
        Begin::List => {
            cursor.list(|_, _| ())?;
            None
        }
        Begin::Scalar => {
            let bare = cursor.bare()?;
            cursor.params()?;
            plain(bare)
        }
    };
    cursor.member_ends().then_some(value)
}

enum Begin {
    True,
    List,
    Scalar,
}

fn begin(cursor: &mut Cursor<'_>) -> Option<Begin> {
    cursor.skip_space();
    if !cursor.eat(b'=') {
        // A key alone is true, with or without parameters.
        cursor.params()?;
        return cursor.member_ends().then_some(Begin::True);
    }
    cursor.skip_space();
    Some(if cursor.peek() == Some(b'(') { Begin::List } else { Begin::Scalar })
}

/// Version 1 percent-encodes `nor` by itself, before the query around it is encoded.
fn decode_next_objects(record: &mut Record<'_>) {
    if record.version() != 1 {
        return;
    }
    for path in record.texts_mut(Key::Nor).iter_mut().filter(|path| path.contains('%')) {
        let decoded = percent_decode_str(path).decode_utf8().ok().map(Cow::into_owned);
        if let Some(decoded) = decoded {
            *path = Cow::Owned(decoded);
        }
    }
}

/// Whether the record can be used as a whole.
pub(super) fn verdict(record: &Record<'_>, mode: Mode) -> Result<(), Reason> {
    if record.is_nothing() {
        return Err(Reason::NotARecord);
    }
    if record.version() > NEWEST {
        return Err(Reason::UnknownVersion);
    }
    if record.sid().is_empty() {
        return Err(Reason::NoSid);
    }
    if mode == Mode::Request {
        return Ok(());
    }
    if record.text(Key::E).is_none() {
        return Err(Reason::NoEvent);
    }
    match record.int(Key::Ts) {
        Some(_) => Ok(()),
        None if record.lost().has(Key::Ts) => Err(Reason::BadTs),
        None => Err(Reason::NoTs),
    }
}
