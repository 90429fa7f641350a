//! Who sent a request, and how its body holds records.

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use tallylight_schemas::cmcd::Rule;

use crate::admit::Caller;
use crate::decode;
use crate::fates::Source;

/// Whose records, and how they came.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) caller: &'a Caller,
    pub(super) source: Source,
    pub(super) trusted: bool,
    pub(super) player: &'a str,
    pub(super) shape: Shape,
}

/// How a body holds its records, and what is wrong with that.
#[derive(Clone, Copy, Default)]
pub(super) struct Shape {
    pub(super) json: bool,
    pub(super) says_lines: bool,
    pub(super) came: Option<(Rule, &'static str)>,
}

const LINES: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

impl Shape {
    /// What a media type says of a body of CMCD records; `None` for one that is not taken.
    pub(super) fn of_cmcd(media_type: &str) -> Option<Self> {
        let says_lines = LINES.contains(&media_type);
        let (json, came) = match media_type {
            "application/cmcd" => (false, None),
            "" => (false, Some((Rule::OldContentType, "no Content-Type"))),
            "text/cmcd" => (false, Some((Rule::OldContentType, "text/cmcd"))),
            "text/plain" => (false, Some((Rule::OldContentType, "text/plain"))),
            "application/json" => (true, Some((Rule::DraftBody, "JSON"))),
            _ if says_lines => (true, Some((Rule::DraftBody, "JSON"))),
            _ => return None,
        };
        Some(Self { json, says_lines, came })
    }

    /// The same of a body of events in our own format.
    pub(super) fn of_events(media_type: &str) -> Option<Self> {
        let says_lines = LINES.contains(&media_type);
        let known = says_lines || ["", "application/json", "text/plain"].contains(&media_type);
        known.then_some(Self { json: true, says_lines, came: None })
    }
}

/// The player that sent a request, as far as its User-Agent tells.
pub(super) fn sender(headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    decode::player::of_agent(agent.unwrap_or_default())
}
