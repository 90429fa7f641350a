//! Gives delivery events their fates, on whichever route they came.

use std::ops::RangeInclusive;

use tallylight_schemas::cmcd::Key;
use tallylight_schemas::delivery::{Action, DeliveryEvent, MOST_LATE_US};
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::scrub;

use super::reported::ReportedCmcd;
use super::{Context, Rows, lot};
use crate::fates::Tally;
use crate::pure::priority::of_delivery;

/// Longest name in an event of our own services, bytes.
pub(crate) const NAME_BYTES: usize = 128;
/// Longest session or content id, in characters as CMCD counts: its own limit for a content id.
const ID_CHARS: usize = 128;

/// Gives an event its fate: a row, or shed under pressure; `Err` is why it is rejected. The CMCD of
/// the request supplies the session of the event, and becomes a record beside it.
pub(super) fn keep(
    mut event: DeliveryEvent,
    reported: Option<ReportedCmcd<'_>>,
    context: Context<'_>,
    rows: &mut Rows,
    tally: &mut Tally,
) -> Result<(), Reason> {
    let Context { tenant, received_at, standing, trusted, .. } = context;
    if !trusted {
        return Err(Reason::Untrusted);
    }
    let reported = reported.and_then(|reported| Some((reported, reported.record()?)));
    let text =
        |key| reported.as_ref()?.1.text(key).filter(|text| !text.is_empty()).map(str::to_owned);
    event.sid = event.sid.filter(|sid| !sid.is_empty()).or_else(|| text(Key::Sid));
    event.cid = event.cid.filter(|cid| !cid.is_empty()).or_else(|| text(Key::Cid));
    clean(&mut event);
    check(&event)?;
    let reported = reported.filter(|_| event.action == Action::Get);
    if standing.keeps_all() || standing.keeps(of_delivery(&event), lot(tenant, &event.source)) {
        if let Some((reported, record)) = reported {
            reported.keep(record, &event, context, rows, tally);
        }
        tally.hold(text_bytes(&event));
        rows.push_delivery(tenant, received_at, event);
        tally.accept(0, 0);
    } else {
        if let Some((reported, _)) = reported {
            tally.beside(reported.source, Fate::Shed, standing.cause);
        }
        tally.add(Fate::Shed, standing.cause, 1);
    }
    Ok(())
}

/// Names from other vendors' servers and players may be URLs.
fn clean(event: &mut DeliveryEvent) {
    let optional = [&mut event.edge, &mut event.pipeline, &mut event.cid, &mut event.defect];
    let names = [&mut event.source, &mut event.stream, &mut event.track];
    names.into_iter().chain(optional.into_iter().flatten()).for_each(scrub::name);
}

/// Bytes of its names and ids.
fn text_bytes(event: &DeliveryEvent) -> usize {
    let optional = [&event.edge, &event.pipeline, &event.defect, &event.sid, &event.cid];
    let names = [&event.source, &event.stream, &event.track];
    names.into_iter().chain(optional.into_iter().flatten()).map(String::len).sum()
}

/// Plausible times of an event, Unix µs: from 2001 to 2100. A player's time in ms, read as µs,
/// would be in 1970.
const TIMES: RangeInclusive<i64> = 1_000_000_000_000_000..=4_102_444_799_999_999;
/// HTTP status codes.
const STATUSES: RangeInclusive<i64> = 100..=999;
/// Bytes, rates and counts: up to 1 PiB, so that their sums fit 64 bits.
const AMOUNTS: RangeInclusive<i64> = 0..=1 << 50;
/// Durations, µs: up to a day.
const DURATIONS: RangeInclusive<i64> = 0..=86_400_000_000;
/// Delay after the event's own time, µs; negative before it.
const LATENESS: RangeInclusive<i64> = -MOST_LATE_US..=MOST_LATE_US;

/// The bounds of a numeric member, by name; `None` where the type is the only bound.
pub(crate) fn bounds(member: &str) -> Option<RangeInclusive<i64>> {
    match member {
        "ts" => Some(TIMES),
        "status" => Some(STATUSES),
        "bytes" | "reserved_kbps" | "capacity_kbps" | "sessions" => Some(AMOUNTS),
        "ttfb_us" | "held_us" => Some(DURATIONS),
        "late_us" => Some(LATENESS),
        _ => None,
    }
}

/// Whether its numbers are plausible: they are summed in rows, where an absurd one would spoil the
/// sum.
fn is_within_bounds(event: &DeliveryEvent) -> bool {
    let within = |bounds: RangeInclusive<i64>, number: u64| {
        i64::try_from(number).is_ok_and(|number| bounds.contains(&number))
    };
    let load = [event.reserved_kbps, event.capacity_kbps, event.sessions];
    within(STATUSES, event.status.into())
        && within(AMOUNTS, event.bytes)
        && load.into_iter().flatten().all(|number| within(AMOUNTS, number))
        && within(DURATIONS, event.ttfb_us)
        && within(DURATIONS, event.held_us)
        && event.late_us.is_none_or(|late| LATENESS.contains(&late))
}

