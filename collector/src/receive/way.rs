//! Who sent a request, and how its body holds records.

use tallylight_schemas::cmcd::Rule;
use tallylight_schemas::ipc::STREAM_MEDIA_TYPE;

use crate::admit::Caller;
use crate::enrich::Sender;
use crate::fates::Source;

/// Whose records, and how they came.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) caller: &'a Caller,
    pub(super) source: Source,
    pub(super) trusted: bool,
    pub(super) sender: &'a Sender,
    pub(super) shape: Shape,
}

/// What a body is written in.
#[derive(Clone, Copy, Default)]
pub(super) enum Form {
    /// CMCD, a record a line.
    #[default]
    Cmcd,
    /// JSON; whether the media type says that it is an object a line.
    Json { says_lines: bool },
    /// An Arrow IPC stream.
    Arrow,
}

/// How a body holds its records, and what is wrong with that.
#[derive(Clone, Copy, Default)]
pub(super) struct Shape {
    pub(super) form: Form,
    pub(super) came: Option<(Rule, &'static str)>,
}

const LINES: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/jsonl"];

impl Shape {
    /// What a media type says of a body of CMCD records; `None` for one that is not taken.
    pub(super) fn of_cmcd(media_type: &str) -> Option<Self> {
        let says_lines = LINES.contains(&media_type);
        let (form, came) = match media_type {
            "application/cmcd" => (Form::Cmcd, None),
            "" => (Form::Cmcd, Some((Rule::OldContentType, "no Content-Type"))),
            "text/cmcd" => (Form::Cmcd, Some((Rule::OldContentType, "text/cmcd"))),
            "text/plain" => (Form::Cmcd, Some((Rule::OldContentType, "text/plain"))),
            _ if says_lines || media_type == "application/json" => {
                (Form::Json { says_lines }, Some((Rule::DraftBody, "JSON")))
            }
            _ => return None,
        };
        Some(Self { form, came })
    }

    /// The same of a body of events in our own format.
    pub(super) fn of_events(media_type: &str) -> Option<Self> {
        let says_lines = LINES.contains(&media_type);
        let form = match media_type {
            STREAM_MEDIA_TYPE => Form::Arrow,
            "" | "application/json" | "text/plain" => Form::Json { says_lines },
            _ if says_lines => Form::Json { says_lines },
            _ => return None,
        };
        Some(Self { form, came: None })
    }
}
