//! Limits: each is reported, and holds.

use std::time::{Duration, Instant};

use tallylight_dashboard::sql::{Engine, Format, Kind, SqlSettings};

use crate::world::{engine, rows, settings, value};

const ENDLESS: &str =
    "SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b";

#[tokio::test]
async fn more_rows_than_the_limit_are_cut_off_and_reported() {
    let engine = engine(SqlSettings { rows: 100, ..settings() });
    for format in Format::ALL {
        let answer = engine.run("SELECT * FROM generate_series(1, 1000000)", format).await.unwrap();
        assert_eq!((answer.rows, answer.truncated), (100, true), "{format:?}");
        let answer = engine.run("SELECT * FROM generate_series(1, 100)", format).await.unwrap();
        assert_eq!((answer.rows, answer.truncated), (100, false), "{format:?}");
    }
}

#[tokio::test]
async fn more_bytes_than_the_limit_are_cut_off_too() {
    let engine = engine(SqlSettings { bytes: 100_000, ..settings() });
    let wide = "SELECT repeat('x', 1000) AS x, value FROM generate_series(1, 100000)";
    for format in [Format::Json, Format::Csv] {
        let answer = engine.run(wide, format).await;
        let answer = answer.unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert!(answer.truncated && answer.body.len() <= 100_010, "{format:?}");
    }
    // In a table, one wide cell makes every line wide; it also has a rule and a closing line.
    let padded = "SELECT repeat('ö', CASE value % 1000 WHEN 999 THEN 80 ELSE 0 END) AS x, value \
                  FROM generate_series(1, 100000)";
    let answer = engine.run(padded, Format::Table).await.unwrap();
    assert!(answer.truncated && answer.rows > 900, "{}", answer.rows);
    assert!(answer.body.len() <= 100_000 + 500, "{} bytes", answer.body.len());
}

#[tokio::test]
async fn a_cross_join_ends_at_the_deadline_and_the_engine_stays_healthy() {
    let engine = engine(SqlSettings { deadline_s: 2, concurrent: 1, ..settings() });
    let series = |rows: u64| format!("generate_series(1, {rows})");
    let (few, many) = (series(300_000), series(1_000_000_000));
    for sql in [
        ENDLESS.to_owned(),
        format!("SELECT count(*) FROM {few} a, {many} b"),
        format!("SELECT count(*) FROM {few} a, {many} b WHERE a.value + b.value < 0"),
        format!("SELECT count(*) FROM {few} a JOIN {many} b ON a.value % 2 = b.value % 2"),
        format!(
            "SELECT 1 FROM {few} a JOIN {many} b ON a.value % 2 = b.value % 2 AND a.value + b.value < 0"
        ),
        format!("SELECT b.* FROM {few} a LEFT JOIN {many} b ON a.value + b.value < 0"),
    ] {
        // What the engine cannot end by itself is late each time, a machine that stands still once.
        let mut late = Vec::new();
        while let Some(took) = ends_late(&engine, &sql).await {
            late.push(took);
            assert!(late.len() < 3, "{sql}: {late:?}");
        }
        assert_eq!(value(&engine, "SELECT 1").await, 1, "{sql}");
    }
}

/// Runs an endless statement with a deadline of 2 s on an engine with one place. `None` if the
/// engine ended it then and had the place free at once, else how long it took.
async fn ends_late(engine: &Engine, sql: &str) -> Option<Duration> {
    let started = Instant::now();
    let error = rows(engine, sql).await.unwrap_err();
    let took = started.elapsed();
    assert_eq!(error.kind, Kind::Limit, "{sql}: {error}");
    let is_free = rows(engine, "SELECT 1").await.is_ok();
    if is_free && took < Duration::from_millis(2_450) {
        return None;
    }
    freed(engine).await;
    Some(took)
}

/// Waits until the engine answers again.
async fn freed(engine: &Engine) {
    let free = async {
        while rows(engine, "SELECT 1").await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), free).await.expect("the queries have ended");
}

#[tokio::test]
async fn permits_are_few_and_are_released_when_a_caller_disconnects() {
    let engine = engine(SqlSettings { concurrent: 2, deadline_s: 60, ..settings() });
    let running: Vec<_> = (0..2)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.run(ENDLESS, Format::Json).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refused = rows(&engine, "SELECT 1").await.unwrap_err();
    assert_eq!(refused.kind, Kind::Busy);
    assert!(refused.detail.contains("sql.concurrent"), "{refused}");
    running.iter().for_each(tokio::task::JoinHandle::abort);
    // Long before their deadline: they ended with their callers.
    freed(&engine).await;
}

#[tokio::test]
async fn a_sort_larger_than_memory_and_disk_says_so() {
    let engine = engine(SqlSettings { deadline_s: 20, ..settings() });
    let sort = "SELECT value, md5(value::text) AS m FROM generate_series(1, 100000000) ORDER BY m";
    let error = rows(&engine, sort).await.unwrap_err();
    assert_eq!(error.kind, Kind::Limit, "{error}");
    assert!(
        error.detail.contains("spill_bytes") || error.detail.contains("memory_bytes"),
        "{error}"
    );
    assert_eq!(value(&engine, "SELECT 1").await, 1);
}

#[test]
fn settings_out_of_bounds_are_reported_together() {
    assert_eq!(SqlSettings::default().validate(), Ok(()));
    let wrong = SqlSettings { threads: 0, deadline_s: 0, rows: 0, ..SqlSettings::default() };
    assert_eq!(wrong.validate().unwrap_err().len(), 3);
}

#[tokio::test]
async fn types_and_values_that_do_not_match_are_the_statements_fault() {
    let engine = engine(settings());
    for (sql, says) in [
        ("SELECT now() BETWEEN 1 AND 2", "in BETWEEN expression"),
        ("SELECT count(*) FROM playback WHERE 0 !~ 'a'", "failed to match any signature"),
        ("SELECT max(startup_sketch) FROM playback", "Uncomparable values"),
        ("SELECT nth_value(viewers, 0) FROM playback", "Nth value indices are 1 based"),
        (
            "SELECT sum(viewers) OVER (ORDER BY INTERVAL '1 day' RANGE BETWEEN 'a' PRECEDING AND \
             CURRENT ROW) FROM playback",
            "range queries",
        ),
        ("SELECT regexp_replace(edge, '(', 'a') FROM playback", "regex parse error"),
        ("SELECT lpad('a', -1, 'b')", "no length below 0"),
        ("SELECT 1 / 0", "Divide by zero"),
        ("SELECT 'a'::int", "cast string 'a'"),
    ] {
        let error = rows(&engine, sql).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid, "{sql}: {error}");
        assert!(error.detail.contains(says), "{sql}: {error}");
        assert!(!error.detail.contains("Assertion failed"), "{sql}: {error}");
    }
}
