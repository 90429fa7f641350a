//! Arrow batches to and from bytes (IPC stream, LZ4), and structs to and from batches.

pub mod buffers;
pub mod frames;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_arrow::schema::{SchemaLike, TracingOptions};

/// Stored bytes that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// Arrow could not read or write the batch.
    #[error("arrow batch: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The batch does not hold the requested structs.
    #[error("arrow batch does not fit its type: {0}")]
    Shape(#[from] serde_arrow::Error),
    /// A column has a type that no version wrote.
    #[error("column {name} of an arrow batch cannot be {found}")]
    Column {
        /// The column.
        name: String,
        /// The type it has.
        found: arrow::datatypes::DataType,
    },
    /// An IPC stream without a batch.
    #[error("arrow stream holds no batch")]
    Empty,
    /// The bytes are not an IPC stream, or only part of one.
    #[error("arrow stream: {0}")]
    Torn(&'static str),
}

impl IpcError {
    /// What is wrong, without any of the content, which may be private.
    pub fn plain(&self) -> &'static str {
        match self {
            IpcError::Arrow(_) => "Arrow cannot read it",
            IpcError::Shape(_) => "it does not hold rows of its kind",
            IpcError::Column { .. } => "a column has a type that no version wrote",
            IpcError::Empty => "it holds no batch",
            IpcError::Torn(_) => "it is not an Arrow stream, or only part of one",
        }
    }
}

/// Batches of up to this many rows are not compressed: LZ4 sets up a table for each buffer, which
/// costs more than writing the rows, and sixteen rows would become only a sixth smaller.
const SMALL: usize = 16;

/// A batch as an Arrow IPC stream; buffers are compressed with LZ4 unless it has few rows.
pub fn encode(batch: &RecordBatch) -> Result<Vec<u8>, IpcError> {
    encode_stream(&batch.schema(), std::slice::from_ref(batch))
}

/// Any number of batches of one schema as an Arrow IPC stream like [`encode`]'s.
pub fn encode_stream(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>, IpcError> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut writer = writer(schema, rows > SMALL)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(writer.into_inner()?)
}

/// The same in pieces of at most one batch, so that many batches are sent without a second copy of
/// all of them. Ends after the first error.
pub fn pieces(
    schema: &Schema,
    batches: Vec<RecordBatch>,
) -> Result<impl Iterator<Item = Result<Vec<u8>, IpcError>> + use<>, IpcError> {
    let (mut writer, mut batches, mut ended) = (writer(schema, true)?, batches.into_iter(), false);
    Ok(std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let put = match batches.next() {
            Some(batch) => writer.write(&batch),
            None => {
                ended = true;
                writer.finish()
            }
        };
        ended |= put.is_err();
        Some(put.map(|()| std::mem::take(writer.get_mut())).map_err(IpcError::from))
    }))
}

fn writer(schema: &Schema, compressed: bool) -> Result<StreamWriter<Vec<u8>>, IpcError> {
    let compression = compressed.then_some(CompressionType::LZ4_FRAME);
    let options = IpcWriteOptions::default().try_with_compression(compression)?;
    Ok(StreamWriter::try_new_with_options(Vec::with_capacity(4_096), schema, options)?)
}

/// The first batch of an Arrow IPC stream.
pub fn decode(bytes: &[u8]) -> Result<RecordBatch, IpcError> {
    read(bytes, |mut reader| Ok(reader.next().ok_or(IpcError::Empty)??))
}

/// All batches of an Arrow IPC stream.
pub fn decode_stream(bytes: &[u8]) -> Result<Vec<RecordBatch>, IpcError> {
    read(bytes, |reader| Ok(reader.collect::<Result<_, _>>()?))
}

/// Reads stored bytes, which may be damaged or forged. Lengths that would cost memory are checked
/// first. Arrow's reader does not check the rest and panics on some of it (unknown types, columns
/// shorter than they state), which is caught here.
fn read<T>(
    bytes: &[u8],
    take: impl FnOnce(StreamReader<Cursor<&[u8]>>) -> Result<T, IpcError>,
) -> Result<T, IpcError> {
    let mut unseen = bytes;
    while let Some((frame, behind)) = frames::next(unseen).map_err(IpcError::Torn)? {
        buffers::check(&frame).map_err(IpcError::Torn)?;
        unseen = behind;
    }
    let take = || take(StreamReader::try_new(Cursor::new(bytes), None)?);
    // Nothing that the closure touches is used after a panic.
    catch_unwind(AssertUnwindSafe(take))
        .unwrap_or(Err(IpcError::Torn("its metadata is impossible")))
}

/// A struct that is stored as the row of a batch. Fields are only ever added (ADR 17), as an
/// `Option` or with `#[serde(default)]`, so that older batches can still be read; unknown fields
/// are ignored, so that newer batches can too.
pub trait Stored: Serialize + DeserializeOwned {
    /// Caches its Arrow fields, since deriving them takes longer than writing most batches.
    fn known() -> &'static OnceLock<Vec<FieldRef>>;
}

macro_rules! stored {
    ($($row:ty),*) => {
        $(impl Stored for $row {
            fn known() -> &'static OnceLock<Vec<FieldRef>> {
                static KNOWN: OnceLock<Vec<FieldRef>> = OnceLock::new();
                &KNOWN
            }
        })*
    };
}

stored!(
    crate::rows::PlaybackRow,
    crate::rows::DeliveryRow,
    crate::rows::FatesRow,
    crate::rows::ProgressRow,
    crate::fates::FateCount,
    crate::session::SessionRow,
    crate::session::SpanRow,
    crate::control::ActionRow,
    crate::control::IncidentRow,
    crate::infra::InfraMetric,
    crate::dead::DeadLetter,
    TenantDelivery
);

/// A delivery event as stored, with the tenant of its write key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantDelivery {
    /// Tenant whose stream it is.
    pub tenant: String,
    /// When the collector received it, Unix µs.
    pub received_at: i64,
    /// The reported event.
    pub event: crate::delivery::DeliveryEvent,
}

/// The media type of an Arrow IPC stream.
pub const STREAM_MEDIA_TYPE: &str = "application/vnd.apache.arrow.stream";

/// The Arrow fields of a stored struct.
pub fn fields<T: Stored>() -> Result<&'static [FieldRef], IpcError> {
    if let Some(known) = T::known().get() {
        return Ok(known);
    }
    let options = TracingOptions::default()
        .allow_null_fields(true)
        .enums_without_data_as_strings(true)
        .strings_as_large_utf8(false)
        .sequence_as_large_list(false);
    let fields = Vec::<FieldRef>::from_type::<T>(options)?;
    Ok(T::known().get_or_init(|| fields))
}

/// Structs as one batch.
pub fn to_batch<T: Stored>(items: &[T]) -> Result<RecordBatch, IpcError> {
    Ok(serde_arrow::to_record_batch(fields::<T>()?, &items)?)
}

/// Structs as stored bytes.
pub fn encode_all<T: Stored>(items: &[T]) -> Result<Vec<u8>, IpcError> {
    encode(&to_batch(items)?)
}

/// Stored bytes as structs.
pub fn decode_all<T: Stored>(bytes: &[u8]) -> Result<Vec<T>, IpcError> {
    from_batch(&decode(bytes)?)
}

/// A batch as structs.
pub fn from_batch<T: Stored>(batch: &RecordBatch) -> Result<Vec<T>, IpcError> {
    Ok(serde_arrow::from_record_batch(batch)?)
}
