//! Events as an Arrow IPC stream: a column for each key, a row for each event.
//!
//! The reader of arrow-rs trusts the lengths that a stream declares: it allocates and slices
//! accordingly. So [`frames`] first checks the stream against the bytes that are there, and
//! [`columns`] then checks names and types. A stream that fails either is refused as a whole, as
//! the positions of its rows are unknown. A row that is not a valid event costs only itself, as
//! with JSON. [`players`] reads a player's event into a record; any other row is converted to JSON.

mod columns;
mod frames;
mod players;

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use tallylight_schemas::cmcd::{Mode, Record};
use tallylight_schemas::fates::{Fate, Reason};

use super::{Context, Rows, cmcd, json};
use crate::fates::{Source, Tally};
use players::Players;

/// Why a stream is refused, in words for its sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// The batches of a stream, checked.
pub fn batches(body: &[u8]) -> Result<Vec<RecordBatch>, Refused> {
    frames::check(body)?;
    let broken = |error: arrow::error::ArrowError| Refused(error.to_string());
    let reader = StreamReader::try_new(Cursor::new(body), None).map_err(broken)?;
    columns::check(&reader.schema())?;
    reader.collect::<Result<_, _>>().map_err(broken)
}

/// How many events there are.
pub fn events(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// Reads the rows of batches into `rows`.
pub fn body(batches: &[RecordBatch], context: Context<'_>, rows: &mut Rows) -> Tally {
    let mut tally = Tally::default();
    // Batches with columns that do not fit a player's event are converted to JSON.
    let players: Vec<Option<Players>> =
        batches.iter().map(|batch| Players::new(batch).ok()).collect();
    let all = batches.iter().zip(&players);
    let all = all.flat_map(|of| (0..of.0.num_rows()).map(move |row| (of, row)));
    let (mut record, mut sent) = (Record::default(), Vec::new());
    for ((batch, players), row) in all.take(context.max_records) {
        let read = players.as_ref().and_then(|all| all.read(row, &mut record, &mut sent));
        let Some(read) = read else {
            as_json(columns::event(batch, row), context, rows, &mut tally);
            continue;
        };
        // The event is shown, and kept as a dead letter, as JSON.
        let wanted = context.ring.is_some() || read.is_err() && context.has_room(rows);
        let shown = wanted.then(|| columns::event(batch, row).ok()).flatten().unwrap_or_default();
        let way = (Mode::Event, Source::Events, shown.as_bytes());
        let accepted = tally.accepted();
        cmcd::keep(read.map(|()| &mut record), way, context, rows, &mut tally);
        // An event that is not shown has no text whose bytes could be counted.
        if shown.is_empty() && tally.accepted() > accepted {
            tally.hold(sent.len());
        }
    }
    let beyond = events(batches).saturating_sub(context.max_records);
    tally.add(Fate::Rejected, Reason::TooMany, beyond as u64);
    tally
}

fn as_json(
    event: Result<String, Reason>,
    context: Context<'_>,
    rows: &mut Rows,
    tally: &mut Tally,
) {
    let event = event.as_deref().map_err(|reason| *reason);
    let shown = event.unwrap_or_default().as_bytes();
    json::end(event, &mut Record::default(), (shown, context), rows, tally);
}
