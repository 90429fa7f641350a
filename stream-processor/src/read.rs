//! Decodes entries of the events log and feeds them to their partitions. A part that cannot be read
//! becomes a dead letter and is skipped; it must not stop the rest. The fate of each record is
//! answered beside the rows, for history.

use arrow::array::RecordBatch;
use tallylight_eventlog::{Entry, Part, PartitionRange};
use tallylight_schemas::control::{ActionRow, IncidentRow};
use tallylight_schemas::dead::{DeadLetter, LOG};
use tallylight_schemas::fates::FateCount;
use tallylight_schemas::ident::{self, Shard};
use tallylight_schemas::infra::{InfraMetric, OTLP_METRICS};
use tallylight_schemas::ipc::{self, IpcError, TenantDelivery};
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::Kind;

use crate::events::EventEnds;
use crate::pure::input::PlayerInput;
use crate::pure::limits::Limits;
use crate::pure::partition::{PartitionState, Rows};

/// The partitions of one shard of the log, in order. Each has a state of its own and shares nothing
/// with the others.
#[derive(Debug, Clone)]
pub struct Partitions {
    states: Vec<PartitionState>,
    /// Each has the entries below this offset already. They only differ after a snapshot, and the
    /// first is the least.
    has: Vec<u64>,
    /// How many, from the first on, take part in the entry that is read.
    part: usize,
    bad_parts: u64,
}

/// The results of an entry.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows.
    pub rows: Rows,
    /// Players' records with their fates.
    pub players: Vec<RecordBatch>,
    /// Reports of media services with their fates.
    pub deliveries: Vec<RecordBatch>,
    /// Infrastructure metrics, which are passed on.
    pub infra: Vec<RecordBatch>,
    /// Dead letters of the collector, or of here.
    pub dead: Vec<DeadLetter>,
}

impl Partitions {
    /// All partitions before the first entry.
    pub fn new(partitions: u16, limits: &Limits) -> Self {
        Self::of(Shard::WHOLE, partitions, limits)
    }

    /// The partitions, out of `partitions`, of a shard before its first entry.
    pub fn of(shard: Shard, partitions: u16, limits: &Limits) -> Self {
        let new = |p| (PartitionState::new(p, partitions, limits.clone()), 0);
        Self::from_parts(shard.partitions(partitions).map(new).collect(), 0)
    }

    /// These states, each with everything below its offset, of which the first is the least; and
    /// the parts that could not be read before the last of these.
    pub(crate) fn from_parts(states: Vec<(PartitionState, u64)>, bad_parts: u64) -> Self {
        let (states, has): (Vec<_>, Vec<_>) = states.into_iter().unzip();
        Self { part: states.len(), states, has, bad_parts }
    }

    /// The entry to continue from; partitions that have some already skip these.
    pub fn position(&self) -> u64 {
        self.has.first().copied().unwrap_or(0)
    }

    /// Whether these are the states of a shard of this many partitions.
    pub fn are_of(&self, shard: Shard, partitions: u16) -> bool {
        let own = self.states.iter().map(|state| state.place());
        own.eq(shard.partitions(partitions).map(|partition| (partition, partitions)))
    }

    /// Log time, Unix µs.
    pub fn log_us(&self) -> i64 {
        self.states.iter().map(PartitionState::log_us).max().unwrap_or(0)
    }

    /// Begins the entry at `offset`, in every partition.
    pub(crate) fn begin(&mut self, offset: u64, appended_at_us: i64) {
        self.part = self.has.partition_point(|has| *has <= offset);
        self.taking_part().for_each(|state| state.begin(offset, appended_at_us));
    }

    /// Ends the entry, in every partition; `next` is the offset after it.
    pub(crate) fn finish(&mut self, next: u64) -> Rows {
        let mut rows = Rows::default();
        self.taking_part().for_each(|state| rows.extend(state.finish(next)));
        rows
    }

    fn taking_part(&mut self) -> impl Iterator<Item = &mut PartitionState> {
        self.states.iter_mut().take(self.part)
    }

