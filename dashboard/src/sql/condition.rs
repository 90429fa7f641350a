//! A condition on the records of one table: the text after WHERE, compiled once and then applied to
//! batch after batch.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::simplify_expressions::{ExprSimplifier, SimplifyContext};
use datafusion::physical_expr::PhysicalExpr;

use super::catalog;
use super::engine::Shared;
use super::error::{Kind, SqlError};
use super::query::session;
use super::rules;
use super::statement::{self, CATALOG};
use super::stop::Stop;

/// Functions that return the current time.
const CLOCKS: [&str; 3] = ["now", "current_date", "current_time"];

/// A compiled condition that selects rows.
#[derive(Debug, Clone)]
pub struct Condition {
    predicate: Arc<dyn PhysicalExpr>,
}

impl Condition {
    /// The rows of `batch` for which it is true. The batch must have the columns it was compiled
    /// for.
    pub fn keep(&self, batch: &RecordBatch) -> Result<RecordBatch, SqlError> {
        let held = self.predicate.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some(held) = held.as_boolean_opt() else { return Err(not_a_condition()) };
        filter_record_batch(batch, held)
            .map_err(|error| SqlError::new(Kind::Internal, error.to_string()))
    }
}

fn not_a_condition() -> SqlError {
    SqlError::invalid(
        "write one condition on the columns of the table, such as sid = 'a1' AND bl < 2000",
    )
}

/// Compiles `text` for rows of `schema`, within the bounds of any statement.
pub(super) async fn compile(
    shared: &Shared,
    table: &str,
    schema: SchemaRef,
    text: &str,
    stop: Stop,
) -> Result<Condition, SqlError> {
    // On a line of its own, so that a comment at its end ends there, and positions in errors fit.
    let sql = format!("SELECT * FROM {table} WHERE (\n{text}\n)");
    let in_text = |mut error: SqlError| {
        error.at = error.at.map(|(line, column)| (line.saturating_sub(1).max(1), column));
        error
    };
    let reading =
        statement::read(&sql, shared.settings.statement_bytes, &[table]).map_err(in_text)?;
    let state = session(shared, stop);
    let rows: Arc<MemTable> = Arc::new(MemTable::try_new(Arc::clone(&schema), vec![Vec::new()])?);
    let seen = catalog::catalog(vec![(table.to_owned(), rows)], Arc::clone(&shared.about))?;
    state.catalog_list().register_catalog(CATALOG.to_owned(), seen);
    let plan =
        state.statement_to_plan(reading.statement).await.map_err(|error| in_text(error.into()))?;
    rules::check(&plan)?;
    let predicate = predicate_of(&plan).ok_or_else(not_a_condition)?;
    if let Some(clock) = clock_in(&predicate) {
        return Err(SqlError::invalid(format!(
            "{clock} would be frozen at the time of the request, as a condition is compiled once; \
             write the time itself, such as TIMESTAMP '2026-11-26T04:50:00Z'"
        )));
    }
    let columns = DFSchema::try_from_qualified_schema(table, &schema)?;
    let predicate = physical(&state, predicate, columns).map_err(in_text)?;
    let condition = Condition { predicate };
    // A condition that fails on every row is refused now, instead of at each entry.
    condition.keep(&RecordBatch::new_empty(schema)).map_err(in_text)?;
    Ok(condition)
}

/// The predicate, simplified and ready to run. Some functions (`coalesce`, `arrow_cast`, …) exist
/// only until a plan is simplified, which turns them into others.
fn physical(
    state: &SessionState,
    predicate: Expr,
    columns: DFSchema,
) -> Result<Arc<dyn PhysicalExpr>, SqlError> {
    let columns = Arc::new(columns);
    let context = SimplifyContext::builder()
        .with_schema(Arc::clone(&columns))
        .with_config_options(Arc::clone(state.config_options()))
        .build();
    let simplifier = ExprSimplifier::new(context);
    let predicate = simplifier.coerce(predicate, &columns)?;
    Ok(state.create_physical_expr(simplifier.simplify(predicate)?, &columns)?)
}

/// The first function in a condition that returns the current time.
fn clock_in(predicate: &Expr) -> Option<&'static str> {
    let calls = |clock: &&str| {
        let found = predicate
            .exists(|part| Ok(matches!(part, Expr::ScalarFunction(call) if call.name() == *clock)));
        found.unwrap_or_default()
    };
    CLOCKS.into_iter().find(calls)
}

/// The condition, if the plan consists only of a filter on a table. Text that closes the bracket
/// and continues with something else results in another plan.
fn predicate_of(plan: &LogicalPlan) -> Option<Expr> {
    let LogicalPlan::Projection(all) = plan else { return None };
    let LogicalPlan::Filter(filter) = all.input.as_ref() else { return None };
    let LogicalPlan::TableScan(_) = filter.input.as_ref() else { return None };
    let has_subquery = filter.predicate.exists(|part| {
        Ok(matches!(part, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_)))
    });
    (!has_subquery.ok()?).then(|| filter.predicate.clone())
}
