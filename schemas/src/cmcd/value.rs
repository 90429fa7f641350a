//! One decoded record.

mod notes;
mod typed;

use std::borrow::Cow;

use super::judge::Keys;
use super::key::Key;
use super::limits::{MAX_CUSTOM, MAX_CUSTOM_CHARS, fits};
use super::rule::{Broken, Rule};
pub use typed::Typed;

/// A number of an inner list, with its object type if it has one.
pub type Item = (i64, Option<&'static str>);

/// Where in its record the items of a list are: lists have no memory of their own, as nearly all
/// of them have one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from: usize,
    to: usize,
}

impl Span {
    /// The items that it spans.
    fn of<T>(self, all: &[T]) -> &[T] {
        all.get(self.from..self.to).unwrap_or_default()
    }
}

/// The value of a key. Its variant follows from [`Key::kind`], whatever the sender wrote.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Not sent, or sent and lost.
    Absent,
    /// A whole number.
    Int(i64),
    /// A decimal.
    Dec(f64),
    /// A boolean.
    Bool(bool),
    /// A string or a token.
    Text(Cow<'a, str>),
    /// Whole numbers with their object types: [`Record::ints`].
    Ints(Span),
    /// Strings: [`Record::texts`].
    Texts(Span),
}

const KEYS: usize = Key::ALL.len();
const NO_SLOT: u8 = u8::MAX;

/// A decoded record. Values of keys that were not sent cost one byte each, and
/// [`super::parse_into`] reuses its memory for the next record of the same body.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<'a> {
    slots: [u8; KEYS],
    values: Vec<(Key, Value<'a>)>,
    /// The items of all lists of numbers, and of all lists of strings.
    ints: Vec<Item>,
    texts: Vec<Cow<'a, str>>,
    custom: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    dropped_values: u32,
    dropped_keys: u32,
    lost: Keys,
    broken: Broken,
    /// The first breach of each rule, as it may be shown.
    examples: Vec<(Rule, Cow<'a, str>)>,
    digest: u64,
}

impl Default for Record<'_> {
    fn default() -> Self {
        Self {
            slots: [NO_SLOT; KEYS],
            values: Vec::new(),
            ints: Vec::new(),
            texts: Vec::new(),
            custom: Vec::new(),
            dropped_values: 0,
            dropped_keys: 0,
            lost: Keys::default(),
            broken: Broken::NONE,
            examples: Vec::new(),
            digest: 0,
        }
    }
}

