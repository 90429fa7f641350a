//! The rows of cells.

use tallylight_schemas::metrics;
use tallylight_schemas::rows::{Cuboid, PlaybackRow};

use rustc_hash::FxHashMap;

use super::cell::Name;
use super::cells::{Place, Windows};
use super::hot::Hot;
use super::pane::Gauge;
use crate::pure::watermark::Watermark;

impl Windows {
    /// Answers the rows that are due, then drops final panes.
    pub fn emit(&mut self, mark: &Watermark, partition: u16, version: u64) -> Vec<PlaybackRow> {
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        let due = Cuboid::ALL.map(|cuboid| mark.due(cuboid.width_us() / 1_000));
        self.first_open = due.map(|due| due.first_open());
        let before = self.free.len();
        for at in 0..self.places.len() {
            self.pour(at);
            let Place { panes: Some(panes), gone, guests, came, .. } = &mut self.places[at] else {
                continue;
            };
            // The winner of a contest is kept until the next one, even if it is empty.
            let is_new = came.saturating_add(1) >= self.contests;
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
            let nobody =
                *guests == 0 && gone.as_ref().is_none_or(|gone| gone.moved == Gauge::default());
            if panes.finalise(self.first_open[which]) && nobody && !is_new {
                self.drop_cell(at);
            }
        }
        if self.free.len() > before {
            self.turn = self.turn.saturating_add(1);
        }
        if let Some(log_ms) = mark.contest_is_due() {
            self.contest(log_ms);
        }
        rows
    }

    fn drop_cell(&mut self, at: usize) {
        let place = std::mem::take(&mut self.places[at]);
        let Some(panes) = place.panes else { return };
        let Name { tenant, cuboid, cell } = &*panes.name;
        self.hot[at] = Hot::default();
        self.free.extend(u32::try_from(at));
        if let Some(other) = place.gone.and_then(|gone| self.places.get_mut(gone.to as usize)) {
            other.guests = other.guests.saturating_sub(1);
        }
        if let Some(of) = self.tenants.get_mut(tenant) {
            of.index[*cuboid as usize].remove(cell);
            if of.others[*cuboid as usize] == u32::try_from(at).ok() {
                of.others[*cuboid as usize] = None;
            }
            if of.index.iter().all(FxHashMap::is_empty) {
                self.tenants.remove(tenant);
            }
        }
    }

    /// Cells and panes held.
    pub fn size(&self) -> (usize, usize) {
        let held = self.places.iter().filter_map(|place| place.panes.as_ref());
        held.fold((0, 0), |(cells, panes), cell| (cells + 1, panes + cell.len()))
    }
}
