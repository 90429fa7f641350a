//! Rows of one breakdown by pane and key, the newest version of each partition.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

/// A row that can be kept: it has a position, a version and a value that adds up.
pub trait Keyed: Sized {
    /// What rows are summed by, apart from the pane.
    type Key: Clone + Debug + Eq + Hash + Ord;
    /// The value, of one partition or of all.
    type Sum: Clone + Debug + Default + PartialEq;

    /// The row taken apart.
    fn split(self) -> Split<Self>;

    /// Adds a partition's value.
    fn add(sum: &mut Self::Sum, value: &Self::Sum);
}

/// A row taken apart.
#[derive(Debug)]
pub struct Split<R: Keyed> {
    pub(super) pane: i64,
    pub(super) partition: u16,
    pub(super) version: u64,
    pub(super) key: R::Key,
    pub(super) value: R::Sum,
}

/// Sums that changed: start of the pane (Unix µs) and key.
pub type Changed<R> = FxHashSet<(i64, Arc<<R as Keyed>::Key>)>;

/// One pane and key, summed over partitions.
#[derive(Debug, Clone)]
pub struct Summed<R: Keyed> {
    /// Start of the pane, Unix µs.
    pub pane: i64,
    /// The key of the sum.
    pub key: Arc<R::Key>,
    /// The sum.
    pub sum: R::Sum,
    /// No later event can change it.
    pub is_final: bool,
    /// A partition has not reached the end of the pane yet.
    pub partial: bool,
}

#[derive(Debug)]
struct Held<S> {
    partition: u16,
    version: u64,
    value: S,
}

type Cells<R> = FxHashMap<Arc<<R as Keyed>::Key>, Vec<Held<<R as Keyed>::Sum>>>;

#[derive(Debug)]
pub(super) struct Panes<R: Keyed> {
    width_us: i64,
    max_rows: usize,
    panes: BTreeMap<i64, Cells<R>>,
    rows: usize,
    /// Panes below this were dropped and do not come back.
    floor: i64,
    capped_rows: u64,
}

impl<R: Keyed> Panes<R> {
    pub(super) fn new(width_us: i64, max_rows: usize) -> Self {
        let panes = BTreeMap::new();
        Self { width_us, max_rows, panes, rows: 0, floor: i64::MIN, capped_rows: 0 }
    }

    pub(super) fn apply(&mut self, row: R, changed: &mut Changed<R>) {
        let Split { pane, partition, version, key, value } = row.split();
        if pane < self.floor {
            return;
        }
        let (key, added) = match self.panes.entry(pane).or_default().entry(Arc::new(key)) {
            Entry::Vacant(place) => {
                let key = Arc::clone(place.key());
                place.insert(vec![Held { partition, version, value }]);
                (key, 1)
            }
            Entry::Occupied(mut place) => {
                let key = Arc::clone(place.key());
                let held = place.get_mut();
                match held.iter_mut().find(|held| held.partition == partition) {
                    Some(old) if old.version >= version => return,
                    Some(old) => {
                        *old = Held { partition, version, value };
                        (key, 0)
                    }
                    None => {
                        held.push(Held { partition, version, value });
                        (key, 1)
                    }
                }
            }
        };
        self.rows += added;
        changed.insert((pane, key));
        while self.rows > self.max_rows {
            let Some(dropped) = self.drop_first() else { return };
            self.capped_rows += dropped as u64;
        }
    }

    /// Drops the panes that end before `us`.
    pub(super) fn drop_before(&mut self, us: i64) {
        while self
            .panes
            .first_key_value()
            .is_some_and(|(pane, _)| pane.saturating_add(self.width_us) <= us)
        {
            self.drop_first();
        }
        self.floor = self.floor.max(us.saturating_sub(self.width_us).saturating_add(1));
    }

    fn drop_first(&mut self) -> Option<usize> {
        let (pane, cells) = self.panes.pop_first()?;
        let rows = cells.values().map(Vec::len).sum();
        self.rows -= rows;
        self.floor = self.floor.max(pane.saturating_add(1));
        Some(rows)
    }

    /// Marks every key of the panes whose end lies after `from` and up to `to`.
    pub(super) fn mark_ends(&self, from: Option<i64>, to: Option<i64>, changed: &mut Changed<R>) {
        let start = |end: i64| end.saturating_sub(self.width_us).saturating_add(1);
        let from = from.map_or(i64::MIN, start);
        let to = to.map_or(i64::MIN, start);
        for (pane, cells) in self.panes.range(from..to.max(from)) {
            changed.extend(cells.keys().map(|key| (*pane, Arc::clone(key))));
        }
    }

    pub(super) fn read<'a>(
        &self,
        wanted: impl Iterator<Item = &'a (i64, Arc<R::Key>)>,
        complete_up_to: Option<i64>,
        final_up_to: Option<i64>,
        into: &mut Vec<Summed<R>>,
    ) where
        R::Key: 'a,
    {
        let first = into.len();
        into.extend(wanted.filter_map(|(pane, key)| {
            let held = self.panes.get(pane)?.get(key)?;
            Some(self.sum(*pane, key, held, complete_up_to, final_up_to))
        }));
        into[first..].sort_by(|a, b| (a.pane, &a.key).cmp(&(b.pane, &b.key)));
    }

    /// Reads whole panes from `from` on, until `left` rows are read; returns the pane to continue
    /// from if there are more.
    pub(super) fn read_from(
        &self,
        from: i64,
        left: &mut usize,
        (complete_up_to, final_up_to): (Option<i64>, Option<i64>),
        into: &mut Vec<Summed<R>>,
    ) -> Option<i64> {
        for (pane, cells) in self.panes.range(from..) {
            if *left == 0 {
                return Some(*pane);
            }
            let of = |(key, held): (&Arc<R::Key>, &Vec<_>)| {
                self.sum(*pane, key, held, complete_up_to, final_up_to)
            };
            into.extend(cells.iter().map(of));
            *left = left.saturating_sub(cells.len());
        }
        None
    }

    fn sum(
        &self,
        pane: i64,
        key: &Arc<R::Key>,
        held: &[Held<R::Sum>],
        complete_up_to: Option<i64>,
        final_up_to: Option<i64>,
    ) -> Summed<R> {
        let mut sum = R::Sum::default();
        for held in held {
            R::add(&mut sum, &held.value);
        }
        let end = pane.saturating_add(self.width_us);
        Summed {
            pane,
            key: Arc::clone(key),
            sum,
            is_final: final_up_to.is_some_and(|up_to| end <= up_to),
            partial: complete_up_to.is_none_or(|up_to| end > up_to),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn capped_rows(&self) -> u64 {
        self.capped_rows
    }
}
