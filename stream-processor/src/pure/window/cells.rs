//! The cells of every tenant and cuboid, bounded.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tallylight_schemas::metrics;
use tallylight_schemas::rows::{Cell, Cuboid, PlaybackRow};

use super::cell::{CellPanes, Name};
use super::pane::{Counts, Gauge, Presence};
use crate::pure::limits::OTHER;
use crate::pure::session::dimensions::Dimensions;
use crate::pure::session::words::Words;
use crate::pure::watermark::Watermark;

const CUBOIDS: usize = Cuboid::ALL.len();

/// A cell of each cuboid, for as long as it lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    /// The places of the cells, in order of [`Cuboid::ALL`].
    places: [u32; CUBOIDS],
    /// When they were looked up: a cell that came into its place in a later turn is another one.
    turn: u32,
}

#[cfg(test)]
impl Cells {
    /// Cells that are told from others by a number.
    pub(crate) fn in_place(place: u32) -> Self {
        Self { places: [place; CUBOIDS], turn: 0 }
    }
}

/// Where a session stands, and in which cell of each cuboid.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stand {
    /// The cells.
    pub cells: Cells,
    /// The state.
    pub presence: Presence,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Place {
    /// The turn in which the cell came.
    since: u32,
    panes: Option<CellPanes>,
}

/// The panes of one partition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Windows {
    index: FxHashMap<Arc<str>, [FxHashMap<Cell, u32>; CUBOIDS]>,
    places: Vec<Place>,
    free: Vec<u32>,
    /// Emissions that dropped cells.
    turn: u32,
    /// First pane that is not final, by cuboid.
    first_open: [i64; CUBOIDS],
    max_cells: usize,
}

fn full_cell(dimensions: &Dimensions, words: &Words) -> Cell {
    let text = |word| words.owned(word);
    Cell {
        content: text(dimensions.content),
        edge: text(dimensions.edge),
        pipeline: text(dimensions.pipeline),
        rendition: (dimensions.kbps > 0).then(|| format!("{} kbps", dimensions.kbps)),
        country: text(dimensions.country),
        device: text(dimensions.device),
        player: text(dimensions.player),
        os: text(dimensions.os),
        asn: dimensions.asn,
    }
}

fn other_cell() -> Cell {
    let other = || Some(OTHER.to_owned());
    Cell {
        content: other(),
        edge: other(),
        pipeline: other(),
        rendition: other(),
        country: other(),
        device: other(),
        player: other(),
        os: other(),
        // A number cannot say it; the edge beside it does.
        asn: None,
    }
}

impl Windows {
    /// No panes; at most `max_cells` cells per tenant and cuboid, and one for the rest.
    pub fn new(max_cells: usize) -> Self {
        Self { max_cells, ..Self::default() }
    }

    pub(in crate::pure) fn set_max_cells(&mut self, max_cells: usize) {
        self.max_cells = max_cells;
    }

    /// The cells that `dimensions` fall into, made where there are none yet.
    pub fn cells(&mut self, tenant: &Arc<str>, dimensions: &Dimensions, words: &Words) -> Cells {
        let cell = full_cell(dimensions, words);
        let mut places = [0; CUBOIDS];
        for (which, cuboid) in Cuboid::ALL.into_iter().enumerate() {
            places[which] = self.place(tenant, which, cuboid, cuboid.project(&cell));
        }
        Cells { places, turn: self.turn }
    }

