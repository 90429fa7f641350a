//! The cells of every tenant and cuboid, bounded.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tallylight_schemas::rows::{Cell, Cuboid};

use super::cell::{CellPanes, full_cell, other_cell};
use super::contest::{Gone, Rivals};
use super::hot::Hot;
use super::pane::{Counts, Gauge, Presence, Sums};
use crate::pure::session::dimensions::Dimensions;
use crate::pure::session::words::Words;

pub(super) const CUBOIDS: usize = Cuboid::ALL.len();

/// A cell of each cuboid, for as long as it lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    /// The places of the cells, in order of [`Cuboid::ALL`].
    places: [u32; CUBOIDS],
    /// When they were looked up: a cell that took its place in a later turn is another one.
    turn: u32,
}

impl Cells {
    /// As numbers, for encoding.
    pub(crate) fn numbers(&self) -> [u32; CUBOIDS + 1] {
        let mut numbers = [self.turn; CUBOIDS + 1];
        numbers[..CUBOIDS].copy_from_slice(&self.places);
        numbers
    }

    /// The cells that have these numbers.
    pub(crate) fn of_numbers([places @ .., turn]: [u32; CUBOIDS + 1]) -> Self {
        Self { places, turn }
    }
}

#[cfg(test)]
impl Cells {
    /// Cells that differ from others by a number.
    pub(crate) fn in_place(place: u32) -> Self {
        Self { places: [place; CUBOIDS], turn: 0 }
    }
}

/// A session's presence, and its cell in each cuboid.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stand {
    /// The cells.
    pub cells: Cells,
    /// The state.
    pub presence: Presence,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Place {
    /// The turn in which the cell took this place.
    pub(super) since: u32,
    /// Contests before that.
    pub(super) came: u32,
    pub(super) panes: Option<CellPanes>,
    /// Set when it lost its place: to which cell its sessions are added since.
    pub(super) gone: Option<Gone>,
    /// Displaced cells that are added here.
    pub(super) guests: u32,
}

/// The cells of a tenant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tenant {
    pub(super) index: [FxHashMap<Cell, u32>; CUBOIDS],
    /// The cells for all values without one of their own, by cuboid.
    pub(super) others: [Option<u32>; CUBOIDS],
    /// Values without a cell, by cuboid.
    pub(super) rivals: [Rivals; CUBOIDS],
}

/// The panes of one partition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Windows {
    pub(super) tenants: FxHashMap<Arc<str>, Tenant>,
    pub(super) places: Vec<Place>,
    /// The part of each place that changes with every record.
    pub(super) hot: Vec<Hot>,
    pub(super) free: Vec<u32>,
    /// Emissions that dropped cells.
    pub(super) turn: u32,
    pub(super) contests: u32,
    /// First pane that is not final, by cuboid.
    pub(super) first_open: [i64; CUBOIDS],
    pub(super) max_cells: usize,
    /// The facts being applied had arrived before.
    #[serde(skip)]
    heard_before: bool,
}

impl Windows {
    /// No panes; at most `max_cells` cells per tenant and cuboid, and one for the rest.
    pub fn new(max_cells: usize) -> Self {
        Self { max_cells, ..Self::default() }
    }

    pub(in crate::pure) fn set_max_cells(&mut self, max_cells: usize) {
        self.max_cells = max_cells;
    }

    /// The cells of `dimensions`, made if there are none yet. Of a record (`is_record`) it is noted
    /// which values find none.
    pub fn cells(
        &mut self,
        tenant: &Arc<str>,
        dimensions: &Dimensions,
        words: &Words,
        is_record: bool,
    ) -> Cells {
        let is_heard = is_record && !self.heard_before;
        let cell = full_cell(dimensions, words);
        let mut places = [0; CUBOIDS];
        for (which, cuboid) in Cuboid::ALL.into_iter().enumerate() {
            places[which] = self.place(tenant, cuboid, cuboid.project(&cell), is_heard);
        }
        Cells { places, turn: self.turn }
    }

    fn place(&mut self, tenant: &Arc<str>, cuboid: Cuboid, cell: Cell, is_heard: bool) -> u32 {
        let of = self.tenants.entry(Arc::clone(tenant)).or_default();
        if let Some(place) = of.index[cuboid as usize].get(&cell) {
            let gone = self.places[*place as usize].gone.as_ref();
            return gone.map_or(*place, |gone| gone.to);
        }
        if self.held_by(tenant, cuboid) < self.max_cells {
            return self.settle(tenant, cuboid, cell);
        }
        if let Some(of) = self.tenants.get_mut(tenant).filter(|_| is_heard) {
            of.rivals[cuboid as usize].hear(&cell);
        }
        self.other(tenant, cuboid)
    }

    /// Number of cells with a place of their own.
    fn held_by(&self, tenant: &Arc<str>, cuboid: Cuboid) -> usize {
        let Some(of) = self.tenants.get(tenant) else { return 0 };
        let index = &of.index[cuboid as usize];
        let other = of.others[cuboid as usize];
        index.len() - other.map_or(0, |other| self.places[other as usize].guests as usize)
    }

    /// The place for all values without one of their own.
    fn other(&mut self, tenant: &Arc<str>, cuboid: Cuboid) -> u32 {
        let known = self.tenants.get(tenant).and_then(|of| of.others[cuboid as usize]);
        known.unwrap_or_else(|| self.settle(tenant, cuboid, other_cell(cuboid)))
    }

