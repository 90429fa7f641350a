//! Dead letters: unusable input, kept for diagnosis (ADR 9). They are records that the collector
//! rejected, and parts of the log that the processor could not read.

use serde::{Deserialize, Serialize};

/// At most this many bytes of a record are kept.
pub const KEPT_BYTES: usize = 4 << 10;
/// The source of a part of the log that could not be read.
pub const LOG: &str = "log";
/// Marks where something was removed or cut off.
pub const GAP: char = '…';

/// A dead letter: the row of table `dead_letters`. Times are Unix µs, `None` is unknown. The
/// collector leaves out the fields that only the processor knows, from `kind` on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Tenant whose record it is; empty when unknown.
    pub tenant: String,
    /// When the collector received it; for a part of the log, when it was appended.
    pub received_at: i64,
    /// The source that received it, as in the fates, or [`LOG`].
    pub source: String,
    /// The reason of its fate; for a part of the log, the error as text.
    pub reason: String,
    /// The record without possible secrets, at most [`KEPT_BYTES`].
    pub record: Option<String>,
    /// Its length as received.
    pub bytes: Option<i64>,
    /// For a part of the log: the number of its kind.
    pub kind: Option<i32>,
    /// For a part of the log: a hash of its bytes, which are not kept.
    pub hash: Option<u64>,
    /// The shard of the log that holds it.
    pub shard: Option<i32>,
    /// For a part of the log: its partition, if it belongs to one.
    pub partition: Option<i32>,
    /// Number of the part that it is, or that contains it, within its entry; from 0.
    pub part: Option<i32>,
}

/// Cuts text that is longer than [`KEPT_BYTES`], and marks the cut.
pub fn cut(mut text: String) -> String {
    if text.len() > KEPT_BYTES {
        text.truncate(text.floor_char_boundary(KEPT_BYTES - GAP.len_utf8()));
        text.push(GAP);
    }
    text
}