    /// A whole entry of one partition's records, for benchmarks. Answers the rows.
    pub fn feed(
        &mut self,
        partition: u16,
        offset: u64,
        appended_at_us: i64,
        inputs: &[PlayerInput<'_>],
    ) -> Rows {
        self.state(partition)
            .map_or_else(Rows::default, |state| state.feed(offset, appended_at_us, inputs))
    }

    /// Takes in one entry and answers the rows that became due with it, and the fates of its
    /// records.
    pub fn entry(&mut self, entry: &Entry) -> Outcome {
        self.begin(entry.offset, entry.appended_at_us);
        let mut outcome = Outcome::default();
        for (number, part) in (0..).zip(&entry.parts) {
            let before = outcome.dead.len();
            if let Err(error) = self.take(part, &mut outcome) {
                // Entries that some partitions have already are counted already.
                self.bad_parts += u64::from(self.part == self.states.len());
                tracing::warn!(offset = entry.offset, kind = part.kind, %error, "part passed over");
                outcome.dead.push(unreadable(entry, part, &error));
            }
            outcome.dead.iter_mut().skip(before).for_each(|one| one.part = Some(number));
        }
        outcome.rows.extend(self.finish(entry.offset + 1));
        outcome
    }

    fn take(&mut self, part: &Part, to: &mut Outcome) -> Result<(), IpcError> {
        match Kind::from_code(part.kind) {
            Some(Kind::Player) => {
                to.players.push(self.players(&ipc::decode(&part.payload)?, &part.ranges)?);
                Ok(())
            }
            Some(Kind::Delivery) => {
                let batch = ipc::decode(&part.payload)?;
                let events = ipc::from_batch(&batch)?;
                to.deliveries.push(self.deliveries(&events, &part.ranges).finish(&batch)?);
                Ok(())
            }
            Some(Kind::DoorFates) => {
                let counts: Vec<FateCount> = ipc::decode_all(&part.payload)?;
                if let Some(first) = self.states.first_mut() {
                    counts.iter().for_each(|count| first.door(count));
                }
                Ok(())
            }
            Some(Kind::Actions) => {
                let actions: Vec<ActionRow> = ipc::decode_all(&part.payload)?;
                self.passed("events", actions.iter().map(|row| row.tenant.as_str()));
                to.rows.topic.actions.extend(actions);
                Ok(())
            }
            Some(Kind::Incidents) => {
                let incidents: Vec<IncidentRow> = ipc::decode_all(&part.payload)?;
                self.passed("events", incidents.iter().map(|row| row.tenant.as_str()));
                to.rows.topic.incidents.extend(incidents);
                Ok(())
            }
            Some(Kind::InfraMetrics) => {
                let batch = ipc::decode(&part.payload)?;
                let metrics: Vec<InfraMetric> = ipc::from_batch(&batch)?;
                self.passed(OTLP_METRICS, metrics.iter().map(|row| row.tenant.as_str()));
                to.infra.push(batch);
                Ok(())
            }
            Some(Kind::DeadLetters) => {
                to.dead.extend(ipc::decode_all::<DeadLetter>(&part.payload)?);
                Ok(())
            }
            // Log time has passed already, and what a later version writes is its own.
            _ => Ok(()),
        }
    }

    fn passed<'a>(&mut self, source: &str, tenants: impl Iterator<Item = &'a str>) {
        if let Some(first) = self.states.first_mut() {
            tenants.for_each(|tenant| first.passed(tenant, source));
        }
    }

    fn players(
        &mut self,
        batch: &RecordBatch,
        ranges: &[PartitionRange],
    ) -> Result<RecordBatch, IpcError> {
        let rows = PlayerRows::new(batch)?;
        let mut ends = EventEnds::of_players(rows.len(), self.log_us());
        for range in self.placed(ranges, rows.len(), |row| {
            let event = rows.get(row);
            (event.tenant.to_owned(), event.sid.to_owned())
        }) {
            let inputs: Vec<PlayerInput<'_>> =
                indices(&range, rows.len()).map(|row| rows.get(row).into()).collect();
            if let Some(state) = self.state(range.partition) {
                ends.place(indices(&range, rows.len()), range.partition);
                inputs.iter().for_each(|input| ends.came(input));
                state.players_to(&inputs, &mut ends);
            }
        }
        Ok(ends.finish(batch)?)
    }

