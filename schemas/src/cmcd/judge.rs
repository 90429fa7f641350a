//! The rules whose breach shows only once a record is read as a whole, and how an example of a
//! broken rule is shown.

use std::borrow::Cow;

use super::Mode;
use super::convert::wants_text;
use super::key::Key;
use super::lex::{OBJECT_TYPES, key_bytes};
use super::rule::Rule;
use super::value::{Record, Value};

/// Keys, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Keys(u64);

impl Keys {
    const fn of(keys: &[Key]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < keys.len() {
            set |= 1 << keys[at] as u8;
            at += 1;
        }
        Self(set)
    }

    fn sent(record: &Record<'_>) -> Self {
        Self(record.values().iter().fold(0, |set, (key, _)| set | (1 << *key as u8)))
    }

    /// A key that is in both.
    fn shared(self, other: Keys) -> Option<Key> {
        let both = self.0 & other.0;
        (both != 0).then(|| Key::ALL.get(both.trailing_zeros() as usize).copied()).flatten()
    }

    pub(super) fn has(self, key: Key) -> bool {
        self.0 & (1 << key as u8) != 0
    }

    pub(super) fn add(&mut self, key: Key) {
        self.0 |= 1 << key as u8;
    }
}

use Key::{
    Ab, Bl, Br, Bs, Cen, Cid, Cmsdd, Cmsds, D, Dl, E, Ec, H, Lab, Lb, Mtp, Nor, Nrr, Ot, Pr, Rc,
    Rtp, Sf, Sid, Smrt, St, Sta, Su, Tab, Tb, Ts, Ttfb, Ttfbb, Ttlb, Url, V,
};

const VERSION_1: Keys =
    Keys::of(&[Br, Bl, Bs, Cid, D, Dl, Mtp, Nor, Nrr, Ot, Pr, Rtp, Sf, Sid, St, Su, Tb, V]);
const OF_RESPONSES: Keys = Keys::of(&[Cmsdd, Cmsds, Rc, Smrt, Ttfb, Ttfbb, Ttlb, Url]);
const OF_EVENTS: Keys = Keys::of(&[E, Ts, H, Cen, Cmsdd, Cmsds, Rc, Smrt, Ttfb, Ttfbb, Ttlb, Url]);
const ROUNDED: Keys = Keys::of(&[Bl, Dl, Mtp, Rtp]);
const STAND_INS: [(Key, Key); 3] = [(Ab, Br), (Lab, Lb), (Tab, Tb)];

/// Event tokens, each with its companion: the key that must come with it.
const EVENTS: [(&str, Option<Key>); 19] = [
    ("abe", None),
    ("abs", None),
    ("ae", None),
    ("as", None),
    ("b", None),
    ("bc", Some(Br)),
    ("c", Some(Cid)),
    ("ce", Some(Cen)),
    ("e", Some(Ec)),
    ("h", Some(H)),
    ("m", None),
    ("pc", None),
    ("pe", None),
    ("pr", Some(Pr)),
    ("ps", Some(Sta)),
    ("rr", Some(Url)),
    ("sk", None),
    ("t", None),
    ("um", None),
];
const STATES: [&str; 10] = ["s", "p", "k", "r", "a", "w", "e", "f", "q", "d"];
const FORMATS: [&str; 5] = ["d", "h", "e", "s", "o"];
const STREAMS: [&str; 3] = ["v", "l", "ll"];

/// The companion of an event, if it has one; `None` for an unknown event.
fn companion(token: &str) -> Option<Option<Key>> {
    EVENTS.iter().find(|(event, _)| *event == token).map(|(_, companion)| *companion)
}

/// Whether `token` is a state of CTA-5004-B.
fn is_state(token: &str) -> bool {
    STATES.contains(&token)
}

/// Notes which rules a usable record breaks as a whole.
pub(super) fn judge(record: &mut Record<'_>, mode: Mode) {
    let keys = Keys::sent(record);
    versions(record, keys, mode);
    match mode {
        Mode::Event => event(record, keys),
        Mode::Request => {
            if let Some(key) = keys.shared(OF_EVENTS) {
                record.note_key(Rule::EventKeyInRequest, key);
            }
        }
    }
    tokens(record, keys);
    if let Some(key) = keys.shared(ROUNDED).and_then(|_| exact(record)) {
        record.note_value(Rule::NotRounded, key);
    }
    for (stand_in, rung) in STAND_INS {
        if keys.has(stand_in) && keys.has(rung) {
            record.note_key(Rule::AggregateBesideRung, stand_in);
        }
    }
}

