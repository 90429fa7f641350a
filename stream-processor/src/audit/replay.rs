//! The pure code over facts once more, and what comes out of it in the end.

use std::collections::BTreeMap;

use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::rows::{DeliveryRow, PlaybackRow};
use tallylight_schemas::session::{SessionRow, SpanRow};

use super::facts::Facts;
use crate::pure::input::PlayerInput;
use crate::pure::limits::Limits;
use crate::pure::settle::Settle;
use crate::read::Partitions;

/// A playback by tenant, sid and number.
pub(super) type SessionKey = (String, String, u32);

/// What can change no more.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    pub(super) playback: Vec<PlaybackRow>,
    pub(super) delivery: Vec<DeliveryRow>,
    pub(super) sessions: BTreeMap<SessionKey, SessionRow>,
    pub(super) spans: BTreeMap<SessionKey, Vec<SpanRow>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Replay {
    partitions: Partitions,
    settle: Settle,
    next: u64,
    pub(super) ends: Ends,
}

impl Replay {
    /// Before the first fact.
    pub(super) fn new(partitions: u16, limits: &Limits) -> Self {
        Self {
            partitions: Partitions::new(partitions, limits),
            settle: Settle::default(),
            next: 0,
            ends: Ends::default(),
        }
    }

    /// Facts as the log had them: those of an entry together.
    pub(super) fn take(&mut self, facts: &Facts) {
        let (mut player, mut delivery) = (0, 0);
        loop {
            let players = facts.player_places.get(player);
            let reports = facts.deliveries.get(delivery).map(|(place, _)| place);
            let first = match (players, reports) {
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
            while let Some(place) = facts.player_places.get(player).filter(|p| p.offset == offset) {
                let same =
                    |p: &&super::facts::Place| (p.offset, p.partition) == (offset, place.partition);
                let run = facts.player_places[player..].iter().take_while(same).count();
                let inputs: Vec<PlayerInput<'_>> =
                    (player..player + run).map(|row| facts.players.get(row).into()).collect();
                self.players(place.partition, &inputs);
                player += run;
            }
            while let Some((place, event)) =
                facts.deliveries.get(delivery).filter(|(place, _)| place.offset == offset)
            {
                self.delivery(place.partition, event);
                delivery += 1;
            }
            self.end();
        }
    }

    /// Facts of one moment, in a log of one partition; players' records in pieces.
    pub(super) fn entry<'a>(
        &mut self,
        log_us: i64,
        pieces: &[Vec<PlayerInput<'_>>],
        reports: impl IntoIterator<Item = &'a TenantDelivery>,
    ) {
        self.partitions.begin(self.next, log_us);
        pieces.iter().for_each(|inputs| self.players(0, inputs));
        reports.into_iter().for_each(|event| self.delivery(0, event));
        self.end();
    }

    /// Nothing but time passes.
    pub(super) fn pass(&mut self, log_us: i64) {
        self.partitions.begin(self.next, log_us);
        self.end();
    }

    fn players(&mut self, partition: u16, inputs: &[PlayerInput<'_>]) {
        if let Some(state) = self.partitions.state(partition) {
            state.players(inputs);
        }
    }

    fn delivery(&mut self, partition: u16, event: &TenantDelivery) {
        if let Some(state) = self.partitions.state(partition) {
            state.delivery(event);
        }
    }

    fn end(&mut self) {
        self.next += 1;
        let mut rows = self.partitions.finish(self.next);
        let key = |tenant: &str, sid: &str, epoch| (tenant.to_owned(), sid.to_owned(), epoch);
        for row in std::mem::take(&mut rows.sessions) {
            self.ends.sessions.insert(key(&row.tenant, &row.sid, row.epoch), row);
        }
        for row in std::mem::take(&mut rows.spans) {
            self.ends.spans.entry(key(&row.tenant, &row.sid, row.epoch)).or_default().push(row);
        }
        let settled = self.settle.take(rows);
        self.ends.playback.extend(settled.playback);
        self.ends.delivery.extend(settled.delivery);
    }
}
