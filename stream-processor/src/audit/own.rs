//! One session as it was counted, and as it would have been, had none of its facts come late.

use std::collections::{BTreeMap, HashMap};

use tallylight_schemas::fates::Fate;
use tallylight_schemas::ipc::TenantDelivery;

use super::deliveries::time_of_report;
use super::facts::{Facts, Place};
use super::replay::{Ends, Replay};
use super::truth::{Asked, Difference, TIMELY_MS, quiet_us};
use crate::pure::input::PlayerInput;
use crate::pure::limits::Limits;

/// One fact, whoever states it.
enum What<'a> {
    Player(Box<PlayerInput<'a>>),
    Report(&'a TenantDelivery),
}

/// Whether a session was counted otherwise than it would have been. What edges say is compared
/// elsewhere, by itself.
fn differ(counted: &Ends, truth: &Ends) -> bool {
    counted.playback != truth.playback
        || counted.sessions != truth.sessions
        || counted.spans != truth.spans
}

/// The facts of one sid.
pub(super) struct Own<'a> {
    facts: &'a Facts,
    players: Vec<usize>,
    deliveries: Vec<usize>,
}

impl<'a> Own<'a> {
    /// The facts of each sid that has some, by tenant and sid.
    pub(super) fn each(facts: &'a Facts) -> HashMap<(&'a str, &'a str), Self> {
        let mut each = HashMap::new();
        let none = || Self { facts, players: Vec::new(), deliveries: Vec::new() };
        for row in 0..facts.player_places.len() {
            let event = facts.players.get(row);
            let own: &mut Self = each.entry((event.tenant, event.sid)).or_insert_with(none);
            own.players.push(row);
        }
        for (row, (_, report)) in facts.deliveries.iter().enumerate() {
            let Some(sid) = report.event.sid.as_deref() else { continue };
            each.entry((&report.tenant, sid)).or_insert_with(none).deliveries.push(row);
        }
        each
    }

    fn input(&self, row: usize) -> PlayerInput<'a> {
        self.facts.players.get(row).into()
    }

    /// Whether facts that were read from `from` (log time, Unix µs) on are all that matter: the first
    /// playback of the sid is among them, and whatever was before them was over and forgotten when
    /// they came, and by their own time, too.
    fn is_whole(&self, from: i64, quiet: i64) -> bool {
        let place = |row: &usize| self.facts.player_places[*row];
        let timed = self.players.iter().map(|row| self.input(*row));
        let timed = timed.filter(|input| input.ts.is_some());
        let soonest = timed.map(|input| input.delay()).min().unwrap_or(0);
        let players = self.players.iter().map(|row| {
            let input = self.input(*row);
            let at = input.received_ms.min(input.time().saturating_add(soonest));
            place(row).logged_us.min(at.saturating_mul(1_000))
        });
        // What edges say is of no session unless its player's facts are near.
        let reports = self.deliveries.iter().map(|row| self.facts.deliveries[*row].0.logged_us);
        let mut times = players.chain(reports);
        self.players.iter().any(|row| place(row).epoch == Some(0))
            && times.all(|at| at >= from.saturating_add(quiet))
    }

    /// Log time up to which facts count at `at`: the end of the newest run of facts that is over
    /// and in which one came after its time.
    fn end(&self, at: i64, quiet: i64) -> Option<i64> {
        let player = |row: &usize| {
            let (place, input) = (self.facts.player_places[*row], self.input(*row));
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
        over.filter(|run| run.iter().any(|(_, late)| *late)).map(last).next_back()
    }

    /// Adds what is asked for, of facts that were read from `from` on, to the difference as of each
    /// moment. Answers no when older facts matter, too.
    pub(super) fn add(
        &self,
        asked: &Asked<'_>,
        from: i64,
        limits: &Limits,
        to: &mut [Difference],
    ) -> bool {
        let quiet = quiet_us(limits);
        let known = asked.since.map(|since| self.end(since, quiet));
        let same = known.is_some_and(|end| asked.at.iter().all(|at| self.end(*at, quiet) == end));
        if same && known.flatten().is_some() {
            // Of older facts it would be the same.
            return true;
        }
        if from > 0 && !self.is_whole(from, quiet) {
            return false;
        }
        if same {
            return true;
        }
        let both: Vec<_> = asked.at.iter().map(|at| self.both(*at, limits)).collect();
        // Few of those of whom a fact came late are otherwise for it: after a minute in which the door
        // was away all who watched are looked at.
        if both.iter().flatten().any(|(counted, truth)| differ(counted, truth)) {
            for (both, difference) in both.into_iter().zip(to) {
                both.into_iter().for_each(|(counted, truth)| difference.put(counted, truth));
            }
        }
        true
    }

    /// What was counted at a moment, and what would have been.
    fn both(&self, at: i64, limits: &Limits) -> Option<(Ends, Ends)> {
        let end = self.end(at, quiet_us(limits))?;
        let counted = self.as_logged(end, limits);
        let mut truth = self.as_if_timely(end, limits);
        for (key, row) in &mut truth.sessions {
            // How many came late is a fact, too.
            row.late_events = counted.sessions.get(key).map_or(0, |row| row.late_events);
        }
        Some((counted, truth))
    }

    /// What was counted.
    fn as_logged(&self, end: i64, limits: &Limits) -> Ends {
        let mut replay = Replay::new(1, 1, limits);
        let place = |row: usize| self.facts.player_places[row];
        let mut entries: BTreeMap<u64, (i64, Vec<usize>, Vec<usize>)> = BTreeMap::new();
        let mut entry = |place: Place, player: Option<usize>, report: Option<usize>| {
            if place.logged_us <= end {
                let entry = entries.entry(place.offset).or_default();
                entry.0 = place.logged_us;
                entry.1.extend(player);
                entry.2.extend(report);
            }
        };
        self.players.iter().for_each(|row| entry(place(*row), Some(*row), None));
        self.deliveries
            .iter()
            .for_each(|row| entry(self.facts.deliveries[*row].0, None, Some(*row)));
        for (logged, players, reports) in entries.into_values() {
            // Records that came in one piece then do so now: their delays are taken together.
            let next = |a: &usize, b: &usize| place(*a).row + 1 == place(*b).row;
            let runs = players.chunk_by(next);
            let inputs: Vec<Vec<_>> =
                runs.map(|run| run.iter().map(|row| self.input(*row)).collect()).collect();
            let reports = reports.into_iter().map(|row| &self.facts.deliveries[row].1);
            replay.entry(logged, &inputs, reports);
        }
        replay.pass(end + 2 * quiet_us(limits));
        replay.ends
    }

    /// What would have been counted, had every fact come as soon after its time as the soonest.
    fn as_if_timely(&self, end: i64, limits: &Limits) -> Ends {
        let place = |row: usize| self.facts.player_places[row];
        let inputs = || {
            let all = self.players.iter().map(|row| (place(*row), self.input(*row)));
            all.filter(|(place, _)| place.logged_us <= end)
        };
        let timed = inputs().filter(|(_, input)| input.ts.is_some());
        let soonest = timed.map(|(_, input)| input.delay()).min().unwrap_or(0);
        let mut all: Vec<(i64, u64, What<'_>)> = Vec::new();
        for (place, mut input) in inputs() {
            // Where its session was forgotten, that it came before was only taken for granted.
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