impl Record<'_> {
    /// Notes which rules an event of our own format breaks as a whole. Its address makes it an event
    /// report of version 2. These notes are not made while an event is read, as they are not stored
    /// but shown on the *Connect* page only.
    pub fn judge_event(&mut self) {
        let keys = Keys::sent(self);
        event(self, keys);
        tokens(self, keys);
    }
}

fn versions(record: &mut Record<'_>, keys: Keys, mode: Mode) {
    if record.version() > 1 {
        if keys.has(Nrr) {
            record.note_key(Rule::DraftKey, Nrr);
        }
        return;
    }
    // Version 1 has no lists, so lone values are correct.
    record.forgive(Rule::ScalarForList);
    if mode == Mode::Event {
        record.note_key(Rule::VersionMissing, E);
    } else if let Some(key) = keys.shared(Keys(!VERSION_1.0)) {
        record.note_key(Rule::NewKeyInVersion1, key);
    }
}

fn event(record: &mut Record<'_>, keys: Keys) {
    let token = record.text(E).unwrap_or_default();
    let rule = match companion(token) {
        None => Some(Rule::UnknownEvent),
        // One that was lost is noted as such already.
        Some(Some(key)) if keys.has(key) || record.lost().has(key) => None,
        Some(Some(Sta)) => Some(Rule::StateMissing),
        Some(Some(Ec)) => Some(Rule::ErrorCodeMissing),
        Some(Some(_)) => Some(Rule::CompanionMissing),
        Some(None) => None,
    };
    if let Some(rule) = rule {
        record.note_value(rule, E);
    }
    if token_is(record, E, "rr") {
        return;
    }
    if let Some(key) = keys.shared(OF_RESPONSES) {
        record.note_key(Rule::ResponseKeyElsewhere, key);
    }
}

fn tokens(record: &mut Record<'_>, keys: Keys) {
    if keys.has(Sta) {
        if token_is(record, Sta, "w") {
            record.note_value(Rule::UndefinedState, Sta);
        } else if !record.text(Sta).is_some_and(is_state) {
            record.note_value(Rule::UnknownState, Sta);
        }
    }
    for (key, known) in [(Ot, OBJECT_TYPES.as_slice()), (Sf, &FORMATS), (St, &STREAMS)] {
        if keys.has(key) && !record.text(key).is_some_and(|token| known.contains(&token)) {
            record.note_value(Rule::UnknownToken, key);
        }
    }
}

fn token_is(record: &Record<'_>, key: Key, token: &str) -> bool {
    record.text(key) == Some(token)
}

/// The first key that must be rounded to hundreds and is not. For `bl`, version 2 only advises it.
fn exact(record: &Record<'_>) -> Option<Key> {
    let must = |key: &Key| *key != Bl || record.version() == 1;
    [Dl, Mtp, Rtp, Bl].into_iter().filter(must).find(|key| match record.get(*key) {
        Value::Int(value) => value % 100 != 0,
        Value::Ints(list) => record.ints(*list).iter().any(|(value, _)| value % 100 != 0),
        _ => false,
    })
}

/// Longest example, characters.
const SHOWN: usize = 48;

/// A member as an example: texts are left out, as they may be a session id, a URL with its
/// token or a name; so is all that is in quotes. A name of JSON may be any text as well, so it is
/// shown only as far as it has the form of a key.
pub(super) fn example(key: Option<Key>, raw: &str) -> Cow<'_, str> {
    let name = raw.split('=').next().unwrap_or_default().trim_end();
    let plain = raw.is_ascii() && !raw.contains(['"', '\\', '?', '%', '/']);
    if plain && raw.len() <= SHOWN && key.is_some_and(|key| !wants_text(key)) {
        return Cow::Borrowed(raw);
    }
    let (shown, rest) = name.split_at(key_bytes(name.as_bytes()).min(SHOWN));
    Cow::Owned(match (raw.contains('='), rest.is_empty()) {
        (true, _) => format!("{shown}=…"),
        (false, true) => shown.to_owned(),
        (false, false) => format!("{shown}…"),
    })
}
