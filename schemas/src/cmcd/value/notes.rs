//! Notes on a record which rules of CMCD it breaks, each with what was sent.

use std::borrow::Cow;

use super::{Record, Value};
use crate::cmcd::judge::example;
use crate::cmcd::key::Key;
use crate::cmcd::rule::{Broken, Rule};

impl<'a> Record<'a> {
    /// Notes rules that are broken by how the record was sent.
    pub fn came_by(&mut self, way: Broken, said: &'static str) {
        self.note_rules(way, || Cow::Borrowed(said));
    }

    /// Notes rules that the member `raw` breaks.
    pub(in crate::cmcd) fn note(&mut self, rules: Broken, key: Option<Key>, raw: &'a str) {
        self.note_rules(rules, || example(key, raw));
    }

    /// Notes a rule, with the key alone as its example.
    pub(in crate::cmcd) fn note_key(&mut self, rule: Rule, key: Key) {
        self.note_rules(Broken::one(rule), || Cow::Borrowed(key.name()));
    }

    /// Notes a rule, with a name that may not be a key as its example.
    pub(in crate::cmcd) fn note_name(&mut self, rule: Rule, name: &str) {
        self.note_rules(Broken::one(rule), || Cow::Owned(example(None, name).into_owned()));
    }

    /// Notes a rule, with the key and its value, a token or a number, as its example.
    pub(in crate::cmcd) fn note_value(&mut self, rule: Rule, key: Key) {
        let shown = match self.get(key) {
            Value::Text(token) => format!("{}={token}", key.name()),
            Value::Int(value) => format!("{}={value}", key.name()),
            Value::Ints(list) => {
                let items = self.ints(*list).iter();
                let items: Vec<_> = items.take(4).map(|(v, _)| v.to_string()).collect();
                format!("{}=({})", key.name(), items.join(" "))
            }
            _ => key.name().to_owned(),
        };
        self.note_rules(Broken::one(rule), || Cow::Owned(shown));
    }

    /// Removes the note of a rule.
    pub(in crate::cmcd) fn forgive(&mut self, rule: Rule) {
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
