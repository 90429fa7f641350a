//! Bounds on the planner itself. Its rules copy expressions into one another, and a few lines of
//! WITH can double at every step. So each rule runs only while a plan has few expressions and the
//! deadline has not passed.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::optimizer::{ApplyOrder, Optimizer, OptimizerRule};

use super::error::{SqlError, inside};
use super::functions::AMPLIFIERS;
use super::stop::Stop;

/// Most expressions of one node of a plan.
const PER_NODE: usize = 4_000;
/// Most nodes of a plan.
const NODES: usize = 2_000;
/// Most bytes of literals in a plan: each may be repeated for every row of a batch.
const LITERALS: usize = 128 << 10;
/// Most calls in a plan whose results may be larger than their arguments.
const CALLS: usize = 64;

/// DataFusion's default rules, each bounded.
pub(super) fn rules(stop: Stop) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let all = Optimizer::new().rules.into_iter();
    all.map(|rule| Arc::new(Bounded { rule, stop: stop.clone() }) as _).collect()
}

#[derive(Debug)]
struct Bounded {
    rule: Arc<dyn OptimizerRule + Send + Sync>,
    stop: Stop,
}

impl OptimizerRule for Bounded {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>, DataFusionError> {
        self.stop.check()?;
        let mut count = 0;
        plan.apply_expressions(|expr| {
            count = count_up(expr, count)?;
            Ok(if count > PER_NODE { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if count > PER_NODE {
            return Err(inside(too_large()));
        }
        self.rule.rewrite(plan, config)
    }
}

fn too_large() -> SqlError {
    SqlError::limit("the statement becomes too large when its parts are combined; make it simpler")
}

fn count_up(expr: &Expr, mut count: usize) -> Result<usize> {
    expr.apply(|_| {
        count += 1;
        Ok(if count > PER_NODE { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(count)
}

/// Checks a plan as a whole, before it is optimised and after.
pub(super) fn check(plan: &LogicalPlan) -> Result<(), SqlError> {
    let (mut nodes, mut literals, mut calls) = (0_usize, 0_usize, 0_usize);
    plan.apply_with_subqueries(|node| {
        nodes += 1;
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                match part {
                    // Numbers do not count, so that long lists of them pass.
                    Expr::Literal(value, _) => literals += value.size().saturating_sub(64),
                    Expr::ScalarFunction(call) if AMPLIFIERS.contains(&call.name()) => calls += 1,
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(if nodes > NODES { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if nodes > NODES {
        return Err(too_large());
    }
    if literals > LITERALS {
        return Err(SqlError::limit(format!(
            "the texts and lists written in the statement, or made from them, are over {LITERALS} \
             bytes; make them shorter"
        )));
    }
    if calls > CALLS {
        return Err(SqlError::limit(format!(
            "the statement has {calls} calls that make longer texts or lists; {CALLS} are allowed"
        )));
    }
    Ok(())
}
