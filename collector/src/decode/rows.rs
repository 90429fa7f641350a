//! Rows that wait for a commit: player records in Arrow builders, delivery events beside them, each
//! with its partition.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use tallylight_eventlog::PartitionRange;
use tallylight_schemas::cmcd::Record;
use tallylight_schemas::control::{ActionRow, IncidentRow};
use tallylight_schemas::dead::DeadLetter;
use tallylight_schemas::delivery::DeliveryEvent;
use tallylight_schemas::ident::{of_hash, partition};
use tallylight_schemas::infra::InfraMetric;
use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::player::{Envelope, PlayerBatchBuilder};

/// Builders that records are decoded into.
pub struct Rows {
    /// Player records by partition: a commit stores them by partition, and keeping them apart costs
    /// far less than sorting.
    players: Vec<PlayerBatchBuilder>,
    delivery: Vec<(u16, TenantDelivery)>,
    /// Actions of steering.
    pub actions: Vec<ActionRow>,
    /// Incidents.
    pub incidents: Vec<IncidentRow>,
    /// Metric points of machines and services.
    pub infra: Vec<InfraMetric>,
    /// Rejected records. They are not rows and do not trigger a commit.
    pub letters: Vec<DeadLetter>,
    point_bytes: usize,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("player", &self.player_rows())
            .field("delivery", &self.delivery.len())
            .field("control", &(self.actions.len() + self.incidents.len()))
            .field("infra", &self.infra.len())
            .finish_non_exhaustive()
    }
}

/// Rows sorted by shard and partition, with the range of each partition.
#[derive(Debug)]
pub struct Sorted<T> {
    /// The rows.
    pub rows: T,
    /// The range of each partition that has rows.
    pub ranges: Vec<PartitionRange>,
}

impl Rows {
    /// No rows yet, for `partitions` partitions.
    pub fn new(partitions: u16) -> Self {
        Self {
            players: (0..partitions.max(1)).map(|_| PlayerBatchBuilder::new()).collect(),
            delivery: Vec::new(),
            actions: Vec::new(),
            incidents: Vec::new(),
            infra: Vec::new(),
            letters: Vec::new(),
            point_bytes: 0,
        }
    }

    /// Reserves capacity for this many more player records.
    pub fn expect(&mut self, records: usize) {
        let each = records / self.players.len().max(1);
        // Sessions are spread by hash, so an eighth more than an equal part is seldom exceeded.
        self.players.iter_mut().for_each(|builder| builder.expect(each + each / 8));
    }

    fn partitions(&self) -> u16 {
        u16::try_from(self.players.len()).unwrap_or(u16::MAX)
    }

    fn player_rows(&self) -> usize {
        self.players.iter().map(PlayerBatchBuilder::len).sum()
    }

    /// Adds a player record of a session, given by its hash; `false` when it has no `sid`.
    pub fn push_player(
        &mut self,
        envelope: &Envelope<'_>,
        record: &Record<'_>,
        session: u64,
    ) -> bool {
        if record.sid().is_empty() {
            return false;
        }
        let partition = of_hash(session, self.partitions());
        let builder = self.players.get_mut(usize::from(partition));
        builder.map(|builder| builder.push(envelope, record)).is_some()
    }

    /// Adds a delivery event, to the partition of its session if it has one, else of its source.
    pub fn push_delivery(&mut self, tenant: &str, received_at: i64, event: DeliveryEvent) {
        let key = event.sid.as_deref().unwrap_or(&event.source);
        let at = partition(tenant, key, self.partitions());
        self.delivery.push((at, TenantDelivery { tenant: tenant.to_owned(), received_at, event }));
    }

    /// Adds a metric point whose texts take this many bytes.
    pub fn push_point(&mut self, point: InfraMetric, bytes: usize) {
        self.point_bytes = self.point_bytes.saturating_add(bytes);
        self.infra.push(point);
    }

    /// Bytes taken by the texts of all points.
    pub fn point_bytes(&self) -> usize {
        self.point_bytes
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        let control = self.actions.len() + self.incidents.len();
        self.player_rows() + self.delivery.len() + control + self.infra.len()
    }

