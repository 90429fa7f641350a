//! Rows as batches for their tables.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use tallylight_schemas::dead::DeadLetter;
use tallylight_schemas::ipc::{self, IpcError, Stored};
use tallylight_schemas::tables::Table;
use tallylight_store::history::Copied;

use crate::pure::partition::Rows;
use crate::pure::session::moment::Moment;
use crate::pure::session::store::Over;
use crate::pure::settle::{Settle, Settled};

/// Sessions in one batch.
const AT_A_TIME: usize = 16_384;

type Batch = (Table, Result<RecordBatch, IpcError>);

fn batch<T: Stored>(table: Table, rows: &[T]) -> Option<Batch> {
    (!rows.is_empty()).then(|| (table, ipc::to_batch(rows)))
}

/// Adds the column `final`, which rows of sessions do not have themselves.
fn with_final<T: Stored>(table: Table, rows: &[T], settled: bool) -> Option<Batch> {
    let (table, batch) = batch(table, rows)?;
    let with = batch.and_then(|batch| {
        let mut fields: Vec<Arc<Field>> = batch.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new("final", DataType::Boolean, true)));
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(BooleanArray::from(vec![settled; batch.num_rows()])));
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    });
    Some((table, with))
}

pub(super) fn of_events(
    players: Vec<RecordBatch>,
    deliveries: Vec<RecordBatch>,
    infra: Vec<RecordBatch>,
    dead: &[DeadLetter],
) -> impl Iterator<Item = Batch> + use<> {
    let players = players.into_iter().map(|batch| (Table::PlayerEvents, Ok(batch)));
    let deliveries = deliveries.into_iter().map(|batch| (Table::DeliveryEvents, Ok(batch)));
    let infra = infra.into_iter().map(|batch| (Table::InfraMetrics, Ok(batch)));
    players.chain(deliveries).chain(infra).chain(batch(Table::DeadLetters, dead))
}

fn of_over(over: &Over, settled: bool) -> impl Iterator<Item = Batch> + use<> {
    let sessions = with_final(Table::Sessions, &over.sessions, settled);
    sessions.into_iter().chain(with_final(Table::SessionSpans, &over.spans, settled))
}

/// The rows that are written as they come. They are taken out of `rows`.
pub(super) fn of_rows(rows: &mut Rows) -> impl Iterator<Item = Batch> + use<> {
    let fates = batch(Table::Fates1s, &std::mem::take(&mut rows.topic.fates));
    fates.into_iter().chain(of_over(&std::mem::take(&mut rows.over), true))
}

/// Rows that are settled or, for views, not yet.
pub(super) fn of_settled(rows: Settled) -> impl Iterator<Item = Batch> {
    let playback = batch(Table::Playback, &rows.playback);
    let delivery = batch(Table::Delivery, &rows.delivery);
    let incidents = batch(Table::Incidents, &rows.incidents);
    let actions = batch(Table::Actions, &rows.actions);
    let [minutes, hours] = &rows.playback_wide;
    let wide = [batch(Table::Playback1m, minutes), batch(Table::Playback1h, hours)];
    let [minutes, hours] = &rows.delivery_wide;
    let wide_delivery = [batch(Table::Delivery1m, minutes), batch(Table::Delivery1h, hours)];
    let wide: Vec<_> = wide.into_iter().chain(wide_delivery).flatten().collect();
    playback.into_iter().chain(delivery).chain(incidents).chain(actions).chain(wide)
}

/// The rows of a table that are not settled yet: held as they are now, made when they are asked
/// for. The view that they complete is final up to that time.
pub(super) fn not_settled(table: Table, settle: &Settle, final_up_to: i64) -> Option<Copied> {
    match table {
        Table::Playback | Table::Delivery | Table::Incidents | Table::Actions => {
            let open = settle.open(table);
            let batch = move || Ok(batch_of(table, of_settled(open.rows()))?.into_iter().collect());
            Some(Copied::new(final_up_to, batch))
        }
        // Others are written as they come, or are of minutes and hours that are not over.
        _ => None,
    }
}

/// The rows, of a table that follows from sessions, of these sessions that can still change: in
/// many batches, since rows take several times the memory.
pub(super) fn of_moments(table: Table, moments: &[Moment]) -> Result<Vec<RecordBatch>, String> {
    let mut batches = Vec::new();
    let mut add = |over: Over| -> Result<(), String> {
        batches.extend(batch_of(table, of_over(&over, false))?);
        Ok(())
    };
    for moment in moments {
        match table {
            Table::SessionSpans => some_at_a_time(moment.spans(), |some| {
                add(Over { spans: some.concat(), ..Over::default() })
            })?,
            _ => some_at_a_time(moment.sessions(), |sessions| {
                add(Over { sessions, ..Over::default() })
            })?,
        }
    }
    Ok(batches)
}

fn some_at_a_time<T>(
    all: postcard::Result<impl Iterator<Item = postcard::Result<T>>>,
    mut take: impl FnMut(Vec<T>) -> Result<(), String>,
) -> Result<(), String> {
    let mut all = all.map_err(|error| error.to_string())?;
    loop {
        let some: postcard::Result<Vec<T>> = all.by_ref().take(AT_A_TIME).collect();
        let some = some.map_err(|error| error.to_string())?;
        if some.is_empty() {
            return Ok(());
        }
        take(some)?;
    }
}

/// The batch of that table, if there is one.
fn batch_of(
    table: Table,
    mut all: impl Iterator<Item = Batch>,
) -> Result<Option<RecordBatch>, String> {
    let batch = all.find_map(|(of, batch)| (of == table).then_some(batch));
    batch.transpose().map_err(|error| error.to_string())
}
