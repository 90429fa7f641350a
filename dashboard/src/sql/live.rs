//! `live_sessions`: open sessions out of the processors' memory, streamed while they are asked
//! for. Only the columns that a query needs are asked for.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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

/// What is asked for, within [`TIMEOUT`].
async fn within<T>(asked: impl Future<Output = T>) -> Result<T> {
    let answer = tokio::time::timeout(TIMEOUT, asked).await;
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
        // Where no column is wanted, one tells how many sessions there are.
        let asked = match wanted.fields().is_empty() {
            true => Arc::new(all.project(&[all.index_of("tenant")?])?),
            false => Arc::clone(&wanted),
        };
        let names: Vec<String> = asked.fields().iter().map(|field| field.name().clone()).collect();
        let shards = within(self.sessions.open(&self.tenant, &names)).await?;
        let shards = shards.map_err(|why| unavailable(&why))?.into_iter().map(|sessions| {
            let schema = Arc::clone(&asked);
            Arc::new(OfShard { schema, sessions: Mutex::new(Some(sessions)) })
                as Arc<dyn PartitionStream>
        });
        let none = wanted.fields().is_empty().then(Vec::new);
        let streams = shards.collect();
        let plan = StreamingTableExec::try_new(asked, streams, none.as_ref(), [], false, limit)?;
        Ok(Arc::new(plan))
    }
}

/// The open sessions of a shard, to be read once.
struct OfShard {
    schema: SchemaRef,
    sessions: Mutex<Option<OpenSessions>>,
}

impl fmt::Debug for OfShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfShard").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for OfShard {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).take();
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

/// A page may have a million sessions; what comes after it works on few at a time.
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
