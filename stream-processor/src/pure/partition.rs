//! The state of one partition: its rows are a function of it.
//!
//! An entry is fed in as [`PartitionState::begin`], any number of records, and
//! [`PartitionState::finish`], which answers the rows that became due. Nothing else moves time.

mod copy;

use serde::{Deserialize, Serialize};
use tallylight_schemas::cmcd::Mode;
use tallylight_schemas::delivery::DeliveryEvent;
use tallylight_schemas::fates::{Fate, FateCount};
use tallylight_schemas::ident;
use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::rows::{ProgressRow, TopicRows};
use tallylight_schemas::session::SessionRow;

use super::dedupe::{Sequences, mix};
use super::delivery::DeliveryPanes;
use super::fates::Fates;
use super::input::PlayerInput;
use super::limits::Limits;
pub use super::outputs::{Ends, Rows, Tally};
use super::session::Sessions;
use super::session::store::Now;
use super::session::warm::{Likely, TOGETHER};
use super::watermark::{HORIZON_MS, SKEW_IGNORED_MS, Watermark};
use super::window::Windows;

/// How much the state holds; every number is bounded by [`Limits`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Sessions held whole, open or ended.
    pub sessions: usize,
    /// Their facts that can still be reordered.
    pub facts: usize,
    /// Their words.
    pub words: usize,
    /// Tombstones.
    pub tombstones: usize,
    /// Sids that only edges know.
    pub pending: usize,
    /// Cells.
    pub cells: usize,
    /// Panes of cells.
    pub panes: usize,
    /// Panes of delivery.
    pub delivery_panes: usize,
    /// Keys in them.
    pub delivery_keys: usize,
}

/// See the module. Serde leaves out the sessions: [`PartitionState::begin_copy`] makes a copy of
/// them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartitionState {
    partition: u16,
    partitions: u16,
    limits: Limits,
    mark: Watermark,
    sessions: Sessions,
    sequences: Sequences,
    windows: Windows,
    delivery: DeliveryPanes,
    fates: Fates,
    tally: Tally,
    lost_entries: u64,
    /// Empty between two entries.
    #[serde(skip)]
    early: TopicRows,
}

impl PartitionState {
    /// The state of `partition` before the first entry.
    pub fn new(partition: u16, partitions: u16, limits: Limits) -> Self {
        Self {
            partition,
            partitions,
            mark: Watermark::default(),
            sessions: Sessions::new(limits.clone()),
            sequences: Sequences::default(),
            windows: Windows::new(limits.cells),
            delivery: DeliveryPanes::new(limits.delivery_keys),
            fates: Fates::default(),
            tally: Tally::default(),
            lost_entries: 0,
            early: TopicRows::default(),
            limits,
        }
    }

    /// The number of the partition, and how many there are.
    pub fn place(&self) -> (u16, u16) {
        (self.partition, self.partitions)
    }

    /// Begins the entry at `offset`: log time moves, silent sessions end.
    pub fn begin(&mut self, offset: u64, appended_at_us: i64) {
        let before = self.mark.log_ms();
        self.mark.advance(appended_at_us);
        let log = self.mark.log_ms();
        self.sessions.time_out(&mut Now { windows: &mut self.windows, log });
        // After a long pause the panes before it are final now. They are emitted before records of
        // another time are taken in, so that no cell has to cover the pause, and as part of this
        // entry's emission: the previous entry may have used up its own version.
        if log - before > HORIZON_MS {
            let rows = self.emit(offset + 1);
            self.early.extend(rows);
        }
    }

