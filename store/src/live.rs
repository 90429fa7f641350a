//! The newest rows in memory, bounded by age and by number, summed over partitions.
//!
//! For every tenant, partition, pane and cell, the row of the highest version is kept, so applying
//! a row twice, or an old one late, changes nothing (ADR 3). [`LiveStore::apply`] reports which
//! sums changed; [`LiveStore::read`] returns their current values.

mod control;
mod keys;
mod panes;
mod progress;
mod retention;

use std::collections::BTreeSet;

use tallylight_schemas::control::{ActionRow, IncidentRow};
use tallylight_schemas::rows::{Cuboid, DeliveryRow, FatesRow, PlaybackRow, TopicRows};

pub use keys::{DeliverySum, FatesKey, PlaybackKey, PlaybackSum};
pub use panes::{Changed, Keyed, Summed};
pub use progress::Progress;
pub use retention::Retention;

use control::Records;
use panes::Panes;

/// Which sums an applied entry changed.
#[derive(Debug, Default)]
pub struct Changes {
    /// Playback sums.
    pub playback: Changed<PlaybackRow>,
    /// Delivery sums.
    pub delivery: Changed<DeliveryRow>,
    /// Sums of fates.
    pub fates: Changed<FatesRow>,
    /// Actions, by id.
    pub actions: BTreeSet<String>,
    /// Incidents, by id.
    pub incidents: BTreeSet<String>,
}

impl Changes {
    /// How many sums changed.
    pub fn len(&self) -> usize {
        let sums = self.playback.len() + self.delivery.len() + self.fates.len();
        sums + self.actions.len() + self.incidents.len()
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Current sums, oldest pane first within each breakdown.
#[derive(Debug, Default)]
pub struct Tables {
    /// Playback sums.
    pub playback: Vec<Summed<PlaybackRow>>,
    /// Delivery sums.
    pub delivery: Vec<Summed<DeliveryRow>>,
    /// Sums of fates.
    pub fates: Vec<Summed<FatesRow>>,
    /// Current actions, earliest first.
    pub actions: Vec<ActionRow>,
    /// Current incidents, earliest first.
    pub incidents: Vec<IncidentRow>,
}

impl Tables {
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.playback.is_empty()
            && self.delivery.is_empty()
            && self.fates.is_empty()
            && self.actions.is_empty()
            && self.incidents.is_empty()
    }
}

/// The rows of the last minutes.
#[derive(Debug)]
pub struct LiveStore {
    retention: Retention,
    playback: [Panes<PlaybackRow>; Cuboid::ALL.len()],
    delivery: Panes<DeliveryRow>,
    fates: Panes<FatesRow>,
    actions: Records<ActionRow>,
    incidents: Records<IncidentRow>,
    progress: Progress,
}

/// A position in the order of breakdowns and panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    since_us: i64,
    /// The breakdowns of playback, then of delivery, then [`FATES`].
    breakdown: usize,
    pane: i64,
}

/// The last of the breakdowns.
const FATES: usize = Cuboid::ALL.len() + 1;

impl Cursor {
    /// The first of the panes that start at `since_us` or later.
    pub fn since(since_us: i64) -> Self {
        Self { since_us, breakdown: 0, pane: since_us }
    }
}

impl LiveStore {
    /// An empty store.
    pub fn new(retention: Retention) -> Self {
        let max_rows = retention.max_rows;
        Self {
            playback: Cuboid::ALL.map(|cuboid| Panes::new(cuboid.width_us(), max_rows)),
            delivery: Panes::new(1_000_000, max_rows),
            fates: Panes::new(1_000_000, max_rows),
            actions: Records::default(),
            incidents: Records::default(),
            progress: Progress::default(),
            retention,
        }
    }

