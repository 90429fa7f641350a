//! Rows waiting for a commit: player records in Arrow builders, delivery events beside them,
//! each with its partition.

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{concat, take_record_batch};
use arrow::datatypes::{Field, FieldRef, Schema};
use arrow::error::ArrowError;
use std::sync::Arc;
use tallylight_eventlog::PartitionRange;
use tallylight_schemas::cmcd::Record;
use tallylight_schemas::control::{ActionRow, IncidentRow};
use tallylight_schemas::delivery::DeliveryEvent;
use tallylight_schemas::ident::{of_hash, partition};
use tallylight_schemas::infra::InfraMetric;
use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::player::{Door, PlayerBatchBuilder};

/// Builders that decoded records go straight into.
pub struct Rows {
    partitions: u16,
    player: PlayerBatchBuilder,
    player_partitions: Vec<u16>,
    delivery: Vec<(u16, TenantDelivery)>,
    /// Actions of steering.
    pub actions: Vec<ActionRow>,
    /// Incidents.
    pub incidents: Vec<IncidentRow>,
    /// Numbers about machines and services.
    pub infra: Vec<InfraMetric>,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("player", &self.player_partitions.len())
            .field("delivery", &self.delivery.len())
            .field("control", &(self.actions.len() + self.incidents.len()))
            .field("infra", &self.infra.len())
            .finish_non_exhaustive()
    }
}

/// Rows sorted by shard and partition, and which are whose.
#[derive(Debug)]
pub struct Sorted<T> {
    /// The rows.
    pub rows: T,
    /// The rows of each partition that has any.
    pub ranges: Vec<PartitionRange>,
}

impl Rows {
    /// No rows, to be spread over `partitions`.
    pub fn new(partitions: u16) -> Self {
        Self {
            partitions,
            player: PlayerBatchBuilder::new(),
            player_partitions: Vec::new(),
            delivery: Vec::new(),
            actions: Vec::new(),
            incidents: Vec::new(),
            infra: Vec::new(),
        }
    }

    /// Makes room for so many player records more.
    pub fn expect(&mut self, records: usize) {
        self.player.expect(records);
    }

    /// Adds a player record of a session, by its hash; `false` when it has no `sid`.
    pub fn push_player(&mut self, door: &Door<'_>, record: &Record<'_>, session: u64) -> bool {
        if record.sid().is_empty() {
            return false;
        }
        self.player_partitions.push(of_hash(session, self.partitions));
        self.player.push(door, record);
        true
    }

    /// Adds a delivery event: with its session when it names one, else with its source.
    pub fn push_delivery(&mut self, tenant: &str, received_at: i64, event: DeliveryEvent) {
        let key = event.sid.as_deref().unwrap_or(&event.source);
        let at = partition(tenant, key, self.partitions);
        self.delivery.push((at, TenantDelivery { tenant: tenant.to_owned(), received_at, event }));
    }

