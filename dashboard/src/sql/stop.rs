//! Ends work that does not yield. DataFusion can end a query only between two batches; planning,
//! and a join whose condition is hardly ever true, can take long without one. Both check here.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::{SqlError, inside};

/// When a query must end: at its deadline, or when its caller no longer waits.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    deadline: Instant,
    gone: CancellationToken,
    stopped: Arc<AtomicBool>,
}

impl Stop {
    pub(super) fn at(deadline: Instant) -> Self {
        Self { deadline, gone: CancellationToken::new(), stopped: Arc::default() }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Ends the query when dropped.
    pub(super) fn on_drop(&self) -> DropGuard {
        self.gone.clone().drop_guard()
    }

    /// Fails when the query must end.
    pub(super) fn check(&self) -> Result<()> {
        if !self.stopped.load(Ordering::Relaxed) {
            let over = self.gone.is_cancelled() || Instant::now() > self.deadline;
            if !over {
                return Ok(());
            }
            self.stopped.store(true, Ordering::Relaxed);
        }
        Err(inside(SqlError::limit(
            "the query was stopped at its deadline (dashboard.sql.deadline_s); narrow it by time \
             or group before joining",
        )))
    }

    /// Makes the condition of every join check, each time it is evaluated, whether to go on.
    pub(super) fn into_joins(self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let check = ScalarUDF::new_from_impl(StopCheck {
            signature: Signature::any(1, Volatility::Volatile),
            stop: self,
        });
        let with_check = |mut plan: LogicalPlan| {
            let LogicalPlan::Join(join) = &mut plan else { return Ok(Transformed::no(plan)) };
            let Some(filter) = join.filter.take() else { return Ok(Transformed::no(plan)) };
            join.filter = Some(check.call(vec![filter]));
            Ok(Transformed::yes(plan))
        };
        Ok(plan.transform_up_with_subqueries(with_check)?.data)
    }
}

/// A function that returns its argument as long as the query may go on.
#[derive(Debug)]
struct StopCheck {
    signature: Signature,
    stop: Stop,
}

impl PartialEq for StopCheck {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.stop.stopped, &other.stop.stopped)
    }
}

impl Eq for StopCheck {}

impl Hash for StopCheck {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for StopCheck {
    fn name(&self) -> &str {
        "in_time"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Boolean))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.stop.check()?;
        match args.args.into_iter().next() {
            Some(value) => Ok(value),
            None => exec_err!("in_time takes a condition"),
        }
    }
}
