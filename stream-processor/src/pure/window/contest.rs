//! Which values have a cell of their own when there are more values than cells. Cells are given
//! first come, first served. Then, every ten seconds of log time, the values with the fewest
//! records lose theirs to values without one that have clearly more (ADR 28). So a flood of values
//! with one viewer each cannot keep a value with many viewers out.
//!
//! Nothing is lost by that: from the pane of the current log time on, everything in a displaced
//! cell belongs to the cell for the rest, and so do later changes of the sessions in it.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tallylight_schemas::rows::{Cell, Cuboid};

use super::cells::Windows;
use super::pane::Gauge;

/// Values without a cell whose records are counted, at most.
const RIVALS: usize = 2_048;
/// A rival must have more than twice as many records, and this many more.
const CLEARLY: u32 = 8;
/// At most one in so many cells changes hands in a contest.
const AT_ONCE: usize = 8;
/// Displaced cells that still have panes: at most one in so many.
const GONE: usize = 2;

/// Values without a cell and at least how many records they had, counted as by Misra and Gries: all
/// frequent values are found, in whatever order they come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Rivals(FxHashMap<Cell, u32>);

impl Rivals {
    pub(super) fn hear(&mut self, cell: &Cell) {
        if let Some(heard) = self.0.get_mut(cell) {
            *heard += 1;
        } else if self.0.len() < RIVALS {
            self.0.insert(cell.clone(), 1);
        } else {
            self.0.retain(|_, heard| {
                *heard -= 1;
                *heard > 0
            });
        }
    }

    /// All rivals, the most frequent first.
    fn take(&mut self) -> Vec<(u32, Cell)> {
        let mut all: Vec<(u32, Cell)> =
            std::mem::take(&mut self.0).into_iter().map(|(cell, heard)| (heard, cell)).collect();
        all.sort_unstable_by(|(m, a), (n, b)| n.cmp(m).then_with(|| a.cmp(b)));
        all
    }
}

/// A cell that lost its place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Gone {
    /// From this pane on everything belongs to another cell.
    pub(super) pane: i64,
    /// The place of that.
    pub(super) to: u32,
    /// The sessions still in it, as a gauge.
    pub(super) moved: Gauge,
}

impl Windows {
    /// Holds a contest for the cells of every tenant and cuboid that has too few.
    pub(super) fn contest(&mut self, log_ms: i64) {
        let mut tenants: Vec<Arc<str>> = self.tenants.keys().cloned().collect();
        tenants.sort_unstable();
        for tenant in &tenants {
            Cuboid::ALL.into_iter().for_each(|cuboid| self.contest_for(tenant, cuboid, log_ms));
        }
        self.hot.iter_mut().for_each(super::hot::Hot::forget_half);
        self.contests = self.contests.saturating_add(1);
    }

    fn contest_for(&mut self, tenant: &Arc<str>, cuboid: Cuboid, log_ms: i64) {
        let Some(of) = self.tenants.get_mut(tenant) else { return };
        let mut rivals = of.rivals[cuboid as usize].take();
        // A place may have become free for one of them meanwhile.
        rivals.retain(|(_, cell)| !of.index[cuboid as usize].contains_key(cell));
        let Some(other) = of.others[cuboid as usize] else { return };
        let places = of.index[cuboid as usize].values().copied();
        let mut held: Vec<(u32, u32)> = places
            .filter(|place| *place != other)
            .filter(|place| {
                let place = &self.places[*place as usize];
                place.gone.is_none() && place.came < self.contests
            })
            .map(|place| (self.hot[place as usize].heard(), place))
            .collect();
        held.sort_unstable();
        let most = (self.max_cells / GONE).max(1);
        let room = most.saturating_sub(self.places[other as usize].guests as usize);
        let at_once = (self.max_cells / AT_ONCE).max(1).min(room);
        let pane = log_ms.div_euclid(cuboid.width_us() / 1_000);
        for ((theirs, cell), (own, place)) in rivals.into_iter().zip(held).take(at_once) {
            if theirs <= own.saturating_mul(2).saturating_add(CLEARLY) {
                break;
            }
            self.retire(place, pane, other);
            self.settle(tenant, cuboid, cell);
        }
    }

    /// Takes its place from a cell. Its name stays known until its panes are final, so that it gets
    /// no second cell meanwhile.
    fn retire(&mut self, at: u32, pane: i64, to: u32) {
        self.pour(at as usize);
        self.hot[at as usize].send_away();
        let place = &mut self.places[at as usize];
        let Some(panes) = place.panes.as_mut() else { return };
        let (gauge, changes) = panes.hand_over(pane);
        let mut moved = gauge;
        for (_, delta) in &changes {
            moved.iter_mut().zip(delta.net).for_each(|(sum, net)| *sum += net);
        }
        place.gone = Some(Gone { pane, to, moved });
        let other = &mut self.places[to as usize];
        other.guests += 1;
        if let Some(panes) = other.panes.as_mut() {
            panes.take_over(pane, &gauge, &changes);
        }
    }
}
