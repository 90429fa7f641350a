//! Cuboids on demand, compared with other sources about the same viewers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

use crate::world::World;

/// A cell and the start of a pane, Unix ms.
type CellPane = (String, i64);
/// Values that are not 0.
type Values = BTreeMap<CellPane, i64>;

/// Requests the same series until it is dropped, as a chart does. It must be answered now and then:
/// a chart that is always refused puts no load on the platform.
#[derive(Debug)]
pub struct Onlooker {
    answers: Arc<AtomicUsize>,
    _asking: AbortOnDropHandle<()>,
}

/// The least answers an onlooker must get: half of its requests in half a minute.
const ANSWERS: usize = 4;

/// The series that is requested throughout.
const ALONG: &str = "by=device&cells=200&width_s=10&minutes=30";
/// The same series under another key, of which nothing is cached until it is requested at the end.
const LATE: &str = "by=device&cells=200&width_s=10&minutes=31";

impl Onlooker {
    /// Starts requesting.
    pub fn begin(world: &World) -> Self {
        let url: Arc<str> = format!("{}/v1/series?{ALONG}", world.dashboard()).into();
        let answers = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&answers);
        let asking = tokio::spawn(async move {
            loop {
                // It is refused while queries occupy all slots, and tries again.
                if reqwest::get(&*url).await.is_ok_and(|answer| answer.status() == 200) {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                tokio::time::sleep(Duration::from_secs(4)).await;
            }
        });
        Self { answers, _asking: AbortOnDropHandle::new(asking) }
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        let answers = self.answers.load(Ordering::SeqCst);
        // A test that is already failing has given its reason.
        let fails = std::thread::panicking();
        assert!(fails || answers >= ANSWERS, "a chart was answered only {answers} times");
    }
}

async fn series(world: &World, query: &str) -> Value {
    let url = format!("{}/v1/series?{query}", world.dashboard());
    let answer = reqwest::get(url).await.unwrap();
    let status = answer.status();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(status, 200, "{query}: {answer}");
    assert_eq!(answer["partial"], serde_json::json!([]), "{query}");
    answer
}

/// Values of panes within `[from, to)`, ms, by the text of their cell.
fn values(answer: &Value, (from, to): (i64, i64)) -> Values {
    let (first, width) = (answer["from"].as_i64().unwrap(), answer["width_s"].as_i64().unwrap());
    let mut out = Values::new();
    for cell in answer["cells"].as_array().unwrap() {
        let is = answer["by"].as_array().unwrap().iter();
        let is: Vec<String> =
            is.map(|name| cell["is"][name.as_str().unwrap()].to_string()).collect();
        for (at, value) in (0..).zip(cell["values"].as_array().unwrap()) {
            let pane = first + at * width * 1_000;
            let value = value.as_f64().unwrap_or(0.0) as i64;
            if value != 0 && (from..to).contains(&pane) {
                out.insert((is.join(" "), pane), value);
            }
        }
    }
    out
}

/// Values of a query that returns `cell`, `ms` and `n`.
async fn sql_values(world: &World, sql: &str, (from, to): (i64, i64)) -> Values {
    let rows = world.sql(sql).await;
    let place =
        |row: &Value| (row["cell"].as_str().unwrap().to_owned(), row["ms"].as_i64().unwrap());
    let all = rows.iter().map(|row| (place(row), row["n"].as_i64().unwrap_or(0)));
    all.filter(|((_, pane), n)| *n != 0 && (from..to).contains(pane)).collect()
}

/// The newest pane counts every viewer, also those that have not reported for a while: as many as
/// the standing cuboid counts at its end.
pub async fn newest_pane_is_not_short_of_viewers(world: &World, least: i64) {
    let agree = async || {
        let answer = series(world, "width_s=1&minutes=2").await;
        let total = answer["total"].as_array().unwrap();
        let newest = total.last().and_then(Value::as_f64).unwrap_or(0.0) as i64;
        let pane = answer["from"].as_i64().unwrap() + 1_000 * (total.len() as i64 - 1);
        let sql = format!(
            "SELECT SUM(viewers) AS n FROM playback WHERE cuboid = 'content' \
             AND to_unixtime(pane) = {}",
            pane / 1_000
        );
        let standing = world.sql(&sql).await[0]["n"].as_i64().unwrap_or(0);
        newest >= least && newest == standing
    };
    world.wait_for("the newest pane to have every viewer", 40, agree).await;
}

/// Final panes of both cuboids agree to the viewer and the millisecond, whether the one on demand
/// was requested throughout or only now. A breakdown that no standing cuboid has agrees with the
/// session spans, in the pane at whose end most viewers watch.
pub async fn final_panes_agree(world: &World, until_ms: i64) {
    let settled = async || {
        let answer = series(world, ALONG).await;
        answer["settled_up_to"].as_i64().unwrap() >= until_ms
    };
    world.wait_for("the panes to be final", 200, settled).await;
    let along = series(world, ALONG).await;
    let range = (along["from"].as_i64().unwrap(), until_ms);
    let mut watching: BTreeMap<i64, i64> = BTreeMap::new();
    for measure in ["viewers", "starting_ms", "playing_ms", "rebuffering_ms"] {
        let sql = format!(
            "SELECT coalesce('\"' || device || '\"', 'null') AS cell, \
             to_unixtime(pane) * 1000 AS ms, SUM({measure}) AS n \
             FROM playback WHERE cuboid = 'audience' AND final GROUP BY 1, 2"
        );
        let standing = sql_values(world, &sql, range).await;
        assert!(standing.len() > 4, "{measure}: {standing:?}");
        if measure == "viewers" {
            standing.iter().for_each(|((_, pane), n)| *watching.entry(*pane).or_default() += n);
        }
        for query in [ALONG, LATE] {
            let answer = series(world, &format!("{query}&metric={measure}")).await;
            assert_eq!(values(&answer, range), standing, "{measure} by {query}");
        }
    }
    let answer = series(world, "by=device,edge,os&cells=200&width_s=10").await;
    let (_, pane) = watching.into_iter().map(|(pane, n)| (n, pane)).max().unwrap();
    let end = pane / 1_000 + 10;
    let text = |name: &str| format!("coalesce('\"' || {name} || '\"', 'null')");
    let cell = ["device", "edge", "os"].map(text).join(" || ' ' || ");
    let sql = format!(
        "SELECT {cell} AS cell, {pane} AS ms, COUNT(*) AS n FROM session_spans \
         WHERE state <> 'paused' AND \"from\" < to_timestamp({end}) \
         AND \"to\" >= to_timestamp({end}) GROUP BY 1"
    );
    let spans = sql_values(world, &sql, (pane, pane + 1)).await;
    assert!(spans.len() > 2, "{spans:?}");
    assert_eq!(values(&answer, (pane, pane + 1)), spans);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(times: usize) -> Onlooker {
        let asking = AbortOnDropHandle::new(tokio::spawn(std::future::pending()));
        Onlooker { answers: Arc::new(AtomicUsize::new(times)), _asking: asking }
    }

    #[tokio::test]
    #[should_panic(expected = "answered only 3 times")]
    async fn an_onlooker_with_few_answers_fails_the_test() {
        drop(answered(ANSWERS));
        drop(answered(ANSWERS - 1));
    }
}
