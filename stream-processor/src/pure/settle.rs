//! Rows for history: the sum over partitions of each pane once it is final, and incidents and
//! actions once they are over. Until then the newest of each is kept here, which live queries see.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tallylight_schemas::control::{ActionRow, ActionState, IncidentRow, IncidentState};
use tallylight_schemas::rows::{
    Cell, Cuboid, DeliveryKey, DeliveryRow, PlaybackRow, ProgressRow, TopicRows,
};
use tallylight_schemas::tables::Table;

use super::rollup::Rollup;

/// Control records that are over are written when they have not changed for this long, µs.
const QUIET_US: i64 = 600_000_000;
/// Control records of one kind that are kept.
const CONTROL: usize = 500;

type PlaybackKey = (String, Cuboid, i64, Cell, u16);
/// A delivery row's pane, key and partition.
type PlacedKey = (i64, DeliveryKey, u16);

/// Rows of panes that end together. A view shares them until one of them changes.
type Pane<K, R> = Arc<BTreeMap<K, R>>;

/// The rows of settled panes, incidents and actions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settled {
    /// Sums of players.
    pub playback: Vec<PlaybackRow>,
    /// Sums of media services.
    pub delivery: Vec<DeliveryRow>,
    /// Sums of players per minute and hour.
    pub playback_wide: [Vec<PlaybackRow>; 2],
    /// Sums of media services per minute and hour.
    pub delivery_wide: [Vec<DeliveryRow>; 2],
    /// Incidents.
    pub incidents: Vec<IncidentRow>,
    /// Actions.
    pub actions: Vec<ActionRow>,
}

/// Holds the newest of each row until it is final; then its sum goes to history.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Settle {
    /// By end of pane.
    playback: BTreeMap<i64, Pane<PlaybackKey, PlaybackRow>>,
    delivery: BTreeMap<i64, Pane<PlacedKey, DeliveryRow>>,
    playback_wide: Rollup<PlaybackRow>,
    delivery_wide: Rollup<DeliveryRow>,
    /// Up to where each partition is final.
    final_up_to: BTreeMap<u16, i64>,
    incidents: BTreeMap<(String, String), IncidentRow>,
    actions: BTreeMap<(String, String), ActionRow>,
    log_time: i64,
}

fn end(pane: i64, width_s: u32) -> i64 {
    pane + i64::from(width_s) * 1_000_000
}

/// Keeps a record unless a newer one is kept: one collector may store an older record later.
fn keep<K: Ord, T>(kept: &mut BTreeMap<K, T>, key: K, row: T, written: impl Fn(&T) -> i64) {
    if kept.get(&key).is_none_or(|known| written(known) <= written(&row)) {
        kept.insert(key, row);
    }
}

impl Settle {
    /// Takes in an emission, and answers the rows that it settles.
    pub fn take(&mut self, rows: TopicRows) -> Settled {
        for row in rows.playback {
            let cell = row.cell.clone();
            let key = (row.tenant.clone(), row.cuboid, row.pane, cell, row.partition);
            let pane = self.playback.entry(end(row.pane, row.width_s)).or_default();
            Arc::make_mut(pane).insert(key, row);
        }
        for row in rows.delivery {
            let key = (row.pane, row.key(), row.partition);
            let pane = self.delivery.entry(end(row.pane, row.width_s)).or_default();
            Arc::make_mut(pane).insert(key, row);
        }
        for row in rows.incidents {
            let key = (row.tenant.clone(), row.id.clone());
            keep(&mut self.incidents, key, row, |row| row.updated_at);
        }
        for row in rows.actions {
            let key = (row.tenant.clone(), row.id.clone());
            keep(&mut self.actions, key, row, |row| row.updated_at);
        }
        let settles = !rows.progress.is_empty();
        for row in rows.progress {
            self.note(&row);
        }
        if settles { self.settle() } else { Settled::default() }
    }

    fn note(&mut self, row: &ProgressRow) {
        self.log_time = self.log_time.max(row.log_time);
        if self.final_up_to.len() > usize::from(row.partitions) {
            // A log that had more partitions before: the others are gone.
            self.final_up_to.clear();
        }
        self.final_up_to.insert(row.partition, row.final_up_to);
    }

    /// Nothing before this changes any more, Unix µs.
    pub(crate) fn final_up_to(&self) -> i64 {
        self.final_up_to.values().min().copied().unwrap_or(i64::MIN)
    }

