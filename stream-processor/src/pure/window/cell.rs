//! The panes of one cell.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tallylight_schemas::rows::{Cell, Cuboid};

use super::hot::Hot;
use super::pane::{Delta, Gauge, Sums, Value};
use crate::pure::limits::OTHER;
use crate::pure::session::dimensions::Dimensions;
use crate::pure::session::words::Words;
use crate::pure::watermark::Due;

/// The identity of a cell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Name {
    pub(super) tenant: Arc<str>,
    pub(super) cuboid: Cuboid,
    pub(super) cell: Cell,
}

/// The cell of all dimensions.
pub(super) fn full_cell(dimensions: &Dimensions, words: &Words) -> Cell {
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

/// The cell of a cuboid for all values without one of their own.
pub(crate) fn other_cell(cuboid: Cuboid) -> Cell {
    let other = || Some(OTHER.to_owned());
    let all = Cell {
        content: other(),
        edge: other(),
        pipeline: other(),
        rendition: other(),
        country: other(),
        device: other(),
        player: other(),
        os: other(),
        // A number cannot say `__other__`; the edge beside it does.
        asn: None,
    };
    cuboid.project(&all)
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Slot {
    /// Shared with a copy of the state until it changes.
    delta: Option<Arc<Delta>>,
    /// Fingerprint of the value emitted last; 0 when none was.
    emitted: u64,
}

impl Slot {
    fn delta(&mut self) -> &mut Delta {
        Arc::make_mut(self.delta.get_or_insert_default())
    }
}

/// The panes that are not final, and the gauge before them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CellPanes {
    /// Boxed, so that what changes with every record lies close together.
    pub(super) name: Arc<Name>,
    width_ms: i64,
    /// Number of the pane in the first slot.
    first: i64,
    slots: VecDeque<Slot>,
    /// Gauge at the start of the first slot.
    base: Gauge,
}

impl CellPanes {
    pub(super) fn new(tenant: Arc<str>, cuboid: Cuboid, cell: Cell) -> Self {
        let width_ms = cuboid.width_us() / 1_000;
        let (slots, base) = (VecDeque::new(), Gauge::default());
        let name = Arc::new(Name { tenant, cuboid, cell });
        Self { name, width_ms, first: 0, slots, base }
    }

    /// Width of a pane, ms.
    pub(super) fn width_ms(&self) -> i64 {
        self.width_ms
    }

    fn slot(&mut self, pane: i64) -> Option<&mut Slot> {
        if self.slots.is_empty() {
            self.first = pane;
        }
        while pane < self.first {
            self.slots.push_front(Slot::default());
            self.first -= 1;
        }
        let at = usize::try_from(pane - self.first).ok()?;
        while self.slots.len() <= at {
            self.slots.push_back(Slot::default());
        }
        self.slots.get_mut(at)
    }

    /// Adds `weight` to the gauges from `at` on. Panes before the first open one are final and
    /// stay; the change takes effect from there on.
    pub(super) fn step(&mut self, at: i64, weight: &Gauge, first_open: i64) {
        let start = at.max(first_open * self.width_ms);
        let pane = start.div_euclid(self.width_ms);
        let left = (pane + 1) * self.width_ms - start;
        if let Some(slot) = self.slot(pane) {
            slot.delta().step(weight, left);
        }
    }

    /// Counts in a pane that is not final.
    pub(super) fn count(&mut self, pane: i64, sums: &Sums) {
        if let Some(slot) = self.slot(pane) {
            slot.delta().count(sums);
        }
    }

    /// Adds the counts that wait in `hot`.
    pub(super) fn pour(&mut self, hot: &mut Hot) {
        if let Some(pane) = hot.waiting()
            && let Some(slot) = self.slot(pane)
        {
            hot.pour(slot.delta());
        }
    }

    /// Takes out everything from the start of `pane` on: the gauge then, and the changes since.
    /// From there on this cell is empty.
    pub(super) fn hand_over(&mut self, pane: i64) -> (Gauge, Vec<(i64, Arc<Delta>)>) {
        let (mut gauge, mut changes) = (self.base, Vec::new());
        for (number, slot) in (self.first..).zip(self.slots.iter_mut()) {
            if number >= pane {
                changes.extend(slot.delta.take().map(|delta| (number, delta)));
            } else if let Some(delta) = &slot.delta {
                gauge.iter_mut().zip(delta.net).for_each(|(sum, net)| *sum += net);
            }
        }
        if gauge != Gauge::default() {
            self.step(pane * self.width_ms, &gauge.map(|sessions| -sessions), pane);
        }
        (gauge, changes)
    }

    /// Adds everything that another cell handed over at `pane`.
    pub(super) fn take_over(&mut self, pane: i64, gauge: &Gauge, changes: &[(i64, Arc<Delta>)]) {
        if *gauge != Gauge::default() {
            self.step(pane * self.width_ms, gauge, pane);
        }
        for (pane, delta) in changes {
            if let Some(slot) = self.slot(*pane) {
                slot.delta().merge(delta);
            }
        }
    }

    /// Adds every due pane whose value changed since it was emitted to `out`.
    pub(super) fn emit(&mut self, due: &Due, out: &mut Vec<(i64, Value)>) {
        if self.slots.is_empty() {
            self.first = due.first_open();
        }
        let mut gauge = self.base;
        let mut pane = self.first;
        while pane <= due.newest() {
            let at = usize::try_from(pane - self.first).unwrap_or(usize::MAX);
            if at >= self.slots.len() {
                if gauge == Gauge::default() {
                    break;
                }
                self.slots.push_back(Slot::default());
            }
            let Some(slot) = self.slots.get_mut(at) else { break };
            let delta = slot.delta.as_deref();
            if due.contains(pane) {
                let value = Value::of(&gauge, delta, self.width_ms);
                let fingerprint = value.fingerprint();
                if fingerprint != slot.emitted {
                    slot.emitted = fingerprint;
                    out.push((pane, value));
                }
            }
            for (sum, net) in gauge.iter_mut().zip(delta.map(|d| d.net).unwrap_or_default()) {
                *sum += net;
            }
            pane += 1;
        }
    }

    /// Folds the panes before `first_open` into the base. Answers whether nothing is left.
    pub(super) fn finalise(&mut self, first_open: i64) -> bool {
        while self.first < first_open
            && let Some(slot) = self.slots.pop_front()
        {
            if let Some(delta) = slot.delta {
                for (sum, net) in self.base.iter_mut().zip(delta.net) {
                    *sum += net;
                }
            }
            self.first += 1;
        }
        self.slots.is_empty() && self.base == Gauge::default()
    }

    /// Panes held.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}
