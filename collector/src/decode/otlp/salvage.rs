//! What is left of a request that cannot be read as a whole: one attribute that is not UTF-8, or
//! one impossible number, costs its own record. A resource or scope that cannot be read costs its
//! records, and no others.

use std::borrow::Cow;

use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::{DecodeError, Message, decode_length_delimiter, encode_length_delimiter};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tallylight_schemas::fates::Reason;

use super::{
    Export, ExportLogsServiceRequest, ExportMetricsServiceRequest, ExportTraceServiceRequest, Wire,
    json,
};

/// The wire type of a message in protobuf: its length comes first.
const LENGTH: usize = 2;

/// A message in a request: a record, or what leads to records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// The key of its field in protobuf.
    key: usize,
    /// The name of the field in JSON.
    name: &'static str,
    /// Reads it from protobuf.
    reads: fn(&[u8]) -> Result<(), DecodeError>,
    /// Whether it can be read from JSON.
    fits: fn(&Value) -> bool,
    /// The fields in it that lead to records; none for a record.
    within: &'static [Part],
}

macro_rules! part {
    ($message:ty, $tag:literal $name:literal $(, $within:expr)*) => {
        Part {
            key: $tag << 3 | LENGTH,
            name: $name,
            reads: reads::<$message>,
            fits: fits::<$message>,
            within: &[$($within),*],
        }
    };
}

pub(super) const LOGS: Part = part!(ExportLogsServiceRequest, 0 "",
    part!(ResourceLogs, 1 "resourceLogs",
        part!(ScopeLogs, 2 "scopeLogs",
            part!(LogRecord, 2 "logRecords"))));
pub(super) const SPANS: Part = part!(ExportTraceServiceRequest, 0 "",
    part!(ResourceSpans, 1 "resourceSpans",
        part!(ScopeSpans, 2 "scopeSpans",
            part!(Span, 2 "spans"))));
pub(super) const METRICS: Part = part!(ExportMetricsServiceRequest, 0 "",
    part!(ResourceMetrics, 1 "resourceMetrics",
        part!(ScopeMetrics, 2 "scopeMetrics",
            part!(Metric, 2 "metrics",
                part!(Gauge, 5 "gauge", part!(NumberDataPoint, 1 "dataPoints")),
                part!(Sum, 7 "sum", part!(NumberDataPoint, 1 "dataPoints")),
                part!(Histogram, 9 "histogram", part!(HistogramDataPoint, 1 "dataPoints")),
                part!(ExponentialHistogram, 10 "exponentialHistogram",
                    part!(ExponentialHistogramDataPoint, 1 "dataPoints")),
                part!(Summary, 11 "summary", part!(SummaryDataPoint, 1 "dataPoints"))))));

fn reads<M: Message + Default>(bytes: &[u8]) -> Result<(), DecodeError> {
    M::decode(bytes).map(drop)
}

fn fits<M: DeserializeOwned>(value: &Value) -> bool {
    M::deserialize(value).is_ok()
}

/// The request without the records that cannot be read, and why each of those is rejected. `None`
/// where it is unknown how many there are: the body is not in the encoding at all.
pub fn salvage<E: Export>(body: &[u8], wire: Wire) -> Option<(E, Vec<Reason>)> {
    let (whole, mut sieve) = (E::SIGNAL.whole, Sieve::default());
    let (request, all) = match wire {
        Wire::Protobuf => {
            let left = sieve.left(Cow::Borrowed(body), &whole)?;
            (E::decode(&*left).ok()?, None)
        }
        Wire::Json => {
            let (tree, records) = json::tree::<E>(body).ok()?;
            (serde_json::from_value::<E>(sieve.left(tree, &whole)?).ok()?, Some(records))
        }
    };
    // Else some do not fit what they are in, or are where no record is looked for.
    let found = all.is_none_or(|all| all == sieve.kept + sieve.lost.len());
    (found && request.records() == sieve.kept).then_some((request, sieve.lost))
}

/// What became of the records.
#[derive(Default)]
struct Sieve {
    kept: usize,
    lost: Vec<Reason>,
}

impl Sieve {
    fn left<N: Node>(&mut self, mut node: N, whole: &Part) -> Option<N> {
        self.sift(&mut node, whole, None)?.then_some(node)
    }

