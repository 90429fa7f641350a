//! One query: read, plan, run, write, all within its limits.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::ViewTable;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{SessionStateBuilder, SessionStateDefaults};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;

use super::catalog::TableInfo;
use super::encode::{Answer, Encoder, Format};
use super::engine::Shared;
use super::error::{Kind, SqlError};
use super::statement::{CATALOG, SCHEMA, TABLE_FUNCTIONS};
use super::stop::Stop;
use super::{catalog, functions, narrow, rules, statement};

/// Rows that operators process at a time. The results of a function are bounded per batch, and a
/// query can be ended between batches, so this is less than DataFusion's default.
const BATCH: usize = 2_048;

pub(super) async fn run(
    shared: Arc<Shared>,
    sql: String,
    format: Format,
    stop: Stop,
) -> Result<Answer, SqlError> {
    let deadline = stop.deadline();
    match tokio::time::timeout_at(deadline.into(), work(&shared, &sql, format, stop)).await {
        Ok(answer) => answer,
        Err(_) => Err(too_late(shared.settings.deadline_s)),
    }
}

pub(super) fn too_late(deadline_s: u64) -> SqlError {
    SqlError::limit(format!(
        "the query did not finish within {deadline_s} s (dashboard.sql.deadline_s) and was \
         stopped; narrow it by time or group before joining"
    ))
}

async fn work(shared: &Shared, sql: &str, format: Format, stop: Stop) -> Result<Answer, SqlError> {
    let tables = shared.tables.list();
    let known: Vec<&str> = tables.iter().map(|table| table.name).collect();
    let reading = statement::read(sql, shared.settings.statement_bytes, &known)?;
    let state = session(shared, stop.clone());
    let read = tables.iter().filter(|info| reading.tables.contains(info.name));
    let files_alone = register_tables(shared, &state, &read.collect::<Vec<_>>()).await?;

    let plan = state.statement_to_plan(reading.statement).await?;
    // The statement was checked as text; this checks the plan made from it.
    let reads =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reads.verify_plan(&plan).map_err(|error| SqlError::new(Kind::NotAllowed, error.to_string()))?;
    rules::check(&plan)?;
    let plan = state.optimize(&plan)?;
    rules::check(&plan)?;
    let plan = stop.into_joins(plan)?;
    let physical = state.query_planner().create_physical_plan(&plan, &state).await?;
    let physical = yielding(physical)?;

    let limits = &shared.settings;
    let mut encoder = Encoder::new(format, &physical.schema(), limits.rows, limits.bytes)?;
    let mut batches = execute_stream(physical, state.task_ctx())?;
    let mut truncated = false;
    while let Some(batch) = batches.next().await {
        if !encoder.push(&batch?)? {
            truncated = true;
            break;
        }
        // Encoding takes time too, and the query must remain cancellable.
        tokio::task::yield_now().await;
    }
    Ok(Answer { files_alone, ..encoder.finish(truncated)? })
}

/// Registers the tables that a statement reads. Returns those of which rows that are not in a file
/// yet are missing.
async fn register_tables(
    shared: &Shared,
    state: &SessionState,
    read: &[&TableInfo],
) -> Result<Vec<&'static str>, SqlError> {
    let (views, kept): (Vec<&TableInfo>, Vec<&TableInfo>) =
        read.iter().partition(|info| info.view.is_some());
    let over = |name: &str| {
        kept.iter().any(|info| info.name == name)
            || views.iter().filter_map(|info| info.view.as_ref()).any(|view| view.over == name)
    };
    let mut seen: Vec<(String, Arc<dyn TableProvider>)> = Vec::new();
    let mut files_alone = Vec::new();
    for info in shared.tables.list().iter().filter(|info| over(info.name)) {
        let (view, alone) = catalog::view(shared.tables.as_ref(), info, &shared.tenant).await?;
        files_alone.extend(alone.then_some(info.name));
        seen.push((info.name.to_owned(), view));
    }
    let register = |seen| {
        let catalog = catalog::catalog(seen, Arc::clone(&shared.about))?;
        state.catalog_list().register_catalog(CATALOG.to_owned(), catalog);
        Ok::<_, SqlError>(())
    };
    register(seen.clone())?;
    if views.is_empty() {
        return Ok(files_alone);
    }
    for info in views {
        let Some(view) = &info.view else { continue };
        let plan = state.create_logical_plan(&view.sql).await?;
        seen.push((info.name.to_owned(), Arc::new(ViewTable::new(plan, None))));
    }
    register(seen)?;
    Ok(files_alone)
}

/// Bounds the rows that operators repeat, and makes those that turn one batch into many yield after
/// some of them. DataFusion counts only batches that are read, and a cross join may not read one
/// for hours.
fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>, SqlError> {
    let yielding = plan.transform_up(|plan| {
        let plan = narrow::bounded(plan)?;
        let into_many = plan.name().contains("Join") || plan.name().contains("Unnest");
        let plan: Arc<dyn ExecutionPlan> =
            if into_many { Arc::new(CooperativeExec::new(plan)) } else { plan };
        Ok(Transformed::yes(plan))
    })?;
    Ok(yielding.data)
}

/// The functions and rules available to a query. Of DataFusion's defaults it excludes all that read
/// or write anything by name: file formats, table factories and variables.
pub(super) fn session(shared: &Shared, stop: Stop) -> SessionState {
    let mut config = SessionConfig::new()
        .with_target_partitions(shared.settings.threads)
        .with_batch_size(BATCH)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, SCHEMA);
    config.options_mut().sql_parser.collect_spans = true;
    // This rule allocates for as many groups as a LIMIT allows before there are any: a LIMIT of
    // 10^14 would end the process.
    config.options_mut().optimizer.enable_topk_aggregation = false;
    let table_functions = SessionStateDefaults::default_table_functions()
        .into_iter()
        .filter(|function| TABLE_FUNCTIONS.contains(&function.name()))
        .map(|function| (function.name().to_owned(), function))
        .collect();
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(Arc::clone(&shared.env))
        .with_optimizer_rules(rules::rules(stop))
        .with_expr_planners(functions::planners())
        .with_scalar_functions(functions::scalars())
        .with_aggregate_functions(functions::aggregates())
        .with_window_functions(functions::windows())
        .with_table_functions(table_functions)
        .build();
    // A state taken from a context holds the start time of the query, which now() needs.
    SessionContext::new_with_state(state).state()
}
