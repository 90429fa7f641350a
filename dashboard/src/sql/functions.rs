//! The functions a query may call: those of DataFusion that only compute, and ours.
//!
//! The memory pool does not count functions, and they cannot be interrupted. So a function that can
//! make a large result from small arguments (`repeat`, `concat`, `range`, …) is called only after
//! its cost has been bounded. Functions that are not listed here do not exist.

mod cost;
mod cuts;
mod operators;
mod panes;
mod sized;
mod sketch;

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{
    AggregateUDF, ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, WindowUDF,
};

use self::cost::Cost;
pub(super) use self::cost::row_size;

/// Functions whose results are about as large as their arguments.
#[rustfmt::skip]
const PLAIN: &[&str] = &[
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "cos", "cosh", "cot",
    "degrees", "exp", "factorial", "floor", "gcd", "isnan", "iszero", "lcm", "ln", "log", "log10", "log2",
    "nanvl", "pi", "power", "radians", "random", "round", "signum", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
    "ascii", "bit_length", "btrim", "character_length", "chr", "contains", "ends_with", "initcap", "left",
    "lower", "ltrim", "octet_length", "reverse", "right", "rtrim", "split_part", "starts_with", "strpos",
    "substr", "substr_index", "to_hex", "upper", "uuid", "md5", "sha256",
    "current_date", "current_time", "date_bin", "date_part", "date_trunc", "from_unixtime", "make_date",
    "make_time", "now", "to_date", "to_local_time", "to_time", "to_timestamp", "to_timestamp_seconds",
    "to_timestamp_millis", "to_timestamp_micros", "to_timestamp_nanos", "to_unixtime",
    "coalesce", "greatest", "least", "nullif", "nvl", "nvl2", "arrow_typeof", "get_field",
    "array_any_value", "array_compact", "array_dims", "array_distinct", "array_element", "array_has",
    "array_length", "array_max", "array_min", "array_ndims", "array_pop_back", "array_pop_front",
    "array_position", "array_positions", "array_remove", "array_remove_all", "array_remove_n",
    "array_reverse", "array_slice", "array_sort", "array_sum", "cardinality", "empty",
    "map_extract", "map_keys", "map_values",
];

/// Functions that can make large results from small arguments, and what bounds them.
const BOUNDED: &[(&str, Cost)] = &[
    ("array_append", Cost::Sum(2)),
    ("array_concat", Cost::Sum(2)),
    ("array_has_all", Cost::Product(0, 1)),
    ("array_has_any", Cost::Product(0, 1)),
    ("array_prepend", Cost::Sum(2)),
    ("array_repeat", Cost::Times { what: 0, times: 1 }),
    ("array_to_string", Cost::Joined),
    ("concat", Cost::Sum(1)),
    ("concat_ws", Cost::Joined),
    ("flatten", Cost::Sum(1)),
    ("generate_series", Cost::Steps),
    ("levenshtein", Cost::Product(0, 1)),
    ("lpad", Cost::Padded),
    ("make_array", Cost::Sum(1)),
    ("named_struct", Cost::Sum(1)),
    ("overlay", Cost::Sum(2)),
    ("range", Cost::Steps),
    ("regexp_count", Cost::Pattern),
    ("regexp_instr", Cost::Pattern),
    ("regexp_like", Cost::Pattern),
    ("regexp_match", Cost::Pattern),
    ("regexp_replace", Cost::Pattern),
    ("repeat", Cost::Times { what: 0, times: 1 }),
    ("replace", Cost::Product(0, 2)),
    ("rpad", Cost::Padded),
    ("string_to_array", Cost::Sum(16)),
    ("struct", Cost::Sum(1)),
    ("to_char", Cost::Sum(16)),
    ("translate", Cost::Sum(4)),
];

/// The bounded functions and operators whose results can be larger than their arguments.
pub(super) const AMPLIFIERS: &[&str] = &[
    "array_append",
    "array_concat",
    "array_prepend",
    "array_repeat",
    "array_to_string",
    "concat",
    "concat_ws",
    "generate_series",
    "lpad",
    "make_array",
    "named_struct",
    "overlay",
    "range",
    "regexp_replace",
    "repeat",
    "replace",
    "rpad",
    "string_to_array",
    "struct",
    "to_char",
    "translate",
    operators::JOIN,
];

/// Aggregates of DataFusion.
#[rustfmt::skip]
const AGGREGATES: &[&str] = &[
    "approx_distinct", "approx_median", "approx_percentile_cont", "array_agg", "avg", "bit_and",
    "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count", "covar_pop", "covar_samp",
    "first_value", "grouping", "last_value", "max", "median", "min", "nth_value", "percentile_cont",
    "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy",
    "regr_syy", "stddev", "stddev_pop", "string_agg", "sum", "var", "var_pop",
];

/// Whether planning duplicates a call: functions that become a CASE of their arguments, and those
/// called by an alias, whose column has both names.
pub(super) fn doubles(name: &str) -> bool {
    static ALIASES: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let scalars = scalars().into_iter().flat_map(|function| function.aliases().to_vec());
        let aggregates = aggregates().into_iter().flat_map(|function| function.aliases().to_vec());
        let windows = windows().into_iter().flat_map(|function| function.aliases().to_vec());
        scalars.chain(aggregates).chain(windows).collect()
    });
    ["coalesce", "nvl", "nvl2"].contains(&name) || ALIASES.contains(name)
}

/// Every scalar function.
pub(super) fn scalars() -> Vec<Arc<ScalarUDF>> {
    let mut out: Vec<Arc<ScalarUDF>> = Vec::new();
    for function in SessionStateDefaults::default_scalar_functions() {
        let name = function.name();
        if PLAIN.contains(&name) {
            out.push(function);
        } else if name == sized::CAST {
            out.push(Arc::new(ScalarUDF::new_from_impl(sized::Cast(function))));
        } else if let Some((_, cost)) = BOUNDED.iter().find(|(bounded, _)| *bounded == name) {
            out.push(Arc::new(ScalarUDF::new_from_impl(Bounded { inner: function, cost: *cost })));
        }
    }
    out.push(Arc::new(ScalarUDF::new_from_impl(sketch::Quantile::new())));
    out
}

/// Every aggregate.
pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let all = SessionStateDefaults::default_aggregate_functions().into_iter();
    let known = all.filter(|known| AGGREGATES.contains(&known.name()));
    let mut out: Vec<_> = known
        .map(|function| match function.name() {
            sized::PERCENTILE => Arc::new(AggregateUDF::new_from_impl(sized::Percentile(function))),
            _ => function,
        })
        .collect();
    out.push(Arc::new(AggregateUDF::new_from_impl(sketch::Merge::new())));
    out.push(Arc::new(AggregateUDF::new_from_impl(panes::SpanPanes::new())));
    out
}

/// Every window function.
pub(super) fn windows() -> Vec<Arc<WindowUDF>> {
    SessionStateDefaults::default_window_functions()
}

/// The planners of operators and special forms.
pub(super) fn planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> =
        vec![Arc::new(operators::Operators::new(&scalars()))];
    planners.extend(SessionStateDefaults::default_expr_planners());
    planners
}

/// A DataFusion function whose cost is checked before each call.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    cost: Cost,
}

/// `simplify` is not forwarded, because it would replace the function with another one.
impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.cost.check(self.name(), &args.args, args.number_rows)?;
        self.inner.invoke_with_args(args)
    }
}
