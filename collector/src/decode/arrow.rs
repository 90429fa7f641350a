//! Events as an Arrow IPC stream: a column for each key, a row for each event.
//!
//! The reader of arrow-rs trusts the lengths that a stream states: it allocates what is
//! announced and slices where it is told. So [`frames`] walks the stream first and lets nothing
//! pass that the bytes at hand do not bear out; [`columns`] then checks names and types. A
//! stream that fails either is refused whole, as nothing says where its rows are. A row that is
//! no event costs itself alone, as with JSON. [`players`] reads a player's event into a record;
//! any other row goes the way of JSON.

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

/// Why a stream is refused, in words for whoever sent it.
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
    // Columns that cannot be read as a player's are left to the way that takes everything.
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
        // Whoever looks sees the event as JSON, and so is it kept if it is rejected and may be.
        let wanted = context.ring.is_some() || read.is_err() && context.has_room(rows);
        let shown = wanted.then(|| columns::event(batch, row).ok()).flatten().unwrap_or_default();
        let way = (Mode::Event, Source::Events, shown.as_bytes());
        cmcd::keep(read.map(|()| &mut record), way, context, rows, &mut tally);
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
