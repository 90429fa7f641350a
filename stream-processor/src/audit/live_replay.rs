//! Recomputes what was counted of a sid live. The same code gives the same result, unless more
//! sessions ended than are kept whole: then one was forgotten early, and a viewer who returned
//! began a new playback. The playback stored with each record tells which of the two happened.

use std::collections::BTreeMap;

use tallylight_schemas::fates::Fate;

use super::difference::quiet_us;
use super::facts::Place;
use super::replay::{Ends, Replay};
use super::sid_facts::SidFacts;
use crate::pure;
use crate::pure::limits::Limits;
use crate::pure::session::store::Here;
use crate::pure::watermark::TIMEOUT_MS;

/// The playback of each record, in the order in which they are fed.
#[derive(Debug, Default)]
struct Epochs(Vec<Option<u32>>);

impl pure::partition::Ends for Epochs {
    fn end(&mut self, _: Fate, here: Option<Here<'_>>) {
        self.0.push(here.map(|here| here.epoch));
    }
}

/// The facts of an entry.
#[derive(Debug, Default)]
struct Together {
    logged_us: i64,
    players: Vec<usize>,
    reports: Vec<usize>,
}

impl SidFacts<'_> {
    /// What was counted of the facts up to `end`, log time in Unix µs, and by which limits: as if
    /// all ended sessions were kept for their time, or none of them. `None` if it was neither.
    pub(super) fn counted(&self, end: i64, limits: &Limits) -> Option<(Ends, Limits)> {
        let soon = Limits { closed: 0, ..limits.clone() };
        [limits.clone(), soon]
            .into_iter()
            .find_map(|limits| self.as_logged(end, &limits).map(|ends| (ends, limits)))
    }

    /// The result of the facts as the log had them, by these limits; `None` if their playbacks are
    /// not those that were stored.
    fn as_logged(&self, end: i64, limits: &Limits) -> Option<Ends> {
        let mut replay = Replay::new(1, 1, limits);
        let (mut rows, mut epochs) = (Vec::new(), Epochs::default());
        for entry in self.entries(end).into_values() {
            // Records that arrived in one piece are fed in one piece: their delays are used
            // together.
            let next = |a: &usize, b: &usize| self.place(*a).row + 1 == self.place(*b).row;
            let runs = entry.players.chunk_by(next);
            let inputs: Vec<Vec<_>> =
                runs.map(|run| run.iter().map(|row| self.input(*row)).collect()).collect();
            let reports = entry.reports.iter().map(|row| &self.facts.deliveries[*row].1);
            replay.entry_to(entry.logged_us, &inputs, reports, &mut epochs);
            rows.extend(entry.players);
        }
        if !self.are_of(&rows, &epochs.0) {
            return None;
        }
        replay.pass(end + 2 * quiet_us(limits));
        Some(replay.ends)
    }

    fn entries(&self, end: i64) -> BTreeMap<u64, Together> {
        let mut entries: BTreeMap<u64, Together> = BTreeMap::new();
        let mut entry = |place: Place, player: Option<usize>, report: Option<usize>| {
            if place.logged_us <= end {
                let entry = entries.entry(place.offset).or_default();
                entry.logged_us = place.logged_us;
                entry.players.extend(player);
                entry.reports.extend(report);
            }
        };
        self.players.iter().for_each(|row| entry(self.place(*row), Some(*row), None));
        self.deliveries
            .iter()
            .for_each(|row| entry(self.facts.deliveries[*row].0, None, Some(*row)));
        entries
    }

    /// Whether the stored playbacks of these records agree, as far as that shows when the sid was
    /// forgotten: the first that differs followed a silence in which its session ended.
    fn are_of(&self, rows: &[usize], epochs: &[Option<u32>]) -> bool {
        let (mut last, mut was_silent) = (None, false);
        for (row, epoch) in rows.iter().zip(epochs) {
            let place = self.place(*row);
            let since = place.logged_us.saturating_sub(last.unwrap_or(place.logged_us));
            was_silent |= since > TIMEOUT_MS * 1_000;
            last = Some(place.logged_us);
            let known = place.fate == Fate::Accepted && place.epoch.is_some();
            if known && place.epoch != *epoch {
                return !was_silent;
            }
        }
        true
    }
}
