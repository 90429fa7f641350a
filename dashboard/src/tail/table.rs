//! The records of the log as rows of their table, with the columns that are known when a record
//! arrives. Columns that the processor adds later are not included.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use tallylight_schemas::ipc::{self, IpcError};
use tallylight_schemas::record::Kind;
use tallylight_schemas::tables::{Column, Table, conform};

/// The tables whose records a tail can follow.
pub(super) const PICKS: [Table; 2] = [Table::PlayerEvents, Table::DeliveryEvents];

/// A table, with the columns that a condition can name and those that are shown.
#[derive(Debug)]
pub(super) struct Picked {
    table: Table,
    known: Vec<usize>,
    shown: Vec<usize>,
    schema: SchemaRef,
}

impl Picked {
    /// The error says what can be requested.
    pub(super) fn new(name: &str, columns: Option<&str>) -> Result<Self, String> {
        let table = PICKS.into_iter().find(|table| table.name() == name).ok_or_else(|| {
            let names = PICKS.map(Table::name).join(" and ");
            format!("{name} cannot be followed; records come into {names}")
        })?;
        let all = table.columns().iter().enumerate();
        let known = all.filter(|(_, column)| comes_with_it(column));
        let known: Vec<usize> = known.map(|(at, _)| at).collect();
        let schema = table.schema().project(&known).map_err(|error| error.to_string())?;
        let shown = match columns {
            None => (0..known.len()).collect(),
            Some(list) => list
                .split(',')
                .map(|wanted| wanted.trim())
                .filter(|wanted| !wanted.is_empty())
                .map(|wanted| schema.index_of(wanted).map_err(|_| unknown(wanted, &schema)))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { table, known, shown, schema: Arc::new(schema) })
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
        Ok(filter_record_batch(&rows, &ours)?)
    }

    /// The rows with only the columns that are shown.
    pub(super) fn shown(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        rows.project(&self.shown)
    }
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