    /// Takes out of a message what cannot be read; returns whether the message itself can. `above`
    /// is the fault of what it is in. The depth is that of [`Part`].
    fn sift<N: Node>(&mut self, node: &mut N, part: &Part, above: Option<Reason>) -> Option<bool> {
        let is_record = part.within.is_empty();
        let children = if is_record { Vec::new() } else { node.take(part.within)? };
        let fault = above.or_else(|| node.fault(part));
        match fault {
            Some(reason) if is_record => self.lost.push(reason),
            None if is_record => self.kept += 1,
            _ => {}
        }
        for (inner, mut child) in children {
            if self.sift(&mut child, inner, fault)? {
                node.put(inner, child);
            }
        }
        Some(fault.is_none())
    }
}

/// A message in one of the encodings.
trait Node: Sized {
    /// Takes out the messages in these fields; `None` where it is unknown which there are.
    fn take<'p>(&mut self, parts: &'p [Part]) -> Option<Vec<(&'p Part, Self)>>;

    /// Puts one back.
    fn put(&mut self, part: &Part, child: Self);

    /// Why it cannot be read, if so.
    fn fault(&self, part: &Part) -> Option<Reason>;
}

impl Node for Cow<'_, [u8]> {
    fn take<'p>(&mut self, parts: &'p [Part]) -> Option<Vec<(&'p Part, Self)>> {
        let Cow::Borrowed(mut rest) = *self else { return None };
        let (mut own, mut children) = (Vec::new(), Vec::new());
        while !rest.is_empty() {
            let (key, whole, content) = field(&mut rest)?;
            match parts.iter().find(|part| part.key == key) {
                Some(part) => children.push((part, Cow::Borrowed(content))),
                None => own.extend_from_slice(whole),
            }
        }
        *self = Cow::Owned(own);
        Some(children)
    }

    fn put(&mut self, part: &Part, child: Self) {
        let own = self.to_mut();
        // Writing to a Vec cannot fail.
        let _ = encode_length_delimiter(part.key, own);
        let _ = encode_length_delimiter(child.len(), own);
        own.extend_from_slice(&child);
    }

    fn fault(&self, part: &Part) -> Option<Reason> {
        let error = (part.reads)(self).err()?;
        // Nothing else tells the kinds of errors apart.
        let is_text = error.to_string().contains("not UTF-8");
        Some(if is_text { Reason::NotUtf8 } else { Reason::BadShape })
    }
}

/// The next field of a message: its key, all its bytes, and those behind its key and length.
fn field<'a>(rest: &mut &'a [u8]) -> Option<(usize, &'a [u8], &'a [u8])> {
    let all = *rest;
    let key = decode_length_delimiter(&mut *rest).ok()?;
    let bytes = match key & 7 {
        0 => decode_length_delimiter(&mut *rest).ok().map(|_| 0)?,
        1 => 8,
        LENGTH => decode_length_delimiter(&mut *rest).ok()?,
        5 => 4,
        // Groups, which OTLP does not have.
        _ => return None,
    };
    let here = *rest;
    let (content, behind) = here.split_at_checked(bytes)?;
    *rest = behind;
    Some((key, all.get(..all.len() - behind.len())?, content))
}

impl Node for Value {
    fn take<'p>(&mut self, parts: &'p [Part]) -> Option<Vec<(&'p Part, Self)>> {
        let (members, mut children) = (self.as_object_mut()?, Vec::new());
        for part in parts {
            match members.get_mut(part.name) {
                None => {}
                Some(Value::Array(items)) => {
                    children.extend(std::mem::take(items).into_iter().map(|item| (part, item)));
                }
                Some(Value::Object(_)) => {
                    children.extend(members.remove(part.name).map(|one| (part, one)));
                }
                Some(_) => return None,
            }
        }
        Some(children)
    }

    fn put(&mut self, part: &Part, child: Self) {
        let Some(members) = self.as_object_mut() else { return };
        match members.get_mut(part.name) {
            // It was emptied, and is a list as before.
            Some(Value::Array(items)) => items.push(child),
            _ => {
                members.insert(part.name.to_owned(), child);
            }
        }
    }

    fn fault(&self, part: &Part) -> Option<Reason> {
        (!(part.fits)(self)).then_some(Reason::BadShape)
    }
}

#[cfg(test)]
mod tests;
