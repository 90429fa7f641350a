//! A hundred hostile statements. Each ends with a clear error or with a harmless answer, within
//! its limits, and the engine answers a normal query afterwards.

use std::time::{Duration, Instant};

use tallylight_dashboard::sql::{Kind, SqlSettings};

use crate::deep::{deep, doubling};
use crate::list::{HOSTILE, generated};
use crate::world::{engine, rows, settings, value};

/// How a hostile statement may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It does more than read.
    Refused,
    /// It names what does not exist, or is not SQL.
    Wrong,
    /// It runs into a limit.
    Limited,
    /// It answers without doing harm.
    Harmless,
    /// Either of the last two, depending on the speed of the machine.
    Bounded,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_hundred_hostile_statements() {
    let hasty = engine(SqlSettings { deadline_s: 1, ..settings() });
    // The engine's threads are the last to get a core, so a deadline of a second may end anything.
    let patient = engine(settings());
    let mut all: Vec<(End, String)> =
        HOSTILE.iter().map(|(end, sql)| (*end, (*sql).to_owned())).collect();
    all.extend(generated());
    all.extend(deep());
    all.extend(doubling());
    assert!(all.len() >= 100, "{} statements", all.len());
    let mut problems = Vec::new();
    for (end, sql) in &all {
        let shown: String = sql.chars().take(120).collect();
        let endless = matches!(end, End::Limited | End::Bounded);
        let engine = if endless { &hasty } else { &patient };
        let started = Instant::now();
        let answer = rows(engine, sql).await;
        let took = started.elapsed();
        // Two seconds more than its engine's deadline.
        if took > Duration::from_secs(if endless { 3 } else { 32 }) {
            problems.push(format!("{shown}: took {took:?}"));
        }
        let got = match &answer {
            Ok(_) => End::Harmless,
            Err(error) if error.kind == Kind::NotAllowed => End::Refused,
            Err(error) if error.kind == Kind::Invalid => End::Wrong,
            Err(error) if error.kind == Kind::Limit => End::Limited,
            Err(error) => {
                problems.push(format!("{shown}: {:?}: {error}", error.kind));
                continue;
            }
        };
        let fits = match end {
            End::Bounded => [End::Limited, End::Harmless].contains(&got),
            other => *other == got,
        };
        if !fits {
            problems.push(format!(
                "{shown}: {got:?}, not {end:?}: {:?}",
                answer.map(|rows| rows.len())
            ));
        }
        // The permit may be released a moment later, when the work was in the middle of a step.
        let healthy = async {
            while rows(engine, "SELECT sum(viewers) FROM playback").await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), healthy).await.is_err() {
            problems.push(format!("{shown}: the engine did not answer afterwards"));
        }
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), all.len(), problems.join("\n"));
    assert_eq!(value(&hasty, "SELECT count(*) FROM playback").await, crate::world::PANES);
}
