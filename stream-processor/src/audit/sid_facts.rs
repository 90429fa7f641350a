//! One sid as it was counted, and as it would have been had none of its facts been late.

use std::collections::HashMap;

use tallylight_schemas::fates::Fate;
use tallylight_schemas::ipc::TenantDelivery;

use super::clock_trust::{Came, usable_to};
use super::deliveries::time_of_report;
use super::difference::{Difference, TIMELY_MS, Wanted, quiet_us};
use super::facts::{Facts, Place};
use super::replay::{Ends, Replay};
use crate::pure::input::PlayerInput;
use crate::pure::limits::Limits;

/// How many ends of runs, the newest first, are tried for whether it is known what was counted:
/// each costs a replay or two of all facts before it.
const TRIES: usize = 8;

/// One fact, of a player or a service.
enum What<'a> {
    Player(Box<PlayerInput<'a>>),
    Report(&'a TenantDelivery),
}

/// Whether a session was counted differently. Reports of edges are compared separately, elsewhere.
fn differ(counted: &Ends, truth: &Ends) -> bool {
    counted.playback != truth.playback
        || counted.sessions != truth.sessions
        || counted.spans != truth.spans
}

/// The results for a sid as of a moment.
#[derive(Default)]
struct Both {
    counted: Ends,
    truth: Ends,
    /// It is not known what was counted of all facts.
    unknown: bool,
}

/// The facts of one sid.
pub(super) struct SidFacts<'a> {
    pub(super) facts: &'a Facts,
    pub(super) players: Vec<usize>,
    pub(super) deliveries: Vec<usize>,
    /// Facts that were read from here on (log time, Unix µs) are not used.
    usable_to: i64,
}

impl<'a> SidFacts<'a> {
    /// The facts of each sid that has some, by tenant and sid; those from `until` on (log time,
    /// Unix µs) were not read. A session that is silent for `quiet` µs is over.
    pub(super) fn each(
        facts: &'a Facts,
        quiet: i64,
        until: i64,
    ) -> HashMap<(&'a str, &'a str), Self> {
        let mut each = HashMap::new();
        let none =
            || Self { facts, players: Vec::new(), deliveries: Vec::new(), usable_to: i64::MAX };
        for row in 0..facts.player_places.len() {
            let event = facts.players.get(row);
            let own: &mut Self = each.entry((event.tenant, event.sid)).or_insert_with(none);
            own.players.push(row);
        }
        for (row, (_, report)) in facts.deliveries.iter().enumerate() {
            let Some(sid) = report.event.sid.as_deref() else { continue };
            each.entry((&report.tenant, sid)).or_insert_with(none).deliveries.push(row);
        }
        for own in each.values_mut() {
            own.usable_to = usable_to(own.came(), quiet, until);
        }
        each
    }

    fn came(&self) -> impl Iterator<Item = Came> {
        let players = self.players.iter().map(|row| {
            let input = self.input(*row);
            let delay = input.ts.map(|_| input.delay().saturating_mul(1_000));
            Came::Player(self.place(*row).logged_us, delay)
        });
        players.chain(self.deliveries.iter().map(|row| {
            let (place, event) = &self.facts.deliveries[*row];
            let delay = place.logged_us.saturating_sub(time_of_report(event));
            Came::Report(place.logged_us, delay)
        }))
    }

    pub(super) fn place(&self, row: usize) -> Place {
        self.facts.player_places[row]
    }

