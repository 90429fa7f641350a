//! The records of an entry as columns for history: the columns that were read, with fates beside
//! them. Nothing is allocated per record but the values of these.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int32Builder, Int64Array, RecordBatch, StringArray, StringBuilder,
    UInt32Array,
};
use arrow::compute::kernels::nullif::nullif;
use arrow::compute::{and, is_not_null, take_record_batch};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use tallylight_schemas::fates::Fate;

use crate::pure::input::PlayerInput;
use crate::pure::partition::Ends;
use crate::pure::session::dimensions::Dimensions;
use crate::pure::session::store::Here;
use crate::pure::session::words::Word;

/// The fates of the rows of a batch, in the order in which they were fed.
#[derive(Debug)]
pub struct EventEnds {
    rows: Vec<u32>,
    partitions: Vec<i32>,
    fates: Vec<Fate>,
    log_us: i64,
    /// Only for players' records.
    players: Option<Players>,
}

/// Further columns of players' records: values claimed by the player or added by the collector, the
/// session, and from where that was served.
#[derive(Debug)]
struct Players {
    source: StringBuilder,
    country: StringBuilder,
    device: StringBuilder,
    epoch: Int32Builder,
    edge: StringBuilder,
    pipeline: StringBuilder,
}

impl EventEnds {
    /// For `rows` players' records, read at log time `log_us`.
    pub fn of_players(rows: usize, log_us: i64) -> Self {
        let text = || StringBuilder::with_capacity(rows, rows * 4);
        let players = Players {
            source: text(),
            country: text(),
            device: text(),
            epoch: Int32Builder::with_capacity(rows),
            edge: text(),
            pipeline: text(),
        };
        Self { players: Some(players), ..Self::of_deliveries(rows, log_us) }
    }

    /// For `rows` reports of media services, read at log time `log_us`.
    pub fn of_deliveries(rows: usize, log_us: i64) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
            partitions: Vec::with_capacity(rows),
            fates: Vec::with_capacity(rows),
            log_us,
            players: None,
        }
    }

    /// The next rows that are fed, and their partition.
    pub fn place(&mut self, rows: std::ops::Range<usize>, partition: u16) {
        for row in rows {
            self.rows.push(u32::try_from(row).unwrap_or(u32::MAX));
            self.partitions.push(i32::from(partition));
        }
    }

    /// The next record of a player, as it came in, without what its session knows: the record need
    /// not be the newest, and an audit takes these columns for the record's own.
    pub fn came(&mut self, input: &PlayerInput<'_>) {
        if let Some(to) = &mut self.players {
            to.source.append_value(input.source.unwrap_or_default());
            to.country.append_option(input.country);
            to.device.append_option(input.device);
        }
    }

    /// A fate without a session.
    pub fn fate(&mut self, fate: Fate) {
        self.fates.push(fate);
    }

    /// The rows of `batch` that were fed, with their fates.
    pub fn finish(self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let fed = self.rows.len();
        let in_order = fed == batch.num_rows() && (0..).zip(&self.rows).all(|(n, row)| n == *row);
        let rows = UInt32Array::from(self.rows);
        let taken = if in_order { batch.clone() } else { take_record_batch(batch, &rows)? };
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            (
                "fate",
                Arc::new(StringArray::from_iter_values(self.fates.iter().map(|f| f.as_str()))),
            ),
            ("partition", Arc::new(Int32Array::from(self.partitions))),
            (
                "row",
                Arc::new(Int64Array::from_iter_values(rows.values().iter().map(|n| i64::from(*n)))),
            ),
            ("logged_at", Arc::new(Int64Array::from(vec![self.log_us; fed]))),
        ];
        if let Some(mut players) = self.players {
            columns.push(("source", Arc::new(players.source.finish())));
            columns.push(("country", Arc::new(players.country.finish())));
            columns.push(("device", Arc::new(players.device.finish())));
            columns.push(("epoch", Arc::new(players.epoch.finish())));
            columns.push(("edge", Arc::new(players.edge.finish())));
            columns.push(("pipeline", Arc::new(players.pipeline.finish())));
        }
        // A record's own claim has precedence over the collector's value.
        let kept: Vec<usize> = (0..taken.num_columns())
            .filter(|at| columns.iter().all(|(name, _)| taken.schema().field(*at).name() != name))
            .collect();
        let taken = taken.project(&kept)?;
        let mut fields: Vec<Arc<Field>> = taken.schema().fields().iter().cloned().collect();
        let mut arrays = taken.columns().to_vec();
        let [sn, ts] = ["sn", "ts"].map(|name| taken.column_by_name(name));
        if let (Ok(digest), Some(sn), Some(ts)) = (taken.schema().index_of("digest"), sn, ts) {
            // Number and time identify a record as well, and compress better. Requests have no time
            // of their own.
            let is_known = and(&is_not_null(sn)?, &is_not_null(ts)?)?;
            arrays[digest] = nullif(&arrays[digest], &is_known)?;
        }
        for (name, array) in columns {
            fields.push(Arc::new(Field::new(name, array.data_type().clone(), true)));
            arrays.push(array);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }
}

impl Ends for EventEnds {
    fn end(&mut self, fate: Fate, here: Option<Here<'_>>) {
        self.fates.push(fate);
        let Some(to) = &mut self.players else { return };
        to.epoch.append_option(here.and_then(|here| i32::try_from(here.epoch).ok()));
        let word = |of: fn(&Dimensions) -> Option<Word>| {
            here.and_then(|here| here.words.maybe(of(here.dimensions)))
        };
        to.edge.append_option(word(|at| at.edge));
        to.pipeline.append_option(word(|at| at.pipeline));
    }
}
