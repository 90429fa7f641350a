//! The one end of every record received (ADR 9): accepted, duplicate, late, rejected with a
//! reason, or shed with a reason.

use serde::{Deserialize, Serialize};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Counted in its window.
    Accepted,
    /// Seen before; counted once already.
    Duplicate,
    /// Stored, but its window was final when it came.
    Late,
    /// Unusable, see the reason.
    Rejected,
    /// Usable, but refused to protect the rest, see the reason.
    Shed,
}

impl Fate {
    /// The word used in rows, headers and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Accepted => "accepted",
            Fate::Duplicate => "duplicate",
            Fate::Late => "late",
            Fate::Rejected => "rejected",
            Fate::Shed => "shed",
        }
    }
}

/// Why a record was rejected or shed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing to explain: accepted, duplicate or late.
    None,
    /// Not valid UTF-8.
    NotUtf8,
    /// Longer than a record may be.
    TooLong,
    /// No key of it could be read.
    NotARecord,
    /// `v` is above what we understand.
    UnknownVersion,
    /// No `sid`, so it belongs to no session.
    NoSid,
    /// An event report without `e`.
    NoEvent,
    /// An event report without `ts`.
    NoTs,
    /// `ts` is no plausible Unix time in milliseconds.
    BadTs,
    /// A JSON event of unknown type or shape.
    BadShape,
    /// More records in one request than the limit.
    TooMany,
    /// The collector is at its limit.
    Overload,
    /// The tenant or its write key is above its quota.
    Quota,
    /// Only a service of ours may say this, and the request did not prove to be one.
    Untrusted,
    /// A log record or a span that tells of no request for media. Not given any more (ADR 26);
    /// logs of before have it.
    NotMedia,
}

impl Reason {
    /// The word used in rows, headers and metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::None => "none",
            Reason::NotUtf8 => "not_utf8",
            Reason::TooLong => "too_long",
            Reason::NotARecord => "not_a_record",
            Reason::UnknownVersion => "unknown_version",
            Reason::NoSid => "no_sid",
            Reason::NoEvent => "no_event",
            Reason::NoTs => "no_ts",
            Reason::BadTs => "bad_ts",
            Reason::BadShape => "bad_shape",
            Reason::TooMany => "too_many",
            Reason::Overload => "overload",
            Reason::Quota => "quota",
            Reason::Untrusted => "untrusted",
            Reason::NotMedia => "not_media",
        }
    }
}

/// A number of records of one tenant and source that came to the same end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FateCount {
    /// Whose records.
    pub tenant: String,
    /// Where they came in: `cmcd`, `cmcd_query`, `events`, `otlp_metrics`, `edge`, `otlp`.
    pub source: String,
    /// What became of them.
    pub fate: Fate,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub events: u64,
}