    /// Applies the rows of one log entry and adds the sums that changed to `changes`.
    pub fn apply(&mut self, rows: TopicRows, changes: &mut Changes) {
        let before = self.progress.complete_up_to();
        for row in rows.progress {
            self.progress.apply(row);
        }
        self.expire();
        for row in rows.playback {
            self.playback[index_of(row.cuboid)].apply(row, &mut changes.playback);
        }
        for row in rows.delivery {
            self.delivery.apply(row, &mut changes.delivery);
        }
        for row in rows.fates {
            self.fates.apply(row, &mut changes.fates);
        }
        for row in rows.actions {
            self.actions.apply(row, &mut changes.actions);
        }
        for row in rows.incidents {
            self.incidents.apply(row, &mut changes.incidents);
        }
        // A pane that was partial until now changed too, although none of its rows did.
        let after = self.progress.complete_up_to();
        if after > before {
            for panes in &self.playback {
                panes.mark_ends(before, after, &mut changes.playback);
            }
        }
    }

    /// Age is counted in log time, so that no client's clock can push rows out, and by the middle
    /// partition, so that no single shard's clock can either.
    fn expire(&mut self) {
        let Some(now) = self.progress.middle_log_time() else { return };
        for (panes, cuboid) in self.playback.iter_mut().zip(Cuboid::ALL) {
            panes.drop_before(now.saturating_sub(self.retention.cuboid_us(cuboid)));
        }
        self.delivery.drop_before(now.saturating_sub(self.retention.delivery_us()));
        self.fates.drop_before(now.saturating_sub(self.retention.fates_us()));
    }

    /// The current values of the sums named by `changes`, except those of panes dropped since.
    pub fn read(&self, changes: &Changes) -> Tables {
        let (complete, is_final) = (self.progress.complete_up_to(), self.progress.final_up_to());
        let mut tables = Tables::default();
        for (panes, cuboid) in self.playback.iter().zip(Cuboid::ALL) {
            let wanted = changes.playback.iter().filter(|(_, key)| key.cuboid == cuboid);
            panes.read(wanted, complete, is_final, &mut tables.playback);
        }
        self.delivery.read(changes.delivery.iter(), complete, is_final, &mut tables.delivery);
        self.fates.read(changes.fates.iter(), complete, is_final, &mut tables.fates);
        tables.actions = self.actions.read(&changes.actions);
        tables.incidents = self.incidents.read(&changes.incidents);
        tables
    }

    /// Every sum of the panes that start at `since_us` or later, and every control record held.
    pub fn since(&self, since_us: i64) -> Tables {
        self.part(Cursor::since(since_us), usize::MAX).0
    }

    /// The next part, after `from`, of what [`LiveStore::since`] returns: whole panes, until they
    /// are `most` rows; and where the rest begins, if there is any.
    pub fn part(&self, from: Cursor, most: usize) -> (Tables, Option<Cursor>) {
        let upto = (self.progress.complete_up_to(), self.progress.final_up_to());
        let mut left = most;
        let mut tables = Tables::default();
        for breakdown in from.breakdown..=FATES {
            let pane = if breakdown == from.breakdown { from.pane } else { from.since_us };
            let rest = match self.playback.get(breakdown) {
                Some(panes) => panes.read_from(pane, &mut left, upto, &mut tables.playback),
                None if breakdown == FATES => {
                    self.fates.read_from(pane, &mut left, upto, &mut tables.fates)
                }
                None => self.delivery.read_from(pane, &mut left, upto, &mut tables.delivery),
            };
            if let Some(pane) = rest {
                return (tables, Some(Cursor { breakdown, pane, ..from }));
            }
        }
        tables.actions = self.actions.all();
        tables.incidents = self.incidents.all();
        (tables, None)
    }

    /// How far the partitions are.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Rows held, before summing.
    pub fn rows(&self) -> usize {
        let playback: usize = self.playback.iter().map(Panes::rows).sum();
        playback + self.delivery.rows() + self.fates.rows()
    }

    /// Young rows that are not held because of the cap on rows.
    pub fn capped_rows(&self) -> u64 {
        let playback: u64 = self.playback.iter().map(Panes::capped_rows).sum();
        playback + self.delivery.capped_rows() + self.fates.capped_rows()
    }
}

fn index_of(cuboid: Cuboid) -> usize {
    Cuboid::ALL.iter().position(|other| *other == cuboid).unwrap_or_default()
}
