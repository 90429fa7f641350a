//! The facts as history has them: the records in the log, with the place and the time of each.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, UInt64Type};
use std::sync::Arc;
use tallylight_schemas::delivery::DeliveryEvent;
use tallylight_schemas::fates::Fate;
use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::tables::{HOUR, Table};
use tallylight_store::history::{History, HistoryError, hour_name, hour_of};

use super::HOUR_US;
use super::columns::{Columns, named};

/// The tables of facts.
pub(super) const TABLES: [Table; 2] = [Table::PlayerEvents, Table::DeliveryEvents];

/// The place of a fact in the log, and its fate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) partition: u16,
    /// Its row in the entry.
    pub(super) row: i64,
    /// Log time at which it was read, Unix µs.
    pub(super) logged_us: i64,
    pub(super) fate: Fate,
    /// A session was found for it.
    pub(super) found: bool,
    /// The playback of its sid that it belonged to.
    pub(super) epoch: Option<u32>,
}

/// Facts in the order of the log.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) players: PlayerRows,
    pub(super) player_places: Vec<Place>,
    pub(super) deliveries: Vec<(Place, TenantDelivery)>,
}

const PLAYERS: &str = "tenant, mode, source, received_at, digest, v, sid, cid, e, sta, ts, sn, ot, \
    br, pb, mtp, lb, ltc, msd, bsa, bsda, dfa, su, bs, pr, bg, ec, custom, player, os, device, country, asn, \
    \"offset\", \"partition\", \"row\", fate, epoch, \
    logged_at";

/// Folders are named after log time, which is frozen while the log's clock is set back, µs.
const CLOCK_SLACK_US: i64 = 24 * HOUR_US;

/// A text as an SQL literal.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Tenant and sid of each row of an answer: its first two columns.
pub(super) fn sids(answer: &RecordBatch) -> impl Iterator<Item = (String, String)> {
    let (tenants, sids) =
        (answer.column(0).as_string::<i32>(), answer.column(1).as_string::<i32>());
    (0..answer.num_rows()).map(|row| (tenants.value(row).to_owned(), sids.value(row).to_owned()))
}

