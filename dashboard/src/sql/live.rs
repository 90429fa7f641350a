//! `live_sessions`: open sessions from the processors' memory, streamed while a query reads them.
//! Only the columns that the query needs are requested.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::stream::{self, StreamExt, TryStreamExt};
use parking_lot::Mutex;
use tallylight_schemas::tables::Table;

use super::error::{Kind, SqlError, inside};
use crate::sessions::{OpenSessions, Sessions, TIMEOUT};

/// The table of one tenant.
pub(super) struct LiveSessions {
    tenant: String,
    sessions: Arc<dyn Sessions>,
}

impl LiveSessions {
    pub(super) fn new(tenant: String, sessions: Arc<dyn Sessions>) -> Self {
        Self { tenant, sessions }
    }
}

impl fmt::Debug for LiveSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSessions").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

fn unavailable(why: &str) -> DataFusionError {
    let detail = format!("table live_sessions cannot be read: {why}; try again");
    inside(SqlError::new(Kind::Unavailable, detail))
}

/// The answer to a request, within [`TIMEOUT`].
async fn within<T>(request: impl Future<Output = T>) -> Result<T> {
    let answer = tokio::time::timeout(TIMEOUT, request).await;
    answer.map_err(|_| unavailable("the processor is busy"))
}

#[async_trait]
impl TableProvider for LiveSessions {
    fn schema(&self) -> SchemaRef {
        Table::Sessions.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = self.schema();
        let wanted = match projection {
            Some(projection) => Arc::new(all.project(projection)?),
            None => Arc::clone(&all),
        };
        // When a query needs no column, one is requested to count the sessions.
        let requested = match wanted.fields().is_empty() {
            true => Arc::new(all.project(&[all.index_of("tenant")?])?),
            false => Arc::clone(&wanted),
        };
        let names = requested.fields().iter().map(|field| field.name().clone());
        let names: Vec<String> = names.collect();
        let shards = within(self.sessions.open(&self.tenant, &names)).await?;
        let shards = shards.map_err(|why| unavailable(&why))?.into_iter().map(|sessions| {
            let schema = Arc::clone(&requested);
            Arc::new(ShardSessions { schema, sessions: Mutex::new(Some(sessions)) })
                as Arc<dyn PartitionStream>
        });
        let none = wanted.fields().is_empty().then(Vec::new);
        let streams = shards.collect();
        let none = none.as_ref();
        let plan = StreamingTableExec::try_new(requested, streams, none, [], false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// The open sessions of a shard, to be read once.
struct ShardSessions {
    schema: SchemaRef,
    sessions: Mutex<Option<OpenSessions>>,
}

impl fmt::Debug for ShardSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardSessions").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for ShardSessions {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let sessions = self.sessions.lock().take();
        let (schema, rows) = (Arc::clone(&self.schema), context.session_config().batch_size());
        let pages = stream::try_unfold(sessions, async |sessions| {
            let Some(mut sessions) = sessions else {
                return exec_err!("live_sessions is read twice by one scan");
            };
            match within(sessions.next()).await? {
                Some(Ok(page)) => Ok(Some((page, Some(sessions)))),
                Some(Err(why)) => Err(unavailable(&why)),
                None => Ok(None),
            }
        });
        let batches =
            pages.map_ok(move |page| stream::iter(batches(page, Arc::clone(&schema), rows)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches.try_flatten()))
    }
}

/// Cuts a page, which may have a million sessions, into batches of at most `rows`.
fn batches(
    page: RecordBatch,
    schema: SchemaRef,
    rows: usize,
) -> impl Iterator<Item = Result<RecordBatch>> {
    let all = page.num_rows();
    (0..all).step_by(rows.max(1)).map(move |at| {
        let some = page.slice(at, rows.min(all - at));
        let columns = schema.fields().iter().zip(some.columns());
        let columns = columns.map(|(field, column)| cast(column, field.data_type()));
        let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
    })
}
