//! Rows of a minute and of an hour, from final rows of panes by merging (ADR 24): each final row
//! goes into its minute, each minute that is over into its hour. Merging is associative and
//! commutative, so the result is that of the hour's panes in any order and grouping.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tallylight_schemas::rows::{Cell, Cuboid, DeliveryKey, DeliveryRow, PlaybackRow};

/// Rows of each kind that wait for the end of their minute or hour, at most. Beyond that all are
/// written early, and the rest of their pane follows as further rows: they add up to the same.
const WAITING: usize = 40_000;

/// The widths, seconds.
pub const WIDTHS: [u32; 2] = [60, 3_600];

/// The traits of types in the state.
pub trait Kept: Clone + Debug + Serialize + DeserializeOwned {}
impl<T: Clone + Debug + Serialize + DeserializeOwned> Kept for T {}

/// A row that can be merged with others into one of a wider pane.
pub trait Roll: Kept {
    /// Identifies a row in its pane.
    type Key: Ord + Kept;

    /// See [`Self::Key`].
    fn key(&self) -> Self::Key;
    /// Start of its pane, Unix µs.
    fn pane(&self) -> i64;
    /// The row as a part of the pane of `width_s` around it.
    fn widened(&self, width_s: u32) -> Self;
    /// Merges another row of the same pane and key.
    fn absorb(&mut self, other: &Self);
    /// Whether it is empty: then it is not written.
    fn is_nothing(&self) -> bool;
}

impl Roll for PlaybackRow {
    type Key = (String, Cuboid, Cell);

    fn key(&self) -> Self::Key {
        (self.tenant.clone(), self.cuboid, self.cell.clone())
    }

    fn pane(&self) -> i64 {
        self.pane
    }

    fn widened(&self, width_s: u32) -> Self {
        PlaybackRow::widened(self, width_s)
    }

    fn absorb(&mut self, other: &Self) {
        self.merge(other, 1);
        self.version = self.version.max(other.version);
        self.metrics_version = self.metrics_version.max(other.metrics_version);
    }

    fn is_nothing(&self) -> bool {
        PlaybackRow::is_nothing(self)
    }
}

impl Roll for DeliveryRow {
    type Key = DeliveryKey;

    fn key(&self) -> Self::Key {
        DeliveryRow::key(self)
    }

    fn pane(&self) -> i64 {
        self.pane
    }

    fn widened(&self, width_s: u32) -> Self {
        DeliveryRow::widened(self, width_s)
    }

    fn absorb(&mut self, other: &Self) {
        self.merge(other, 1);
        self.version = self.version.max(other.version);
    }

    fn is_nothing(&self) -> bool {
        self.requests == 0
    }
}

/// Rows of panes of one width, by pane and key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Wide<R: Roll> {
    width_s: u32,
    panes: BTreeMap<i64, BTreeMap<R::Key, R>>,
}

impl<R: Roll> Wide<R> {
    /// No rows.
    pub fn new(width_s: u32) -> Self {
        Self { width_s, panes: BTreeMap::new() }
    }

    /// Merges in a row of a pane that is as wide or less.
    pub fn add(&mut self, row: &R) {
        let row = row.widened(self.width_s);
        let pane = self.panes.entry(row.pane()).or_default();
        match pane.get_mut(&row.key()) {
            Some(sum) => sum.absorb(&row),
            None => {
                pane.insert(row.key(), row);
            }
        }
    }

    /// Takes out the rows of panes that end at or before `end`, Unix µs, in order.
    pub fn take(&mut self, end: i64) -> Vec<R> {
        let open = end.saturating_sub(i64::from(self.width_s) * 1_000_000).saturating_add(1);
        let rest = self.panes.split_off(&open);
        let over = std::mem::replace(&mut self.panes, rest);
        let rows = over.into_values().flat_map(BTreeMap::into_values);
        rows.filter(|row| !row.is_nothing()).collect()
    }

    fn len(&self) -> usize {
        self.panes.values().map(BTreeMap::len).sum()
    }
}

/// Minutes and hours that are not over.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Rollup<R: Roll> {
    minutes: Wide<R>,
    hours: Wide<R>,
    waiting: usize,
}

impl<R: Roll> Default for Rollup<R> {
    fn default() -> Self {
        Self { minutes: Wide::new(WIDTHS[0]), hours: Wide::new(WIDTHS[1]), waiting: WAITING }
    }
}

impl<R: Roll> Rollup<R> {
    /// With at most this many waiting rows.
    pub fn with(waiting: usize) -> Self {
        Self { waiting, ..Self::default() }
    }

    /// Takes in final rows, and answers minutes and hours that end at or before `final_up_to`, Unix
    /// µs: everything before it was taken in.
    pub fn take(&mut self, rows: &[R], final_up_to: i64) -> [Vec<R>; 2] {
        rows.iter().for_each(|row| self.minutes.add(row));
        let full = self.minutes.len() + self.hours.len() > self.waiting;
        let up_to = if full { i64::MAX } else { final_up_to };
        let minutes = self.minutes.take(up_to);
        minutes.iter().for_each(|row| self.hours.add(row));
        [minutes, self.hours.take(up_to)]
    }
}
