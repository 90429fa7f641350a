//! OpenTelemetry's signals (OTLP/HTTP). Each data point of a metric is a row of `infra_metrics`; so
//! is each log record and each span, except those that describe a request for media: these are
//! delivery events (ADR 26).

mod http;
mod json;
mod media;
mod metrics;
mod other;
mod points;
mod requests;
mod resource;
mod salvage;
mod value;

pub use salvage::salvage;

pub use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
pub use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
pub use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::de::DeserializeOwned;
use tallylight_schemas::fates::Reason;

use super::{Context, Rows};
use crate::fates::{Source, Tally};

/// Most bytes of a request once inflated. A message of two bytes takes a hundred in memory, so this
/// is less than other bodies may have.
pub const REQUEST_BYTES: usize = 1 << 20;
/// Most bytes of memory that names and attributes of a request's rows take: each row repeats the
/// attributes of its resource, so a small body could grow a hundredfold.
pub const ROWS_BYTES: usize = 16 << 20;

/// The encoding of a request, and of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Binary protobuf.
    Protobuf,
    /// OTLP's JSON, which is protobuf's with a few rules of its own.
    Json,
}

impl Wire {
    /// The encoding of a media type; `None` for one that is not accepted.
    pub fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/x-protobuf" => Some(Wire::Protobuf),
            "application/json" => Some(Wire::Json),
            _ => None,
        }
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Wire::Protobuf => "application/x-protobuf",
            Wire::Json => "application/json",
        }
    }
}

/// The names and the source of a signal.
#[derive(Debug)]
pub struct Signal {
    /// The message type of its requests, as errors name it.
    pub message: &'static str,
    /// The member of a request's JSON that holds everything.
    pub member: &'static str,
    /// The lists in there that hold the records.
    pub records: &'static str,
    /// The member of a JSON answer that counts the records that were not accepted.
    pub rejected: &'static str,
    /// The source that fates are booked under.
    pub source: Source,
    /// Where the records are in a request.
    whole: salvage::Part,
}

/// The request that exports a signal.
pub trait Export: Message + Default + DeserializeOwned + 'static {
    /// The signal.
    const SIGNAL: Signal;

    /// The number of records: data points, log records or spans.
    fn records(&self) -> usize;

    /// Reads the records into `rows`. `number` identifies the request: it is the same when the
    /// request is sent again.
    fn read(&self, number: u64, context: Context<'_>, rows: &mut Rows) -> Tally;
}

/// Parses a request; `Err` is the parser's message. [`salvage()`] reads what is left of it then.
pub fn request<E: Export>(body: &[u8], wire: Wire) -> Result<E, String> {
    match wire {
        Wire::Protobuf => E::decode(body).map_err(|error| error.to_string()),
        Wire::Json => json::request(body),
    }
}

/// Gives the records that [`salvage()`] left out their fates.
pub fn reject<E: Export>(
    lost: &[Reason],
    context: Context<'_>,
    rows: &mut Rows,
    tally: &mut Tally,
) {
    for reason in lost {
        context.bury((E::SIGNAL.source, *reason), &[], rows);
        tally.reject(*reason);
    }
}

/// Reads the records of a request one by one.
struct Reading<'a, 'r> {
    context: Context<'a>,
    source: Source,
    to: To<'r>,
    left: usize,
}

/// Where records go.
struct To<'r> {
    rows: &'r mut Rows,
    tally: Tally,
    /// The rest of [`ROWS_BYTES`].
    room: usize,
}

impl<'a, 'r> Reading<'a, 'r> {
    fn new(context: Context<'a>, source: Source, rows: &'r mut Rows) -> Self {
        let to = To { rows, tally: Tally::default(), room: ROWS_BYTES };
        Self { context, source, to, left: context.max_records }
    }

    /// The next record: `read` gives it its fate, or returns why it is rejected.
    fn next(&mut self, read: impl FnOnce(Context<'a>, &mut To<'r>) -> Result<(), Reason>) {
        let room = self.left > 0;
        self.left = self.left.saturating_sub(1);
        let end = match room {
            true => read(self.context, &mut self.to),
            false => Err(Reason::TooMany),
        };
        if let Err(reason) = end {
            // Exported records may hold addresses of viewers: nothing of a rejected one is kept.
            self.context.bury((self.source, reason), &[], self.to.rows);
            self.to.tally.reject(reason);
        }
    }
}
