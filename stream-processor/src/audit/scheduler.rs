//! Audit and repair while the processor runs: one finished hour at a time, with rests, and never
//! while it catches up.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tallylight_schemas::settings::outside;
use tallylight_store::history::{History, HistoryError, hour_name};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::lateness::Moments;
use super::{Audit, HOUR_US, Repaired, repair};
use crate::pure::limits::Limits;
use crate::queries::ProcessorStats;

/// Checks and repairs of history (docs/audit.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether hours of history that are over are checked.
    pub enabled: bool,
    /// Between two looks whether there is something to do.
    pub look_s: u64,
    /// Between two repairs of what came late; 0 never repairs.
    pub repair_s: u64,
    /// How many times as long as it worked a check rests: with 9 it takes a tenth of a core.
    pub rest: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, look_s: 30, repair_s: 3_600, rest: 9 }
    }
}

impl Settings {
    /// Every mistake, in words.
    pub fn mistakes(&self) -> Vec<String> {
        outside(&[
            ("audit.look_s", self.look_s, 1..=86_400),
            ("audit.repair_s", self.repair_s, 0..=604_800),
            ("audit.rest", self.rest.into(), 0..=1_000),
        ])
        .collect()
    }
}

/// The results of checks and repairs so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditStats {
    /// Hours checked since the start.
    pub hours: u64,
    /// Rows compared in them.
    pub rows: u64,
    /// Rows that drift: a fault.
    pub drift: u64,
    /// Rows that waited for a repair when they were checked.
    pub late: u64,
    /// Playbacks repaired since the start.
    pub repaired: u64,
    /// Checks and repairs that failed.
    pub failures: u64,
}

/// Tells up to where history is complete.
#[async_trait]
pub trait Reach: Send + Sync + std::fmt::Debug {
    /// Everything read before this log time (Unix µs), in every shard of the log, is in the
    /// tables; `None` while that is not known.
    async fn reach(&self) -> Option<i64>;
}

/// For the single processor of a log with one shard.
#[async_trait]
impl Reach for watch::Receiver<ProcessorStats> {
    async fn reach(&self) -> Option<i64> {
        self.borrow().reach()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Keeper {
    settings: Settings,
    partitions: u16,
    limits: Limits,
    history: History,
    reach: Arc<dyn Reach>,
    shown: watch::Sender<AuditStats>,
    audit: Option<Audit>,
    next_hour: i64,
    /// Log time of the last repair, or attempt at one; Unix µs.
    repaired: Option<i64>,
}

impl Keeper {
    /// For the history of processors with these settings. One keeper does it for all processors.
    pub fn new(settings: &crate::Settings, history: History, reach: Arc<dyn Reach>) -> Self {
        let own = settings.audit.clone();
        Self {
            settings: own,
            partitions: settings.partitions,
            limits: settings.limits.clone(),
            history,
            reach,
            shown: watch::Sender::new(AuditStats::default()),
            audit: None,
            next_hour: i64::MIN,
            repaired: None,
        }
    }

    /// The results so far, as a channel that is updated.
    pub fn stats(&self) -> watch::Receiver<AuditStats> {
        self.shown.subscribe()
    }

    /// Works until cancelled.
    pub async fn run(mut self, stop: CancellationToken) {
        let look = Duration::from_secs(self.settings.look_s);
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(look) => {}
            }
            let turn = tokio::select! {
                () = stop.cancelled() => return,
                turn = self.turn() => turn,
            };
            if let Err(error) = turn {
                tracing::warn!(%error, "history could not be checked or repaired now");
                self.shown.send_modify(|stats| stats.failures += 1);
            }
        }
    }

    async fn turn(&mut self) -> Result<(), HistoryError> {
        let Some(known) = self.reach.reach().await else { return Ok(()) };
        if self.repair_is_due(known).await? {
            self.repaired = Some(known);
            let Repaired { sessions, .. } = repair(&self.history, &self.limits, known).await?;
            self.shown.send_modify(|stats| stats.repaired += sessions);
        }
        if self.settings.enabled {
            self.check(known).await?;
        }
        Ok(())
    }

    /// Whether the last repair, by this process or an earlier one, is long enough ago.
    async fn repair_is_due(&mut self, known: i64) -> Result<bool, HistoryError> {
        if self.settings.repair_s == 0 {
            return Ok(false);
        }
        let repaired = match self.repaired {
            Some(repaired) => repaired,
            None => Moments::of(&self.history, known).await?.first(),
        };
        self.repaired = Some(repaired);
        let between_us =
            i64::try_from(self.settings.repair_s).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Ok(known - repaired >= between_us)
    }

    /// Checks the next hour, if it is settled before `known` (log time, Unix µs).
    async fn check(&mut self, known: i64) -> Result<(), HistoryError> {
        if self.audit.is_none() {
            let rest = self.settings.rest;
            self.audit = Audit::begin(&self.history, self.partitions, &self.limits, rest).await?;
        }
        let Some(audit) = &mut self.audit else { return Ok(()) };
        let hour = self.next_hour.max(audit.first_hour);
        if audit.settled_at(hour) > known {
            return Ok(());
        }
        let late = (hour * HOUR_US, known);
        let mut lateness = audit.lateness(late.0, late.1).await?;
        // After an error the hour is checked again.
        let reports = match audit.check_steady(hour, known, (&mut lateness, late)).await {
            Err(HistoryError::Moved(why)) => {
                tracing::info!(why, "the audit begins again at the oldest facts");
                self.audit = None;
                return Ok(());
            }
            checked => checked?,
        };
        self.next_hour = hour + 1;
        for report in reports.iter().filter(|report| report.drift > 0) {
            tracing::error!(?report, "rows of history are not what the log says");
        }
        tracing::info!(hour = hour_name(hour), "an hour of history was checked");
        self.shown.send_modify(|stats| {
            stats.hours += 1;
            for report in &reports {
                stats.rows += report.rows;
                stats.drift += report.drift;
                stats.late += report.late;
            }
        });
        Ok(())
    }
}
