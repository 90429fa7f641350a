//! Arrow batches as bytes (IPC stream, LZ4) and structs as batches.

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

/// Stored bytes that are not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// Arrow could not read or write the batch.
    #[error("arrow batch: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// The batch does not hold the structs asked for.
    #[error("arrow batch does not fit its type: {0}")]
    Shape(#[from] serde_arrow::Error),
    /// A column of another type than it ever had.
    #[error("column {name} of an arrow batch cannot be {found}")]
    Column {
        /// Which column.
        name: String,
        /// The type it has.
        found: arrow::datatypes::DataType,
    },
    /// An IPC stream without a batch.
    #[error("arrow stream holds no batch")]
    Empty,
    /// Bytes that are no IPC stream, or a part of one.
    #[error("arrow stream: {0}")]
    Torn(&'static str),
}

impl IpcError {
    /// What is wrong, without a word of what was read: that may be private.
    pub fn plain(&self) -> &'static str {
        match self {
            IpcError::Arrow(_) => "Arrow cannot read it",
            IpcError::Shape(_) => "it does not hold what its kind says",
            IpcError::Column { .. } => "a column has another type than it ever had",
            IpcError::Empty => "it holds no batch",
            IpcError::Torn(_) => "it is no Arrow stream, or a part of one",
        }
    }
}

/// Rows up to which nothing is compressed: LZ4 sets up a table for each buffer, which costs more
/// than writing so few rows, and makes an entry of sixteen of them only a sixth smaller.
const SMALL: usize = 16;

/// A batch as an Arrow IPC stream, buffers compressed with LZ4 unless there are few rows.
pub fn encode(batch: &RecordBatch) -> Result<Vec<u8>, IpcError> {
    encode_stream(&batch.schema(), std::slice::from_ref(batch))
}

/// Batches of one schema, any number, as an Arrow IPC stream like [`encode`]'s.
pub fn encode_stream(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>, IpcError> {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let mut writer = writer(schema, rows > SMALL)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(writer.into_inner()?)
}

/// The same piece by piece, at most one batch in each: many are sent without a second copy of all.
/// It ends with the first error.
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

/// Reads what was stored, which may be damaged or a lie. What would take memory is looked at before;
/// of the rest Arrow's reader takes some for granted and panics (types that it has no name for,
/// columns that are shorter than they state).
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
    // Nothing of it outlives the panic.
    catch_unwind(AssertUnwindSafe(take))
        .unwrap_or(Err(IpcError::Torn("what it states of itself cannot be")))
}

/// A struct that is stored as the row of a batch. Fields are only ever added (ADR 17), as an
/// `Option` or with `#[serde(default)]`, so that older batches still read; unknown ones are
/// passed over, so that newer batches do too.
pub trait Stored: Serialize + DeserializeOwned {
    /// Where its Arrow fields are kept once they are known: working them out takes longer than
    /// most batches do.
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

/// A delivery event with the tenant that its write key belongs to, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantDelivery {
    /// Whose stream.
    pub tenant: String,
    /// When the collector had it, Unix µs.
    pub received_at: i64,
    /// What was reported.
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