/// A moment (Unix µs) as an SQL literal.
pub(super) fn moment(us: i64) -> String {
    format!("arrow_cast({us}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
}

/// Selects the files of rows that were written from log time `from` (Unix µs) on, and perhaps a few
/// more. Files are skipped by their folder only: the least and greatest value of a column are read
/// once a file is open.
pub(super) fn files_since(from: i64) -> String {
    if from <= CLOCK_SLACK_US {
        return "true".to_owned();
    }
    format!("{HOUR} >= '{}'", hour_name(hour_of(from - CLOCK_SLACK_US)))
}

/// Facts that were read in a range of log time.
pub(super) fn between(range: &Range<i64>) -> String {
    let (files, from, to) = (files_since(range.start), moment(range.start), moment(range.end));
    format!("{files} AND logged_at >= {from} AND logged_at < {to}")
}

/// Players' records that are in no figure: their sessions reported once more, after they were
/// forgotten, that they are over. These may not be among the facts.
const REPEATED: &str = "fate = 'accepted' AND epoch IS NULL";

/// Which rows are read, and in which order. Rows of an older version lack the time of reading.
fn selected(condition: &str) -> String {
    format!("WHERE logged_at IS NOT NULL AND ({condition}) ORDER BY \"offset\", \"row\"")
}

/// The facts of both tables that fulfil a condition.
pub(super) async fn read(history: &History, condition: &str) -> Result<Facts, HistoryError> {
    let changing = format!("({condition}) AND NOT ({REPEATED})");
    let sql = format!("SELECT {PLAYERS} FROM rows {}", selected(&changing));
    let players = history.select(Table::PlayerEvents, &sql).await?;
    let deliveries = reports(history, condition).await?;
    let players = match players.first() {
        Some(first) => concat_batches(&first.schema(), &players)?,
        None => RecordBatch::new_empty(Arc::new(Schema::empty())),
    };
    let player_places = match players.num_rows() {
        0 => Vec::new(),
        _ => places(&players)?,
    };
    let rows = PlayerRows::new(&as_logged(&players)?);
    let players = rows.map_err(|error| HistoryError::Data(error.to_string()))?;
    Ok(Facts { players, player_places, deliveries })
}

/// The reports of media services that fulfil a condition.
pub(super) async fn reports(
    history: &History,
    condition: &str,
) -> Result<Vec<(Place, TenantDelivery)>, HistoryError> {
    let sql = format!("SELECT * FROM rows {}", selected(condition));
    let mut all = Vec::new();
    for batch in history.select(Table::DeliveryEvents, &sql).await? {
        if batch.num_rows() > 0 {
            all.extend(places(&batch)?.into_iter().zip(reported(&batch)?));
        }
    }
    Ok(all)
}

fn missing(name: &str) -> HistoryError {
    HistoryError::Data(format!("a column of events is not as it should be: {name}"))
}

fn number(batch: &RecordBatch, name: &str) -> Result<Int64Array, HistoryError> {
    let array = batch.column_by_name(name).ok_or_else(|| missing(name))?;
    Ok(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

fn text(batch: &RecordBatch, name: &str) -> Result<StringArray, HistoryError> {
    let array = batch.column_by_name(name).ok_or_else(|| missing(name))?;
    Ok(cast(array, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn places(batch: &RecordBatch) -> Result<Vec<Place>, HistoryError> {
    let (offset, row_of) = (number(batch, "offset")?, number(batch, "row")?);
    let logged = number(batch, "logged_at")?;
    let partition: Int32Array = batch
        .column_by_name("partition")
        .and_then(|array| array.as_primitive_opt::<Int32Type>())
        .ok_or_else(|| missing("partition"))?
        .clone();
    let fates = text(batch, "fate")?;
    let epoch = batch.column_by_name("epoch");
    let numbers = epoch.and_then(|epoch| epoch.as_primitive_opt::<Int32Type>());
    let place = |row: usize| -> Result<Place, HistoryError> {
        Ok(Place {
            offset: offset.value(row).cast_unsigned(),
            partition: u16::try_from(partition.value(row)).unwrap_or(0),
            row: row_of.value(row),
            logged_us: logged.value(row),
            fate: named(fates.value(row))?,
            found: epoch.is_none_or(|epoch| epoch.is_valid(row)),
            epoch: numbers
                .filter(|epoch| epoch.is_valid(row))
                .and_then(|epoch| u32::try_from(epoch.value(row)).ok()),
        })
    };
    (0..batch.num_rows()).map(place).collect()
}

/// The columns of players' records with the types that they have in the log.
fn as_logged(batch: &RecordBatch) -> Result<RecordBatch, HistoryError> {
    if batch.num_rows() == 0 {
        return Ok(RecordBatch::new_empty(Arc::new(Schema::empty())));
    }
    let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let array: ArrayRef = match field.name().as_str() {
            "received_at" => cast(array, &DataType::Int64)?,
            "ts" => {
                let micros = cast(array, &DataType::Int64)?;
                let millis = micros
                    .as_primitive::<Int64Type>()
                    .unary::<_, Int64Type>(|us| us.div_euclid(1_000));
                Arc::new(millis)
            }
            "digest" => {
                let bits = array.as_primitive::<Int64Type>();
                Arc::new(bits.unary::<_, UInt64Type>(i64::cast_unsigned))
            }
            _ => Arc::clone(array),
        };
        columns.push((Field::new(field.name(), array.data_type().clone(), true), array));
    }
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

/// The reports of a batch.
fn reported(batch: &RecordBatch) -> Result<Vec<TenantDelivery>, HistoryError> {
    let from = Columns(batch);
    let hits = batch.column_by_name("hit").and_then(|array| array.as_boolean_opt());
    let row = |row: usize| -> Result<TenantDelivery, HistoryError> {
        let unsigned = |name: &str| -> Result<Option<u64>, HistoryError> {
            Ok(from.maybe(name, row)?.map(i64::cast_unsigned))
        };
        let word = |name: &str| -> Result<String, HistoryError> {
            Ok(from.text(name, row)?.unwrap_or_default())
        };
        let event = DeliveryEvent {
            source: word("source")?,
            boot: unsigned("boot")?.unwrap_or(0),
            seq: unsigned("seq")?.unwrap_or(0),
            ts: from.int("ts", row)?,
            service: named(&word("service")?)?,
            action: named(&word("action")?)?,
            stream: word("stream")?,
            track: word("track")?,
            k: unsigned("k")?,
            status: u16::try_from(from.int("status", row)?).unwrap_or(0),
            bytes: unsigned("bytes")?.unwrap_or(0),
            ttfb_us: unsigned("ttfb_us")?.unwrap_or(0),
            held_us: unsigned("held_us")?.unwrap_or(0),
            hit: hits.filter(|hits| hits.is_valid(row)).map(|hits| hits.value(row)),
            edge: from.text("edge", row)?,
            pipeline: from.text("pipeline", row)?,
            sid: from.text("sid", row)?,
            cid: from.text("cid", row)?,
            reserved_kbps: unsigned("reserved_kbps")?,
            capacity_kbps: unsigned("capacity_kbps")?,
            sessions: unsigned("sessions")?,
            late_us: from.maybe("late_us", row)?,
            defect: from.text("defect", row)?,
        };
        Ok(TenantDelivery {
            tenant: word("tenant")?,
            received_at: from.int("received_at", row)?,
            event,
        })
    };
    (0..batch.num_rows()).map(row).collect()
}
