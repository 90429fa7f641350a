//! The one end of every record received (ADR 9): accepted, duplicate, late, rejected with a
//! reason, or shed with a reason.

use std::fmt::Write;

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

macro_rules! reasons {
    ($($variant:ident $name:literal $fate:ident $happened:literal do $advice:literal;)*) => {
        /// Why a record was rejected or shed. The order is that of stored counts.
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

            /// The fate at the door that it explains.
            pub fn fate(self) -> Fate {
                match self { $(Reason::$variant => Fate::$fate,)* }
            }

            /// What happened, as it goes on after "The record …".
            pub fn happened(self) -> &'static str {
                match self { $(Reason::$variant => $happened,)* }
            }

            /// What its sender should do.
            pub fn advice(self) -> &'static str {
                match self { $(Reason::$variant => $advice,)* }
            }
        }
    };
}

reasons! {
    None "none" Accepted "is stored, without the values and keys of it that could not be read"
        do "Nothing; `Tallylight-Dropped-Values` counts the values left out.";
    NotUtf8 "not_utf8" Rejected "is not valid UTF-8"
        do "Send CMCD as text, one record a line.";
    TooLong "too_long" Rejected "is longer than 8 KiB, or 16 KiB as JSON; has a name above 128 bytes (delivery event, control record); or, of OpenTelemetry, a name above 255 bytes, more than 128 attributes, or more than 8 KiB of them"
        do "Leave out long keys such as `url` or `nor`, and of OpenTelemetry attributes that nobody asks for; shorten names.";
    NotARecord "not_a_record" Rejected "has no CMCD key that could be read"
        do "Send records like `e=ps,sid=\"…\",sn=0,sta=s,ts=1795000000000,v=2`; JSON goes to /v1/events.";
    UnknownVersion "unknown_version" Rejected "has a `v` above 2, which nobody understands yet"
        do "Send `v=2`.";
    NoSid "no_sid" Rejected "has no usable `sid`, so it belongs to no session and is in no figure"
        do "Add `sid` to the keys that the player may send: a string in quotes, at most 64 characters, the same for the whole playback session.";
    NoEvent "no_event" Rejected "has no `e`, so it reports no event"
        do "Configure event mode (`eventTargets`), not request mode, for this address.";
    NoTs "no_ts" Rejected "has no time: no `ts`, or, of OpenTelemetry, no `timeUnixNano` or what stands for it"
        do "Add `ts` to the keys that the player sends, in Unix milliseconds; OpenTelemetry's times are Unix nanoseconds.";
    BadTs "bad_ts" Rejected "has a time that cannot be meant, such as one before 2000"
        do "Send no seconds: `ts` of a player is Unix milliseconds (13 digits), `ts` of a delivery event Unix microseconds (16), a time of OpenTelemetry Unix nanoseconds (19).";
    BadShape "bad_shape" Rejected "is no event that is known here: JSON that does not parse, nests too deeply or has another type; a delivery event that lacks a member or has a number that cannot be; a data point without a name; a request for media told of without its status, size, duration or server, or with one that cannot be"
        do "Send a JSON object with `\"type\": \"player\"` and the names of CMCD keys; what a delivery event takes is in /v1/events/schema.json, what OpenTelemetry must tell in docs/opentelemetry.md.";
    TooMany "too_many" Rejected "is beyond those that one request may hold (`request_records`, 10,000)"
        do "Send fewer records in one request.";
    Overload "overload" Shed "came while its tenant held more of the queue than its share, or the queue was full"
        do "Send less; a request that was refused whole may be sent again after `Retry-After`.";
    Quota "quota" Shed "came while its tenant, write key or session was above its quota"
        do "Send less often; a request that was refused whole may be sent again after `Retry-After`.";
    Untrusted "untrusted" Rejected "is a delivery event or a control record, and the request did not prove to come from a service"
        do "Players send `\"type\": \"player\"`; services send the service key.";
    NotMedia "not_media" Rejected "tells of no request for media"
        do "Nothing: this reason is not given any more (ADR 26), only old logs have it.";
}

const HEAD: &str = "| Fate at the door | Reason | The record | What to do |\n|---|---|---|---|\n";

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
