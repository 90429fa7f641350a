//! A query in SQL over every open session, as the dashboard runs it against a processor.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use parking_lot::Mutex;
use tallylight_dashboard::sql::{Engine, Format, Platform, SqlSettings};
use tallylight_dashboard::{OpenSessions, Sessions};
use tallylight_schemas::session::SessionRow;
use tallylight_stream_processor::OpenQuery;
use tallylight_stream_processor::read::Partitions;

use super::trace::TENANT;
use crate::live;

const TIMES: usize = 5;
const SQL: &str = "SELECT sum(n)::bigint AS n, count(*) AS groups FROM \
                   (SELECT country, device, count(*) AS n FROM live_sessions GROUP BY 1, 2)";

/// A state that is queried between two records.
struct Held(Arc<Mutex<Partitions>>);

#[async_trait]
impl Sessions for Held {
    async fn sessions(
        &self,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<SessionRow>, String> {
        Err("single sessions are not queried here".to_owned())
    }

    async fn open(&self, tenant: &str, columns: &[String]) -> Result<Vec<OpenSessions>, String> {
        let (state, tenant, columns) = (Arc::clone(&self.0), tenant.to_owned(), columns.to_vec());
        Ok(vec![live::pages(move |from| {
            let query = OpenQuery { tenant: tenant.clone(), columns: columns.clone(), from };
            let state = state.lock();
            let page = query.ask(state.states()).map_err(|error| error.to_string());
            async { page }
        })])
    }
}

/// Queries `sessions` open sessions; returns the median time, s.
pub(super) fn ask(state: Partitions, sessions: usize) -> anyhow::Result<f64> {
    let held: Arc<dyn Sessions> = Arc::new(Held(Arc::new(Mutex::new(state))));
    let tables = Arc::new(Platform::new(TENANT, &[], None, Some(held))?);
    let engine = Engine::new(SqlSettings::default(), TENANT, tables, None)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        let answer = runtime.block_on(engine.run(SQL, Format::Json))?;
        times.push(began.elapsed().as_secs_f64());
        let rows: serde_json::Value = serde_json::from_slice(&answer.body)?;
        ensure!(rows[0]["n"] == sessions, "SQL counts {rows} and there are {sessions}");
    }
    times.sort_by(f64::total_cmp);
    times.get(TIMES / 2).copied().context("the query did not run")
}
