//! Who sent a request, and the format of its body.

use tallylight_schemas::cmcd::Rule;
use tallylight_schemas::ipc::STREAM_MEDIA_TYPE;

use crate::admit::Caller;
use crate::enrich::Sender;
use crate::fates::Source;

/// A request: its caller, its source, and how its body holds the records.
#[derive(Clone, Copy)]
pub(super) struct Submission<'a> {
    pub(super) caller: &'a Caller,
    pub(super) source: Source,
    pub(super) trusted: bool,
    pub(super) sender: &'a Sender,
    pub(super) shape: Shape,
}

/// The format of a body.
#[derive(Clone, Copy, Default)]
pub(super) enum Format {
    /// CMCD, one record a line.
    #[default]
    Cmcd,
    /// JSON; `says_lines` when the media type announces one object a line.
    Json { says_lines: bool },
    /// An Arrow IPC stream.
    Arrow,
}

/// The format of a body, and the rule that it breaks by being sent this way.
#[derive(Clone, Copy, Default)]
pub(super) struct Shape {
    pub(super) format: Format,
    pub(super) came: Option<(Rule, &'static str)>,
}

/// The media types of one JSON object a line.
pub(crate) const JSON_LINES: [&str; 3] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl"];

impl Shape {
    /// The shape of a body of CMCD records by its media type; `None` for one that is not accepted.
    pub(super) fn of_cmcd(media_type: &str) -> Option<Self> {
        let says_lines = JSON_LINES.contains(&media_type);
        let (format, came) = match media_type {
            "application/cmcd" => (Format::Cmcd, None),
            "" => (Format::Cmcd, Some((Rule::OldContentType, "no Content-Type"))),
            "text/cmcd" => (Format::Cmcd, Some((Rule::OldContentType, "text/cmcd"))),
            "text/plain" => (Format::Cmcd, Some((Rule::OldContentType, "text/plain"))),
            _ if says_lines || media_type == "application/json" => {
                (Format::Json { says_lines }, Some((Rule::DraftBody, "JSON")))
            }
            _ => return None,
        };
        Some(Self { format, came })
    }

    /// The same for a body of events in our own format.
    pub(super) fn of_events(media_type: &str) -> Option<Self> {
        let says_lines = JSON_LINES.contains(&media_type);
        let format = match media_type {
            STREAM_MEDIA_TYPE => Format::Arrow,
            "" | "application/json" | "text/plain" => Format::Json { says_lines },
            _ if says_lines => Format::Json { says_lines },
            _ => return None,
        };
        Some(Self { format, came: None })
    }
}
