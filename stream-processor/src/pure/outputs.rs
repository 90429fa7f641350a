//! The outputs of a partition: rows, counts, and the fate of each record.

use serde::{Deserialize, Serialize};
use tallylight_schemas::fates::Fate;
use tallylight_schemas::rows::TopicRows;

use super::session::store::{Here, Over};

/// The output of an entry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// For the rows topic.
    pub topic: TopicRows,
    /// For history only.
    pub over: Over,
}

impl Rows {
    /// Adds the rows of another partition.
    pub fn extend(&mut self, other: Rows) {
        self.topic.extend(other.topic);
        self.over.sessions.extend(other.over.sessions);
        self.over.spans.extend(other.over.spans);
    }
}

/// Records by fate, since the state was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Counted.
    pub accepted: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Too old for their pane.
    pub late: u64,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        self.accepted += other.accepted;
        self.duplicate += other.duplicate;
        self.late += other.late;
    }
}

/// Receives the fate of each record, in the order in which they were handed in.
pub trait Ends {
    /// A record has this fate; `here` is its session after it.
    fn end(&mut self, fate: Fate, here: Option<Here<'_>>);
}

/// Ignores fates.
impl Ends for () {
    fn end(&mut self, _: Fate, _: Option<Here<'_>>) {}
}