    fn place(&mut self, tenant: &Arc<str>, which: usize, cuboid: Cuboid, cell: Cell) -> u32 {
        let index = &mut self.index.entry(Arc::clone(tenant)).or_default()[which];
        if let Some(place) = index.get(&cell) {
            return *place;
        }
        let cell = if index.len() >= self.max_cells { cuboid.project(&other_cell()) } else { cell };
        if let Some(place) = index.get(&cell) {
            return *place;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        index.insert(cell.clone(), place);
        if let Some(entry) = self.places.get_mut(place as usize) {
            entry.since = self.turn;
            entry.panes = Some(CellPanes::new(Arc::clone(tenant), cuboid, cell));
        }
        place
    }

    /// Whether all of these cells still exist. Cells in which nobody is and nothing happened
    /// within the horizon are dropped.
    pub fn are_alive(&self, cells: &Cells) -> bool {
        (0..CUBOIDS).all(|which| self.is_alive(cells, which))
    }

    fn is_alive(&self, cells: &Cells, which: usize) -> bool {
        let entry = self.places.get(cells.places[which] as usize);
        entry.is_some_and(|entry| entry.since <= cells.turn && entry.panes.is_some())
    }

    fn panes(&mut self, cells: &Cells, which: usize) -> Option<&mut CellPanes> {
        let entry = self.places.get_mut(cells.places[which] as usize)?;
        (entry.since <= cells.turn).then_some(entry.panes.as_mut())?
    }

    /// A session stood at `from` and stands at `to` from `at` on (`sign` 1), or that is
    /// taken back (−1).
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
                && self.is_alive(&from.cells, which) == self.is_alive(&to.cells, which);
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
        if weight.iter().any(|w| *w != 0)
            && let Some(panes) = self.panes(cells, which)
        {
            panes.step(at, weight, first_open);
        }
    }

    /// Counts in `cells` at `at`, or takes it back.
    pub fn count(&mut self, at: i64, cells: &Cells, counts: &Counts, sign: i64) {
        if *counts == Counts::default() {
            return;
        }
        let sums = counts.sums(sign);
        let (mut width, mut pane) = (0, 0);
        for (which, cuboid) in Cuboid::ALL.into_iter().enumerate() {
            // A division for each width, and not for each cuboid.
            if cuboid.width_s() != width {
                width = cuboid.width_s();
                pane = at.div_euclid(i64::from(width) * 1_000);
            }
            // A final pane takes nothing any more.
            if pane >= self.first_open[which]
                && let Some(panes) = self.panes(cells, which)
            {
                panes.count(pane, &sums);
            }
        }
    }

    /// The rows that are due, then drops what is final.
    pub fn emit(&mut self, mark: &Watermark, partition: u16, version: u64) -> Vec<PlaybackRow> {
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        let due = Cuboid::ALL.map(|cuboid| mark.due(cuboid.width_us() / 1_000));
        self.first_open = due.map(|due| due.first_open());
        let before = self.free.len();
        for at in 0..self.places.len() {
            let Some(panes) = self.places[at].panes.as_mut() else { continue };
            let which = panes.name.cuboid as usize;
            panes.emit(&due[which], &mut values);
            let Name { tenant, cuboid, cell } = &*panes.name;
            for (pane, value) in values.drain(..) {
                rows.push(PlaybackRow {
                    tenant: tenant.to_string(),
                    partition,
                    pane: pane * cuboid.width_us(),
                    width_s: cuboid.width_s(),
                    cuboid: *cuboid,
                    cell: cell.clone(),
                    measures: value.measures,
                    startup_sketch: value.startup,
                    latency_sketch: value.latency,
                    r#final: due[which].is_final(pane),
                    version,
                    metrics_version: metrics::VERSION,
                });
            }
            if panes.finalise(self.first_open[which]) {
                self.drop_cell(at);
            }
        }
        if self.free.len() > before {
            self.turn = self.turn.saturating_add(1);
        }
        rows
    }

    fn drop_cell(&mut self, at: usize) {
        let Some(panes) = self.places[at].panes.take() else { return };
        let Name { tenant, cuboid, cell } = &*panes.name;
        self.free.extend(u32::try_from(at));
        if let Some(index) = self.index.get_mut(tenant) {
            index[*cuboid as usize].remove(cell);
            if index.iter().all(FxHashMap::is_empty) {
                self.index.remove(tenant);
            }
        }
    }

    /// Cells and panes held.
    pub fn size(&self) -> (usize, usize) {
        let held = self.places.iter().filter_map(|entry| entry.panes.as_ref());
        held.fold((0, 0), |(cells, panes), cell| (cells + 1, panes + cell.len()))
    }
}
