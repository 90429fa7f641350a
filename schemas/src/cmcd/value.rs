//! One decoded record.

use std::borrow::Cow;

use super::judge::example;
use super::key::Key;
use super::limits::{MAX_CUSTOM, MAX_CUSTOM_CHARS, fits};
use super::rule::{Broken, Rule};

/// A number of an inner list with the object type it applies to, when one was given.
pub type Item<'a> = (i64, Option<Cow<'a, str>>);

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
    /// Whole numbers with their object types.
    Ints(Vec<Item<'a>>),
    /// Strings.
    Texts(Vec<Cow<'a, str>>),
}

const KEYS: usize = Key::ALL.len();
const NO_SLOT: u8 = u8::MAX;

/// A decoded record. Values of keys that were not sent cost one byte each, and
/// [`super::parse_into`] reuses its memory for the next record of the same body.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<'a> {
    slots: [u8; KEYS],
    values: Vec<(Key, Value<'a>)>,
    custom: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    dropped_values: u32,
    dropped_keys: u32,
    lost_ts: bool,
    broken: Broken,
    /// The first breach of each rule: what was sent, ready to be shown.
    examples: Vec<(Rule, Cow<'a, str>)>,
    digest: u64,
}

impl Default for Record<'_> {
    fn default() -> Self {
        Self {
            slots: [NO_SLOT; KEYS],
            values: Vec::new(),
            custom: Vec::new(),
            dropped_values: 0,
            dropped_keys: 0,
            lost_ts: false,
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

    /// Each rule that it breaks, with what was sent; without session ids, URLs and texts.
    pub fn examples(&self) -> &[(Rule, Cow<'a, str>)] {
        &self.examples
    }

    /// Notes rules that were broken by the way in which the record came.
    pub fn came_by(&mut self, way: Broken, said: &'static str) {
        self.note_rules(way, || Cow::Borrowed(said));
    }

    /// A 64-bit hash of the record as it was sent: equal for a repeated record.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn reset(&mut self, digest: u64) {
        self.slots = [NO_SLOT; KEYS];
        self.values.clear();
        self.custom.clear();
        self.dropped_values = 0;
        self.dropped_keys = 0;
        self.lost_ts = false;
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
                self.lost_ts |= key == Key::Ts;
                self.drop_value();
            }
        }
    }

    /// Whether no key of it could be read.
    pub(super) fn is_nothing(&self) -> bool {
        self.values.is_empty() && self.custom.is_empty() && self.dropped_values == 0
    }

    /// Whether a `ts` was sent that could not be used.
    pub(super) fn lost_ts(&self) -> bool {
        self.lost_ts
    }

    pub(super) fn value_mut(&mut self, key: Key) -> Option<&mut Value<'a>> {
        self.values.get_mut(usize::from(self.slots[key as usize])).map(|entry| &mut entry.1)
    }

    /// Sets a custom key, within the limits on them.
    pub(super) fn set_custom(&mut self, key: Cow<'a, str>, value: Cow<'a, str>) {
        if !fits(&value, MAX_CUSTOM_CHARS) {
            return self.drop_value();
        }
        if let Some(entry) = self.custom.iter_mut().find(|(k, _)| *k == key) {
            entry.1 = value;
        } else if self.custom.len() < MAX_CUSTOM {
            self.custom.push((key, value));
        } else {
            self.drop_key();
        }
    }

    pub(super) fn drop_value(&mut self) {
        self.dropped_values = self.dropped_values.saturating_add(1);
    }

    pub(super) fn drop_key(&mut self) {
        self.dropped_keys = self.dropped_keys.saturating_add(1);
    }

    /// Notes rules that the member `raw` breaks.
    pub(super) fn note(&mut self, rules: Broken, key: Option<Key>, raw: &'a str) {
        self.note_rules(rules, || example(key, raw));
    }

    /// Notes a rule, shown by the key alone.
    pub(super) fn note_key(&mut self, rule: Rule, key: Key) {
        self.note_rules(Broken::one(rule), || Cow::Borrowed(key.name()));
    }

    /// Notes a rule, shown by a name that is no known key.
    pub(super) fn note_name(&mut self, rule: Rule, name: &str) {
        self.note_rules(Broken::one(rule), || Cow::Owned(example(None, name).into_owned()));
    }

    /// Notes a rule, shown by the key's value, which is a token or a number.
    pub(super) fn note_value(&mut self, rule: Rule, key: Key) {
        let shown = match self.get(key) {
            Value::Text(token) => format!("{}={token}", key.name()),
            Value::Int(value) => format!("{}={value}", key.name()),
            Value::Ints(items) => {
                let items: Vec<_> = items.iter().take(4).map(|(v, _)| v.to_string()).collect();
                format!("{}=({})", key.name(), items.join(" "))
            }
            _ => key.name().to_owned(),
        };
        self.note_rules(Broken::one(rule), || Cow::Owned(shown));
    }

    /// Takes a rule back.
    pub(super) fn forgive(&mut self, rule: Rule) {
        if self.broken.has(rule) {
            self.broken = self.broken.without(Broken::one(rule));
            self.examples.retain(|(noted, _)| *noted != rule);
        }
    }

    fn note_rules(&mut self, rules: Broken, shown: impl FnOnce() -> Cow<'a, str>) {
        let new = rules.without(self.broken);
        if new.is_empty() {
            return;
        }
        self.broken = self.broken.and(new);
        let shown = shown();
        self.examples.extend(new.iter().map(|rule| (rule, shown.clone())));
    }
}