    /// Approximate bytes of the dead letters.
    pub fn letter_bytes(&self) -> usize {
        let record = |letter: &DeadLetter| letter.record.as_ref().map_or(0, String::len);
        self.letters.iter().map(record).sum()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The sort key of a partition for a log of this many shards: the partitions of a shard are
/// adjacent.
fn place(partition: u16, shards: u16) -> (u16, u16) {
    (partition % shards, partition)
}

/// The player rows of `all` as one batch, for a log of this many shards; `None` when there are
/// none.
pub fn player_batch(
    all: &mut [Rows],
    shards: u16,
) -> Result<Option<Sorted<RecordBatch>>, ArrowError> {
    let mut partitions: Vec<u16> = all.first().map_or(0..0, |rows| 0..rows.partitions()).collect();
    partitions.sort_unstable_by_key(|partition| place(*partition, shards));
    let sum = all.iter().map(Rows::player_rows).sum();
    let mut joined = PlayerBatchBuilder::new();
    joined.expect(sum);
    let mut counts = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let before = joined.len();
        // Set after set, which is the order of arrival.
        for rows in all.iter_mut() {
            let own = rows.players.get_mut(usize::from(partition)).map(std::mem::take);
            match own {
                // It has all the rows, so nothing is copied.
                Some(only) if only.len() == sum => joined = only,
                Some(own) => joined.append(own)?,
                None => {}
            }
        }
        counts.push((partition, joined.len() - before));
    }
    if joined.is_empty() {
        return Ok(None);
    }
    Ok(Some(Sorted { rows: joined.finish()?, ranges: ranges(counts.into_iter()) }))
}

/// The delivery events of `all`, for a log of this many shards; may be empty.
pub fn deliveries(all: &mut [Rows], shards: u16) -> Sorted<Vec<TenantDelivery>> {
    let mut rows: Vec<(u16, TenantDelivery)> =
        all.iter_mut().flat_map(|rows| rows.delivery.drain(..)).collect();
    rows.sort_by_key(|(partition, _)| place(*partition, shards));
    let own = rows.chunk_by(|(a, _), (b, _)| a == b);
    let ranges = ranges(own.filter_map(|own| Some((own.first()?.0, own.len()))));
    Sorted { rows: rows.into_iter().map(|(_, event)| event).collect(), ranges }
}

/// The range of each partition that has rows, from the number of rows of each, in order.
fn ranges(counts: impl Iterator<Item = (u16, usize)>) -> Vec<PartitionRange> {
    let mut first_row = 0;
    let range = |(partition, rows)| {
        // A commit is bounded, so rows fit u32.
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let range = PartitionRange { partition, first_row, rows };
        first_row += rows;
        range
    };
    counts.filter(|(_, rows)| *rows > 0).map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tallylight_schemas::cmcd::{Mode, parse};
    use tallylight_schemas::ident::hash;
    use tallylight_schemas::player::{About, PlayerRows};

    #[test]
    fn rows_of_two_sets_are_sorted_and_keep_their_order_of_arrival() {
        let mut all = [Rows::new(4), Rows::new(4)];
        let about = About::default();
        let envelope =
            Envelope { tenant: "demo", mode: Mode::Event, source: "cmcd", received_at: 1, about };
        for n in 0..60 {
            let extra = if n % 2 == 0 { "bl=100," } else { "cid=\"c\"," };
            let text = format!("{extra}e=ps,sid=\"s{}\",sn={n},ts=1795000000000", n % 7);
            let record = parse(&text, Mode::Event).unwrap();
            let session = hash("demo", record.sid());
            assert!(all[n / 30].push_player(&envelope, &record, session));
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
        let event = |n: u16| {
            let event = serde_json::json!({
                "source": format!("edge-{n}"), "boot": 1, "seq": n, "ts": 1, "service": "edge",
                "action": "get", "stream": "demo", "status": 200, "bytes": 1,
            });
            serde_json::from_value::<DeliveryEvent>(event).unwrap()
        };
        // The partitions are set here, so that the expected ranges are known.
        let got = |shards| {
            let mut rows = Rows::new(4);
            (0..5).for_each(|n| rows.push_delivery("demo", 1, event(n)));
            rows.delivery.iter_mut().zip([3, 0, 3, 2, 3]).for_each(|(row, at)| row.0 = at);
            let ranges = deliveries(&mut [rows], shards).ranges.into_iter();
            ranges.map(|r| (r.partition, r.first_row, r.rows)).collect::<Vec<_>>()
        };
        assert_eq!(got(1), [(0, 0, 1), (2, 1, 1), (3, 2, 3)]);
        assert_eq!(got(3), [(0, 0, 1), (3, 1, 3), (2, 4, 1)], "those of a shard are together");
        for shards in [1, 3] {
            let mut rows = Rows::new(8);
            (0..20).for_each(|n| rows.push_delivery("demo", 1, event(n)));
            let sorted = deliveries(&mut [rows], shards);
            let mut places = Vec::new();
            for range in &sorted.ranges {
                for row in range.first_row..range.first_row + range.rows {
                    let source = &sorted.rows[row as usize].event.source;
                    assert_eq!(partition("demo", source, 8), range.partition);
                    places.push(place(range.partition, shards));
                }
            }
            assert_eq!(places.len(), 20, "every row is in a range");
            assert!(places.is_sorted(), "those of a shard are together: {places:?}");
        }
    }
}