/// Names become dimensions of rows, so they are short, and a source is never empty. Ids are the
/// player's to choose, in any script: one that CMCD allows must not cost the event.
fn check(event: &DeliveryEvent) -> Result<(), Reason> {
    if !TIMES.contains(&event.ts) {
        return Err(Reason::BadTs);
    }
    let optional = [&event.edge, &event.pipeline, &event.defect];
    let names = [&event.source, &event.stream, &event.track];
    let mut names = names.into_iter().chain(optional.into_iter().flatten());
    let mut ids = [&event.sid, &event.cid].into_iter().flatten();
    if event.source.is_empty() || !is_within_bounds(event) {
        return Err(Reason::BadShape);
    }
    let too_long =
        names.any(|name| name.len() > NAME_BYTES) || ids.any(|id| id.chars().count() > ID_CHARS);
    if too_long { Err(Reason::TooLong) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decode::rows::deliveries;
    use crate::fates::{Ledger, Source};
    use crate::pure::ladder::{FULL, Standing};
    use crate::talkers::Talkers;
    use serde_json::json;

    const MEMBERS: [&str; 9] = [
        "ts",
        "status",
        "bytes",
        "reserved_kbps",
        "capacity_kbps",
        "sessions",
        "ttfb_us",
        "held_us",
        "late_us",
    ];

    fn event(member: &str, value: serde_json::Value) -> DeliveryEvent {
        let mut event = json!({
            "source": "edge-e1", "boot": 1, "seq": 0, "ts": 1_795_000_000_000_000_i64,
            "service": "edge", "action": "get", "stream": "demo", "status": 200, "bytes": 1,
        });
        event[member] = value;
        serde_json::from_value(event).unwrap()
    }

    fn checked(member: &str, number: serde_json::Value) -> Result<(), Reason> {
        check(&event(member, number))
    }

    #[test]
    fn an_empty_session_is_none() {
        let talkers = Talkers::new(0);
        let context = Context { trusted: true, ..Context::calm("demo", 1, &talkers) };
        let asked = ReportedCmcd { text: "cid=\"show\",sid=\"s-1\"", source: Source::Edge };
        for (reported, sid) in [(Some(asked), Some("s-1")), (None, None)] {
            let (mut rows, mut tally) = (Rows::new(4), Tally::default());
            keep(event("sid", "".into()), reported, context, &mut rows, &mut tally).unwrap();
            assert_eq!(deliveries(&mut [rows], 1).rows[0].event.sid.as_deref(), sid);
        }
    }

    #[test]
    fn what_a_shed_event_reports_is_shed_beside_it() {
        let talkers = Talkers::new(0);
        let standing = Standing { pressure: FULL, cause: Reason::Overload };
        let context = Context { trusted: true, standing, ..Context::calm("demo", 1, &talkers) };
        for (action, text, booked) in [
            ("get", "sid=\"s-1\"", "edge events"),
            ("get", "bl=100", "events"),
            ("get", "bl=100,sid=\"\"", "events"),
            ("put", "sid=\"s-1\"", "events"),
        ] {
            let (mut rows, mut tally) = (Rows::new(4), Tally::default());
            let reported = Some(ReportedCmcd { text, source: Source::Edge });
            let event = event("action", action.into());
            keep(event, reported, context, &mut rows, &mut tally).unwrap();
            let mut ledger = Ledger::default();
            ledger.add(&Arc::from("demo"), Source::Events, &tally);
            let counts = ledger.rows();
            assert!(counts.iter().all(|of| (of.fate, of.events) == (Fate::Shed, 1)), "{counts:?}");
            let sources: Vec<_> = counts.iter().map(|of| of.source.as_str()).collect();
            assert_eq!(sources.join(" "), booked, "{action} {text}");
        }
    }

    #[test]
    fn what_cmcd_allows_as_an_id_costs_no_event_in_any_script() {
        for member in ["sid", "cid"] {
            assert_eq!(checked(member, "界".repeat(128).into()), Ok(()), "{member}");
            let longer = "界".repeat(129);
            assert_eq!(checked(member, longer.into()), Err(Reason::TooLong), "{member}");
        }
        assert_eq!(checked("edge", "é".repeat(65).into()), Err(Reason::TooLong), "a name");
        let talkers = Talkers::new(0);
        let context = Context { trusted: true, ..Context::calm("demo", 1, &talkers) };
        let (sid, cid) = ("é".repeat(64), "界".repeat(128));
        let text = &format!("cid=\"{cid}\",sid=\"{sid}\"");
        for source in [Source::Edge, Source::Otlp] {
            let (mut rows, mut tally) = (Rows::new(4), Tally::default());
            let reported = Some(ReportedCmcd { text, source });
            keep(event("sid", "".into()), reported, context, &mut rows, &mut tally).unwrap();
            let kept = deliveries(&mut [rows], 1);
            let event = &kept.rows[0].event;
            assert_eq!((event.sid.as_ref(), event.cid.as_ref()), (Some(&sid), Some(&cid)));
        }
    }

    #[test]
    fn a_number_beyond_its_bounds_costs_the_event() {
        for member in MEMBERS {
            let refused = if member == "ts" { Reason::BadTs } else { Reason::BadShape };
            let bounds = bounds(member).unwrap();
            assert_eq!(checked(member, (*bounds.start()).into()), Ok(()), "{member}");
            assert_eq!(checked(member, (*bounds.end()).into()), Ok(()), "{member}");
            assert_eq!(checked(member, (bounds.end() + 1).into()), Err(refused), "{member}");
            if ["ts", "status", "late_us"].contains(&member) {
                assert_eq!(checked(member, (bounds.start() - 1).into()), Err(refused), "{member}");
            }
        }
        for member in ["bytes", "ttfb_us", "held_us", "sessions"] {
            assert_eq!(checked(member, u64::MAX.into()), Err(Reason::BadShape), "{member}");
        }
        assert_eq!(checked("boot", u64::MAX.into()), Ok(()), "a name, and no amount");
    }
}