    fn deliveries(&mut self, events: &[TenantDelivery], ranges: &[PartitionRange]) -> EventEnds {
        let mut ends = EventEnds::of_deliveries(events.len(), self.log_us());
        for range in self.placed(ranges, events.len(), |row| {
            let event = &events[row].event;
            (events[row].tenant.clone(), event.sid.clone().unwrap_or(event.source.clone()))
        }) {
            if let Some(state) = self.state(range.partition) {
                ends.place(indices(&range, events.len()), range.partition);
                for row in indices(&range, events.len()) {
                    ends.fate(state.delivery(&events[row]));
                }
            }
        }
        ends
    }

    /// The ranges as stored; computed row by row if a part has none.
    fn placed(
        &self,
        ranges: &[PartitionRange],
        rows: usize,
        key: impl Fn(usize) -> (String, String),
    ) -> Vec<PartitionRange> {
        if !ranges.is_empty() {
            return ranges.to_vec();
        }
        let partitions = self.states.first().map_or(1, |state| state.place().1);
        let place = |row: usize| {
            let (tenant, key) = key(row);
            let partition = ident::partition(&tenant, &key, partitions);
            PartitionRange { partition, first_row: u32::try_from(row).unwrap_or(u32::MAX), rows: 1 }
        };
        (0..rows).map(place).collect()
    }

    /// The state of a partition, unless it has the entry already. If the log was written with more
    /// partitions than there are now, they are mapped to these, so that no record is left out.
    pub(crate) fn state(&mut self, partition: u16) -> Option<&mut PartitionState> {
        let found = self.states.binary_search_by_key(&partition, |state| state.place().0);
        let folded = usize::from(partition) % self.states.len().max(1);
        let at = found.unwrap_or(folded);
        self.states.get_mut(at).filter(|_| at < self.part)
    }

    /// Counts entries that the log removed before they could be read. An entry belongs to all
    /// partitions of its shard, so they are counted once: sums over partitions stay right.
    pub fn lose(&mut self, entries: u64) {
        if let Some(first) = self.states.first_mut() {
            first.lose(entries);
        }
    }

    /// Sets other limits.
    pub fn set_limits(&mut self, limits: &Limits) {
        self.states.iter_mut().for_each(|state| state.set_limits(limits.clone()));
    }

    pub(crate) fn states_mut(&mut self) -> &mut [PartitionState] {
        &mut self.states
    }

    /// The states.
    pub fn states(&self) -> &[PartitionState] {
        &self.states
    }

    /// Parts that could not be read.
    pub fn bad_parts(&self) -> u64 {
        self.bad_parts
    }
}

/// A part as a dead letter. Its bytes may hold secrets, so none of them are kept.
fn unreadable(entry: &Entry, part: &Part, error: &IpcError) -> DeadLetter {
    let partition = match (Kind::from_code(part.kind), part.ranges.as_slice()) {
        (Some(Kind::Player | Kind::Delivery), [only]) => Some(i32::from(only.partition)),
        _ => None,
    };
    DeadLetter {
        received_at: entry.appended_at_us,
        source: LOG.to_owned(),
        reason: error.plain().to_owned(),
        bytes: i64::try_from(part.payload.len()).ok(),
        kind: Some(i32::from(part.kind)),
        hash: Some(ident::digest(&part.payload)),
        partition,
        ..DeadLetter::default()
    }
}

fn indices(range: &PartitionRange, rows: usize) -> std::ops::Range<usize> {
    let first = (range.first_row as usize).min(rows);
    first..first.saturating_add(range.rows as usize).min(rows)
}
