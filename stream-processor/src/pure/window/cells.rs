//! The cells of every tenant and cuboid, bounded.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tallylight_schemas::metrics;
use tallylight_schemas::rows::{Cell, Cuboid, PlaybackRow};

use super::cell::{CellId, CellPanes};
use super::pane::{Counts, Presence};
use crate::pure::limits::OTHER;
use crate::pure::session::dimensions::Dimensions;
use crate::pure::session::words::Words;
use crate::pure::watermark::Watermark;

const CUBOIDS: usize = Cuboid::ALL.len();

/// A cell of each cuboid, in order of [`Cuboid::ALL`].
pub type Cells = [CellId; CUBOIDS];

/// Where a session stands, and in which cell of each cuboid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stand {
    /// The cells, in order of [`Cuboid::ALL`]; shared by the moments of a session.
    pub cells: Arc<Cells>,
    /// The state.
    pub presence: Presence,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Place {
    turn: u32,
    panes: Option<CellPanes>,
}

/// The panes of one partition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Windows {
    index: FxHashMap<Arc<str>, [FxHashMap<Cell, u32>; CUBOIDS]>,
    places: Vec<Place>,
    free: Vec<u32>,
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
        let mut ids = Cells::default();
        for (which, cuboid) in Cuboid::ALL.into_iter().enumerate() {
            let place = self.place(tenant, which, cuboid, cuboid.project(&cell));
            ids[which] = CellId { place, turn: self.turn(place) };
        }
        ids
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
            entry.panes = Some(CellPanes::new(Arc::clone(tenant), cuboid, cell));
        }
        place
    }

    fn turn(&self, place: u32) -> u32 {
        self.places.get(place as usize).map_or(0, |entry| entry.turn)
    }

    /// Whether all of these cells still exist. Cells in which nobody is and nothing happened
    /// within the horizon are dropped.
    pub fn are_alive(&self, cells: &Cells) -> bool {
        cells.iter().all(|id| {
            self.places
                .get(id.place as usize)
                .is_some_and(|entry| entry.turn == id.turn && entry.panes.is_some())
        })
    }

    fn panes(&mut self, id: CellId) -> Option<&mut CellPanes> {
        let entry = self.places.get_mut(id.place as usize)?;
        (entry.turn == id.turn).then_some(entry.panes.as_mut())?
    }

    /// A session stood at `from` and stands at `to` from `at` on (`sign` 1), or that is
    /// taken back (−1).
    pub fn shift(&mut self, at: i64, from: &Stand, to: &Stand, sign: i64) {
        if from == to {
            return;
        }
        let (leaves, enters) = (from.presence.gauge(), to.presence.gauge());
        let leaves = leaves.map(|w| -w * sign);
        let enters = enters.map(|w| w * sign);
        for which in 0..Cuboid::ALL.len() {
            let first_open = self.first_open[which];
            if from.cells[which] == to.cells[which] {
                let mut both = leaves;
                both.iter_mut().zip(enters).for_each(|(sum, w)| *sum += w);
                self.step(to.cells[which], at, &both, first_open);
            } else {
                self.step(from.cells[which], at, &leaves, first_open);
                self.step(to.cells[which], at, &enters, first_open);
            }
        }
    }

    fn step(&mut self, id: CellId, at: i64, weight: &[i64; 6], first_open: i64) {
        if weight.iter().any(|w| *w != 0)
            && let Some(panes) = self.panes(id)
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
        for (which, id) in cells.iter().enumerate() {
            let first_open = self.first_open[which];
            if let Some(panes) = self.panes(*id) {
                panes.count(at, &sums, first_open);
            }
        }
    }

    /// The rows that are due, then drops what is final.
    pub fn emit(&mut self, mark: &Watermark, partition: u16, version: u64) -> Vec<PlaybackRow> {
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        let due = Cuboid::ALL.map(|cuboid| mark.due(cuboid.width_us() / 1_000));
        self.first_open = due.map(|due| due.first_open());
        for at in 0..self.places.len() {
            let Some(panes) = self.places[at].panes.as_mut() else { continue };
            let which = panes.cuboid as usize;
            panes.emit(&due[which], &mut values);
            for (pane, value) in values.drain(..) {
                rows.push(PlaybackRow {
                    tenant: panes.tenant.to_string(),
                    partition,
                    pane: pane * panes.cuboid.width_us(),
                    width_s: panes.cuboid.width_s(),
                    cuboid: panes.cuboid,
                    cell: panes.cell.clone(),
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
        rows
    }

    fn drop_cell(&mut self, at: usize) {
        let Some(panes) = self.places[at].panes.take() else { return };
        self.places[at].turn = self.places[at].turn.wrapping_add(1);
        self.free.extend(u32::try_from(at));
        if let Some(index) = self.index.get_mut(&panes.tenant) {
            index[panes.cuboid as usize].remove(&panes.cell);
            if index.iter().all(FxHashMap::is_empty) {
                self.index.remove(&panes.tenant);
            }
        }
    }

    /// Cells and panes held.
    pub fn size(&self) -> (usize, usize) {
        let held = self.places.iter().filter_map(|entry| entry.panes.as_ref());
        held.fold((0, 0), |(cells, panes), cell| (cells + 1, panes + cell.len()))
    }
}
