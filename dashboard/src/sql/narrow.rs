//! Bounds rows before they are repeated. A join, for one, copies a value for each row that it
//! matches, a batch of them in one allocation. The memory pool does not count that, and a failed
//! allocation ends the process. Functions bound what they make; aggregates do not.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
    SendableRecordBatchStream, replace_children_if_necessary,
};
use futures::StreamExt;

use super::error::{SqlError, inside};
use super::functions::row_size;

/// Most bytes of a row that may be repeated: a group of `span_panes` has less.
const ROW: u64 = 192 << 10;

/// Bounds the rows of those inputs of an operator that it may repeat.
pub(super) fn bounded(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let name = plan.name();
    let passed_on = match name {
        // It passes its first input on as it is; the others are the subqueries.
        "ScalarSubqueryExec" => 1,
        _ if ["Join", "Unnest", "Window"].iter().any(|part| name.contains(part)) => 0,
        _ => return Ok(plan),
    };
    let inputs = plan.children().into_iter().enumerate().map(|(at, input)| {
        let input = Arc::clone(input);
        if at < passed_on { input } else { Arc::new(Narrow { input }) as Arc<dyn ExecutionPlan> }
    });
    let inputs = inputs.collect();
    replace_children_if_necessary(plan, inputs)
}

/// Passes its input on, unless a row of it is too large.
#[derive(Debug)]
struct Narrow {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for Narrow {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExecutionPlan for Narrow {
    fn name(&self) -> &str {
        "NarrowExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.into_iter().next() {
            Some(input) => Ok(Arc::new(Self { input })),
            None => Ok(self),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let schema = input.schema();
        let narrow = input.map(|batch| batch.and_then(checked));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, narrow)))
    }
}

fn checked(batch: RecordBatch) -> Result<RecordBatch> {
    let Some(size) = too_large(&batch) else { return Ok(batch) };
    Err(inside(SqlError::limit(format!(
        "a row of {size} bytes would be repeated by a join, unnest, OVER or a subquery; {ROW} are \
         allowed. Aggregate less into one value"
    ))))
}

/// The size of the first row that is too large.
fn too_large(batch: &RecordBatch) -> Option<u64> {
    if batch.get_array_memory_size() as u64 <= ROW {
        return None;
    }
    // Of a fixed width are numbers, times and the like: small.
    let columns = batch.columns().iter().filter(|column| !column.data_type().is_primitive());
    let columns: Vec<_> = columns.collect();
    let size = |row| columns.iter().map(|column| row_size(column, row)).sum::<u64>();
    (0..batch.num_rows()).map(size).find(|size| *size > ROW)
}
