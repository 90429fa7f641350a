//! The lines of a tail: each is a JSON object, either a record or a notice about the tail itself.

use std::fmt::Display;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use serde_json::{Map, Value};

use super::offsets::Offsets;
use crate::sql::json;

/// Lines not sent yet.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Adds the rows of a batch, each without its NULLs.
    pub(super) fn rows(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let keys = json::keys(batch);
        for row in 0..batch.num_rows() {
            json::known(&mut self.0, batch, &keys, row)?;
            self.0.push(b'\n');
        }
        Ok(())
    }

    /// Adds a notice about the tail: what happened, and where it is.
    pub(super) fn notice(&mut self, what: &str, value: impl Into<Value>, next: &Offsets) {
        let mut notice = Map::new();
        notice.insert(what.to_owned(), value.into());
        notice.insert("next".to_owned(), next.into());
        let line = Value::Object(Map::from_iter([("tail".to_owned(), Value::Object(notice))]));
        self.0.extend(line.to_string().into_bytes());
        self.0.push(b'\n');
    }

    /// Adds an error about what could not be read or shown; the tail continues after it.
    pub(super) fn error(&mut self, error: &impl Display, next: &Offsets) {
        self.notice("error", error.to_string(), next);
    }

    /// Adds an empty line, so that each end sees that the other is alive.
    pub(super) fn beat(&mut self) {
        self.0.push(b'\n');
    }

    /// Takes the lines added since the last call.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}
