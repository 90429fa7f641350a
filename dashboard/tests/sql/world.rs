//! An engine over a few tables in memory.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, ListBuilder, RecordBatch, StringArray,
    StructBuilder, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{MemTable, TableProvider};
use serde_json::Value;
use tallylight_dashboard::sql::{
    Engine, Format, Opened, SqlError, SqlSettings, TableInfo, Tables, views,
};
use tallylight_schemas::rows::Measures;

/// 2023-11-14T22:13:20Z, Unix µs.
const NOW: i64 = 1_700_000_000_000_000;
/// Panes of each tenant.
pub(crate) const PANES: i64 = 120;

#[derive(Debug)]
struct Memory(Vec<TableInfo>, Vec<RecordBatch>);

#[async_trait]
impl Tables for Memory {
    fn list(&self) -> &[TableInfo] {
        &self.0
    }

    async fn open(&self, name: &str) -> Result<Opened, String> {
        let at = self.0.iter().position(|info| info.name == name).unwrap();
        if name == "broken" {
            return Err("its disk is away".into());
        }
        // Two halves, as those of history and of live rows.
        let (batch, half) = (&self.1[at], self.1[at].num_rows() / 2);
        let rest = batch.num_rows() - half;
        let parts = [batch.slice(0, half), batch.slice(half, rest)].map(|part| {
            let table = MemTable::try_new(part.schema(), vec![vec![part]]).unwrap();
            Arc::new(table) as Arc<dyn TableProvider>
        });
        Ok(Opened::whole(parts.into()))
    }
}

fn bins() -> Fields {
    Fields::from(vec![
        Field::new("bin", DataType::Int32, true),
        Field::new("count", DataType::Int64, true),
    ])
}

/// Tenant, pane, edge, number.
type Row = (&'static str, i64, &'static str, i64);

fn playback() -> RecordBatch {
    let mut rows: Vec<Row> = Vec::new();
    for tenant in ["demo", "other"] {
        for at in 0..PANES {
            rows.push((tenant, NOW + at * 1_000_000, if at % 2 == 0 { "e1" } else { "e2" }, at));
        }
    }
    let mut sketches = ListBuilder::new(StructBuilder::from_fields(bins(), 0))
        .with_field(Field::new("element", DataType::Struct(bins()), true));
    for (_, _, _, at) in &rows {
        let bin = sketches.values();
        // Bin 0 holds ones, bin 231 about a hundred.
        let index = if at % 10 == 0 { 231 } else { 0 };
        bin.field_builder::<datafusion::arrow::array::Int32Builder>(0).unwrap().append_value(index);
        bin.field_builder::<datafusion::arrow::array::Int64Builder>(1).unwrap().append_value(1);
        bin.append(true);
        sketches.append(true);
    }
    let text = |of: fn(&Row) -> &'static str| {
        Arc::new(rows.iter().map(|row| Some(of(row))).collect::<StringArray>()) as ArrayRef
    };
    let int = |of: &dyn Fn(i64) -> i64| {
        Arc::new(rows.iter().map(|row| Some(of(row.3))).collect::<Int64Array>()) as ArrayRef
    };
    let panes = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.1));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("tenant", text(|row| row.0)),
        ("pane", Arc::new(panes.with_timezone("UTC"))),
        ("width_s", Arc::new(Int32Array::from(vec![1; rows.len()]))),
        ("cuboid", text(|_| "content")),
        ("content", text(|_| "demo")),
        ("edge", text(|row| row.2)),
        ("viewers", int(&|at| at)),
        ("attempts", int(&|_| 10)),
        ("starts", int(&|_| 9)),
        ("start_failures", int(&|_| 1)),
        ("exits_before_start", int(&|_| 0)),
        ("failures", int(&|_| 0)),
        ("starting_ms", int(&|_| 0)),
        ("playing_ms", int(&|_| 900)),
        ("rebuffering_ms", int(&|_| 100)),
        ("seeking_ms", int(&|_| 0)),
        ("rebuffer_count", int(&|_| 1)),
        ("bitrate_kbps_ms", int(&|_| 2_000)),
        ("bitrate_ms", int(&|_| 2)),
        ("events", int(&|_| 3)),
        ("startup_sketch", Arc::new(sketches.finish())),
        ("final", Arc::new(BooleanArray::from(vec![true; rows.len()]))),
    ];
    let sketch = Arc::clone(&columns.iter().find(|(name, _)| *name == "startup_sketch").unwrap().1);
    let rest =
        Measures::NAMES.iter().filter(|name| columns.iter().all(|(there, _)| there != *name));
    let rest: Vec<_> = rest.map(|name| (*name, int(&|_| 0))).collect();
    batch(columns.into_iter().chain([("latency_sketch", sketch)]).chain(rest).collect())
}

