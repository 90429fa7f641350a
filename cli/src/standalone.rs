//! `tallylight collector`, `processor` and `dashboard`: the services of the data process, each in
//! a process of its own with its log in Kafka (ADR 13).

mod open;
mod processor_api;
mod remote_processors;
mod shards;
mod unwritten;
mod waiting;

use std::sync::Arc;

use anyhow::bail;
use prometheus_client::registry::Registry;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::record::EVENTS;
use tallylight_store::history::History;
use tallylight_stream_processor::Metrics;
use tokio_util::sync::CancellationToken;

use self::remote_processors::RemoteProcessors;
use self::shards::ShardRunner;
use crate::log::{self, LogKind};
use crate::settings::Settings;
use crate::shutdown;

/// The disk log has one owner, the data process.
fn refuse_disk_log(settings: &Settings, service: &str) -> anyhow::Result<()> {
    if settings.log.kind == LogKind::Disk {
        bail!(
            "the disk log has one owner, so the {service} cannot run alone on it: run `tallylight \
             data`, or give --log kafka://HOST:PORT (docs/kafka.md)"
        );
    }
    Ok(())
}

/// Runs the collector alone. Any number of them may run.
pub(crate) async fn collector(settings: Settings) -> anyhow::Result<()> {
    refuse_disk_log(&settings, "collector")?;
    let server = tallylight_collector::listen(&settings.collector).await?;
    let waiting = waiting::router().layer(tallylight_collector::cors());
    let stop = shutdown::on_signal()?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let opened = log::whole_kafka(&settings.log, &clock, &stop);
    let (_, log) = server.serve_while(waiting, opened).await?;
    let parts = tallylight_collector::Parts { log: log.clone(), clock };
    let collector = tallylight_collector::build_on(server, settings.collector, parts)?;
    collector.run(stop).await?;
    log.close().await;
    Ok(())
}

/// Runs a stream processor for each shard that Kafka assigns to this process, with history and
/// snapshots. Any number of these processes may run; those beyond the number of shards wait.
pub(crate) async fn processor(settings: Settings) -> anyhow::Result<()> {
    refuse_disk_log(&settings, "processor")?;
    let server = processor_api::bind(settings.processor_listen).await?;
    let stop = shutdown::on_signal()?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let opened = log::kafka(&settings.log, &clock, &stop);
    let kafka = server.serve_while(waiting::router(), opened).await?;
    // Without these threads no shard can be opened, and another process should have them.
    crate::processor::writers()?;
    let mut group = kafka.join(EVENTS, &format!("http://{}", settings.processor_listen))?;
    let metrics = Metrics::default();
    let mut shards = ShardRunner::new(settings, kafka, clock, metrics.clone())?;
    let api_stop = CancellationToken::new();
    let serving = processor_api::serve(server, shards.local(), metrics, api_stop.clone());
    let mut serving = tokio::spawn(serving);
    let mut leaving = false;
    loop {
        tokio::select! {
            () = stop.cancelled(), if !leaving => {
                leaving = true;
                group.leave();
            }
            change = group.change() => match change {
                Some(change) => shards.change(change).await?,
                None if leaving => break,
                None => bail!("the group of owners ended by itself"),
            },
            ended = shards.ended() => { ended?; bail!("a processor ended by itself") }
            ended = &mut serving => { ended??; bail!("the processor's listener ended by itself") }
        }
    }
    shards.stop().await?;
    api_stop.cancel();
    serving.await??;
    Ok(())
}

/// Runs the dashboard alone. Any number of them may run. History is read from the files of the data
/// folder; rows that are not in a file yet, and sessions, are requested from the processors.
pub(crate) async fn dashboard(settings: Settings) -> anyhow::Result<()> {
    refuse_disk_log(&settings, "dashboard")?;
    let server = tallylight_dashboard::listen(&settings.dashboard).await?;
    let stop = shutdown::on_signal()?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let opened = log::whole_kafka(&settings.log, &clock, &stop);
    let (kafka, log) = server.serve_while(waiting::router(), opened).await?;
    let history = History::open_read_only(&settings.data_dir.join("history")).await?;
    let processors = Arc::new(RemoteProcessors::new(kafka)?);
    let parts = tallylight_dashboard::Parts {
        log: log.clone(),
        sessions: Arc::clone(&processors) as _,
        history: Some(history.beside(processors)),
        clock,
        facts: None,
        neighbours: Registry::default(),
    };
    let dashboard = tallylight_dashboard::build_on(server, settings.dashboard, parts)?;
    dashboard.run(stop).await?;
    log.close().await;
    Ok(())
}
