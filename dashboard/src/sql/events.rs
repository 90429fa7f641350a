//! Table `live_events`: the planned and current events from the settings.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

use super::tables::{column, time};
use crate::settings::LiveEvent;

fn curve() -> Fields {
    Fields::from(vec![
        Field::new("after_s", DataType::Int64, true),
        Field::new("viewers", DataType::Int64, true),
    ])
}

pub(super) fn schema() -> SchemaRef {
    let points = Field::new("element", DataType::Struct(curve()), true);
    Arc::new(Schema::new(vec![
        column("tenant", DataType::Utf8, "", "The tenant of the event."),
        column("name", DataType::Utf8, "", "Stream name, as in `content`."),
        column("phase", DataType::Utf8, "", "`planned`, `live` or `over`."),
        column("start", time(), "", "When it begins."),
        column(
            "expected",
            DataType::List(Arc::new(points)),
            "",
            "Viewers expected, by seconds after the start.",
        ),
        column("tier", DataType::Utf8, "", "Its importance."),
    ]))
}

pub(super) fn rows(
    schema: &SchemaRef,
    tenant: &str,
    events: &[LiveEvent],
) -> Result<RecordBatch, ArrowError> {
    let text = |of: &dyn Fn(&LiveEvent) -> Option<&str>| -> ArrayRef {
        Arc::new(StringArray::from_iter(events.iter().map(of)))
    };
    let points = || events.iter().flat_map(|event| &event.expected);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(points().map(|point| Some(point.after_s)).collect::<Int64Array>()),
        Arc::new(points().map(|point| Some(point.viewers)).collect::<Int64Array>()),
    ];
    let pairs = StructArray::try_new(curve(), columns, None)?;
    let offsets =
        OffsetBuffer::<i32>::from_lengths(events.iter().map(|event| event.expected.len()));
    let item = Arc::new(Field::new("element", DataType::Struct(curve()), true));
    let expected = ListArray::try_new(item, offsets, Arc::new(pairs), None)?;
    RecordBatch::try_new(
        Arc::clone(schema),
        vec![
            Arc::new(StringArray::from(vec![tenant; events.len()])),
            text(&|event| Some(&event.name)),
            text(&|event| Some(event.phase.as_str())),
            cast(&text(&|event| event.start.as_deref()), &time())?,
            Arc::new(expected),
            text(&|event| Some(&event.tier)),
        ],
    )
}

/// Whether a text is a time that the table can hold.
pub(crate) fn is_time(text: &str) -> bool {
    use datafusion::arrow::array::Array;
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    cast(&array, &time()).is_ok_and(|array| array.is_valid(0))
}