    /// Whether the facts applied from now on had arrived before, and are only reordered.
    pub(in crate::pure) fn set_heard_before(&mut self, heard_before: bool) {
        self.heard_before = heard_before;
    }

    /// Gives a cell a place of its own.
    pub(super) fn settle(&mut self, tenant: &Arc<str>, cuboid: Cuboid, cell: Cell) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            self.hot.push(Hot::default());
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let of = self.tenants.entry(Arc::clone(tenant)).or_default();
        of.index[cuboid as usize].insert(cell.clone(), place);
        let (since, came) = (self.turn, self.contests);
        self.hot[place as usize] = Hot::of(since);
        if cell == other_cell(cuboid) {
            // Sessions there are looked up again each time: they may have a cell by then.
            of.others[cuboid as usize] = Some(place);
            self.hot[place as usize].send_away();
        }
        let panes = Some(CellPanes::new(Arc::clone(tenant), cuboid, cell));
        self.places[place as usize] = Place { since, came, panes, gone: None, guests: 0 };
        place
    }

    /// Whether a session that was placed in these cells still belongs there. Cells without sessions
    /// or changes within the horizon are dropped, and others can lose their place.
    pub fn are_alive(&self, cells: &Cells) -> bool {
        let is_alive =
            |place: &u32| self.hot.get(*place as usize).is_some_and(|hot| hot.is_for(cells.turn));
        cells.places.iter().all(is_alive)
    }

    /// The place, unless another cell has taken it.
    fn held(&mut self, cells: &Cells, which: usize) -> Option<&mut Place> {
        let place = self.places.get_mut(cells.places[which] as usize)?;
        (place.since <= cells.turn && place.panes.is_some()).then_some(place)
    }

    /// Moves a session from `from` to `to` at `at` (`sign` 1), or undoes that (−1).
    pub fn shift(&mut self, at: i64, from: &Stand, to: &Stand, sign: i64) {
        if (from.cells, from.presence) == (to.cells, to.presence) {
            return;
        }
        let (leaves, enters) = (from.presence.gauge(), to.presence.gauge());
        let leaves = leaves.map(|w| -w * sign);
        let enters = enters.map(|w| w * sign);
        let mut both = leaves;
        both.iter_mut().zip(enters).for_each(|(sum, w)| *sum += w);
        for which in 0..CUBOIDS {
            let same = from.cells.places[which] == to.cells.places[which]
                && self.held(&from.cells, which).is_some() == self.held(&to.cells, which).is_some();
            if same {
                self.step(&to.cells, which, at, &both);
            } else {
                self.step(&from.cells, which, at, &leaves);
                self.step(&to.cells, which, at, &enters);
            }
        }
    }

    fn step(&mut self, cells: &Cells, which: usize, at: i64, weight: &Gauge) {
        let first_open = self.first_open[which];
        if *weight == Gauge::default() {
            return;
        }
        let Some(Place { panes: Some(panes), gone, .. }) = self.held(cells, which) else { return };
        let Some(gone) = gone else { return panes.step(at, weight, first_open) };
        // Its sessions are added to another cell from `since` on.
        gone.moved.iter_mut().zip(weight).for_each(|(sum, w)| *sum += w);
        let (since, to) = (gone.pane * panes.width_ms(), gone.to);
        if at < since && gone.pane > first_open {
            panes.step(at, weight, first_open);
            panes.step(since, &weight.map(|w| -w), first_open);
        }
        if let Some(Place { panes: Some(panes), .. }) = self.places.get_mut(to as usize) {
            panes.step(at.max(since), weight, first_open);
        }
    }

    /// Counts in `cells` at `at`, or undoes that.
    pub fn count(&mut self, at: i64, cells: &Cells, counts: &Counts, sign: i64) {
        if *counts == Counts::default() {
            return;
        }
        let sums = counts.sums(sign, self.heard_before);
        let (mut width, mut pane) = (0, 0);
        for (which, cuboid) in Cuboid::ALL.into_iter().enumerate() {
            // One division for each width instead of for each cuboid.
            if cuboid.width_s() != width {
                width = cuboid.width_s();
                pane = at.div_euclid(i64::from(width) * 1_000);
            }
            // A final pane does not change any more.
            if pane < self.first_open[which] {
                continue;
            }
            let hot = self.hot.get_mut(cells.places[which] as usize);
            if !hot.is_some_and(|hot| hot.count(pane, cells.turn, &sums)) {
                self.count_in_panes(cells, which, pane, &sums);
            }
        }
    }

    fn count_in_panes(&mut self, cells: &Cells, which: usize, pane: i64, sums: &Sums) {
        let Some(place) = self.held(cells, which) else { return };
        let to = place.gone.as_ref().filter(|gone| pane >= gone.pane).map(|gone| gone.to);
        let at = to.unwrap_or(cells.places[which]) as usize;
        self.pour(at);
        if to.is_none() && self.hot[at].count(pane, cells.turn, sums) {
            return;
        }
        self.hot[at].hear(sums);
        if let Some(Place { panes: Some(panes), .. }) = self.places.get_mut(at) {
            panes.count(pane, sums);
        }
    }

    /// Adds the counts that wait in `hot` for a place to its panes.
    pub(super) fn pour(&mut self, at: usize) {
        if let (Some(Place { panes: Some(panes), .. }), Some(hot)) =
            (self.places.get_mut(at), self.hot.get_mut(at))
        {
            panes.pour(hot);
        }
    }
}