    fn settle(&mut self) -> Settled {
        let final_up_to = self.final_up_to();
        let open = self.playback.split_off(&(final_up_to + 1));
        let playback = std::mem::replace(&mut self.playback, open);
        let open = self.delivery.split_off(&(final_up_to + 1));
        let delivery = std::mem::replace(&mut self.delivery, open);
        let playback: Vec<PlaybackRow> =
            playback.into_values().flat_map(|pane| sum_playback(pane.values(), true)).collect();
        let delivery: Vec<DeliveryRow> =
            delivery.into_values().flat_map(|pane| sum_delivery(&pane, true)).collect();
        Settled {
            playback_wide: self.playback_wide.take(&playback, final_up_to),
            delivery_wide: self.delivery_wide.take(&delivery, final_up_to),
            playback,
            delivery,
            incidents: drain(&mut self.incidents, self.log_time, |row| {
                (row.state == IncidentState::Closed, row.updated_at)
            }),
            actions: drain(&mut self.actions, self.log_time, |row| {
                use ActionState::{Dismissed, Ended, Undone};
                (matches!(row.state, Ended | Undone | Dismissed), row.updated_at)
            }),
        }
    }

    /// The rows of a table that are not settled yet, as they are now; none of other tables.
    pub fn open(&self, table: Table) -> Open {
        let mut open = Open::default();
        match table {
            Table::Playback => open.playback = self.playback.values().cloned().collect(),
            Table::Delivery => open.delivery = self.delivery.values().cloned().collect(),
            Table::Incidents => open.incidents = self.incidents.values().cloned().collect(),
            Table::Actions => open.actions = self.actions.values().cloned().collect(),
            _ => {}
        }
        open
    }
}

/// Rows that can still change, as of one moment. It costs little to hold; its rows are made when
/// they are asked for.
#[derive(Debug, Default)]
pub struct Open {
    playback: Vec<Pane<PlaybackKey, PlaybackRow>>,
    delivery: Vec<Pane<PlacedKey, DeliveryRow>>,
    incidents: Vec<IncidentRow>,
    actions: Vec<ActionRow>,
}

impl Open {
    /// Its rows.
    pub fn rows(self) -> Settled {
        let playback = self.playback.iter().flat_map(|pane| sum_playback(pane.values(), false));
        let delivery = self.delivery.iter().flat_map(|pane| sum_delivery(pane, false));
        Settled {
            playback: playback.collect(),
            delivery: delivery.collect(),
            incidents: self.incidents,
            actions: self.actions,
            ..Settled::default()
        }
    }
}

/// Takes out control records that have been over for long enough, and the oldest beyond the cap.
fn drain<T: Clone>(
    kept: &mut BTreeMap<(String, String), T>,
    log_time: i64,
    state: impl Fn(&T) -> (bool, i64),
) -> Vec<T> {
    let quiet = |row: &T| {
        let (over, updated_at) = state(row);
        over && updated_at.saturating_add(QUIET_US) <= log_time
    };
    let mut out: Vec<T> = kept.extract_if(.., |_, row| quiet(row)).map(|(_, row)| row).collect();
    while kept.len() > CONTROL {
        let oldest = kept.iter().min_by_key(|(_, row)| state(row).1).map(|(key, _)| key.clone());
        let Some(row) = oldest.and_then(|key| kept.remove(&key)) else { break };
        out.push(row);
    }
    out
}

/// The rows of one pane, summed over partitions; those of a key are adjacent. Sums of nothing are
/// left out.
fn sum_playback<'a>(
    rows: impl Iterator<Item = &'a PlaybackRow>,
    settled: bool,
) -> Vec<PlaybackRow> {
    let mut out: Vec<PlaybackRow> = Vec::new();
    for row in rows {
        match out.last_mut() {
            Some(sum)
                if (&sum.tenant, sum.cuboid, sum.pane, &sum.cell)
                    == (&row.tenant, row.cuboid, row.pane, &row.cell) =>
            {
                sum.merge(row, 1);
            }
            _ => out.push(PlaybackRow { r#final: settled, ..row.clone() }),
        }
    }
    out.retain(|row| !row.is_nothing());
    out
}

/// The same of delivery.
fn sum_delivery(rows: &BTreeMap<PlacedKey, DeliveryRow>, settled: bool) -> Vec<DeliveryRow> {
    let (mut out, mut last): (Vec<DeliveryRow>, _) = (Vec::new(), None);
    for ((pane, key, _), row) in rows {
        match out.last_mut() {
            Some(sum) if last == Some((pane, key)) => sum.merge(row, 1),
            _ => out.push(DeliveryRow { r#final: settled, ..row.clone() }),
        }
        last = Some((pane, key));
    }
    out
}
