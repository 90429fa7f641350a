//! The fate of every received record (ADR 9): accepted, duplicate, late, rejected with a reason,
//! or shed with a reason.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Counted in its window.
    Accepted,
    /// Counted before.
    Duplicate,
    /// Stored, but its window was already final.
    Late,
    /// Unusable; see the reason.
    Rejected,
    /// Usable, but refused under load; see the reason.
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

macro_rules! reasons {
    ($($variant:ident $name:literal $fate:ident $happened:literal do $advice:literal;)*) => {
        /// Why a record was rejected or shed. Stored counts are ordered like this.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Reason {
            $(#[doc = concat!("The record ", $happened, ".")] #[serde(rename = $name)] $variant,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant),*];

            /// The word used in rows, headers and metric labels.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $name,)* }
            }

            /// The fate that the collector gives with it.
            pub fn fate(self) -> Fate {
                match self { $(Reason::$variant => Fate::$fate,)* }
            }

            /// What happened, to be read after "The record …".
            pub fn happened(self) -> &'static str {
                match self { $(Reason::$variant => $happened,)* }
            }

            /// What the sender should do.
            pub fn advice(self) -> &'static str {
                match self { $(Reason::$variant => $advice,)* }
            }
        }
    };
}

reasons! {
    None "none" Accepted "is stored, without any values and keys that could not be read"
        do "Nothing; `Tallylight-Dropped-Values` counts the dropped values.";
    NotUtf8 "not_utf8" Rejected "is not valid UTF-8"
        do "Send CMCD as text, one record per line.";
    TooLong "too_long" Rejected "is too long, or has a name, id or text that is, or too many attributes"
        do "Leave out long keys such as `url` or `nor`, and unneeded OpenTelemetry attributes; shorten names. docs/collector.md has the limits.";
    NotARecord "not_a_record" Rejected "has no CMCD key that could be read"
        do "Send records like `e=ps,sid=\"…\",sn=0,sta=s,ts=1795000000000,v=2`; JSON goes to /v1/events.";
    UnknownVersion "unknown_version" Rejected "has a `v` above 2, which is not supported yet"
        do "Send `v=2`.";
    NoSid "no_sid" Rejected "has no usable `sid`, so it belongs to no session and is in no figure"
        do "Add `sid` to the keys that the player may send: a string in quotes, at most 64 characters, the same for the whole playback session.";
    NoEvent "no_event" Rejected "has no `e`, so it reports no event"
        do "Configure event mode (`eventTargets`), not request mode, for this address.";
    NoTs "no_ts" Rejected "has no time: no `ts` or, in OpenTelemetry, no `timeUnixNano` or equivalent"
        do "Add `ts` to the keys that the player sends, in Unix milliseconds; OpenTelemetry times are Unix nanoseconds.";
    BadTs "bad_ts" Rejected "has an implausible time, such as one before 2000"
        do "Do not send seconds: `ts` of a player is in Unix milliseconds (13 digits), `ts` of a delivery event in Unix microseconds (16), OpenTelemetry times in Unix nanoseconds (19).";
    BadShape "bad_shape" Rejected "is not a known event: JSON that does not parse, nests too deeply or has an unknown type; a delivery event with a missing member or an impossible number; a data point without a name; a reported media request whose status, size, duration or server is missing or impossible"
        do "Send a JSON object with `\"type\": \"player\"` and the names of CMCD keys; the form of a delivery event is in /v1/events/schema.json, what OpenTelemetry must report in docs/opentelemetry.md.";
    TooMany "too_many" Rejected "exceeds the number of records allowed in one request (`request_records`, 10,000)"
        do "Send fewer records in one request.";
    Overload "overload" Shed "arrived while its tenant held more than its share of the queue, or the queue was full"
        do "Send less; a request refused as a whole may be sent again after `Retry-After`.";
    Quota "quota" Shed "arrived while its tenant, write key or session was above its quota"
        do "Send less often; a request refused as a whole may be sent again after `Retry-After`.";
    Untrusted "untrusted" Rejected "is a delivery event or a control record, and the request did not carry the service key"
        do "Players send `\"type\": \"player\"`; services send the service key.";
    NotMedia "not_media" Rejected "does not report a media request"
        do "Nothing: this reason is no longer given (ADR 26); only old logs have it.";
}

const HEAD: &str = "| Fate | Reason | The record | What to do |\n|---|---|---|---|\n";

/// The reasons as the table in `docs/collector.md`.
pub fn markdown() -> String {
    let mut out = HEAD.to_owned();
    for reason in Reason::ALL {
        let (fate, name) = (reason.fate().as_str(), reason.as_str());
        let (happened, advice) = (reason.happened(), reason.advice());
        // Writing into a string cannot fail.
        let _ = writeln!(out, "| `{fate}` | `{name}` | {happened} | {advice} |");
    }
    out
}

/// The number of records of one tenant and source with the same fate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FateCount {
    /// Tenant whose records they are.
    pub tenant: String,
    /// The source that received them: `cmcd`, `cmcd_query`, `events`, `otlp_metrics`, `edge`,
    /// `otlp`.
    pub source: String,
    /// Their fate.
    pub fate: Fate,
    /// Why, if they were rejected or shed.
    pub reason: Reason,
    /// How many.
    pub events: u64,
}