    /// Rows held.
    pub fn len(&self) -> usize {
        let control = self.actions.len() + self.incidents.len();
        self.player_partitions.len() + self.delivery.len() + control + self.infra.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The place of a partition among those of so many shards: a shard's are together.
fn place(partition: u16, shards: u16) -> (u16, u16) {
    (partition % shards, partition)
}

/// The player rows of `all` as one batch, for a log of so many shards; `None` when there is none.
pub fn player_batch(
    all: &mut [Rows],
    shards: u16,
) -> Result<Option<Sorted<RecordBatch>>, ArrowError> {
    let mut batches = Vec::with_capacity(all.len());
    let mut partitions = Vec::new();
    for rows in all.iter_mut().filter(|rows| !rows.player.is_empty()) {
        batches.push(rows.player.finish()?);
        partitions.append(&mut rows.player_partitions);
    }
    if partitions.is_empty() {
        return Ok(None);
    }
    let joined = join(batches)?;
    let ranges = ranges(partitions.iter().copied(), shards);
    if partitions.is_sorted_by_key(|partition| place(*partition, shards)) {
        return Ok(Some(Sorted { rows: joined, ranges }));
    }
    // A partition's order of arrival is kept: the key ends with the row's number.
    let mut order: Vec<(u16, u32)> = partitions.into_iter().zip(0_u32..).collect();
    order.sort_unstable_by_key(|(partition, row)| (place(*partition, shards), *row));
    let order = UInt32Array::from_iter_values(order.into_iter().map(|(_, row)| row));
    Ok(Some(Sorted { rows: take_record_batch(&joined, &order)?, ranges }))
}

/// The delivery events of `all`, for a log of so many shards; empty when there is none.
pub fn deliveries(all: &mut [Rows], shards: u16) -> Sorted<Vec<TenantDelivery>> {
    let mut rows: Vec<(u16, TenantDelivery)> =
        all.iter_mut().flat_map(|rows| rows.delivery.drain(..)).collect();
    rows.sort_by_key(|(partition, _)| place(*partition, shards));
    let ranges = ranges(rows.iter().map(|(partition, _)| *partition), shards);
    Sorted { rows: rows.into_iter().map(|(_, event)| event).collect(), ranges }
}

fn ranges(partitions: impl Iterator<Item = u16>, shards: u16) -> Vec<PartitionRange> {
    let mut rows = std::collections::BTreeMap::<(u16, u16), u32>::new();
    for partition in partitions {
        *rows.entry(place(partition, shards)).or_default() += 1;
    }
    let mut first_row = 0;
    let mut range = |((_, partition), rows)| {
        let range = PartitionRange { partition, first_row, rows };
        first_row += rows;
        range
    };
    rows.into_iter().map(&mut range).collect()
}

/// Puts batches under one another. Builders leave out columns that nothing was pushed to, so
/// a column may be in some batches only; elsewhere it is null.
fn join(mut batches: Vec<RecordBatch>) -> Result<RecordBatch, ArrowError> {
    if batches.len() == 1 {
        return Ok(batches.remove(0));
    }
    let mut fields: Vec<FieldRef> = Vec::new();
    for field in batches.iter().flat_map(|batch| batch.schema_ref().fields()) {
        if !fields.iter().any(|known| known.name() == field.name()) {
            fields.push(field.clone());
        }
    }
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(fields.len());
    for field in &mut fields {
        let whole = batches.iter().all(|batch| batch.column_by_name(field.name()).is_some());
        if !whole {
            *field = Arc::new(Field::clone(field).with_nullable(true));
        }
        let pieces: Vec<ArrayRef> = batches
            .iter()
            .map(|batch| match batch.column_by_name(field.name()) {
                Some(column) => column.clone(),
                None => new_null_array(field.data_type(), batch.num_rows()),
            })
            .collect();
        let pieces: Vec<_> = pieces.iter().map(AsRef::as_ref).collect();
        columns.push(concat(&pieces)?);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;
    use tallylight_schemas::cmcd::{Mode, parse};
    use tallylight_schemas::ident::hash;
    use tallylight_schemas::player::{About, PlayerRows};

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn a_column_that_one_batch_lacks_is_null_there() {
        let a = batch(vec![
            ("sid", Arc::new(StringArray::from(vec!["a"]))),
            ("bl", Arc::new(Int64Array::from(vec![7]))),
        ]);
        let b = batch(vec![
            ("br", Arc::new(Int64Array::from(vec![9, 9]))),
            ("sid", Arc::new(StringArray::from(vec!["b", "c"]))),
        ]);
        let joined = join(vec![a, b]).unwrap();
        let numbers = |name: &str| {
            let column = joined.column_by_name(name).unwrap().as_primitive::<Int64Type>();
            column.iter().collect::<Vec<_>>()
        };
        assert_eq!(numbers("bl"), [Some(7), None, None]);
        assert_eq!(numbers("br"), [None, Some(9), Some(9)]);
        assert_eq!(joined.column_by_name("sid").unwrap().null_count(), 0);
    }

    #[test]
    fn rows_of_two_sets_are_sorted_and_keep_their_order_of_arrival() {
        let mut all = [Rows::new(4), Rows::new(4)];
        let about = About::default();
        let door =
            Door { tenant: "demo", mode: Mode::Event, source: "cmcd", received_at: 1, about };
        for n in 0..60 {
            let extra = if n % 2 == 0 { "bl=100," } else { "cid=\"c\"," };
            let text = format!("{extra}e=ps,sid=\"s{}\",sn={n},ts=1795000000000", n % 7);
            let record = parse(&text, Mode::Event).unwrap();
            let session = hash("demo", record.sid());
            assert!(all[n / 30].push_player(&door, &record, session));
        }
        let sorted = player_batch(&mut all, 1).unwrap().unwrap();
        let rows = PlayerRows::new(&sorted.rows).unwrap();
        for range in &sorted.ranges {
            let numbers: Vec<u64> = (range.first_row..range.first_row + range.rows)
                .map(|at| rows.get(at as usize))
                .inspect(|row| assert_eq!(partition("demo", row.sid, 4), range.partition))
                .inspect(|row| assert_eq!(row.cid.is_some(), row.sn.unwrap() % 2 == 1))
                .map(|row| row.sn.unwrap())
                .collect();
            assert!(numbers.is_sorted(), "{numbers:?}");
        }
        assert_eq!(sorted.ranges.iter().map(|range| range.rows).sum::<u32>(), 60);
        assert!(player_batch(&mut all, 1).unwrap().is_none());
    }

    #[test]
    fn ranges_cover_the_rows_without_gaps() {
        let got = |shards| {
            let ranges = ranges([3, 0, 3, 2, 3].into_iter(), shards).into_iter();
            ranges.map(|r| (r.partition, r.first_row, r.rows)).collect::<Vec<_>>()
        };
        assert_eq!(got(1), [(0, 0, 1), (2, 1, 1), (3, 2, 3)]);
        assert_eq!(got(3), [(0, 0, 1), (3, 1, 3), (2, 4, 1)], "those of a shard are together");
    }
}
