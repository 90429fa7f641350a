//! DataFusion functions that allocate as much as an argument says before there is a row. The memory
//! pool does not count it, and a failed allocation ends the process.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ReturnFieldArgs,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;

use crate::sql::error::{SqlError, inside};

/// The names of the functions.
pub(super) const CAST: &str = "arrow_cast";
pub(super) const PERCENTILE: &str = "approx_percentile_cont";

/// Most bytes of the name of a type. Its parser recurses at each bracket.
const NAME: usize = 100;
/// Lists and bytes of fixed length: a NULL of such a type is as long as any value.
const WITH_LENGTH: &str = "FixedSize";
/// Most centroids of an approximation: ten times the default.
const CENTROIDS: i64 = 1_000;

/// `arrow_cast(value, 'type')`, limited to types with a short name and no fixed length.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Cast(pub(super) Arc<ScalarUDF>);

/// Checks the name of the type, which must be a literal.
fn check_type(named: Option<&ScalarValue>) -> Result<()> {
    let text = named.and_then(|value| value.try_as_str().flatten());
    if text.is_some_and(|text| text.len() <= NAME && !text.contains(WITH_LENGTH)) {
        return Ok(());
    }
    Err(inside(SqlError::limit(format!(
        "{CAST} takes the name of a type as a literal of at most {NAME} bytes, and no \
         {WITH_LENGTH}List or {WITH_LENGTH}Binary"
    ))))
}

impl ScalarUDFImpl for Cast {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        check_type(args.scalar_arguments.get(1).copied().flatten())?;
        self.0.return_field_from_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let Some(Expr::Literal(named, _)) = args.get(1) else {
            check_type(None)?;
            return Ok(ExprSimplifyResult::Original(args));
        };
        check_type(Some(named))?;
        self.0.simplify(args, info)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.0.invoke_with_args(args)
    }
}

/// `approx_percentile_cont(value, q, centroids)`, with limited centroids.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Percentile(pub(super) Arc<AggregateUDF>);

fn check_centroids(centroids: &dyn PhysicalExpr) -> Result<()> {
    let literal = centroids.downcast_ref::<Literal>();
    let count = literal.and_then(|literal| match literal.value().cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(count)) => count,
        _ => None,
    });
    if count.is_some_and(|count| (1..=CENTROIDS).contains(&count)) {
        return Ok(());
    }
    Err(inside(SqlError::limit(format!(
        "the centroids of {PERCENTILE} must be a literal from 1 to {CENTROIDS}; the default is 100"
    ))))
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        // The first two are the value and the quantile, even with WITHIN GROUP.
        if let Some(centroids) = args.exprs.get(2) {
            check_centroids(centroids.as_ref())?;
        }
        self.0.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn supports_within_group_clause(&self) -> bool {
        self.0.supports_within_group_clause()
    }
}
