//! An answer as a plain-text table.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use super::json;

/// Most characters of a cell that are shown.
const MAX_CHARS: usize = 80;

/// Lines with cells of one width per column.
#[derive(Debug)]
pub(super) struct Lines {
    cells: Vec<Vec<String>>,
    widths: Vec<usize>,
    numbers: Vec<bool>,
    /// Bytes of all cells beyond one for each character.
    beyond: usize,
    /// Whether a cell was shortened.
    shortened: bool,
}

impl Lines {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let head: Vec<String> = schema.fields().iter().map(|field| cut(field.name())).collect();
        let numbers = schema.fields().iter().map(|field| field.data_type().is_numeric()).collect();
        let widths = head.iter().map(|cell| cell.chars().count()).collect();
        Self { cells: vec![head], widths, numbers, beyond: 0, shortened: false }
    }

    /// Adds a row, unless the table would exceed `max` bytes with it: a wide cell makes every line
    /// wide.
    pub(super) fn push(
        &mut self,
        batch: &RecordBatch,
        row: usize,
        max: usize,
    ) -> Result<bool, ArrowError> {
        let mut line = Vec::with_capacity(batch.num_columns());
        let (mut widths, mut beyond) = (self.widths.clone(), self.beyond);
        let mut shortened = self.shortened;
        for (column, width) in batch.columns().iter().zip(&mut widths) {
            let (cell, is_text) = json::cell(column.as_ref(), row)?;
            let unknown = cell.is_empty() && !is_text;
            let whole = String::from_utf8_lossy(&cell);
            let text = if unknown { "NULL".into() } else { cut(&whole) };
            let chars = text.chars().count();
            shortened |= whole.chars().count() > MAX_CHARS;
            *width = (*width).max(chars);
            beyond += text.len() - chars;
            line.push(text);
        }
        let wide: usize = widths.iter().map(|width| width + 2).sum();
        if (self.cells.len() + 1).saturating_mul(wide).saturating_add(beyond) > max {
            return Ok(false);
        }
        self.cells.push(line);
        (self.widths, self.beyond, self.shortened) = (widths, beyond, shortened);
        Ok(true)
    }

    pub(super) fn write(self, truncated: bool) -> Vec<u8> {
        let mut out = String::new();
        for (at, line) in self.cells.iter().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                let blank = " ".repeat(self.widths[column].saturating_sub(cell.chars().count()));
                if column > 0 {
                    out.push_str("  ");
                }
                if self.numbers[column] {
                    out.push_str(&blank);
                }
                out.push_str(cell);
                if !self.numbers[column] && column + 1 < line.len() {
                    out.push_str(&blank);
                }
            }
            out.push('\n');
            if at == 0 {
                let rules: Vec<String> =
                    self.widths.iter().map(|width| "─".repeat(*width)).collect();
                out.push_str(&rules.join("  "));
                out.push('\n');
            }
        }
        let rows = self.cells.len() - 1;
        let more = if truncated { ", cut off at the limit" } else { "" };
        let whole = match self.shortened {
            true => format!(
                "; … marks a cell cut to {MAX_CHARS} characters, JSON and CSV have it whole"
            ),
            false => String::new(),
        };
        out.push_str(&format!("({rows} row{}{more}{whole})\n", if rows == 1 { "" } else { "s" }));
        out.into_bytes()
    }
}

/// One line of limited length. Control characters, which a terminal could execute, are replaced.
fn cut(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { '·' } else { c });
    if text.chars().count() <= MAX_CHARS {
        return plain.collect();
    }
    plain.take(MAX_CHARS - 1).chain(['…']).collect()
}
