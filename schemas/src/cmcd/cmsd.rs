//! CMSD (CTA-5006): what the servers on the way said of a response. Players copy both response
//! headers into the keys `cmsds` and `cmsdd` of `e=rr`, in Base64, so a player's report tells
//! which hop of which CDN was slow.
//!
//! What can be read before some damage is kept. Some players copy a header as it came; that is
//! taken as meant.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Key;
use super::convert::plain;
use super::lex::{Bare, Cursor};
use super::limits::{MAX_CUSTOM, MAX_CUSTOM_CHARS, MAX_ITEMS, fits};

/// Largest number that a hop may state; sums of such cannot overflow.
const MOST: i64 = 10_000_000_000;

/// One server on the way, the one nearest the origin first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hop {
    /// What the server calls itself.
    pub n: String,
    /// It is under duress.
    pub du: Option<bool>,
    /// Throughput that it expects, kbps.
    pub etp: Option<i64>,
    /// The bitrate above which the player should not go, kbps.
    pub mb: Option<i64>,
    /// From the request's receipt to the first byte of the body, ms.
    pub rd: Option<i64>,
    /// Round trip to whoever asked it, ms.
    pub rtt: Option<i64>,
}

/// What the origin says of the object: keys with their values as text, in the order sent.
pub fn fixed(value: &str) -> Vec<(String, String)> {
    read_fixed(&header(value).0).0
}

/// What the servers on the way say, in the order in which they had the response.
pub fn hops(value: &str) -> Vec<Hop> {
    read_hops(&header(value).0).0
}

/// Whether the value of `cmsds` or `cmsdd` is Base64 and readable to its end.
pub(super) fn is_readable(key: Key, value: &str) -> bool {
    let (text, encoded) = header(value);
    encoded && if key == Key::Cmsds { read_fixed(&text).1 } else { read_hops(&text).1 }
}

/// The header behind a value, and whether it was in Base64.
pub(crate) fn header(value: &str) -> (Cow<'_, str>, bool) {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoded = GeneralPurpose::new(&STANDARD, config).decode(value).ok();
    match decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => (Cow::Owned(text), true),
        None => (Cow::Borrowed(value), false),
    }
}

fn read_fixed(text: &str) -> (Vec<(String, String)>, bool) {
    let mut cursor = Cursor::new(text);
    let mut pairs: Vec<(String, String)> = Vec::new();
    while let Some((name, value)) = pair(&mut cursor) {
        let value = plain(value).filter(|value| fits(value, 4_096));
        if let Some(value) = value
            && fits(name, MAX_CUSTOM_CHARS)
            && pairs.len() < MAX_CUSTOM
        {
            pairs.retain(|(known, _)| known != name);
            pairs.push((name.to_owned(), value.into_owned()));
        }
        if cursor.params().is_none() || !cursor.member_ends() || !cursor.eat(b',') {
            break;
        }
    }
    let whole = !pairs.is_empty() && cursor.peek().is_none();
    (pairs, whole)
}

/// `key` or `key=value`.
fn pair<'a>(cursor: &mut Cursor<'a>) -> Option<(&'a str, Bare<'a>)> {
    cursor.skip_space();
    let name = cursor.key()?;
    let value = if cursor.eat(b'=') { cursor.bare()? } else { Bare::Bool(true) };
    Some((name, value))
}

fn read_hops(text: &str) -> (Vec<Hop>, bool) {
    let mut cursor = Cursor::new(text);
    let mut hops = Vec::new();
    while hops.len() < MAX_ITEMS {
        let Some(hop) = hop(&mut cursor) else { break };
        hops.push(hop);
        if !cursor.member_ends() || !cursor.eat(b',') {
            break;
        }
    }
    let whole = !hops.is_empty() && cursor.peek().is_none();
    (hops, whole)
}

fn hop(cursor: &mut Cursor<'_>) -> Option<Hop> {
    cursor.skip_space();
    let (Bare::Text(name) | Bare::Token(name)) = cursor.bare()? else { return None };
    let mut hop = Hop { n: name.chars().take(128).collect(), ..Hop::default() };
    while cursor.eat(b';') {
        let (name, value) = pair(cursor)?;
        match name {
            "du" => hop.du = if let Bare::Bool(value) = value { Some(value) } else { None },
            "etp" => hop.etp = number(&value),
            "mb" => hop.mb = number(&value),
            "rd" => hop.rd = number(&value),
            "rtt" => hop.rtt = number(&value),
            // Later versions may say more.
            _ => {}
        }
    }
    Some(hop)
}

fn number(value: &Bare<'_>) -> Option<i64> {
    let value = match value {
        Bare::Int(value) => *value,
        // At most 15 digits before the point.
        Bare::Dec(value) if value.abs() < 1e15 => value.round() as i64,
        _ => return None,
    };
    (0..=MOST).contains(&value).then_some(value)
}
