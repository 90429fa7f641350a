//! The tables of the platform: history with what is live, and the small ones of ours.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{MemTable, TableProvider};

use super::catalog::{ABOUT, TableInfo, Tables, UNIT};
use super::{definitions, events};
use crate::settings::LiveEvent;

/// Text, the type of most columns.
const TEXT: DataType = DataType::Utf8;

/// A moment, UTC, microseconds.
pub(super) fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A column with its description.
pub(super) fn column(name: &str, kind: DataType, unit: &str, about: &str) -> Field {
    let mut says = HashMap::from([(ABOUT.to_owned(), about.to_owned())]);
    if !unit.is_empty() {
        says.insert(UNIT.to_owned(), unit.to_owned());
    }
    Field::new(name, kind, true).with_metadata(says)
}

/// What SQL can read.
#[derive(Debug)]
pub struct Platform {
    list: Vec<TableInfo>,
    fixed: HashMap<&'static str, Vec<RecordBatch>>,
}

impl Platform {
    /// The tables, with the live events of the settings.
    pub fn new(tenant: &str, live_events: &[LiveEvent]) -> Result<Self, ArrowError> {
        let mut list = Vec::new();
        let mut fixed = HashMap::new();
        let mut add = |name, about, schema: &SchemaRef, rows: Vec<RecordBatch>| {
            list.push(TableInfo { name, about, schema: Arc::clone(schema), newest: false });
            fixed.insert(name, rows);
        };
        let schema = events::schema();
        let rows = events::rows(&schema, tenant, live_events)?;
        add(
            "live_events",
            "The events that are planned or on air, from the settings.",
            &schema,
            vec![rows],
        );
        let schema = metrics_schema();
        let rows = definitions::rows(&schema)?;
        add(
            "metrics",
            "The metric definitions; `sql` is the metric as an expression over rows of `playback` of one cuboid.",
            &schema,
            vec![rows],
        );
        let about = "Records that could not be used, as they came. Not kept yet: always empty. `fates_1s` counts them by reason.";
        add("dead_letters", about, &dead_letters_schema(), Vec::new());
        Ok(Self { list, fixed })
    }
}

#[async_trait]
impl Tables for Platform {
    fn list(&self) -> &[TableInfo] {
        &self.list
    }

    async fn open(&self, name: &str) -> Result<Vec<Arc<dyn TableProvider>>, String> {
        let info = self.list.iter().find(|info| info.name == name);
        let (Some(info), Some(rows)) = (info, self.fixed.get(name)) else {
            return Err("it is not there".into());
        };
        memory(&info.schema, rows.clone())
    }
}

/// Batches as a part of a table.
fn memory(
    schema: &SchemaRef,
    rows: Vec<RecordBatch>,
) -> Result<Vec<Arc<dyn TableProvider>>, String> {
    let table =
        MemTable::try_new(Arc::clone(schema), vec![rows]).map_err(|error| error.to_string())?;
    Ok(vec![Arc::new(table)])
}

fn metrics_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        column("name", TEXT, "", "Stable name."),
        column("title", TEXT, "", "What a tile calls it."),
        column("unit", TEXT, "", "Unit of the value."),
        column("sql", TEXT, "", "The metric over rows of `playback` of one cuboid."),
        column("denominator", TEXT, "", "What it is a share of."),
        column("source", TEXT, "", "Where the definition comes from."),
        column("watch", DataType::Float64, "", "From here on it is worth a look."),
        column("degraded", DataType::Float64, "", "From here on viewers notice."),
        column("broken", DataType::Float64, "", "From here on viewers leave."),
        column("version", DataType::Int32, "", "Version of the definitions."),
    ]))
}

fn dead_letters_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        column("tenant", TEXT, "", "Whose record."),
        column("received_at", time(), "", "When the collector had it."),
        column("source", TEXT, "", "Where it came in."),
        column("reason", TEXT, "", "Why it could not be used."),
        column("record", TEXT, "", "The record, at most 4 KiB of it."),
    ]))
}
