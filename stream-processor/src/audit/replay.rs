//! Runs the pure code over facts again, and collects its final results.

use std::collections::BTreeMap;

use tallylight_schemas::ident::Shard;
use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::rows::{DeliveryRow, PlaybackRow};
use tallylight_schemas::session::{SessionRow, SpanRow};

use super::facts::Facts;
use crate::pure;
use crate::pure::input::PlayerInput;
use crate::pure::limits::Limits;
use crate::pure::settle::Settle;
use crate::read::Partitions;

/// A playback by tenant, sid and number.
pub(super) type SessionKey = (String, String, u32);

/// Final results.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    pub(super) playback: Vec<PlaybackRow>,
    pub(super) delivery: Vec<DeliveryRow>,
    pub(super) sessions: BTreeMap<SessionKey, SessionRow>,
    pub(super) spans: BTreeMap<SessionKey, Vec<SpanRow>>,
}

impl Ends {
    /// Drops panes that began before then (Unix µs).
    pub(super) fn forget_panes_before(&mut self, then: i64) {
        self.playback.retain(|row| row.pane >= then);
        self.delivery.retain(|row| row.pane >= then);
    }

    /// Drops sessions and spans that ended before then (Unix µs).
    pub(super) fn forget_sessions_before(&mut self, then: i64) {
        self.sessions.retain(|_, row| row.ended_at.is_none_or(|at| at >= then));
        self.spans.retain(|_, spans| {
            spans.retain(|span| span.to >= then);
            !spans.is_empty()
        });
    }
}

/// See the module. Shards of the log are replayed one after the other, as each has its own order.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    shards: Vec<OneShard>,
    pub(super) ends: Ends,
}

#[derive(Debug, Clone)]
struct OneShard {
    shard: Shard,
    partitions: Partitions,
    settle: Settle,
    next: u64,
}

impl Replay {
    /// Before the first fact of a log of this many shards.
    pub(super) fn new(shards: u16, partitions: u16, limits: &Limits) -> Self {
        let one = |shard| OneShard {
            shard,
            partitions: Partitions::of(shard, partitions, limits),
            settle: Settle::default(),
            next: 0,
        };
        let shards = (0..shards).filter_map(|number| Shard::new(number, shards)).map(one).collect();
        Self { shards, ends: Ends::default() }
    }

    /// Takes facts as the log had them: those of an entry together.
    pub(super) fn take(&mut self, facts: &Facts) {
        self.shards.iter_mut().for_each(|shard| shard.take(facts, &mut self.ends));
    }

    /// Takes facts of one moment, in a log of one partition; players' records in pieces.
    pub(super) fn entry<'a>(
        &mut self,
        log_us: i64,
        pieces: &[Vec<PlayerInput<'_>>],
        reports: impl IntoIterator<Item = &'a TenantDelivery>,
    ) {
        self.entry_to(log_us, pieces, reports, &mut ());
    }

    /// The same, and reports the fate of each player's record to `to`.
    pub(super) fn entry_to<'a>(
        &mut self,
        log_us: i64,
        pieces: &[Vec<PlayerInput<'_>>],
        reports: impl IntoIterator<Item = &'a TenantDelivery>,
        to: &mut impl pure::partition::Ends,
    ) {
        let Some(shard) = self.shards.first_mut() else { return };
        shard.partitions.begin(shard.next, log_us);
        pieces.iter().for_each(|inputs| shard.players(0, inputs, to));
        reports.into_iter().for_each(|event| shard.delivery(0, event));
        shard.end(&mut self.ends);
    }

    /// Only lets time pass.
    pub(super) fn pass(&mut self, log_us: i64) {
        for shard in &mut self.shards {
            shard.partitions.begin(shard.next, log_us);
            shard.end(&mut self.ends);
        }
    }
}

impl OneShard {
    fn take(&mut self, facts: &Facts, ends: &mut Ends) {
        let players: Vec<usize> = (0..facts.player_places.len())
            .filter(|at| self.shard.has(facts.player_places[*at].partition))
            .collect();
        let reports: Vec<usize> = (0..facts.deliveries.len())
            .filter(|at| self.shard.has(facts.deliveries[*at].0.partition))
            .collect();
        let player_at = |at: usize| players.get(at).map(|row| &facts.player_places[*row]);
        let report_at = |at: usize| reports.get(at).map(|row| &facts.deliveries[*row]);
        let (mut player, mut delivery) = (0, 0);
        loop {
            let players_here = player_at(player);
            let reports_here = report_at(delivery).map(|(place, _)| place);
            let first = match (players_here, reports_here) {
                (Some(a), Some(b)) => {
                    if a.offset <= b.offset {
                        a
                    } else {
                        b
                    }
                }
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => return,
            };
            let offset = first.offset;
            self.partitions.begin(self.next, first.logged_us);
            while let Some(place) = player_at(player).filter(|place| place.offset == offset) {
                let same = |row: &&usize| {
                    let other = facts.player_places[**row];
                    (other.offset, other.partition) == (offset, place.partition)
                };
                let run = players[player..].iter().take_while(same);
                let inputs: Vec<PlayerInput<'_>> =
                    run.map(|row| facts.players.get(*row).into()).collect();
                self.players(place.partition, &inputs, &mut ());
                player += inputs.len();
            }
            while let Some((place, event)) =
                report_at(delivery).filter(|(place, _)| place.offset == offset)
            {
                self.delivery(place.partition, event);
                delivery += 1;
            }
            self.end(ends);
        }
    }

    fn players(
        &mut self,
        partition: u16,
        inputs: &[PlayerInput<'_>],
        to: &mut impl pure::partition::Ends,
    ) {
        if let Some(state) = self.partitions.state(partition) {
            state.players_to(inputs, to);
        }
    }

    fn delivery(&mut self, partition: u16, event: &TenantDelivery) {
        if let Some(state) = self.partitions.state(partition) {
            state.delivery(event);
        }
    }

    fn end(&mut self, ends: &mut Ends) {
        self.next += 1;
        let rows = self.partitions.finish(self.next);
        let key = |tenant: &str, sid: &str, epoch| (tenant.to_owned(), sid.to_owned(), epoch);
        for row in rows.over.sessions {
            ends.sessions.insert(key(&row.tenant, &row.sid, row.epoch), row);
        }
        for row in rows.over.spans {
            ends.spans.entry(key(&row.tenant, &row.sid, row.epoch)).or_default().push(row);
        }
        let settled = self.settle.take(rows.topic);
        // The version is an entry's number, and replays of the same facts have other entries.
        let playback = settled.playback.into_iter();
        ends.playback.extend(playback.map(|row| PlaybackRow { version: 0, ..row }));
        ends.delivery.extend(settled.delivery);
    }
}
