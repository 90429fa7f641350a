//! Windows against what really happened, queried by plain sums as any user may: counts exactly,
//! times within 1 %, quantiles within the error of the sketch. This covers the panes and their
//! rollups.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use tallylight_schemas::session::Outcome as Came;
use tallylight_schemas::sketch::{Bin, RELATIVE_ERROR, Sketch};
use tallylight_schemas::tables::Table;

use super::Outcome;
use crate::player::Truth;
use crate::reporter::Request;

/// A viewer that leaves sooner is not counted as an exit before start, ms.
const PATIENCE_MS: i64 = 1_000;

/// The totals that every breakdown must have.
#[derive(Debug)]
struct Wanted {
    /// Sums by column; times end in `_ms`.
    sums: Vec<(&'static str, i64)>,
    /// Values of each sketch, by column.
    values: Vec<(&'static str, Vec<i64>)>,
}

pub(super) async fn check(outcome: &Outcome<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let truths: Vec<&Truth> =
        outcome.cast.players.iter().flat_map(|player| &player.truths).collect();
    // Each cuboid counts every viewer once.
    let cuboids = ["content", "delivery", "rendition", "audience", "network", "client"];
    let wanted = cuboids.map(|cuboid| (cuboid, played(&truths)));
    for table in [Table::Playback, Table::Playback1m, Table::Playback1h] {
        problems.extend(compare(outcome, table, "cuboid", &wanted).await);
    }
    let reporters = outcome.cast.reporters.iter();
    let wanted: Vec<_> = reporters.map(|one| (one.edge, served(&one.requests))).collect();
    for table in [Table::Delivery, Table::Delivery1m, Table::Delivery1h] {
        problems.extend(compare(outcome, table, "edge", &wanted).await);
    }
    problems
}

fn played(truths: &[&Truth]) -> Wanted {
    let sum = |of: fn(&Truth) -> i64| truths.iter().map(|truth| of(truth)).sum();
    let patient = |truth: &Truth| truth.waited_ms >= PATIENCE_MS;
    let came = |how: Came| truths.iter().filter(move |truth| truth.outcome == how);
    let count = |n: usize| i64::try_from(n).unwrap();
    Wanted {
        sums: vec![
            ("attempts", count(truths.len())),
            ("ends", count(truths.len())),
            ("starts", sum(|truth| i64::from(truth.startup_ms.is_some()))),
            ("start_failures", count(came(Came::StartFailed).count())),
            ("failures", count(came(Came::Failed).count())),
            (
                "exits_before_start",
                count(came(Came::ExitBeforeStart).filter(|truth| patient(truth)).count()),
            ),
            ("rebuffer_count", sum(|truth| truth.rebuffers)),
            ("events", sum(|truth| truth.events)),
            ("lost_events", 0),
            ("starting_ms", sum(|truth| truth.waited_ms)),
            ("playing_ms", sum(|truth| truth.playing_ms)),
            ("rebuffering_ms", sum(|truth| truth.rebuffering_ms)),
            ("seeking_ms", sum(|truth| truth.seeking_ms)),
        ],
        values: vec![
            ("startup_sketch", truths.iter().filter_map(|truth| truth.startup_ms).collect()),
            ("latency_sketch", truths.iter().flat_map(|truth| truth.latencies.clone()).collect()),
        ],
    }
}

fn served(requests: &[Request]) -> Wanted {
    let sum = |of: fn(&Request) -> i64| requests.iter().map(of).sum();
    Wanted {
        sums: vec![
            ("requests", sum(|_| 1)),
            ("bytes", sum(|request| request.bytes)),
            ("errors", sum(|request| i64::from(request.error))),
            ("hits", sum(|request| i64::from(request.hit))),
        ],
        values: vec![("ttfb_sketch", requests.iter().map(|request| request.ttfb_ms).collect())],
    }
}

/// What is wrong with a table broken down by a column; `wanted` has the totals of each of its
/// words.
async fn compare(
    outcome: &Outcome<'_>,
    table: Table,
    by: &str,
    wanted: &[(&str, Wanted)],
) -> Vec<String> {
    let Some((_, first)) = wanted.first() else { return Vec::new() };
    let (mut problems, name) = (Vec::new(), table.name());
    let columns: Vec<String> =
        first.sums.iter().map(|(column, _)| format!("sum({column})")).collect();
    let sql = format!("SELECT {by}, {} FROM rows GROUP BY 1", columns.join(", "));
    let got = by_word(&outcome.history.select(table, &sql).await.unwrap());
    for (word, want) in wanted {
        for (at, (column, want)) in want.sums.iter().enumerate() {
            let got = got.get(*word).map_or(0, |rows| rows[0][at]);
            let slack = if column.ends_with("_ms") { want / 100 } else { 0 };
            if (got - want).abs() > slack {
                problems.push(format!("{name}: {column} of {word} is {got} and not {want}"));
            }
        }
    }
    for (at, (column, _)) in first.values.iter().enumerate() {
        // Sketches are merged by a plain sum.
        let sql = format!(
            "SELECT {by}, arrow_cast(b['bin'], 'Int64'), sum(b['count']) \
             FROM (SELECT {by}, unnest({column}) AS b FROM rows) GROUP BY 1, 2"
        );
        let got = by_word(&outcome.history.select(table, &sql).await.unwrap());
        for (word, want) in wanted {
            let bins = got.get(*word).into_iter().flatten();
            let bin = |row: &Vec<i64>| Bin { i: i32::try_from(row[0]).unwrap(), n: row[1] };
            let wrong = quantiles(&bins.map(bin).collect(), want.values[at].1.clone());
            problems.extend(wrong.map(|what| format!("{name}: {column} of {word} {what}")));
        }
    }
    problems
}

/// What is wrong with a sketch of these values.
fn quantiles(sketch: &Sketch, mut values: Vec<i64>) -> Option<String> {
    if sketch.count() != values.len() as i64 {
        return Some(format!("has {} values and not {}", sketch.count(), values.len()));
    }
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    (0..=20_u32).map(|twentieth| f64::from(twentieth) / 20.0).find_map(|q| {
        let exact = values[(q * last as f64).round() as usize] as f64;
        let got = sketch.quantile(q)?;
        let is_near = (got - exact).abs() <= exact * (RELATIVE_ERROR + 1e-9);
        (!is_near).then(|| format!("says {got} at {q}, which is {exact}"))
    })
}

/// Rows of numbers by the word in their first column.
fn by_word(batches: &[RecordBatch]) -> BTreeMap<String, Vec<Vec<i64>>> {
    let mut rows = BTreeMap::<String, Vec<Vec<i64>>>::new();
    for batch in batches {
        let (words, numbers) = (batch.column(0).as_string::<i32>(), &batch.columns()[1..]);
        for row in 0..batch.num_rows() {
            let here = numbers.iter().map(|column| column.as_primitive::<Int64Type>().value(row));
            rows.entry(words.value(row).to_owned()).or_default().push(here.collect());
        }
    }
    rows
}
