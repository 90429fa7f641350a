//! SQL queries by the platform itself over the settled rows of a table, in files and memory, within
//! a memory limit.

use std::sync::Arc;

use arrow::array::RecordBatch;
use deltalake::datafusion::execution::runtime_env::RuntimeEnvBuilder;
use deltalake::datafusion::logical_expr::{cast, col};
use deltalake::datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use tallylight_schemas::tables::Table;

use super::{History, HistoryError};

/// Bytes of memory that one query may take before it spills.
const MEMORY: usize = 256 << 20;

fn failed(error: impl std::fmt::Display) -> HistoryError {
    HistoryError::Unavailable(error.to_string())
}

impl History {
    /// Answers a SELECT over one table, which it names `rows`, without rows that can still change.
    /// It uses one thread, because its callers are not in a hurry.
    pub async fn select(&self, table: Table, sql: &str) -> Result<Vec<RecordBatch>, HistoryError> {
        let env = RuntimeEnvBuilder::new().with_memory_limit(MEMORY, 1.0);
        let mut config = SessionConfig::new().with_target_partitions(1);
        config.options_mut().execution.parquet.schema_force_view_types = false;
        let env = Arc::new(env.build().map_err(failed)?);
        let context = SessionContext::new_with_config_rt(config, env);
        let view = self.settled(table).await?;
        let mut parts: Vec<DataFrame> = Vec::new();
        if let Some(delta) = view.delta {
            parts.push(context.read_table(delta).map_err(failed)?);
        }
        if !view.hot.is_empty() || parts.is_empty() {
            let hot = match view.hot.is_empty() {
                true => vec![RecordBatch::new_empty(table.schema())],
                false => view.hot,
            };
            parts.push(context.read_batches(hot).map_err(failed)?);
        }
        let columns = || {
            let fields = table.schema();
            let one = |field: &Arc<arrow::datatypes::Field>| {
                let name = field.name();
                cast(quoted(name), field.data_type().clone()).alias(name)
            };
            fields.fields().iter().map(one).collect::<Vec<_>>()
        };
        let mut rows: Option<DataFrame> = None;
        for part in parts {
            let part = part.select(columns()).map_err(failed)?;
            rows = Some(match rows {
                Some(rows) => rows.union(part).map_err(failed)?,
                None => part,
            });
        }
        if let Some(rows) = rows {
            context.register_table("rows", rows.into_view()).map_err(failed)?;
        }
        context.sql(sql).await.map_err(failed)?.collect().await.map_err(failed)
    }
}

fn quoted(name: &str) -> deltalake::datafusion::logical_expr::Expr {
    col(deltalake::datafusion::common::Column::from_name(name))
}
