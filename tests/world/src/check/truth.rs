//! History against what really happened to the viewers: counts exactly, times within 1 %.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use tallylight_schemas::session::Outcome as Came;
use tallylight_schemas::tables::Table;

use super::Outcome;
use crate::player::Truth;

/// Numbers of a session, in the order in which they are selected.
pub(super) type Numbers = [Option<i64>; 10];

pub(super) fn numbers(truth: &Truth) -> Numbers {
    [
        truth.startup_ms,
        Some(truth.playing_ms),
        Some(truth.rebuffering_ms),
        Some(truth.seeking_ms),
        Some(truth.waited_ms),
        Some(truth.background_ms),
        Some(truth.rebuffers),
        Some(truth.seeks),
        Some(truth.switches),
        Some(truth.events),
    ]
}

/// Sessions in history, by sid and epoch: the outcome, the numbers, and how many records are
/// missing.
pub(super) type Kept = BTreeMap<(String, i64), (String, Numbers, Option<i64>)>;

/// How many of the numbers are times; they come before the counts.
pub(super) const TIMES: usize = 6;

fn word(came: Came) -> &'static str {
    match came {
        Came::Playing => "playing",
        Came::Played => "played",
        Came::ExitBeforeStart => "exit_before_start",
        Came::StartFailed => "start_failed",
        Came::Failed => "failed",
    }
}

pub(super) fn agrees(got: &Numbers, want: &Numbers) -> bool {
    got.iter().zip(want).enumerate().all(|(at, (got, want))| match (got, want) {
        (Some(got), Some(want)) if at < TIMES => (got - want).abs() <= want / 100,
        _ => got == want,
    })
}

pub(super) async fn check(outcome: &Outcome<'_>) -> Vec<String> {
    let mut kept = kept(outcome).await;
    let mut problems = Vec::new();
    for truth in outcome.cast.players.iter().flat_map(|player| &player.truths) {
        let want = numbers(truth);
        match kept.remove(&(truth.sid.clone(), i64::from(truth.epoch))) {
            Some((came, got, _)) if came == word(truth.outcome) && agrees(&got, &want) => {}
            other => problems.push(format!("{truth:?} is in history as {other:?}")),
        }
    }
    problems.extend(kept.iter().map(|row| format!("there was no playback {row:?}")));
    problems
}

pub(super) async fn kept(outcome: &Outcome<'_>) -> Kept {
    let names = "startup_ms, playing_ms, rebuffering_ms, seeking_ms, starting_ms, background_ms, \
                 rebuffer_count, seek_count, switches, events, lost_events";
    let casts: Vec<String> =
        names.split(", ").map(|name| format!("arrow_cast({name}, 'Int64')")).collect();
    let sql =
        format!("SELECT sid, outcome, arrow_cast(epoch, 'Int64'), {} FROM rows", casts.join(", "));
    let mut rows = BTreeMap::new();
    for batch in outcome.history.select(Table::Sessions, &sql).await.unwrap() {
        for row in 0..batch.num_rows() {
            let mut all: Numbers = [None; 10];
            all.iter_mut().enumerate().for_each(|(at, to)| *to = number(&batch, 3 + at, row));
            let epoch = number(&batch, 2, row).unwrap_or(-1);
            let lost = number(&batch, 3 + all.len(), row);
            rows.insert((text(&batch, 0, row), epoch), (text(&batch, 1, row), all, lost));
        }
    }
    rows
}

fn number(batch: &RecordBatch, column: usize, row: usize) -> Option<i64> {
    batch.column(column).as_primitive::<Int64Type>().iter().nth(row).flatten()
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> String {
    let column = arrow::compute::cast(batch.column(column), &DataType::Utf8).unwrap();
    column.as_string::<i32>().value(row).to_owned()
}
