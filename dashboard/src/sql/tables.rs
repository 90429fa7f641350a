//! The tables of the platform: history combined with live rows, the sessions in memory, and small
//! tables of our own.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{MemTable, TableProvider};
use tallylight_schemas::tables::Table;
use tallylight_store::history::History;

use super::catalog::{ABOUT, Opened, TableInfo, Tables, UNIT};
use super::live::LiveSessions;
use super::{definitions, events, formulas};
use crate::Sessions;
use crate::settings::LiveEvent;

/// Text, the type of most columns.
const TEXT: DataType = DataType::Utf8;

const LIVE_SESSIONS: &str = "live_sessions";

/// A time in UTC, in microseconds.
pub(super) fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A column with its description.
pub(super) fn column(name: &str, kind: DataType, unit: &str, about: &str) -> Field {
    let mut metadata = HashMap::from([(ABOUT.to_owned(), about.to_owned())]);
    if !unit.is_empty() {
        metadata.insert(UNIT.to_owned(), unit.to_owned());
    }
    Field::new(name, kind, true).with_metadata(metadata)
}

/// The tables that SQL can read.
pub struct Platform {
    tenant: String,
    list: Vec<TableInfo>,
    fixed: HashMap<&'static str, Vec<RecordBatch>>,
    history: Option<History>,
    sessions: Option<Arc<dyn Sessions>>,
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Platform {
    /// The tables, with the live events of the settings. Without a history, its tables are empty;
    /// without sessions, `live_sessions` is.
    pub fn new(
        tenant: &str,
        live_events: &[LiveEvent],
        history: Option<History>,
        sessions: Option<Arc<dyn Sessions>>,
    ) -> Result<Self, ArrowError> {
        let mut list: Vec<TableInfo> = Table::ALL.into_iter().map(kept).collect();
        let live = TableInfo {
            name: LIVE_SESSIONS,
            about: "Playbacks that are open at this moment, from the processor's memory.",
            ..kept(Table::Sessions)
        };
        list.push(live);
        list.extend(super::views());
        let mut fixed = HashMap::new();
        let mut add = |name, about, schema: SchemaRef, rows: Vec<RecordBatch>| {
            list.push(TableInfo { name, about, schema, newest: false, view: None });
            fixed.insert(name, rows);
        };
        let schema = events::schema();
        let rows = events::rows(&schema, tenant, live_events)?;
        let about = "The events that are planned or on air, from the settings.";
        add("live_events", about, schema, vec![rows]);
        let schema = metrics_schema();
        let rows = definitions::rows(&schema)?;
        let about = "The metric definitions; `sql` is the metric as an expression over rows of \
                     `playback` of one cuboid.";
        add("metrics", about, schema, vec![rows]);
        let schema = formulas::schema();
        let rows = formulas::rows(&schema)?;
        let about = "The published formulas of the views `qoe_…`; `sql` is the figure as an \
                     expression over rows of `sessions`.";
        add("formulas", about, schema, vec![rows]);
        Ok(Self { tenant: tenant.to_owned(), list, fixed, history, sessions })
    }

    /// A table of history: rows in files, rows not in files yet, and rows that can still change.
    async fn kept(&self, table: Table) -> Result<Opened, String> {
        let Some(history) = &self.history else { return Ok(Opened::whole(Vec::new())) };
        let view = history.view(table).await.map_err(|error| error.to_string())?;
        let mut parts: Vec<Arc<dyn TableProvider>> = view.delta.into_iter().collect();
        if !view.hot.is_empty() {
            parts.push(memory(&table.schema(), view.hot)?);
        }
        Ok(Opened { parts, files_alone: view.files_alone })
    }
}

#[async_trait]
impl Tables for Platform {
    fn list(&self) -> &[TableInfo] {
        &self.list
    }

    async fn open(&self, name: &str) -> Result<Opened, String> {
        if let Some(table) = Table::from_name(name) {
            return self.kept(table).await;
        }
        let Some(info) = self.list.iter().find(|info| info.name == name) else {
            return Err("it does not exist".into());
        };
        if let Some(rows) = self.fixed.get(name) {
            return Ok(Opened::whole(vec![memory(&info.schema, rows.clone())?]));
        }
        let live = self.sessions.iter().map(|sessions| {
            let (tenant, sessions) = (self.tenant.clone(), Arc::clone(sessions));
            Arc::new(LiveSessions::new(tenant, sessions)) as Arc<dyn TableProvider>
        });
        Ok(Opened::whole(live.collect()))
    }
}

/// The description of a history table in SQL.
fn kept(table: Table) -> TableInfo {
    let columns = table.columns().iter().map(|described| {
        let unit = described.unit.unwrap_or_default();
        column(described.name, described.kind.arrow(), unit, described.about)
    });
    TableInfo {
        name: table.name(),
        about: table.about(),
        schema: Arc::new(Schema::new(columns.collect::<Vec<_>>())),
        newest: matches!(table, Table::Incidents | Table::Actions),
        view: None,
    }
}

/// Batches as a part of a table.
fn memory(schema: &SchemaRef, rows: Vec<RecordBatch>) -> Result<Arc<dyn TableProvider>, String> {
    let table = MemTable::try_new(Arc::clone(schema), vec![rows]);
    Ok(Arc::new(table.map_err(|error| error.to_string())?))
}

fn metrics_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        column("name", TEXT, "", "Stable name."),
        column("title", TEXT, "", "Title on a tile."),
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
