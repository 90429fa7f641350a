//! `tallylight collector`, `processor` and `dashboard`: the services of the data process, each
//! alone on a log in Kafka (ADR 13).

mod hot;
mod open;
mod owners;
mod pipelines;
mod unwritten;
mod waiting;

use std::sync::Arc;

use anyhow::bail;
use axum::Router;
use prometheus_client::registry::Registry;
use tallylight_eventlog::kafka::Kafka;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::record::EVENTS;
use tallylight_serve::Server;
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

/// The disk log has one owner, which is the data process.
fn not_on_disk(settings: &Settings, service: &str) -> anyhow::Result<()> {
    if settings.log.kind == LogKind::Disk {
        bail!(
            "the disk log has one owner, so the {service} cannot run alone on it: run `tallylight \
             data`, or give --log kafka://HOST:PORT (docs/kafka.md)"
        );
    }
    Ok(())
}

/// Opens the log. While no broker answers, `server` answers with `waiting`.
async fn begin(settings: &Settings, server: &Server, waiting: Router) -> anyhow::Result<Begun> {
    let stop = shutdown::on_signal()?;
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let opened = log::kafka(&settings.log, &clock, &stop);
    let kafka = server.serve_while(waiting, opened).await?;
    Ok(Begun { stop, clock, kafka })
}

/// The door alone; there may be any number.
pub(crate) async fn collector(settings: Settings) -> anyhow::Result<()> {
    not_on_disk(&settings, "collector")?;
    let server = tallylight_collector::listen(&settings.collector).await?;
    let waiting = waiting::router().layer(tallylight_collector::cors());
    let Begun { stop, clock, kafka } = begin(&settings, &server, waiting).await?;
    let log = kafka.all().await?;
    let parts = tallylight_collector::Parts { log: log.clone(), clock };
    let collector = tallylight_collector::build_on(server, settings.collector, parts)?;
    collector.run(stop).await?;
    log.close().await;
    Ok(())
}

/// Stream processors of the shards that Kafka gives to this process, with history and snapshots.
/// There may be any number; those beyond the number of shards wait.
pub(crate) async fn processor(settings: Settings) -> anyhow::Result<()> {
    not_on_disk(&settings, "processor")?;
    let server = hot::bind(settings.processor_listen).await?;
    let Begun { stop, clock, kafka } = begin(&settings, &server, waiting::router()).await?;
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

/// The pages alone; there may be any number. History is read from the files of the data folder;
/// what is in none yet, and sessions, are asked of the processors.
pub(crate) async fn dashboard(settings: Settings) -> anyhow::Result<()> {
    not_on_disk(&settings, "dashboard")?;
    let server = tallylight_dashboard::listen(&settings.dashboard).await?;
    let Begun { stop, clock, kafka } = begin(&settings, &server, waiting::router()).await?;
    let history = History::open_read_only(&settings.data_dir.join("history")).await?;
    let log = kafka.all().await?;
    let owners = Arc::new(Owners::new(kafka)?);
    let parts = tallylight_dashboard::Parts {
        log: log.clone(),
        sessions: Arc::clone(&owners) as _,
        history: Some(history.beside(owners)),
        clock,
        facts: None,
        neighbours: Registry::default(),
    };
    let dashboard = tallylight_dashboard::build_on(server, settings.dashboard, parts)?;
    dashboard.run(stop).await?;
    log.close().await;
    Ok(())
}
