//! Dead letters: what could not be used, kept for whoever looks for the reason (ADR 9). Records that
//! the door rejected, and parts of the log that the processor could not read.

use serde::{Deserialize, Serialize};

/// Most that is kept of a record, bytes.
pub const KEPT_BYTES: usize = 4 << 10;
/// The source of a part of the log that could not be read.
pub const LOG: &str = "log";
/// Stands where something was taken out or cut off.
pub const GAP: char = '…';

/// A dead letter: the row of table `dead_letters`. Times are Unix µs, `None` is unknown. The door
/// leaves out what only the processor knows, from `kind` on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Whose; empty when nobody can tell.
    pub tenant: String,
    /// When the collector had it; of a part of the log, when it was appended.
    pub received_at: i64,
    /// Where it came in, as fates name it, or [`LOG`].
    pub source: String,
    /// The reason of its fate; of a part of the log the error in words.
    pub reason: String,
    /// The record without what may be secret in it, at most [`KEPT_BYTES`].
    pub record: Option<String>,
    /// Its length as it came.
    pub bytes: Option<i64>,
    /// Of a part of the log: the number of its kind.
    pub kind: Option<i32>,
    /// Of a part of the log: a hash of its bytes, which are not kept themselves.
    pub hash: Option<u64>,
    /// The shard of the log that holds it.
    pub shard: Option<i32>,
    /// Of a part of the log: its partition, where it is of one.
    pub partition: Option<i32>,
    /// Which part of its entry holds it, or is it; from 0.
    pub part: Option<i32>,
}

/// Cuts what is longer than may be kept, and marks the place.
pub fn cut(mut text: String) -> String {
    if text.len() > KEPT_BYTES {
        text.truncate(text.floor_char_boundary(KEPT_BYTES - GAP.len_utf8()));
        text.push(GAP);
    }
    text
}
