//! The values in the columns of files, and rows of windows as structs.

use arrow::array::{
    Array, AsArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use serde::de::{DeserializeOwned, IntoDeserializer};
use tallylight_schemas::rows::{Cell, DeliveryRow, Measures, PlaybackRow};
use tallylight_schemas::sketch::{Bin, Sketch};
use tallylight_store::history::HistoryError;

/// The columns of a batch, by name and row.
pub(super) struct Columns<'a>(pub(super) &'a RecordBatch);

impl Columns<'_> {
    fn array(&self, name: &str) -> Result<&dyn Array, HistoryError> {
        let array = self.0.column_by_name(name).map(AsRef::as_ref);
        array.ok_or_else(|| HistoryError::Data(format!("a file of history has no column {name}")))
    }

    pub(super) fn text(&self, name: &str, row: usize) -> Result<Option<String>, HistoryError> {
        let array = self.array(name)?;
        let texts: &StringArray = array.as_string_opt().ok_or_else(|| odd(name, array))?;
        Ok(texts.is_valid(row).then(|| texts.value(row).to_owned()))
    }

    pub(super) fn maybe(&self, name: &str, row: usize) -> Result<Option<i64>, HistoryError> {
        let array = self.array(name)?;
        if array.is_null(row) {
            return Ok(None);
        }
        if let Some(numbers) = array.as_primitive_opt::<Int32Type>() {
            return Ok(Some(i64::from(numbers.value(row))));
        }
        if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            return Ok(Some(times.value(row)));
        }
        let numbers = array.as_primitive_opt::<Int64Type>().ok_or_else(|| odd(name, array))?;
        Ok(Some(numbers.value(row)))
    }

    pub(super) fn int(&self, name: &str, row: usize) -> Result<i64, HistoryError> {
        Ok(self.maybe(name, row)?.unwrap_or(0))
    }

    fn small(&self, name: &str, row: usize) -> Result<u32, HistoryError> {
        Ok(u32::try_from(self.int(name, row)?).unwrap_or(0))
    }

    fn sketch(&self, name: &str, row: usize) -> Result<Sketch, HistoryError> {
        let lists: Option<&ListArray> = self.array(name)?.as_list_opt();
        let Some(lists) = lists.filter(|lists| lists.is_valid(row)) else {
            return Ok(Sketch::default());
        };
        let items = lists.value(row);
        let pair = items.as_struct_opt().and_then(|items: &StructArray| {
            let bins: &Int32Array = items.column_by_name("bin")?.as_primitive_opt()?;
            let counts: &Int64Array = items.column_by_name("count")?.as_primitive_opt()?;
            Some(
                bins.values()
                    .iter()
                    .zip(counts.values())
                    .map(|(i, n)| Bin { i: *i, n: *n })
                    .collect(),
            )
        });
        pair.ok_or_else(|| HistoryError::Data(format!("column {name} of a file is no sketch")))
    }
}

/// The error for a column of an unexpected type.
fn odd(name: &str, array: &dyn Array) -> HistoryError {
    HistoryError::Data(format!("column {name} of a file is of type {}", array.data_type()))
}

/// The value that a word in a column names.
pub(super) fn named<T: DeserializeOwned>(word: &str) -> Result<T, HistoryError> {
    T::deserialize(word.into_deserializer()).map_err(|error: serde::de::value::Error| {
        HistoryError::Data(format!("a file of history holds a word we do not know: {error}"))
    })
}

/// Rows of table `playback`.
pub(super) fn playback(batch: &RecordBatch) -> Result<Vec<PlaybackRow>, HistoryError> {
    let from = Columns(batch);
    let row = |row: usize| {
        let mut measures = Measures::default();
        for name in Measures::NAMES {
            measures.set(name, from.int(name, row)?);
        }
        let cuboid = named(&from.text("cuboid", row)?.unwrap_or_default())?;
        Ok(PlaybackRow {
            tenant: from.text("tenant", row)?.unwrap_or_default(),
            partition: 0,
            pane: from.int("pane", row)?,
            width_s: from.small("width_s", row)?,
            cuboid,
            cell: Cell {
                content: from.text("content", row)?,
                edge: from.text("edge", row)?,
                pipeline: from.text("pipeline", row)?,
                rendition: from.text("rendition", row)?,
                country: from.text("country", row)?,
                device: from.text("device", row)?,
                player: from.text("player", row)?,
                os: from.text("os", row)?,
                asn: from.maybe("asn", row)?.and_then(|asn| u32::try_from(asn).ok()),
            },
            measures,
            startup_sketch: from.sketch("startup_sketch", row)?,
            latency_sketch: from.sketch("latency_sketch", row)?,
            r#final: true,
            version: 0,
            metrics_version: from.small("metrics_version", row)?,
        })
    };
    (0..batch.num_rows()).map(row).collect()
}

/// Rows of table `delivery`.
pub(super) fn delivery(batch: &RecordBatch) -> Result<Vec<DeliveryRow>, HistoryError> {
    let from = Columns(batch);
    let row = |row: usize| {
        Ok(DeliveryRow {
            tenant: from.text("tenant", row)?.unwrap_or_default(),
            partition: 0,
            pane: from.int("pane", row)?,
            width_s: from.small("width_s", row)?,
            service: from.text("service", row)?.unwrap_or_default(),
            edge: from.text("edge", row)?,
            pipeline: from.text("pipeline", row)?,
            stream: from.text("stream", row)?.unwrap_or_default(),
            track: from.text("track", row)?.unwrap_or_default(),
            k: from.maybe("k", row)?.and_then(|k| u64::try_from(k).ok()),
            action: from.text("action", row)?.unwrap_or_default(),
            requests: from.int("requests", row)?,
            bytes: from.int("bytes", row)?,
            errors: from.int("errors", row)?,
            ok: from.int("ok", row)?,
            redirects: from.int("redirects", row)?,
            server_errors: from.int("server_errors", row)?,
            hits: from.int("hits", row)?,
            held_ms: from.int("held_ms", row)?,
            ttfb_sketch: from.sketch("ttfb_sketch", row)?,
            held_sketch: from.sketch("held_sketch", row)?,
            r#final: true,
            version: 0,
        })
    };
    (0..batch.num_rows()).map(row).collect()
}
