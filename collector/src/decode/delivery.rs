//! Where delivery events end, whichever way they came.

use std::ops::Range;

use tallylight_schemas::cmcd::Key;
use tallylight_schemas::delivery::{Action, DeliveryEvent};
use tallylight_schemas::fates::{Fate, Reason};
use tallylight_schemas::scrub;

use super::told::Asked;
use super::{Context, Rows, lot};
use crate::fates::Tally;
use crate::pure::priority::of_delivery;

/// Longest name in an event of our own services.
pub(crate) const NAME_BYTES: usize = 128;

/// Gives an event its fate: a row, or shed under pressure; `Err` is why it is rejected. The CMCD of
/// the request gives the event its session, and becomes a record beside it.
pub(super) fn keep(
    mut event: DeliveryEvent,
    told: Option<Asked<'_>>,
    context: Context<'_>,
    rows: &mut Rows,
    tally: &mut Tally,
) -> Result<(), Reason> {
    let Context { tenant, received_at, standing, trusted, .. } = context;
    if !trusted {
        return Err(Reason::Untrusted);
    }
    let told = told.and_then(|told| Some((told, told.record()?)));
    if let Some((_, record)) = &told {
        let text = |key| record.text(key).filter(|text| !text.is_empty()).map(str::to_owned);
        event.sid = event.sid.or_else(|| text(Key::Sid));
        event.cid = event.cid.or_else(|| text(Key::Cid));
    }
    clean(&mut event);
    check(&event)?;
    if standing.keeps_all() || standing.keeps(of_delivery(&event), lot(tenant, &event.source)) {
        if let Some((told, record)) = told.filter(|_| event.action == Action::Get) {
            told.keep(record, &event, context, rows, tally);
        }
        rows.push_delivery(tenant, received_at, event);
        tally.accept(0, 0);
    } else {
        tally.add(Fate::Shed, standing.cause, 1);
    }
    Ok(())
}

/// Names of others' servers and players may be URLs.
fn clean(event: &mut DeliveryEvent) {
    let optional = [&mut event.edge, &mut event.pipeline, &mut event.cid, &mut event.defect];
    let names = [&mut event.source, &mut event.stream, &mut event.track];
    names.into_iter().chain(optional.into_iter().flatten()).for_each(scrub::name);
}

/// Times that an event can be of, Unix µs: from 2001 to 2100. In ms, as players tell it, today is in
/// 1970.
const TIMES: Range<i64> = 1_000_000_000_000_000..4_102_444_800_000_000;

/// Names end up in rows and dimensions, so they are short, and a source is never empty.
fn check(event: &DeliveryEvent) -> Result<(), Reason> {
    if !TIMES.contains(&event.ts) {
        return Err(Reason::BadTs);
    }
    let optional = [&event.edge, &event.pipeline, &event.sid, &event.cid, &event.defect];
    let names = [&event.source, &event.stream, &event.track];
    let mut all = names.into_iter().chain(optional.into_iter().flatten());
    if event.source.is_empty() {
        return Err(Reason::BadShape);
    }
    if all.any(|name| name.len() > NAME_BYTES) { Err(Reason::TooLong) } else { Ok(()) }
}
