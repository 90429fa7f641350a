//! `tallylight data`: the log and those who share it (ADR 13).

use std::pin::pin;
use std::sync::Arc;

use anyhow::bail;
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use tallylight_dashboard::{Facts, FactsSource, OpenSessions};
use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::record;
use tallylight_schemas::session::SessionRow;
use tallylight_stream_processor::audit::AuditStats;
use tallylight_stream_processor::{
    Metrics, OpenQuery, ProcessorHandle, ProcessorStats, SessionQuery,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::log::LogKind;
use crate::processor::Owning;
use crate::settings::Settings;
use crate::{live, log, processor, shutdown};

/// Answers the dashboard's questions about single viewers from the processor's hot state.
struct HotSessions(ProcessorHandle);

#[async_trait]
impl tallylight_dashboard::Sessions for HotSessions {
    async fn sessions(
        &self,
        tenant: &str,
        sid: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, String> {
        let query = SessionQuery { tenant: tenant.to_owned(), sid: sid.map(str::to_owned), limit };
        self.0.sessions(query).await.ok_or_else(|| "the processor has ended".to_owned())
    }

    async fn open(&self, tenant: &str, columns: &[String]) -> Result<Vec<OpenSessions>, String> {
        let (handle, tenant, columns) = (self.0.clone(), tenant.to_owned(), columns.to_vec());
        Ok(vec![live::pages(move |from| {
            let query = OpenQuery { tenant: tenant.clone(), columns: columns.clone(), from };
            live::of_own(handle.clone(), query)
        })])
    }
}

/// What the dashboard cannot see: how the processor is doing. The lag is taken from the log's
/// end as it is now, so that it grows also while the processor is stuck.
fn facts(
    stats: watch::Receiver<ProcessorStats>,
    head: watch::Receiver<u64>,
    audit: watch::Receiver<AuditStats>,
) -> FactsSource {
    Arc::new(move || {
        let (stats, audit) = (*stats.borrow(), *audit.borrow());
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let archive = stats.archive.unwrap_or_default();
        Facts {
            lag_entries: Some(head.borrow().saturating_sub(stats.position)),
            marks: [
                ("bad_parts".to_owned(), number(stats.bad_parts)),
                (
                    "history_behind_entries".to_owned(),
                    number(stats.position.saturating_sub(archive.committed)),
                ),
                ("history_failures".to_owned(), number(archive.failures)),
                ("history_standing".to_owned(), i64::from(archive.standing)),
                ("history_lost_entries".to_owned(), number(archive.lost_entries)),
                ("history_exposed_entries".to_owned(), number(archive.exposed_entries)),
                ("replaying".to_owned(), i64::from(stats.replaying)),
                ("audit_hours".to_owned(), number(audit.hours)),
                ("audit_rows".to_owned(), number(audit.rows)),
                ("audit_drift".to_owned(), number(audit.drift)),
                ("audit_late".to_owned(), number(audit.late)),
                ("audit_failures".to_owned(), number(audit.failures)),
                ("repaired_sessions".to_owned(), number(audit.repaired)),
            ]
            .into(),
            ..Facts::default()
        }
    })
}

pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    if settings.log.kind == LogKind::Kafka {
        bail!("with Kafka run `tallylight collector`, `processor` and `dashboard` (docs/kafka.md)");
    }
    let stop = shutdown::on_signal()?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let log = log::disk(&settings, Arc::clone(&clock)).await?;

    // The door opens first: what is kept may take a while to be looked through, and players wait.
    let parts =
        tallylight_collector::Parts { log: Arc::clone(&log).into(), clock: Arc::clone(&clock) };
    let collector = tallylight_collector::build(settings.collector.clone(), parts).await?;
    let (door, closed) = (CancellationToken::new(), CancellationToken::new());
    let mut collecting = tokio::spawn(collector.run(door.clone()));
    let mut behind = pin!(behind_the_door(settings, &log, clock, &closed));
    // Each stage drains before the next stops: the door, the processor, the pages.
    let ended = tokio::select! {
        () = stop.cancelled() => None,
        ended = &mut collecting => { ended??; bail!("the collector ended by itself") }
        ended = &mut behind => Some(ended),
    };
    door.cancel();
    collecting.await??;
    closed.cancel();
    let ended = match ended {
        Some(ended) => ended,
        None => behind.await,
    };
    log.close().await;
    ended
}

/// Opens and runs what reads the log, until the door is closed. What is not read by then is read at the
/// next start.
async fn behind_the_door(
    settings: Settings,
    log: &Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    closed: &CancellationToken,
) -> anyhow::Result<()> {
    let opening = async {
        let metrics = Metrics::default();
        let mut neighbours = Registry::default();
        metrics.register(&mut neighbours);
        let Owning { processor, history } =
            processor::open(&settings, log, &clock, metrics).await?;
        let handle = processor.handle();
        let (audit, keeping) =
            processor::keep(&settings, history.clone(), Arc::new(handle.stats()))?;
        let facts = facts(handle.stats(), log.head(record::EVENTS)?, audit);
        let parts = tallylight_dashboard::Parts {
            log: Arc::clone(log).into(),
            sessions: Arc::new(HotSessions(handle)),
            history: Some(history),
            clock: Arc::clone(&clock),
            facts: Some(facts),
            neighbours,
        };
        let dashboard = tallylight_dashboard::build(settings.dashboard.clone(), parts).await?;
        anyhow::Ok((processor, dashboard, keeping))
    };
    let Some(opened) = closed.run_until_cancelled(opening).await else { return Ok(()) };
    let (processor, dashboard, _keeping) = opened?;
    let (work, pages) = (CancellationToken::new(), CancellationToken::new());
    let mut processing = tokio::spawn(processor.run(work.clone()));
    let mut showing = tokio::spawn(dashboard.run(pages.clone()));
    tokio::select! {
        () = closed.cancelled() => {}
        ended = &mut processing => { ended??; bail!("the processor ended by itself") }
        ended = &mut showing => { ended??; bail!("the dashboard ended by itself") }
    }
    work.cancel();
    processing.await??;
    pages.cancel();
    showing.await??;
    Ok(())
}
