//! Compares rows as they should be with rows as they are, table by table.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::{Deserialize, Serialize};
use tallylight_schemas::tables::{HOUR, Table};

use super::contested::Sides;

/// Keys named as examples, of each kind.
const EXAMPLES: usize = 5;

/// The findings of an audit in one hour of event time of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The table.
    pub table: String,
    /// The hour.
    pub hour: String,
    /// Rows that were compared.
    pub rows: u64,
    /// Rows that are missing, superfluous or different from what the log says: a fault.
    pub drift: u64,
    /// Rows that would be different had nothing arrived late, and are not repaired yet.
    pub late: u64,
    /// The first rows that drift, by key, with the differences.
    pub drifting: Vec<String>,
    /// The first rows that are late.
    pub lagging: Vec<String>,
}

/// The columns that identify a row.
fn key(table: Table) -> &'static [&'static str] {
    match table.kin() {
        Table::Playback => &[
            "tenant",
            "cuboid",
            "pane",
            "content",
            "edge",
            "pipeline",
            "rendition",
            "country",
            "device",
            "player",
            "os",
            "asn",
        ],
        Table::Delivery => {
            &["tenant", "pane", "service", "edge", "pipeline", "stream", "track", "k", "action"]
        }
        Table::Sessions => &["tenant", "sid", "epoch"],
        _ => &["tenant", "sid", "epoch", "state", "from", "to"],
    }
}

/// Whether a column is compared: it describes the row and not its writing.
fn is_value(table: Table, name: &str) -> bool {
    !key(table).contains(&name) && ![HOUR, "final", "open", "metrics_version"].contains(&name)
}

type Rows = BTreeMap<Vec<u8>, (Vec<Vec<u8>>, usize)>;

/// Encodes rows so that equal ones are equal bytes.
struct Coder {
    schema: SchemaRef,
    keys: (Vec<usize>, RowConverter),
    values: (Vec<usize>, RowConverter),
}

impl Coder {
    fn new(table: Table) -> Result<Self, ArrowError> {
        let schema = table.schema();
        let part = |wanted: &dyn Fn(&str) -> bool| {
            let at: Vec<usize> =
                (0..schema.fields().len()).filter(|at| wanted(schema.field(*at).name())).collect();
            let sorts = at.iter().map(|at| SortField::new(schema.field(*at).data_type().clone()));
            Ok::<_, ArrowError>((at.clone(), RowConverter::new(sorts.collect())?))
        };
        let keys = part(&|name| key(table).contains(&name))?;
        let values = part(&|name| is_value(table, name))?;
        Ok(Self { schema, keys, values })
    }

    /// The rows by key: for each the encoded values, in order, and the place of one row.
    fn rows(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let encode = |(at, coder): &(Vec<usize>, RowConverter)| {
            let columns: Vec<_> = at.iter().map(|at| batch.column(*at).clone()).collect();
            coder.convert_columns(&columns)
        };
        let (keys, values) = (encode(&self.keys)?, encode(&self.values)?);
        let mut rows = Rows::new();
        for row in 0..batch.num_rows() {
            let key = keys.row(row).as_ref().to_vec();
            let (all, _) = rows.entry(key).or_insert_with(|| (Vec::new(), row));
            all.push(values.row(row).as_ref().to_vec());
        }
        rows.values_mut().for_each(|(all, _)| all.sort());
        Ok(rows)
    }

    /// A row's key as text.
    fn name(&self, batch: &RecordBatch, row: usize) -> Result<String, ArrowError> {
        let schema = batch.schema();
        let named = self
            .keys
            .0
            .iter()
            .map(|at| Ok(format!("{}={}", schema.field(*at).name(), shown(batch, *at, row)?)));
        Ok(named.collect::<Result<Vec<_>, ArrowError>>()?.join(" "))
    }

    /// The difference of a row as text: the columns that differ, or that it is missing or
    /// superfluous.
    fn difference(&self, is: Side<'_>, should: Side<'_>) -> Result<String, ArrowError> {
        let (Some((is, row)), Some((should, other))) = (is, should) else {
            let there = |side: Side<'_>| if side.is_some() { "there" } else { "not there" };
            return Ok(format!("is {}, should be {}", there(is), there(should)));
        };
        let mut out = Vec::new();
        for at in &self.values.0 {
            let (is, should) = (shown(is, *at, row)?, shown(should, *at, other)?);
            if is != should {
                let schema = self.schema.field(*at);
                out.push(format!("{} is {is}, should be {should}", schema.name()));
            }
        }
        if out.is_empty() {
            return Ok("is there more or less often than it should be".to_owned());
        }
        Ok(out.join("; "))
    }
}

/// A row of a batch, if there is one.
type Side<'a> = Option<(&'a RecordBatch, usize)>;

/// A value as text.
fn shown(batch: &RecordBatch, column: usize, row: usize) -> Result<String, ArrowError> {
    let options = FormatOptions::default().with_null("NULL");
    let column = batch.column(column);
    Ok(ArrayFormatter::try_new(column.as_ref(), &options)?.value(row).to_string())
}

/// Compares the rows of a table with what they should be: as counted with the repairs so far, and
/// as if nothing had arrived late. Findings are added to `report`.
pub(super) fn compare(table: Table, sides: &Sides, report: &mut Report) -> Result<(), ArrowError> {
    let coder = Coder::new(table)?;
    let Sides { kept, counted, truth } = sides;
    let (is, should, would) = (coder.rows(kept)?, coder.rows(counted)?, coder.rows(truth)?);
    let keys: BTreeSet<&Vec<u8>> = is.keys().chain(should.keys()).chain(would.keys()).collect();
    for key in keys {
        let values = |rows: &Rows| rows.get(key).map(|(values, _)| values.clone());
        report.rows += u64::from(is.contains_key(key) || should.contains_key(key));
        let side = |rows: &Rows, batch| rows.get(key).map(|(_, row)| (batch, *row));
        let [is_row, should_row, would_row] =
            [side(&is, kept), side(&should, counted), side(&would, truth)];
        let example = |is: Side<'_>, should: Side<'_>| {
            let found = is_row.or(should_row).or(would_row);
            let name = found.map_or(Ok(String::new()), |(batch, row)| coder.name(batch, row))?;
            Ok::<_, ArrowError>(format!("{name}: {}", coder.difference(is, should)?))
        };
        if values(&is) != values(&should) {
            report.drift += 1;
            if report.drifting.len() < EXAMPLES {
                report.drifting.push(example(is_row, should_row)?);
            }
        }
        if values(&should) != values(&would) {
            report.late += 1;
            if report.lagging.len() < EXAMPLES {
                report.lagging.push(example(should_row, would_row)?);
            }
        }
    }
    Ok(())
}