    pub(super) fn input(&self, row: usize) -> PlayerInput<'a> {
        self.facts.players.get(row).into()
    }

    /// Whether only facts that were read from `from` (log time, Unix µs) on matter: they include
    /// the first playback of the sid, and anything before them was over and forgotten when they
    /// arrived, and also by their own time.
    fn is_whole(&self, from: i64, quiet: i64) -> bool {
        let place = |row: &usize| self.place(*row);
        let is_usable = |row: &&usize| place(row).logged_us < self.usable_to;
        let timed = self.players.iter().filter(is_usable).map(|row| self.input(*row));
        let timed = timed.filter(|input| input.ts.is_some());
        let soonest = timed.map(|input| input.delay()).min().unwrap_or(0);
        let players = self.players.iter().map(|row| {
            let input = self.input(*row);
            let at = input.received_ms.min(input.time().saturating_add(soonest));
            let at = if is_usable(&row) { at.saturating_mul(1_000) } else { i64::MAX };
            place(row).logged_us.min(at)
        });
        // Reports of edges only belong to a session with facts of its player nearby.
        let reports = self.deliveries.iter().map(|row| self.facts.deliveries[*row].0.logged_us);
        let mut times = players.chain(reports);
        self.players.iter().any(|row| place(row).epoch == Some(0))
            && times.all(|at| at >= from.saturating_add(quiet))
    }

    /// The ends (log time) of the runs of facts that are over at `at` and include a late fact, the
    /// newest last. Facts count up to such an end.
    fn ends(&self, at: i64, quiet: i64) -> Vec<i64> {
        let player = |row: &usize| {
            let (place, input) = (self.place(*row), self.input(*row));
            let slow = place.logged_us - input.time() * 1_000 > TIMELY_MS * 1_000;
            let unfound = place.fate == Fate::Duplicate && !place.found;
            (place.logged_us, place.fate == Fate::Late || slow || unfound)
        };
        let report = |row: &usize| {
            let (place, event) = &self.facts.deliveries[*row];
            let slow = place.logged_us - event.event.ts > TIMELY_MS * 1_000;
            (place.logged_us, place.fate == Fate::Late || slow)
        };
        let players = self.players.iter().map(player);
        let mut all: Vec<_> = players.chain(self.deliveries.iter().map(report)).collect();
        all.sort_unstable();
        let runs = all.chunk_by(|a, b| b.0 - a.0 <= quiet);
        let last = |run: &[(i64, bool)]| run.last().map_or(i64::MIN, |fact| fact.0);
        let over = runs.filter(|run| last(run).saturating_add(quiet) <= at);
        let over = over.filter(|run| last(run) < self.usable_to);
        over.filter(|run| run.iter().any(|(_, late)| *late)).map(last).collect()
    }

    fn end(&self, at: i64, quiet: i64) -> Option<i64> {
        self.ends(at, quiet).pop()
    }

    /// Adds what is wanted to the difference as of each moment, by facts that were read from `from`
    /// on. Answers false if older facts matter, too.
    pub(super) fn add(
        &self,
        asked: &Wanted<'_>,
        from: i64,
        limits: &Limits,
        to: &mut [Difference],
    ) -> bool {
        let quiet = quiet_us(limits);
        let known = asked.since.map(|since| self.end(since, quiet));
        let same = known.is_some_and(|end| asked.at.iter().all(|at| self.end(*at, quiet) == end));
        // With older facts it would be the same.
        let settled = same && known.flatten().is_some();
        if !settled && from > 0 && !self.is_whole(from, quiet) {
            return false;
        }
        // Reported by the first repair that leaves it out.
        let is_news = asked.since.is_none_or(|since| since < self.usable_to);
        for (at, difference) in asked.at.iter().zip(&mut *to) {
            difference.left_out += u64::from(is_news && self.usable_to <= *at);
        }
        if same {
            return true;
        }
        let both: Vec<_> = asked.at.iter().map(|at| self.both(*at, limits)).collect();
        // Most sids with a late fact do not change by it: after a minute without a collector all
        // viewers are among them.
        let differs = both.iter().flatten().any(|both| differ(&both.counted, &both.truth));
        for (both, difference) in both.into_iter().zip(to) {
            let Some(both) = both else { continue };
            difference.left_out += u64::from(both.unknown && self.usable_to == i64::MAX);
            if differs {
                difference.put(both.counted, both.truth);
            }
        }
        true
    }

    /// What was counted as of a moment, and what would have been. If it is not known what was
    /// counted up to the end of a run, then as of the previous one: what was repaired once stays
    /// so.
    fn both(&self, at: i64, limits: &Limits) -> Option<Both> {
        let ends = self.ends(at, quiet_us(limits));
        let newest = ends.last().copied();
        let known = |end: &i64| self.counted(*end, limits).map(|counted| (*end, counted));
        let Some((end, (counted, limits))) = ends.iter().rev().take(TRIES).find_map(known) else {
            let unknown = newest.is_some();
            return unknown.then(|| Both { unknown, ..Both::default() });
        };
        let mut truth = self.as_if_timely(end, &limits);
        for (key, row) in &mut truth.sessions {
            // How many records were late is a fact, too.
            row.late_events = counted.sessions.get(key).map_or(0, |row| row.late_events);
        }
        Some(Both { counted, truth, unknown: newest != Some(end) })
    }

    /// What would have been counted had every fact arrived with the shortest delay of all.
    fn as_if_timely(&self, end: i64, limits: &Limits) -> Ends {
        let inputs = || {
            let all = self.players.iter().map(|row| (self.place(*row), self.input(*row)));
            all.filter(|(place, _)| place.logged_us <= end)
        };
        let timed = inputs().filter(|(_, input)| input.ts.is_some());
        let soonest = timed.map(|(_, input)| input.delay()).min().unwrap_or(0);
        let mut all: Vec<(i64, u64, What<'_>)> = Vec::new();
        for (place, mut input) in inputs() {
            // If its session was forgotten, it was only assumed to have arrived before.
            if place.fate == Fate::Duplicate && place.found && input.sn.is_none() {
                continue;
            }
            if let Some(ts) = input.ts {
                input.received_ms = input.received_ms.min(ts.saturating_add(soonest));
            }
            let at = place.logged_us.min(input.received_ms.saturating_mul(1_000));
            all.push((at, input.sn.unwrap_or(0), What::Player(Box::new(input))));
        }
        for row in &self.deliveries {
            let (place, event) = &self.facts.deliveries[*row];
            if place.logged_us <= end && place.fate != Fate::Duplicate {
                all.push((place.logged_us.min(time_of_report(event)), 0, What::Report(event)));
            }
        }
        all.sort_by_key(|(at, sn, _)| (*at, *sn));
        let mut replay = Replay::new(1, 1, limits);
        for (at, _, what) in all {
            match what {
                What::Player(input) => replay.entry(at, &[vec![*input]], []),
                What::Report(event) => replay.entry(at, &[], [event]),
            }
        }
        replay.pass(end + 2 * quiet_us(limits));
        replay.ends
    }
}