    /// Takes in players' records, in the order of the log.
    pub fn players(&mut self, inputs: &[PlayerInput<'_>]) {
        self.players_to(inputs, &mut ());
    }

    /// The same, and reports the fate of each to `to`.
    pub fn players_to(&mut self, inputs: &[PlayerInput<'_>], ends: &mut impl Ends) {
        let mut at = 0;
        let (mut likely, mut looked_up) = (Likely::default(), 0..0);
        while let Some(first) = inputs.get(at) {
            let same =
                |input: &&PlayerInput<'_>| input.sid == first.sid && input.tenant == first.tenant;
            let run = inputs[at..].iter().take_while(same).count();
            let timed = inputs[at..at + run].iter().filter(|input| input.ts.is_some());
            let delay = timed.map(PlayerInput::delay).min().unwrap_or(i64::MAX);
            for input in &inputs[at..at + run] {
                if at == looked_up.end {
                    likely = self.sessions.look_up(&inputs[at..]);
                    looked_up = at..at + TOGETHER;
                }
                self.player(input, delay, likely[at - looked_up.start], ends);
                at += 1;
            }
        }
    }

    fn player(
        &mut self,
        input: &PlayerInput<'_>,
        delay: i64,
        likely: Option<u32>,
        ends: &mut impl Ends,
    ) {
        let log = self.mark.log_ms();
        let mut now = Now { windows: &mut self.windows, log };
        let (fate, slot) = self.sessions.record(input, delay, likely, &mut now);
        ends.end(fate, slot.and_then(|slot| self.sessions.here(slot)));
        let mode = if input.request { Mode::Request } else { Mode::Event };
        self.note(input.tenant, input.source.unwrap_or(mode.source()), fate);
    }

    fn note(&mut self, tenant: &str, source: &str, fate: Fate) {
        match fate {
            Fate::Accepted => self.tally.accepted += 1,
            Fate::Duplicate => self.tally.duplicate += 1,
            _ => self.tally.late += 1,
        }
        self.fates.add(self.mark.log_ms(), tenant, source, fate, 1);
    }

    /// Takes in what a media service reported.
    pub fn delivery(&mut self, reported: &TenantDelivery) -> Fate {
        let (tenant, event) = (reported.tenant.as_str(), &reported.event);
        let log = self.mark.log_ms();
        // Reporters run on our own clocks; one that is ahead is limited to the time of arrival.
        let newest = reported.received_at.div_euclid(1_000) + SKEW_IGNORED_MS;
        let at = event.ts.div_euclid(1_000).min(newest).min(log + SKEW_IGNORED_MS);
        let fate = if !self.sequences.insert(tenant, event, self.limits.reporters) {
            Fate::Duplicate
        } else if at < self.mark.horizon_ms() {
            Fate::Late
        } else {
            self.delivery.add(tenant, event, at);
            let mut now = Now { windows: &mut self.windows, log };
            self.sessions.served(tenant, event, at, identity(event), &mut now);
            Fate::Accepted
        };
        self.note(tenant, "events", fate);
        fate
    }

    /// Counts a record that is passed on and changes nothing here.
    pub fn passed(&mut self, tenant: &str, source: &str) {
        self.note(tenant, source, Fate::Accepted);
    }

    /// Takes in the collector's counts.
    pub fn door(&mut self, count: &FateCount) {
        self.fates.door(self.mark.log_ms(), count);
    }

    /// Counts entries that the log removed before they could be read.
    pub fn lose(&mut self, entries: u64) {
        self.lost_entries += entries;
    }

    /// Ends the entry; `next` is the offset after it. Rows come once per second of log time.
    pub fn finish(&mut self, next: u64) -> Rows {
        let mut topic = std::mem::take(&mut self.early);
        if self.mark.emission_is_due() {
            topic.extend(self.emit(next));
        }
        Rows { topic, over: self.sessions.take_over() }
    }

    /// A whole entry of players' records: [`Self::begin`], [`Self::players`] and
    /// [`Self::finish`] in one, for benchmarks.
    pub fn feed(&mut self, offset: u64, appended_at_us: i64, inputs: &[PlayerInput<'_>]) -> Rows {
        self.begin(offset, appended_at_us);
        self.players(inputs);
        self.finish(offset + 1)
    }

    fn emit(&mut self, version: u64) -> TopicRows {
        let rows = TopicRows {
            playback: self.windows.emit(&self.mark, self.partition, version),
            delivery: self.delivery.emit(&self.mark, self.partition, version),
            fates: self.fates.emit(self.mark.log_ms(), self.partition, version),
            progress: vec![self.progress(version)],
            ..TopicRows::default()
        };
        self.mark.emitted();
        rows
    }

    fn progress(&self, offset: u64) -> ProgressRow {
        ProgressRow {
            partition: self.partition,
            partitions: self.partitions,
            offset,
            log_time: self.mark.log_us(),
            final_up_to: self.mark.horizon_ms() * 1_000,
            sessions: u64::try_from(self.sessions.open_count()).unwrap_or(u64::MAX),
            lost_events: self.sessions.lost(),
            lost_entries: self.lost_entries,
        }
    }

    /// Log time, Unix µs.
    pub fn log_us(&self) -> i64 {
        self.mark.log_us()
    }

    /// Open sessions.
    pub fn open_sessions(&self) -> usize {
        self.sessions.open_count()
    }

    /// Records so far, by fate.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Sessions of a tenant (and a sid), open ones first, then by newest record.
    pub fn session_rows(&self, tenant: &str, sid: Option<&str>, limit: usize) -> Vec<SessionRow> {
        self.sessions.rows(tenant, sid, limit)
    }

    /// The sessions, for queries.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Sets other limits; what is held already stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.windows.set_max_cells(limits.cells);
        self.delivery.set_max_keys(limits.delivery_keys);
        self.sessions.set_limits(limits.clone());
        self.limits = limits;
    }

    /// How much the state holds.
    pub fn size(&self) -> Size {
        let [sessions, facts, words, tombstones, pending] = self.sessions.size();
        let (cells, panes) = self.windows.size();
        let (delivery_panes, delivery_keys) = self.delivery.size();
        Size {
            sessions,
            facts,
            words,
            tombstones,
            pending,
            cells,
            panes,
            delivery_panes,
            delivery_keys,
        }
    }
}

fn identity(event: &DeliveryEvent) -> u64 {
    mix(mix(ident::hash("", &event.source), event.boot), event.seq)
}
