//! The lines of a tail: a JSON object each, a record or a word about the tail itself.

use std::fmt::Display;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use serde_json::{Map, Value};

use super::places::Places;
use crate::sql::json;

/// Lines until they are sent.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// The rows of a batch, each without what is NULL.
    pub(super) fn rows(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let keys = json::keys(batch);
        for row in 0..batch.num_rows() {
            json::known(&mut self.0, batch, &keys, row)?;
            self.0.push(b'\n');
        }
        Ok(())
    }

    /// A word about the tail: what happened, and where it is.
    pub(super) fn word(&mut self, what: &str, value: impl Into<Value>, next: &Places) {
        let mut said = Map::new();
        said.insert(what.to_owned(), value.into());
        said.insert("next".to_owned(), next.into());
        let line = Value::Object(Map::from_iter([("tail".to_owned(), Value::Object(said))]));
        self.0.extend(line.to_string().into_bytes());
        self.0.push(b'\n');
    }

    /// What could not be read or shown; the tail goes on behind it.
    pub(super) fn error(&mut self, error: &impl Display, next: &Places) {
        self.word("error", error.to_string(), next);
    }

    /// An empty line, so that both ends see that the other is there.
    pub(super) fn beat(&mut self) {
        self.0.push(b'\n');
    }

    /// The lines since the last call.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}
