//! `tallylight collector`, `processor` and `dashboard`: the services of the data process, each
//! alone on a log in Kafka (ADR 13).

mod hot;

use std::sync::Arc;

use anyhow::bail;
use prometheus_client::registry::Registry;
use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_store::archive::History;
use tokio_util::sync::CancellationToken;

use crate::log::{self, LogKind};
use crate::processor::Owning;
use crate::settings::Settings;
use crate::{processor, shutdown};

/// What each of them begins with.
struct Begun {
    stop: CancellationToken,
    clock: Arc<dyn Clock>,
    log: Arc<dyn EventLog>,
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
    let log = log::open(settings, &clock, &stop).await?;
    Ok(Begun { stop, clock, log })
}

/// The door alone; there may be any number.
pub(crate) async fn collector(settings: Settings) -> anyhow::Result<()> {
    let Begun { stop, clock, log } = begin(&settings, "collector").await?;
    let parts = tallylight_collector::Parts { log: Arc::clone(&log), clock };
    let collector = tallylight_collector::build(settings.collector, parts).await?;
    collector.run(stop).await?;
    log.close().await;
    Ok(())
}

/// The stream processor alone, with history and snapshots; one at a time.
pub(crate) async fn processor(settings: Settings) -> anyhow::Result<()> {
    let Begun { stop, clock, log } = begin(&settings, "processor").await?;
    let Owning { processor, keeping: _keeping, owner: _owner, .. } =
        processor::open(&settings, &log, &clock).await?;
    let handle = processor.handle();
    let (work, door) = (CancellationToken::new(), CancellationToken::new());
    let server = hot::bind(settings.processor_listen).await?;
    let mut serving = tokio::spawn(hot::serve(server, handle, door.clone()));
    let mut working = tokio::spawn(processor.run(work.clone()));
    tokio::select! {
        () = stop.cancelled() => {}
        ended = &mut working => { ended??; bail!("the processor ended by itself") }
        ended = &mut serving => { ended??; bail!("the processor's listener ended by itself") }
    }
    work.cancel();
    working.await??;
    door.cancel();
    serving.await??;
    log.close().await;
    Ok(())
}

/// The pages alone; there may be any number. History is read from the files of the data folder,
/// sessions are asked of the processor.
pub(crate) async fn dashboard(settings: Settings) -> anyhow::Result<()> {
    let Begun { stop, clock, log } = begin(&settings, "dashboard").await?;
    let history = History::open_read_only(&settings.data_dir.join("history")).await?;
    let parts = tallylight_dashboard::Parts {
        log: Arc::clone(&log),
        sessions: Arc::new(hot::Remote::new(&settings.processor_url)?),
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
