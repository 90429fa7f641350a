//! `tallylight data`: the log and the services that share it (ADR 13).

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
use crate::processor::OpenedProcessor;
use crate::settings::Settings;
use crate::{live, log, processor, shutdown};

/// Answers the dashboard's queries about single viewers from the processor's state in memory.
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
            live::local_page(handle.clone(), query)
        })])
    }
}

/// The state of the processor, which the dashboard cannot see itself. The lag is measured against
/// the log's current end, so that it also grows while the processor is stuck.
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

    // The collector opens first: reading what is stored may take a while, and players wait.
    let parts =
        tallylight_collector::Parts { log: Arc::clone(&log).into(), clock: Arc::clone(&clock) };
    let collector = tallylight_collector::build(settings.collector.clone(), parts).await?;
    let (drain, closed) = (CancellationToken::new(), CancellationToken::new());
    let mut collecting = tokio::spawn(collector.run(drain.clone()));
    let mut reading = pin!(run_readers(settings, &log, clock, &closed));
    // Each stage drains before the next one stops: collector, processor, dashboard.
    let ended = tokio::select! {
        () = stop.cancelled() => None,
        ended = &mut collecting => { ended??; bail!("the collector ended by itself") }
        ended = &mut reading => Some(ended),
    };
    drain.cancel();
    collecting.await??;
    closed.cancel();
    let ended = match ended {
        Some(ended) => ended,
        None => reading.await,
    };
    log.close().await;
    ended
}

/// Opens and runs the readers of the log, processor and dashboard, until the collector is closed.
/// What they have not read by then is read at the next start.
async fn run_readers(
    settings: Settings,
    log: &Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    closed: &CancellationToken,
) -> anyhow::Result<()> {
    let opening = async {
        let metrics = Metrics::default();
        let mut neighbours = Registry::default();
        metrics.register(&mut neighbours);
        let OpenedProcessor { processor, history } =
            processor::open(&settings, log, &clock, metrics).await?;
        let handle = processor.handle();
        let (audit, auditing) =
            processor::audit(&settings, history.clone(), Arc::new(handle.stats()))?;
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
        anyhow::Ok((processor, dashboard, auditing))
    };
    let Some(opened) = closed.run_until_cancelled(opening).await else { return Ok(()) };
    let (processor, dashboard, _auditing) = opened?;
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
