//! CMSD (CTA-5006): what the servers on the path stated about a response. Players copy both
//! response headers into the keys `cmsds` and `cmsdd` of `e=rr`, in Base64, so a player's report
//! shows which hop of which CDN was slow.
//!
//! What can be read before any damage is kept. A header that was copied without Base64 is read too.

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

/// One server on the path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hop {
    /// The server's name for itself.
    pub n: String,
    /// It is under duress.
    pub du: Option<bool>,
    /// Throughput that it expects, kbps.
    pub etp: Option<i64>,
    /// The bitrate above which the player should not go, kbps.
    pub mb: Option<i64>,
    /// From the request's receipt to the first byte of the body, ms.
    pub rd: Option<i64>,
    /// Round trip to its client, ms.
    pub rtt: Option<i64>,
}

/// What the origin states about the object: keys with their values as text, in the order sent.
pub fn fixed(value: &str) -> Vec<(String, String)> {
    read_fixed(&header(value).0).0
}

/// The servers on the path, the one nearest the origin first.
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
            // Later versions may add keys.
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
