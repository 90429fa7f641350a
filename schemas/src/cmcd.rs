//! CMCD (CTA-5004-B): event-mode records and v1/v2 request-mode queries.
//!
//! The standard asks receivers to salvage: an unknown key is ignored, and a value of the wrong
//! type costs only that value. [`parse`] therefore recovers at the next comma instead of
//! refusing the record, and counts what it lost. What is accepted and what is lost is
//! described in `docs/cmcd.md`.

pub mod cmsd;
mod convert;
pub mod json;
mod judge;
mod key;
mod lex;
mod limits;
mod parse;
mod query;
mod quick;
mod resync;
mod rule;
mod scan;
mod value;

pub use key::{Key, Kind, Unit};
pub use lex::is_custom;
pub use limits::{
    MAX_CUSTOM, MAX_CUSTOM_CHARS, MAX_EVENT_BYTES, MAX_ITEMS, MAX_RECORD_BYTES, bounds,
};
pub use parse::{parse, parse_either, parse_into};
pub use query::{HEADERS, header_bytes, header_value, named, query_value, query_values};
pub use rule::{Broken, Harm, Rule};
pub use value::{Item, Record, Span, Typed, Value};

/// How a record was sent, which decides what it must contain.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A line of a POST body: needs `sid`, `e` and `ts`.
    Event,
    /// The `CMCD` query argument of a media request: needs `sid`.
    Request,
}

impl Mode {
    /// The word used in the column `mode`.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Event => "event",
            Mode::Request => "request",
        }
    }

    /// The source of records of this mode, unless another is stated.
    pub fn source(self) -> &'static str {
        match self {
            Mode::Event => "cmcd",
            Mode::Request => "cmcd_query",
        }
    }
}
