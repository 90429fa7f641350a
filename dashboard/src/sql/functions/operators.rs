//! Text operators as functions, so that they are bounded as functions are.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit, not,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::cost::Cost;

/// The function that `||` becomes.
pub(super) const JOIN: &str = "text_join";

/// Plans operators whose cost must be bounded.
#[derive(Debug)]
pub(super) struct Operators {
    join: Arc<ScalarUDF>,
    functions: Vec<Arc<ScalarUDF>>,
}

impl Operators {
    pub(super) fn new(functions: &[Arc<ScalarUDF>]) -> Self {
        let join = Arc::new(ScalarUDF::new_from_impl(Join::new()));
        Self { join, functions: functions.to_vec() }
    }

    fn call(&self, name: &str, args: Vec<Expr>) -> Option<Expr> {
        Some(self.functions.iter().find(|function| function.name() == name)?.call(args))
    }
}

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expr;
        let list = |expr: &Expr| -> Result<bool> {
            Ok(matches!(
                expr.get_type(schema)?,
                DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
            ))
        };
        let like = |flags: &str| {
            let mut args = vec![left.clone(), right.clone()];
            if !flags.is_empty() {
                args.push(lit(flags));
            }
            self.call("regexp_like", args)
        };
        let planned = match op {
            BinaryOperator::StringConcat => match (list(&left)?, list(&right)?) {
                (false, false) => Some(self.join.call(vec![left.clone(), right.clone()])),
                (true, true) => self.call("array_concat", vec![left.clone(), right.clone()]),
                (true, false) => self.call("array_append", vec![left.clone(), right.clone()]),
                (false, true) => self.call("array_prepend", vec![left.clone(), right.clone()]),
            },
            BinaryOperator::PGRegexMatch => like(""),
            BinaryOperator::PGRegexIMatch => like("i"),
            BinaryOperator::PGRegexNotMatch => like("").map(not),
            BinaryOperator::PGRegexNotIMatch => like("i").map(not),
            _ => None,
        };
        Ok(match planned {
            Some(expr) => PlannerResult::Planned(expr),
            None => PlannerResult::Original(RawBinaryExpr { op, left, right }),
        })
    }

    fn plan_array_literal(
        &self,
        items: Vec<Expr>,
        _: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(match self.call("make_array", items.clone()) {
            Some(expr) => PlannerResult::Planned(expr),
            None => PlannerResult::Original(items),
        })
    }
}

/// `a || b`: NULL where either is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Join {
    signature: Signature,
}

impl Join {
    fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Join {
    fn name(&self) -> &str {
        JOIN
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Cost::Sum(1).check("||", &args.args, args.number_rows)?;
        let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let texts = |at: usize| -> Result<ArrayRef> {
            Ok(cast(&args.args[at].to_array(rows)?, &DataType::Utf8)?)
        };
        let (left, right) = (texts(0)?, texts(1)?);
        let joined: ArrayRef = Arc::new(join(left.as_string::<i32>(), right.as_string::<i32>()));
        if scalar {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(
                &joined, 0,
            )?));
        }
        Ok(ColumnarValue::Array(joined))
    }
}

fn join(left: &StringArray, right: &StringArray) -> StringArray {
    let mut out =
        StringBuilder::with_capacity(left.len(), left.values().len() + right.values().len());
    let mut text = String::new();
    for (left, right) in left.iter().zip(right) {
        match (left, right) {
            (Some(left), Some(right)) => {
                text.clear();
                text.push_str(left);
                text.push_str(right);
                out.append_value(&text);
            }
            _ => out.append_null(),
        }
    }
    out.finish()
}
