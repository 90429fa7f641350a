//! An answer in the requested format, up to its limits.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
use tallylight_schemas::ipc::STREAM_MEDIA_TYPE;

use super::error::{Kind, SqlError};
use super::json;
use super::lines::Lines;

/// The format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An array of row objects.
    Json,
    /// An Arrow IPC stream.
    Arrow,
    /// Text with a header line (RFC 4180).
    Csv,
    /// A Parquet file.
    Parquet,
    /// A plain-text table for reading.
    Table,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 5] =
        [Format::Json, Format::Arrow, Format::Csv, Format::Parquet, Format::Table];

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Arrow => STREAM_MEDIA_TYPE,
            Format::Csv => "text/csv",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::Table => "text/plain",
        }
    }

    /// The first format that an `Accept` header names; JSON if it names none.
    pub fn accepted(accept: &str) -> Self {
        let mut wanted = accept.split(',').map(|item| item.split(';').next().unwrap_or("").trim());
        wanted
            .find_map(|name| Format::ALL.into_iter().find(|format| format.media_type() == name))
            .unwrap_or(Format::Json)
    }
}

/// The result of a query.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The rows in the requested format.
    pub body: Vec<u8>,
    /// The number of rows in it.
    pub rows: usize,
    /// Whether there were more rows.
    pub truncated: bool,
    /// Tables that were read without rows that are not in a file yet: a processor did not answer.
    pub files_alone: Vec<&'static str>,
}

/// Writes batches up to a number of rows and bytes.
pub(super) struct Encoder {
    form: Form,
    rows: usize,
    max_rows: usize,
    max_bytes: usize,
}

enum Form {
    Text { out: Vec<u8>, json: bool },
    Table(Lines),
    Arrow(Box<StreamWriter<Vec<u8>>>),
    Parquet(Box<ArrowWriter<Vec<u8>>>),
}

/// An answer that cannot be written in this format, such as one without columns in Parquet.
fn unwritable(error: impl std::fmt::Display) -> SqlError {
    SqlError::new(Kind::Invalid, format!("the answer cannot be written in this format: {error}"))
}

impl Encoder {
    pub(super) fn new(
        format: Format,
        schema: &SchemaRef,
        max_rows: usize,
        max_bytes: usize,
    ) -> Result<Self, SqlError> {
        let form = match format {
            Format::Json => {
                if let Some(name) = json::duplicate_name(schema.fields()) {
                    return Err(SqlError::invalid(format!(
                        "two columns are called `{name}`: give one another name with AS"
                    )));
                }
                Form::Text { out: vec![b'['], json: true }
            }
            Format::Csv => {
                let mut out = Vec::new();
                let names = schema.fields().iter().map(|field| field.name().as_bytes());
                csv_line(&mut out, names.map(|name| (name.to_vec(), false)));
                Form::Text { out, json: false }
            }
            Format::Table => Form::Table(Lines::new(schema)),
            Format::Arrow => {
                let writer = StreamWriter::try_new(Vec::new(), schema).map_err(unwritable)?;
                Form::Arrow(Box::new(writer))
            }
            Format::Parquet => {
                let properties =
                    WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties));
                Form::Parquet(Box::new(writer.map_err(unwritable)?))
            }
        };
        Ok(Self { form, rows: 0, max_rows, max_bytes })
    }

    /// Takes in a batch; false when nothing more fits.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<bool, SqlError> {
        let room = self.max_rows - self.rows;
        let fitting = batch.slice(0, batch.num_rows().min(room));
        let written = self.write(&fitting)?;
        self.rows += written;
        Ok(written == batch.num_rows())
    }

    /// Writes as many rows as fit, and returns their number.
    fn write(&mut self, batch: &RecordBatch) -> Result<usize, SqlError> {
        let max = self.max_bytes;
        match &mut self.form {
            Form::Text { out, json } => {
                let keys = json::keys(batch);
                for row in 0..batch.num_rows() {
                    let start = out.len();
                    if start > max {
                        return Ok(row);
                    }
                    let line = if *json {
                        if start > 1 {
                            out.extend_from_slice(b",\n");
                        }
                        json::row(out, batch, &keys, row)
                    } else {
                        csv_row(out, batch, row)
                    };
                    line.map_err(unwritable)?;
                    if out.len() > max {
                        out.truncate(start);
                        return Ok(row);
                    }
                }
            }
            Form::Table(lines) => {
                for row in 0..batch.num_rows() {
                    if !lines.push(batch, row, max).map_err(unwritable)? {
                        return Ok(row);
                    }
                }
            }
            Form::Arrow(writer) => {
                if writer.get_ref().len() > max {
                    return Ok(0);
                }
                writer.write(batch).map_err(unwritable)?;
            }
            Form::Parquet(writer) => {
                if writer.bytes_written() + writer.in_progress_size() > max {
                    return Ok(0);
                }
                writer.write(batch).map_err(unwritable)?;
            }
        }
        Ok(batch.num_rows())
    }

    pub(super) fn finish(self, truncated: bool) -> Result<Answer, SqlError> {
        let body = match self.form {
            Form::Text { mut out, json } => {
                if json {
                    out.extend_from_slice(b"]\n");
                }
                out
            }
            Form::Table(lines) => lines.write(truncated),
            Form::Arrow(writer) => writer.into_inner().map_err(unwritable)?,
            Form::Parquet(writer) => writer.into_inner().map_err(unwritable)?,
        };
        Ok(Answer { body, rows: self.rows, truncated, files_alone: Vec::new() })
    }
}

fn csv_row(out: &mut Vec<u8>, batch: &RecordBatch, row: usize) -> Result<(), ArrowError> {
    let mut cells = Vec::with_capacity(batch.num_columns());
    for column in batch.columns() {
        cells.push(json::cell(column.as_ref(), row)?);
    }
    csv_line(out, cells.into_iter());
    Ok(())
}

fn csv_line(out: &mut Vec<u8>, cells: impl Iterator<Item = (Vec<u8>, bool)>) {
    for (at, (cell, text)) in cells.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let quote = (text && cell.is_empty()) || cell.iter().any(|byte| b",\"\r\n".contains(byte));
        if !quote {
            out.extend_from_slice(&cell);
            continue;
        }
        out.push(b'"');
        for byte in cell {
            if byte == b'"' {
                out.push(b'"');
            }
            out.push(byte);
        }
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}
