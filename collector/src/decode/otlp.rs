//! OpenTelemetry's signals (OTLP/HTTP). Each data point of a metric is a row of `infra_metrics`;
//! so is each log record and each span, but for those that tell of a request for media: they are
//! delivery events (ADR 26).

mod json;
mod media;
mod metrics;
mod other;
mod points;
mod requests;
mod resource;
mod value;

pub use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
pub use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
pub use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::de::DeserializeOwned;
use tallylight_schemas::fates::Reason;

use super::{Context, Rows};
use crate::fates::{Source, Tally};

/// Most bytes of a request once inflated. A message of two bytes takes a hundred in memory, so
/// this is below what other bodies may have.
pub const REQUEST_BYTES: usize = 1 << 20;
/// Most bytes of memory that names and attributes of a request's rows take: those of a resource are in
/// each of its rows, so a small body could become a hundred times as much.
pub const ROWS_BYTES: usize = 16 << 20;

/// What a request is written in; its answer is too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Binary protobuf.
    Protobuf,
    /// The JSON of OTLP, which is protobuf's with a few rules of its own.
    Json,
}

impl Wire {
    /// What a media type says; `None` for one that is not taken.
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

/// The words of a signal.
#[derive(Debug)]
pub struct Signal {
    /// The message of its requests, as errors name it.
    pub message: &'static str,
    /// The member of a request's JSON that holds everything.
    pub member: &'static str,
    /// The lists in there that hold the records.
    pub records: &'static str,
    /// What an answer's JSON calls those that were not taken.
    pub rejected: &'static str,
    /// Under which source fates are booked.
    pub source: Source,
}

/// The request that exports a signal.
pub trait Export: Message + Default + DeserializeOwned + 'static {
    /// Which one.
    const SIGNAL: Signal;

    /// How many records there are: data points, log records or spans.
    fn records(&self) -> usize;

    /// Reads them into `rows`. `number` is the request's own: the same when it is sent again.
    fn read(&self, number: u64, context: Context<'_>, rows: &mut Rows) -> Tally;
}

/// A request from its body; `Err` is the parser's word.
pub fn request<E: Export>(body: &[u8], wire: Wire) -> Result<E, String> {
    match wire {
        Wire::Protobuf => E::decode(body).map_err(|error| error.to_string()),
        Wire::Json => json::request(body),
    }
}

/// The records of a request on the way to their fates.
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
    /// What is left of [`ROWS_BYTES`].
    room: usize,
}

impl<'a, 'r> Reading<'a, 'r> {
    fn new(context: Context<'a>, source: Source, rows: &'r mut Rows) -> Self {
        let to = To { rows, tally: Tally::default(), room: ROWS_BYTES };
        Self { context, source, to, left: context.max_records }
    }

    /// The next record: `read` gives it its fate, or says why it is rejected.
    fn next(&mut self, read: impl FnOnce(Context<'a>, &mut To<'r>) -> Result<(), Reason>) {
        let room = self.left > 0;
        self.left = self.left.saturating_sub(1);
        let end = match room {
            true => read(self.context, &mut self.to),
            false => Err(Reason::TooMany),
        };
        if let Err(reason) = end {
            // What exporters tell holds addresses of viewers: nothing of it is kept.
            self.context.bury((self.source, reason), &[], self.to.rows);
            self.to.tally.reject(reason);
        }
    }
}
