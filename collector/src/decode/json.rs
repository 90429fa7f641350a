//! JSON events: an array, one object, or one object a line.
//!
//! A body is validated as a whole without building anything (serde_json skips values with a stack
//! on the heap, so depth costs no call stack), then split into its events. Each event of at most 16
//! KiB is parsed by itself: a player's event straight into a record, any other into a tree. So a
//! deep, long or malformed event costs only itself, and memory stays near the size of the body
//! however deeply it is nested.

use serde::de::IgnoredAny;
use serde_json::Value;
use tallylight_schemas::cmcd::json::{parse_either, parse_event};
use tallylight_schemas::cmcd::{MAX_EVENT_BYTES, Mode, Record};
use tallylight_schemas::fates::{Fate, Reason};

use super::reported::ReportedCmcd;
use super::{Context, Rows, cmcd, control, delivery, lines, unmarked};
use crate::fates::{Source, Tally};

/// The member of a delivery event that is not a column: the CMCD of the request, as sent.
pub(crate) const CMCD: &str = "cmcd";

/// How the events are laid out in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[{…}, {…}]`
    Array,
    /// One object, on one line or many.
    Single,
    /// One object a line.
    Lines,
}

/// Detects the layout; `Err` is the parser's message on an array that does not parse.
pub fn layout(body: &[u8], says_lines: bool) -> Result<Layout, String> {
    if says_lines {
        return Ok(Layout::Lines);
    }
    let body = unmarked(body);
    let whole = serde_json::from_slice::<IgnoredAny>(body);
    match (body.trim_ascii().first(), whole) {
        (Some(b'['), Ok(_)) => Ok(Layout::Array),
        (Some(b'['), Err(error)) => Err(error.to_string()),
        (_, Ok(_)) => Ok(Layout::Single),
        (_, Err(_)) => Ok(Layout::Lines),
    }
}

/// The events of a body, as unparsed text.
pub fn events(body: &[u8], layout: Layout) -> Box<dyn Iterator<Item = &[u8]> + Send + '_> {
    let body = unmarked(body);
    match layout {
        Layout::Array => Box::new(elements(body)),
        Layout::Single => Box::new(std::iter::once(body.trim_ascii())),
        Layout::Lines => Box::new(lines(body)),
    }
}

/// Reads a body of JSON events into `rows`.
pub fn body(body: &[u8], layout: Layout, context: Context<'_>, rows: &mut Rows) -> Tally {
    let mut tally = Tally::default();
    let mut events = events(body, layout);
    let mut record = Record::default();
    for text in events.by_ref().take(context.max_records) {
        end(utf8(text), &mut record, (text, context), rows, &mut tally);
    }
    tally.add(Fate::Rejected, Reason::TooMany, events.count() as u64);
    tally
}

/// Reads CMCD records as JSON, as drafts of version 2 and version 1 had them: objects without a
/// `type`. One with `e` and `ts` is an event report, any other a request-mode record.
pub fn records(body: &[u8], layout: Layout, context: Context<'_>, rows: &mut Rows) -> Tally {
    let mut tally = Tally::default();
    let mut events = events(body, layout);
    let mut record = Record::default();
    for text in events.by_ref().take(context.max_records) {
        let (mode, read) = match utf8(text) {
            Ok(text) => parse_either(text, &mut record),
            Err(reason) => (Mode::Event, Err(reason)),
        };
        let read = read.map(|()| &mut record);
        cmcd::keep(read, (mode, Source::Cmcd, text), context, rows, &mut tally);
    }
    tally.add(Fate::Rejected, Reason::TooMany, events.count() as u64);
    tally
}

fn utf8(text: &[u8]) -> Result<&str, Reason> {
    if text.len() > MAX_EVENT_BYTES {
        return Err(Reason::TooLong);
    }
    std::str::from_utf8(text).map_err(|_| Reason::NotUtf8)
}

