//! Incidents and actions: the newest record of each, the newest ids only.

use std::collections::{BTreeMap, BTreeSet};

use tallylight_schemas::control::{ActionRow, IncidentRow};

/// Ids kept of each kind; older ones are in the history.
const KEPT: usize = 500;

/// A control record.
pub(super) trait Record: Clone {
    /// Identifies it within a tenant.
    fn id(&self) -> &str;
    /// When it began, Unix µs.
    fn began(&self) -> i64;
    /// When it was written, Unix µs.
    fn written(&self) -> i64;
}

impl Record for ActionRow {
    fn id(&self) -> &str {
        &self.id
    }
    fn began(&self) -> i64 {
        self.at
    }
    fn written(&self) -> i64 {
        self.updated_at
    }
}

impl Record for IncidentRow {
    fn id(&self) -> &str {
        &self.id
    }
    fn began(&self) -> i64 {
        self.opened_at
    }
    fn written(&self) -> i64 {
        self.updated_at
    }
}

/// The newest record of every id.
#[derive(Debug)]
pub(super) struct Records<R> {
    held: BTreeMap<String, R>,
}

impl<R> Default for Records<R> {
    fn default() -> Self {
        Self { held: BTreeMap::new() }
    }
}

impl<R: Record> Records<R> {
    /// Keeps the record unless a newer one of its id is held.
    pub(super) fn apply(&mut self, row: R, changed: &mut BTreeSet<String>) {
        let held = self.held.get(row.id());
        if held.is_some_and(|held| held.written() >= row.written()) {
            return;
        }
        changed.insert(row.id().to_owned());
        self.held.insert(row.id().to_owned(), row);
        if self.held.len() > KEPT {
            // Records in force or open are written again every few minutes, so this one is over.
            let oldest = self.held.values().min_by_key(|row| (row.written(), row.began()));
            if let Some(id) = oldest.map(|row| row.id().to_owned()) {
                self.held.remove(&id);
            }
        }
    }

    /// The held records among the given ids, earliest first.
    pub(super) fn read(&self, ids: &BTreeSet<String>) -> Vec<R> {
        sorted(ids.iter().filter_map(|id| self.held.get(id)).cloned().collect())
    }

    /// All of them, earliest first.
    pub(super) fn all(&self) -> Vec<R> {
        sorted(self.held.values().cloned().collect())
    }
}

fn sorted<R: Record>(mut rows: Vec<R>) -> Vec<R> {
    rows.sort_by(|a, b| (a.began(), a.id()).cmp(&(b.began(), b.id())));
    rows
}
