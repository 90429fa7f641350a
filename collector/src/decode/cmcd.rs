//! CMCD: event-mode lines of a POST body, and the `CMCD` value of a query or of headers.

use memchr::memchr;
use tallylight_schemas::cmcd::{Broken, Mode, Record, Rule, parse_either, parse_into};
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::ident;
use tallylight_schemas::player::Envelope;

use super::{Context, Rows, lines, lot_of};
use crate::fates::{Source, Tally};
use crate::pure::priority::of_player;

/// Reads a POST body of event-mode records into `rows`.
pub fn body(body: &[u8], context: Context<'_>, rows: &mut Rows) -> Tally {
    let mut tally = Tally::default();
    let ends = wrong_ends(body);
    let mut lines = lines(body);
    let mut record = Record::default();
    for line in lines.by_ref().take(context.max_records) {
        let read = match std::str::from_utf8(line) {
            Ok(text) => parse_into(text, Mode::Event, &mut record),
            Err(_) => Err(Reason::NotUtf8),
        };
        if let Some(said) = ends {
            record.came_by(Broken::one(Rule::LineEnds), said);
        }
        let read = read.map(|()| &mut record);
        keep(read, (Mode::Event, Source::Cmcd, line), context, rows, &mut tally);
    }
    tally.add(Fate::Rejected, Reason::TooMany, lines.count() as u64);
    tally
}

/// What is wrong with the line ends: they should be LF alone, and a single record should have none.
fn wrong_ends(body: &[u8]) -> Option<&'static str> {
    let first = memchr(b'\n', body)?;
    if first > 0 && body[first - 1] == b'\r' {
        return Some("CR LF");
    }
    (first + 1 == body.len()).then_some("LF after a lone record")
}

/// Reads percent-decoded `CMCD` query values into `rows`. Older players send whole event
/// reports this way, so a value with `e` and `ts` is one; any other is a request-mode record.
pub fn query(values: &[Vec<u8>], context: Context<'_>, rows: &mut Rows) -> Tally {
    let mut tally = Tally::default();
    let mut record = Record::default();
    for value in values.iter().take(context.max_records) {
        let (mode, read) = match std::str::from_utf8(value) {
            Ok(text) => parse_either(text, &mut record),
            Err(_) => (Mode::Request, Err(Reason::NotUtf8)),
        };
        if mode == Mode::Event {
            record.came_by(Broken::one(Rule::EventNotPosted), "GET");
        }
        let read = read.map(|()| &mut record);
        keep(read, (mode, Source::CmcdQuery, value), context, rows, &mut tally);
    }
    let beyond = values.len().saturating_sub(context.max_records);
    tally.add(Fate::Rejected, Reason::TooMany, beyond as u64);
    tally
}

/// Why a record is shed, if it is: pressure of its tenant, or the quota of its session.
fn sheds(
    (record, session): (&Record<'_>, u64),
    mode: Mode,
    context: &Context<'_>,
) -> Option<Reason> {
    let Context { received_at, standing, talkers, .. } = *context;
    let priority = of_player(record, mode);
    if !standing.keeps_all() && !standing.keeps(priority, lot_of(session)) {
        return Some(standing.cause);
    }
    let takes = talkers.takes(session, priority, received_at);
    (!takes).then_some(Reason::Quota)
}

/// Gives a player record its fate: a row, or a reason.
pub(super) fn keep(
    mut record: Result<&mut Record<'_>, Reason>,
    (mode, source, text): (Mode, Source, &[u8]),
    context: Context<'_>,
    rows: &mut Rows,
    tally: &mut Tally,
) {
    let Context { tenant, received_at, ring, about, .. } = context;
    // Hashed once, for all uses.
    let session = record.as_ref().map_or(0, |record| ident::hash(tenant, record.sid()));
    if let Ok(record) = &record
        && let Some(cause) = sheds((record, session), mode, &context)
    {
        return tally.add(Fate::Shed, cause, 1);
    }
    if let (Ok(record), Some((rule, said))) = (&mut record, context.came) {
        record.came_by(Broken::one(rule), said);
    }
    let record = record.map(|record| &*record);
    if let Some(ring) = ring {
        ring.record(text, record, (mode, source.as_str(), tenant, received_at));
    }
    let envelope = Envelope { tenant, mode, source: source.as_str(), received_at, about };
    match record {
        Ok(record) if rows.push_player(&envelope, record, session) => {
            tally.accept(record.dropped_values(), record.dropped_keys());
            tally.hold(text.len());
        }
        other => {
            let reason = other.err().unwrap_or(Reason::NoSid);
            context.bury((source, reason), text, rows);
            tally.reject(reason);
        }
    }
}