/// Gives an event its fate: a row, or a reason. `shown` is what is shown of it; `record` is reused
/// memory.
pub(super) fn end<'a>(
    event: Result<&'a str, Reason>,
    record: &mut Record<'a>,
    (shown, context): (&[u8], Context<'_>),
    rows: &mut Rows,
    tally: &mut Tally,
) {
    let mut read = event.and_then(|text| Ok((text, parse_event(text, record)?)));
    if let Ok((text, false)) = read {
        match other(text, context, rows, tally) {
            Ok(()) => return,
            Err(reason) => read = Err(reason),
        }
    }
    let way = (Mode::Event, Source::Events, shown);
    cmcd::keep(read.map(|_| record), way, context, rows, tally);
}

/// Gives an event of our own services its fate; `Err` is why it is rejected.
fn other(
    text: &str,
    context: Context<'_>,
    rows: &mut Rows,
    tally: &mut Tally,
) -> Result<(), Reason> {
    let Context { tenant, trusted, .. } = context;
    let mut value: Value = serde_json::from_str(text).map_err(|_| Reason::BadShape)?;
    let mut take = |name| value.as_object_mut().and_then(|object| object.remove(name));
    let (kind, cmcd) = (take("type"), take(CMCD));
    match kind.as_ref().and_then(Value::as_str) {
        Some("delivery" | "action" | "incident") if !trusted => return Err(Reason::Untrusted),
        Some("delivery") => {
            let event = serde_json::from_value(value).map_err(|_| Reason::BadShape)?;
            let text = cmcd.as_ref().and_then(Value::as_str);
            let reported = text.map(|text| ReportedCmcd { text, source: Source::Edge });
            return delivery::keep(event, reported, context, rows, tally);
        }
        Some("action") => rows.actions.push(control::action(value, tenant)?),
        Some("incident") => rows.incidents.push(control::incident(value, tenant)?),
        _ => return Err(Reason::BadShape),
    }
    tally.accept(0, 0);
    tally.hold(text.len());
    Ok(())
}

/// Splits an array that is known to parse into its elements.
fn elements(body: &[u8]) -> impl Iterator<Item = &[u8]> + Send {
    let body = body.trim_ascii();
    let inner = body.get(1..body.len().saturating_sub(1)).unwrap_or_default();
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let at_comma = move |byte: &u8| {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *byte == b',' && depth == 0
    };
    inner.split(at_comma).map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_cut_at_its_own_commas() {
        let body = br#" [ {"a":"],\"{"}, [1,[2,3]], "x,y", {"b":{"c":[,]}} ] "#;
        let got: Vec<_> = elements(body).map(|e| String::from_utf8_lossy(e).into_owned()).collect();
        assert_eq!(got, [r#"{"a":"],\"{"}"#, "[1,[2,3]]", r#""x,y""#, r#"{"b":{"c":[,]}}"#]);
        assert_eq!(elements(b"[]").count(), 0);
    }

    #[test]
    fn a_byte_order_mark_hides_no_event() {
        for (text, found, count) in [
            ("[{},{}]", Layout::Array, 2),
            ("{\n\"a\":1}\n", Layout::Single, 1),
            ("{}\n{}\n", Layout::Lines, 2),
        ] {
            let body = format!("\u{feff}{text}");
            assert_eq!(layout(body.as_bytes(), false), Ok(found), "{text}");
            let all: Vec<_> = events(body.as_bytes(), found).collect();
            assert_eq!(all.len(), count, "{text}");
            assert!(all.iter().all(|event| event.starts_with(b"{")), "{all:?}");
        }
    }

    #[test]
    fn layouts() {
        assert_eq!(layout(b"[{},{}]", false), Ok(Layout::Array));
        assert_eq!(layout(b"{\n\"a\":1}\n", false), Ok(Layout::Single));
        assert_eq!(layout(b"{}\n{}\n", false), Ok(Layout::Lines));
        assert_eq!(layout(b"[1]", true), Ok(Layout::Lines));
        assert!(layout(b"[{},", false).is_err());
        assert!(layout(b"\xef\xbb\xbf[{},", false).is_err());
        let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
        assert_eq!(layout(&deep, false), Ok(Layout::Array));
    }
}
