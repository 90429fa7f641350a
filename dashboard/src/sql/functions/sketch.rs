//! `sketch_quantile` and `sketch_merge`: the sketches of the tables are lists of bins
//! (`schemas::sketch`), so a quantile is a function of one and a merge adds their counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, ListArray, StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};
use tallylight_schemas::sketch::{Bin, Sketch};

/// Whether a column holds sketches: lists of pairs of integers.
fn is_sketch(kind: &DataType) -> bool {
    let DataType::List(item) = kind else { return false };
    let DataType::Struct(fields) = item.data_type() else { return false };
    fields.len() == 2 && fields.iter().all(|field| field.data_type().is_integer())
}

fn expect_sketch(name: &str, kind: &DataType) -> Result<()> {
    if is_sketch(kind) {
        return Ok(());
    }
    plan_err!("{name} takes a sketch, such as startup_sketch or ttfb_sketch, not {kind}")
}

/// The bins of each row; none where the sketch is NULL.
struct Bins {
    lists: ListArray,
    index: Int32Array,
    count: Int64Array,
}

impl Bins {
    fn of(array: &ArrayRef) -> Result<Self> {
        let Some(lists) = array.as_list_opt::<i32>() else {
            return exec_err!("a sketch is not a list of bins");
        };
        let Some(pairs) = lists.values().as_struct_opt() else {
            return exec_err!("a sketch is not a list of bins");
        };
        Ok(Self {
            lists: lists.clone(),
            index: cast(pairs.column(0), &DataType::Int32)?.as_primitive::<Int32Type>().clone(),
            count: cast(pairs.column(1), &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
        })
    }

    fn row(&self, row: usize) -> Option<impl Iterator<Item = Bin>> {
        if self.lists.is_null(row) {
            return None;
        }
        let offsets = self.lists.value_offsets();
        let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
        Some((from..to).map(|at| Bin { i: self.index.value(at), n: self.count.value(at) }))
    }
}

/// `sketch_quantile(sketch, q)`: the value at quantile q, 0 to 1; NULL without values.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Quantile {
    signature: Signature,
}

impl Quantile {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Quantile {
    fn name(&self) -> &str {
        "sketch_quantile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [sketch, _] = types else {
            return plan_err!("sketch_quantile takes a sketch and a quantile from 0 to 1");
        };
        if *sketch != DataType::Null {
            expect_sketch("sketch_quantile", sketch)?;
        }
        Ok(vec![sketch.clone(), DataType::Float64])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [sketches, quantiles] = arrays.as_slice() else {
            return exec_err!("sketch_quantile takes two arguments");
        };
        if sketches.data_type().is_null() {
            return Ok(ColumnarValue::Scalar(ScalarValue::Float64(None)));
        }
        let bins = Bins::of(sketches)?;
        let quantiles = quantiles.as_primitive::<Float64Type>();
        let mut out = Vec::with_capacity(sketches.len());
        for row in 0..sketches.len() {
            let q = (!quantiles.is_null(row)).then(|| quantiles.value(row));
            if q.is_some_and(|q| !(0.0..=1.0).contains(&q)) {
                return exec_err!("a quantile is from 0 to 1, such as 0.95");
            }
            out.push(q.and_then(|q| bins.row(row)?.collect::<Sketch>().quantile(q)));
        }
        Ok(ColumnarValue::Array(Arc::new(Float64Array::from(out))))
    }
}

/// `sketch_merge(sketch)`: all sketches of a group merged into one.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Merge {
    signature: Signature,
}

impl Merge {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Merge {
    fn name(&self) -> &str {
        "sketch_merge"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [sketch] => Ok(sketch.clone()),
            _ => plan_err!("sketch_merge takes one sketch"),
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [sketch] = types else { return plan_err!("sketch_merge takes one sketch") };
        expect_sketch("sketch_merge", sketch)?;
        Ok(types.to_vec())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Merging { kind: args.return_field.data_type().clone(), bins: None }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "bins");
        Ok(vec![Arc::new(Field::new(name, args.return_field.data_type().clone(), true))])
    }
}

#[derive(Debug)]
struct Merging {
    kind: DataType,
    /// None until a sketch was seen: merging none gives NULL.
    bins: Option<BTreeMap<i32, i64>>,
}

impl Merging {
    fn list(&self) -> Result<ListArray> {
        let DataType::List(item) = &self.kind else { return exec_err!("a sketch is a list") };
        let DataType::Struct(fields) = item.data_type() else {
            return exec_err!("a sketch is a list of pairs");
        };
        let bins: Vec<(i32, i64)> = match &self.bins {
            Some(bins) => bins.iter().filter(|(_, n)| **n != 0).map(|(i, n)| (*i, *n)).collect(),
            None => Vec::new(),
        };
        let index: ArrayRef = Arc::new(bins.iter().map(|(i, _)| Some(*i)).collect::<Int32Array>());
        let count: ArrayRef = Arc::new(bins.iter().map(|(_, n)| Some(*n)).collect::<Int64Array>());
        let columns =
            vec![cast(&index, fields[0].data_type())?, cast(&count, fields[1].data_type())?];
        let pairs = StructArray::try_new(fields.clone(), columns, None)?;
        let offsets = OffsetBuffer::<i32>::from_lengths([bins.len()]);
        let unknown =
            self.bins.is_none().then(|| datafusion::arrow::buffer::NullBuffer::new_null(1));
        Ok(ListArray::try_new(Arc::clone(item), offsets, Arc::new(pairs), unknown)?)
    }
}

impl Accumulator for Merging {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(sketches) = values.first() else { return Ok(()) };
        let read = Bins::of(sketches)?;
        for row in 0..sketches.len() {
            let Some(bins) = read.row(row) else { continue };
            let sums = self.bins.get_or_insert_default();
            for bin in bins {
                let sum = sums.entry(bin.i).or_default();
                *sum = sum.saturating_add(bin.n);
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::List(Arc::new(self.list()?)))
    }

    fn size(&self) -> usize {
        // Index, count and the overhead of the tree.
        size_of_val(self) + self.bins.as_ref().map_or(0, |bins| bins.len() * 32)
    }
}