impl<'a> Record<'a> {
    /// The value of `key`; [`Value::Absent`] when it was not sent or was lost.
    pub fn get(&self, key: Key) -> &Value<'a> {
        const ABSENT: &Value<'static> = &Value::Absent;
        match self.values.get(usize::from(self.slots[key as usize])) {
            Some((_, value)) => value,
            None => ABSENT,
        }
    }

    /// Every value sent, in the order of its first appearance.
    pub fn values(&self) -> &[(Key, Value<'a>)] {
        &self.values
    }

    /// The number of an [`super::Kind::Int`] key.
    pub fn int(&self, key: Key) -> Option<i64> {
        match self.get(key) {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The text of a [`super::Kind::Str`] or [`super::Kind::Token`] key.
    pub fn text(&self, key: Key) -> Option<&str> {
        match self.get(key) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list of numbers.
    pub fn ints(&self, list: Span) -> &[Item] {
        list.of(&self.ints)
    }

    /// The items of a list of strings.
    pub fn texts(&self, list: Span) -> &[Cow<'a, str>] {
        list.of(&self.texts)
    }

    /// The session id; every record that was parsed has one.
    pub fn sid(&self) -> &str {
        self.text(Key::Sid).unwrap_or_default()
    }

    /// The CMCD version the record was written in; 1 when it does not say.
    pub fn version(&self) -> i64 {
        self.int(Key::V).unwrap_or(1)
    }

    /// Custom keys with their values.
    pub fn custom(&self) -> &[(Cow<'a, str>, Cow<'a, str>)] {
        &self.custom
    }

    /// Values that were lost because they were unreadable, of the wrong type or too long.
    pub fn dropped_values(&self) -> u32 {
        self.dropped_values
    }

    /// Keys that were ignored: unknown, unreadable, or custom ones beyond the limit.
    pub fn dropped_keys(&self) -> u32 {
        self.dropped_keys
    }

    /// The rules of CMCD that it breaks.
    pub fn broken(&self) -> Broken {
        self.broken
    }

    /// Each rule that it breaks with its first breach, without session ids, URLs and texts.
    pub fn examples(&self) -> &[(Rule, Cow<'a, str>)] {
        &self.examples
    }

    /// A 64-bit hash of the record as it was sent: equal for a repeated record.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Distinguishes it from records of the same bytes, by what else is known of it.
    pub fn set_apart(&mut self, by: u64) {
        self.digest ^= by;
    }

    pub(super) fn reset(&mut self, digest: u64) {
        self.slots = [NO_SLOT; KEYS];
        self.values.clear();
        self.ints.clear();
        self.texts.clear();
        self.custom.clear();
        self.dropped_values = 0;
        self.dropped_keys = 0;
        self.lost = Keys::default();
        self.broken = Broken::NONE;
        self.examples.clear();
        self.digest = digest;
    }

    /// Sets a key; a later value replaces an earlier one.
    pub(super) fn set(&mut self, key: Key, value: Value<'a>) {
        match self.values.get_mut(usize::from(self.slots[key as usize])) {
            Some(entry) => entry.1 = value,
            None => {
                // At most one entry per key, and there are fewer keys than u8 has values.
                self.slots[key as usize] = u8::try_from(self.values.len()).unwrap_or(NO_SLOT);
                self.values.push((key, value));
            }
        }
    }

    /// Sets a key, or counts its value as lost.
    pub(super) fn set_or_drop(&mut self, key: Key, value: Option<Value<'a>>) {
        match value {
            Some(value) => self.set(key, value),
            None => {
                self.lost.add(key);
                self.drop_value();
            }
        }
    }

    /// Whether no key of it could be read.
    pub(super) fn is_nothing(&self) -> bool {
        self.values.is_empty() && self.custom.is_empty() && self.dropped_values == 0
    }

    /// The keys that were sent with a value that could not be used.
    pub(super) fn lost(&self) -> Keys {
        self.lost
    }

    /// The strings of a list key.
    pub(super) fn texts_mut(&mut self, key: Key) -> &mut [Cow<'a, str>] {
        match *self.get(key) {
            Value::Texts(Span { from, to }) => self.texts.get_mut(from..to).unwrap_or_default(),
            _ => &mut [],
        }
    }

    /// How many items the record's lists have: of numbers, and of strings.
    pub(super) fn items(&self) -> [usize; 2] {
        [self.ints.len(), self.texts.len()]
    }

    /// A list of one number.
    pub(super) fn list_of_int(&mut self, item: Item) -> Value<'a> {
        let from = self.ints.len();
        self.ints.push(item);
        Value::Ints(Span { from, to: from + 1 })
    }

    pub(super) fn push_int(&mut self, item: Item) {
        self.ints.push(item);
    }

    pub(super) fn push_text(&mut self, item: Cow<'a, str>) {
        self.texts.push(item);
    }

    /// The list of the numbers, or of the strings, that were pushed after `before`.
    pub(super) fn list_since(&self, [ints, texts]: [usize; 2]) -> Value<'a> {
        if self.ints.len() > ints {
            return Value::Ints(Span { from: ints, to: self.ints.len() });
        }
        Value::Texts(Span { from: texts, to: self.texts.len() })
    }

    /// Sets a custom key, or counts its value as lost: one that cannot be text, or is too long.
    /// Returns whether the value is good, even where there are too many keys to keep it.
    pub(super) fn set_custom(&mut self, key: Cow<'a, str>, value: Option<Cow<'a, str>>) -> bool {
        let Some(value) = value.filter(|value| fits(value, MAX_CUSTOM_CHARS)) else {
            self.drop_value();
            return false;
        };
        if let Some(entry) = self.custom.iter_mut().find(|(k, _)| *k == key) {
            entry.1 = value;
        } else if self.custom.len() < MAX_CUSTOM {
            self.custom.push((key, value));
        } else {
            self.drop_key();
        }
        true
    }

    pub(super) fn drop_value(&mut self) {
        self.dropped_values = self.dropped_values.saturating_add(1);
    }

    pub(super) fn drop_key(&mut self) {
        self.dropped_keys = self.dropped_keys.saturating_add(1);
    }
}
