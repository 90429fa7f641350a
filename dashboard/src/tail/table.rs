//! The records of the log as rows of their table, with the columns that are known when a record
//! arrives. Columns that the processor adds later are not included.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch, StringBuilder};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use tallylight_schemas::ipc::{self, IpcError};
use tallylight_schemas::player::PlayerRows;
use tallylight_schemas::record::Kind;
use tallylight_schemas::tables::{Column, Table, conform};

/// The tables whose records a tail can follow.
pub(super) const PICKS: [Table; 2] = [Table::PlayerEvents, Table::DeliveryEvents];

/// Columns of players' records that the log leaves out where others say the same.
const SAID: [&str; 3] = ["source", "country", "device"];
/// These others.
const SAYING: [&str; 2] = ["mode", "custom"];

/// A table, with the columns that a condition can name and those that are shown.
#[derive(Debug)]
pub(super) struct Picked {
    table: Table,
    known: Vec<usize>,
    shown: Vec<usize>,
    schema: SchemaRef,
    /// Whether the condition may name one of [`SAID`]; reading them costs time at every record.
    asks_said: bool,
    /// Whether one of them is shown.
    shows_said: bool,
}

impl Picked {
    /// For a condition `text`; the error says what can be requested.
    pub(super) fn new(name: &str, columns: Option<&str>, text: &str) -> Result<Self, String> {
        let table = PICKS.into_iter().find(|table| table.name() == name).ok_or_else(|| {
            let names = PICKS.map(Table::name).join(" and ");
            format!("{name} cannot be followed; records come into {names}")
        })?;
        let all = table.columns().iter().enumerate();
        let known = all.filter(|(_, column)| comes_with_it(column));
        let known: Vec<usize> = known.map(|(at, _)| at).collect();
        let schema = table.schema().project(&known).map_err(|error| error.to_string())?;
        let shown: Vec<usize> = match columns {
            None => (0..known.len()).collect(),
            Some(list) => list
                .split(',')
                .map(|wanted| wanted.trim())
                .filter(|wanted| !wanted.is_empty())
                .map(|wanted| schema.index_of(wanted).map_err(|_| unknown(wanted, &schema)))
                .collect::<Result<_, _>>()?,
        };
        let players = table == Table::PlayerEvents;
        let text = text.to_ascii_lowercase();
        let asks_said = players && SAID.iter().any(|name| text.contains(name));
        let is_said = |at: &usize| SAID.contains(&schema.field(*at).name().as_str());
        let shows_said = players && shown.iter().any(is_said);
        Ok(Self { table, known, shown, schema: Arc::new(schema), asks_said, shows_said })
    }

    /// The columns of the rows.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The kind of its records in the log.
    pub(super) fn kind(&self) -> Kind {
        match self.table {
            Table::DeliveryEvents => Kind::Delivery,
            _ => Kind::Player,
        }
    }

    /// The rows of one tenant in a payload of the log.
    pub(super) fn rows(&self, payload: &[u8], tenant: &str) -> Result<RecordBatch, IpcError> {
        let rows = conform(&ipc::decode(payload)?, self.table)?.project(&self.known)?;
        let Some(tenants) = rows.column_by_name("tenant").and_then(|c| c.as_string_opt::<i32>())
        else {
            return Ok(rows.slice(0, 0));
        };
        let ours: BooleanArray = tenants.iter().map(|of| Some(of == Some(tenant))).collect();
        let rows = filter_record_batch(&rows, &ours)?;
        if self.asks_said { with_said(&rows) } else { Ok(rows) }
    }

    /// The rows with only the columns that are shown.
    pub(super) fn shown(&self, rows: &RecordBatch) -> Result<RecordBatch, IpcError> {
        let rows = if self.shows_said { with_said(rows)? } else { rows.clone() };
        Ok(rows.project(&self.shown)?)
    }
}

/// The rows with [`SAID`] as history has them.
fn with_said(rows: &RecordBatch) -> Result<RecordBatch, IpcError> {
    let schema = rows.schema();
    let places = SAID.iter().chain(&SAYING).map(|name| schema.index_of(name));
    let places = places.collect::<Result<Vec<usize>, ArrowError>>()?;
    let events = PlayerRows::new(&rows.project(&places)?)?;
    let mut said = SAID.map(|_| StringBuilder::new());
    for event in (0..events.len()).map(|row| events.get(row)) {
        let values = [Some(event.source), event.country, event.device];
        said.iter_mut().zip(values).for_each(|(column, value)| column.append_option(value));
    }
    let mut columns = rows.columns().to_vec();
    for (place, mut column) in places.into_iter().zip(said) {
        columns[place] = Arc::new(column.finish());
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn unknown(wanted: &str, schema: &Schema) -> String {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    format!("no column {wanted} is known when a record comes in; there are {}", names.join(", "))
}

/// Whether a column is known from the record alone. The edge that served a player's requests is
/// joined later, by the processor.
fn comes_with_it(column: &Column) -> bool {
    !matches!(column.source, "processor" | "edge")
}
