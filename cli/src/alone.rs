//! `tallylight collector`, `processor` and `dashboard`: the services of the data process, each
//! alone on a log in Kafka (ADR 13).

mod hot;
mod open;
mod owners;
mod pipelines;

use std::sync::Arc;

use anyhow::bail;
use prometheus_client::registry::Registry;
use tallylight_eventlog::kafka::Kafka;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::record::EVENTS;
use tallylight_store::archive::History;
use tallylight_stream_processor::Metrics;
use tokio_util::sync::CancellationToken;

use self::owners::Owners;
use self::pipelines::Pipelines;
use crate::log::{self, LogKind};
use crate::settings::Settings;
use crate::shutdown;

/// What each of them begins with.
struct Begun {
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
    kafka: Arc<Kafka>,
}

async fn begin(settings: &Settings, service: &str) -> anyhow::Result<Begun> {
    if settings.log.kind == LogKind::Disk {
        bail!(
            "the disk log has one owner, so the {service} cannot run alone on it: run `tallylight \
             data`, or give --log kafka://HOST:PORT (docs/kafka.md)"
        );
    }
    let stop = shutdown::on_signal()?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let kafka = log::kafka(&settings.log, &clock, &stop).await?;
    Ok(Begun { stop, clock, kafka })
}

/// The door alone; there may be any number.
pub(crate) async fn collector(settings: Settings) -> anyhow::Result<()> {
    let Begun { stop, clock, kafka } = begin(&settings, "collector").await?;
    let log = kafka.all().await?;
    let parts = tallylight_collector::Parts { log: log.clone(), clock };
    let collector = tallylight_collector::build(settings.collector, parts).await?;
    collector.run(stop).await?;
    log.close().await;
    Ok(())
}

/// Stream processors of the shards that Kafka gives to this process, with history and snapshots.
/// There may be any number; those beyond the number of shards wait.
pub(crate) async fn processor(settings: Settings) -> anyhow::Result<()> {
    let Begun { stop, clock, kafka } = begin(&settings, "processor").await?;
    let server = hot::bind(settings.processor_listen).await?;
    let mut group = kafka.join(EVENTS, &format!("http://{}", settings.processor_listen))?;
    let metrics = Metrics::default();
    let mut pipelines = Pipelines::new(settings, kafka, clock, metrics.clone())?;
    let door = CancellationToken::new();
    let serving = hot::serve(server, pipelines.owned(), metrics, door.clone());
    let mut serving = tokio::spawn(serving);
    let mut leaving = false;
    loop {
        tokio::select! {
            () = stop.cancelled(), if !leaving => {
                leaving = true;
                group.leave();
            }
            change = group.change() => match change {
                Some(change) => pipelines.change(change).await?,
                None if leaving => break,
                None => bail!("the group of owners ended by itself"),
            },
            ended = pipelines.ended() => { ended?; bail!("a processor ended by itself") }
            ended = &mut serving => { ended??; bail!("the processor's listener ended by itself") }
        }
    }
    pipelines.stop().await?;
    door.cancel();
    serving.await??;
    Ok(())
}

/// The pages alone; there may be any number. History is read from the files of the data folder,
/// sessions are asked of the processors.
pub(crate) async fn dashboard(settings: Settings) -> anyhow::Result<()> {
    let Begun { stop, clock, kafka } = begin(&settings, "dashboard").await?;
    let history = History::open_read_only(&settings.data_dir.join("history")).await?;
    let log = kafka.all().await?;
    let parts = tallylight_dashboard::Parts {
        log: log.clone(),
        sessions: Arc::new(Owners::new(kafka)?),
        history: Some(history),
        clock,
        facts: None,
        neighbours: Registry::default(),
    };
    let dashboard = tallylight_dashboard::build(settings.dashboard, parts).await?;
    dashboard.run(stop).await?;
    log.close().await;
    Ok(())
}