/// Two versions of one action, and one of another.
fn actions() -> RecordBatch {
    let text = |values: [&str; 4]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    batch(vec![
        ("tenant", text(["demo", "demo", "demo", "other"])),
        ("id", text(["a", "a", "b", "a"])),
        ("state", text(["offered", "taken", "offered", "undone"])),
        ("updated_at", Arc::new(Int64Array::from(vec![1, 2, 1, 9]))),
    ])
}

/// Values that are awkward in some format.
fn odd() -> RecordBatch {
    let text = vec![Some("a,\"b\"\r\nc"), Some(""), None];
    batch(vec![
        ("number", Arc::new(Int64Array::from(vec![Some(9_007_199_254_740_993), Some(-1), None]))),
        ("name", Arc::new(StringArray::from(text))),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(NOW + 1), Some(0), None])
                    .with_timezone("UTC"),
            ),
        ),
    ])
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

pub(crate) fn settings() -> SqlSettings {
    SqlSettings {
        deadline_s: 30,
        memory_bytes: 32 << 20,
        growth_bytes: 1 << 30,
        spill_bytes: 16 << 20,
        ..SqlSettings::default()
    }
}

pub(crate) fn engine(settings: SqlSettings) -> Arc<Engine> {
    let tables = [("playback", playback()), ("actions", actions()), ("odd", odd())];
    let mut infos: Vec<TableInfo> = Vec::new();
    let mut batches = Vec::new();
    for (name, batch) in tables {
        let schema: SchemaRef = batch.schema();
        infos.push(TableInfo {
            name,
            about: "For tests.",
            schema,
            newest: name == "actions",
            view: None,
        });
        batches.push(batch);
    }
    infos.push(TableInfo {
        name: "broken",
        about: "Away.",
        schema: actions().schema(),
        newest: false,
        view: None,
    });
    batches.push(actions());
    engine_over(settings, infos, batches)
}

/// An engine over these tables; a view has no rows of its own.
pub(crate) fn engine_over(
    settings: SqlSettings,
    infos: Vec<TableInfo>,
    batches: Vec<RecordBatch>,
) -> Arc<Engine> {
    let tables = Arc::new(Memory(infos, batches));
    Arc::new(Engine::new(settings, "demo", tables, None).unwrap())
}

pub(crate) async fn rows(engine: &Engine, sql: &str) -> Result<Vec<Value>, SqlError> {
    let answer = engine.run(sql, Format::Json).await?;
    Ok(serde_json::from_slice(&answer.body).unwrap())
}

/// The one value of a one-row answer.
pub(crate) async fn value(engine: &Engine, sql: &str) -> Value {
    let rows = rows(engine, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
    rows[0].as_object().unwrap().values().next().unwrap().clone()
}

pub(crate) fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// An engine over one table, and the views.
pub(crate) fn engine_with_views(name: &'static str, rows: RecordBatch) -> Arc<Engine> {
    let (about, schema) = ("For tests.", rows.schema());
    let table = TableInfo { name, about, schema, newest: false, view: None };
    let infos: Vec<TableInfo> = std::iter::once(table).chain(views()).collect();
    let batches = vec![rows; infos.len()];
    engine_over(settings(), infos, batches)
}
