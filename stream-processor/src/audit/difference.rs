//! How sessions would differ had none of their facts been late (ADR 23). A session depends on its
//! own facts only and panes are sums over sessions, so the difference from what was counted is
//! found session by session.

use std::collections::{BTreeMap, BTreeSet};

use tallylight_schemas::rows::{DeliveryRow, PlaybackRow};
use tallylight_schemas::session::{SessionRow, SpanRow};
use tallylight_store::history::{History, HistoryError};

use super::HOUR_US;
use super::deliveries;
use super::facts;
use super::replay::{Ends, SessionKey};
use super::sid_batches::sid_batches;
use super::sid_facts::SidFacts;
use crate::pure::limits::Limits;
use crate::pure::rollup::Roll;
use crate::pure::watermark::{HORIZON_MS, TIMEOUT_MS};

/// A fact that arrived later than this after its time may have found its session ended, ms.
pub(super) const TIMELY_MS: i64 = HORIZON_MS - TIMEOUT_MS;
/// Slack on top of the time after which a session is forgotten, ms.
const SLACK_MS: i64 = 60_000;
/// How far to look back for the run of facts that ends with a session, in which its late facts are,
/// µs.
pub(super) const LONGEST_RUN_US: i64 = 24 * HOUR_US;
/// How much further to look back for the facts of a sid that has played before, or with a fact that
/// arrived days late, before all of history is read, µs.
const FURTHER_US: i64 = 7 * 24 * HOUR_US;

/// Identifies a row of windows.
pub(super) type PaneKey<R> = (i64, <R as Roll>::Key);

/// See [`PaneKey`].
pub(super) fn pane_key<R: Roll>(row: &R) -> PaneKey<R> {
    (row.pane(), row.key())
}

/// What is to be added to the counted panes, and which sessions replace which.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) playback: BTreeMap<PaneKey<PlaybackRow>, PlaybackRow>,
    pub(super) delivery: Vec<DeliveryRow>,
    /// Playbacks whose counted rows are wrong, with the times that these rows may have.
    pub(super) gone: BTreeMap<SessionKey, (i64, i64)>,
    pub(super) sessions: BTreeMap<SessionKey, SessionRow>,
    pub(super) spans: BTreeMap<SessionKey, Vec<SpanRow>>,
    /// Sids with late facts that are not, or not all, included: see [`super::clock_trust`] and
    /// [`SidFacts::add`].
    pub(super) left_out: u64,
}

impl Difference {
    /// Replaces what was counted of a sid by what would have been.
    pub(super) fn put(&mut self, counted: Ends, truth: Ends) {
        self.panes(counted.playback, -1);
        self.panes(truth.playback, 1);
        self.gone.extend(times(&counted.sessions, &counted.spans));
        self.sessions.extend(truth.sessions);
        self.spans.extend(truth.spans);
    }

    /// Adds (`sign` 1) or subtracts panes.
    fn panes(&mut self, rows: Vec<PlaybackRow>, sign: i64) {
        for row in rows {
            add(self.playback.entry(pane_key(&row)), &row, sign);
        }
    }
}

/// Adds `sign` times a row to an entry, made if it is missing.
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

/// How long after its last fact a session is certainly over, forgotten and settled, µs.
pub(crate) fn quiet_us(limits: &Limits) -> i64 {
    (limits.closed_ms + TIMEOUT_MS + HORIZON_MS + SLACK_MS) * 1_000
}

/// Sids with a fact that may have been late, read in a range of log time.
pub(super) async fn suspects(
    history: &History,
    from_us: i64,
    to_us: i64,
) -> Result<BTreeSet<(String, String)>, HistoryError> {
    use tallylight_schemas::tables::Table::{DeliveryEvents, PlayerEvents};
    let range = format!("{} AND sid IS NOT NULL", facts::between(&(from_us..to_us)));
    // A reported request has the time at which it was served.
    let slow = format!(
        "arrow_cast(logged_at, 'Int64') - arrow_cast(coalesce(ts, received_at), 'Int64') > {}",
        TIMELY_MS * 1_000
    );
    let late = format!("(fate = 'late' OR {slow})");
    let players = format!("(fate = 'duplicate' AND epoch IS NULL OR {late})");
    let mut found = BTreeSet::new();
    for (table, condition) in [(PlayerEvents, players), (DeliveryEvents, late)] {
        let sql = format!("SELECT DISTINCT tenant, sid FROM rows WHERE {range} AND {condition}");
        for batch in history.select(table, &sql).await? {
            found.extend(facts::sids(&batch));
        }
    }
    Ok(found)
}

/// Which differences are asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) sids: &'a BTreeSet<(String, String)>,
    /// As of each of these moments (log time, Unix µs).
    pub(super) at: &'a [i64],
    /// If given, only those of sids that have changed since then.
    pub(super) since: Option<i64>,
    /// Facts of sids are read from here on (log time, Unix µs) at first.
    pub(super) from: i64,
    /// Panes of delivery are wanted from here on, Unix µs.
    pub(super) panes_from: i64,
}

/// The differences wanted. Most sessions are short, so facts are read from a moment on. For a sid
/// whose first playback does not begin after that, facts from further back are read, and then all,
/// so that the answer never depends on how far back was read.
pub(super) async fn differences(
    history: &History,
    limits: &Limits,
    asked: &Wanted<'_>,
) -> Result<Vec<Difference>, HistoryError> {
    let mut all: Vec<Difference> = asked.at.iter().map(|_| Difference::default()).collect();
    let mut sids: Vec<_> = asked.sids.iter().collect();
    for from in [asked.from, asked.from.saturating_sub(FURTHER_US), i64::MIN] {
        let mut waiting = Vec::new();
        for batch in sid_batches(history, &sids, from).await? {
            let read = batch.read(history).await?;
            let each = SidFacts::each(&read, quiet_us(limits), batch.until);
            for sid in &batch.sids {
                let own = each.get(&(sid.0.as_str(), sid.1.as_str()));
                if own.is_none_or(|own| !own.add(asked, from, limits, &mut all)) {
                    waiting.push(*sid);
                }
            }
            tokio::task::yield_now().await;
        }
        sids = waiting;
    }
    let delivery = deliveries::late(history, limits, asked.panes_from, asked.at).await?;
    for (difference, delivery) in all.iter_mut().zip(delivery) {
        difference.delivery = delivery;
    }
    Ok(all)
}

/// The times that rows of each session and of its spans may have in the columns that files are
/// sorted by.
pub(super) fn times<'a>(
    sessions: &'a BTreeMap<SessionKey, SessionRow>,
    spans: &'a BTreeMap<SessionKey, Vec<SpanRow>>,
) -> impl Iterator<Item = (SessionKey, (i64, i64))> + 'a {
    sessions.iter().map(|(key, row)| {
        // A session that never started has no such time, and its spans may have any.
        let Some(started) = row.started_at else { return (key.clone(), (i64::MIN, i64::MAX)) };
        // One that was paused first has spans from before it started.
        let spans = spans.get(key).into_iter().flatten().map(|span| span.from);
        let first = spans.fold(started.min(row.last_seen), i64::min);
        (key.clone(), (first - TIMELY_MS * 1_000, row.last_seen.max(started)))
    })
}
