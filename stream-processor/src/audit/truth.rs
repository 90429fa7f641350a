//! What sessions would have been, had none of their facts come late (ADR 23). A session depends
//! on its own facts only and panes are sums over sessions, so the difference to what was counted
//! is found session by session.

use std::collections::{BTreeMap, BTreeSet};

use tallylight_schemas::ipc::TenantDelivery;
use tallylight_schemas::rows::{DeliveryRow, PlaybackRow};
use tallylight_schemas::session::{SessionRow, SpanRow};
use tallylight_store::archive::{History, HistoryError};

use super::facts::{self, quote};
use super::own::Own;
use super::replay::{Replay, SessionKey};
use crate::pure::limits::Limits;
use crate::pure::rollup::Roll;
use crate::pure::watermark::{HORIZON_MS, SKEW_IGNORED_MS, TIMEOUT_MS};

/// A fact that came later than this after its time may have found its session ended, ms.
pub(super) const TIMELY_MS: i64 = HORIZON_MS - TIMEOUT_MS;
/// Slack on top of what a session needs to be forgotten, ms.
const SLACK_MS: i64 = 60_000;
/// Sids that are looked at together.
const TOGETHER: usize = 200;

/// What tells a row of windows from others.
pub(super) type PaneKey<R> = (i64, <R as Roll>::Key);

/// See [`PaneKey`].
pub(super) fn pane_key<R: Roll>(row: &R) -> PaneKey<R> {
    (row.pane(), row.key())
}

/// What must be added to what was counted, and which sessions take the place of which.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) playback: BTreeMap<PaneKey<PlaybackRow>, PlaybackRow>,
    pub(super) delivery: Vec<DeliveryRow>,
    /// Playbacks that were counted and are not so, with the times that their rows may have.
    pub(super) gone: BTreeMap<SessionKey, (i64, i64)>,
    pub(super) sessions: BTreeMap<SessionKey, SessionRow>,
    pub(super) spans: BTreeMap<SessionKey, Vec<SpanRow>>,
}

impl Difference {
    /// Adds (`sign` 1) or takes away panes.
    pub(super) fn panes(&mut self, rows: Vec<PlaybackRow>, sign: i64) {
        for row in rows {
            add(self.playback.entry(pane_key(&row)), &row, sign);
        }
    }
}

/// Adds `sign` times a row to the one in a place, made if it is not there.
pub(super) fn add<K: Ord>(
    entry: std::collections::btree_map::Entry<'_, K, PlaybackRow>,
    row: &PlaybackRow,
    sign: i64,
) {
    let sum = entry.or_insert_with(|| PlaybackRow {
        measures: Default::default(),
        startup_sketch: Default::default(),
        latency_sketch: Default::default(),
        ..row.clone()
    });
    sum.merge(row, sign);
}

/// How long after its last fact a session is surely over, forgotten and settled, µs.
pub(crate) fn quiet_us(limits: &Limits) -> i64 {
    (limits.closed_ms + TIMEOUT_MS + HORIZON_MS + SLACK_MS) * 1_000
}

/// Sids with a fact that came after its time, read in a range of log time.
pub(super) async fn suspects(
    history: &History,
    from_us: i64,
    to_us: i64,
) -> Result<BTreeSet<(String, String)>, HistoryError> {
    use arrow::array::AsArray;
    use tallylight_schemas::tables::Table::{DeliveryEvents, PlayerEvents};
    let (from, to) = (facts::moment(from_us), facts::moment(to_us));
    let range = format!("logged_at >= {from} AND logged_at < {to} AND sid IS NOT NULL");
    let slow =
        format!("arrow_cast(logged_at, 'Int64') - arrow_cast(ts, 'Int64') > {}", TIMELY_MS * 1_000);
    let late = format!("(fate = 'late' OR {slow})");
    let players = format!("(fate = 'duplicate' AND epoch IS NULL OR {late})");
    let mut found = BTreeSet::new();
    for (table, condition) in [(PlayerEvents, players), (DeliveryEvents, late)] {
        let sql = format!("SELECT DISTINCT tenant, sid FROM rows WHERE {range} AND {condition}");
        for batch in history.select(table, &sql).await? {
            let (tenants, sids) =
                (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
            found.extend(
                (0..batch.num_rows())
                    .map(|row| (tenants.value(row).to_owned(), sids.value(row).to_owned())),
            );
        }
    }
    Ok(found)
}

/// What is to be changed, as of the moments `at` (log time, Unix µs) each, for these sids; only
/// where it is another than it was at `since`, if given.
pub(super) async fn differences(
    history: &History,
    limits: &Limits,
    sids: &BTreeSet<(String, String)>,
    at: &[i64],
    since: Option<i64>,
) -> Result<Vec<Difference>, HistoryError> {
    let mut all: Vec<Difference> = at.iter().map(|_| Difference::default()).collect();
    let sids: Vec<_> = sids.iter().collect();
    for some in sids.chunks(TOGETHER) {
        let names: Vec<String> = some.iter().map(|(_, sid)| quote(sid)).collect();
        let read = facts::read(history, &format!("sid IN ({})", names.join(", "))).await?;
        for (tenant, sid) in some {
            let (own, quiet) = (Own::of(&read, tenant, sid), quiet_us(limits));
            let same = |since| at.iter().all(|at| own.end(*at, quiet) == own.end(since, quiet));
            if since.is_some_and(same) {
                continue;
            }
            for (at, difference) in at.iter().zip(&mut all) {
                own.difference(*at, limits, difference);
            }
        }
        tokio::task::yield_now().await;
    }
    for (at, difference) in at.iter().zip(&mut all) {
        difference.delivery = late_deliveries(history, limits, *at).await?;
    }
    Ok(all)
}

/// The panes of reports that came late, read before `at`.
async fn late_deliveries(
    history: &History,
    limits: &Limits,
    at: i64,
) -> Result<Vec<DeliveryRow>, HistoryError> {
    let condition = format!("fate = 'late' AND logged_at < {}", facts::moment(at));
    let read = facts::read(history, &condition).await?;
    let mut reports: Vec<_> = read.deliveries.iter().map(|(_, event)| event).collect();
    reports.sort_by_key(|event| time_of_report(event));
    let mut replay = Replay::new(1, 1, limits);
    let mut last = 0;
    for event in reports {
        last = time_of_report(event);
        replay.entry(last, &[], [event]);
    }
    replay.pass(last + quiet_us(limits));
    Ok(replay.ends.delivery)
}

/// The times that rows of a session may have in the columns that files are sorted by.
pub(super) fn times(row: &SessionRow) -> (i64, i64) {
    // A session that never started has no such time, and its stretches any.
    let Some(started) = row.started_at else { return (i64::MIN, i64::MAX) };
    (started.min(row.last_seen) - TIMELY_MS * 1_000, row.last_seen.max(started))
}

pub(super) fn time_of_report(event: &TenantDelivery) -> i64 {
    event.event.ts.min(event.received_at + SKEW_IGNORED_MS * 1_000)
}
