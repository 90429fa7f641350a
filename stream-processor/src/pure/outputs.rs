//! What comes out of a partition: rows, counts, and the end of each record.

use serde::{Deserialize, Serialize};
use tallylight_schemas::control::{ActionRow, IncidentRow};
use tallylight_schemas::fates::Fate;
use tallylight_schemas::rows::{DeliveryRow, FatesRow, PlaybackRow, ProgressRow};
use tallylight_schemas::session::{SessionRow, SpanRow};

use super::session::store::Here;

/// Rows of one emission.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Playback.
    pub playback: Vec<PlaybackRow>,
    /// Delivery.
    pub delivery: Vec<DeliveryRow>,
    /// Ends of records.
    pub fates: Vec<FatesRow>,
    /// How far the partitions are.
    pub progress: Vec<ProgressRow>,
    /// Actions, passed on as they came.
    pub actions: Vec<ActionRow>,
    /// Incidents, likewise.
    pub incidents: Vec<IncidentRow>,
    /// Sessions that nothing can change any more; for history only.
    pub sessions: Vec<SessionRow>,
    /// Their stretches, likewise.
    pub spans: Vec<SpanRow>,
}

impl Rows {
    /// Adds the rows of another emission.
    pub fn extend(&mut self, other: Rows) {
        self.playback.extend(other.playback);
        self.delivery.extend(other.delivery);
        self.fates.extend(other.fates);
        self.progress.extend(other.progress);
        self.actions.extend(other.actions);
        self.incidents.extend(other.incidents);
        self.sessions.extend(other.sessions);
        self.spans.extend(other.spans);
    }

    /// Whether nothing was due for the rows topic.
    pub fn is_empty(&self) -> bool {
        self.progress.is_empty() && self.actions.is_empty() && self.incidents.is_empty()
    }
}

/// Records by what became of them, since the state was made.
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

/// Who wants to know what became of each record, in the order in which they were handed in.
pub trait Ends {
    /// A record came to `fate`; `here` is the session it is of, after it.
    fn end(&mut self, fate: Fate, here: Option<Here<'_>>);
}

/// Nobody does.
impl Ends for () {
    fn end(&mut self, _: Fate, _: Option<Here<'_>>) {}
}
