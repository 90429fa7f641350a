//! The whole door over HTTP up to the durable log, by events per POST.

use std::sync::Arc;

use tallylight_collector::{Parts, Settings};
use tallylight_eventlog::TopicSettings;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_schemas::clock::WallClock;
use tallylight_schemas::record::EVENTS;
use tokio_util::sync::CancellationToken;

use super::{Folder, Measured, cpu, light, load, sample};

/// Requests of one measurement.
const REQUESTS: usize = 8_000;

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    [1, 5, 20, 100].into_iter().map(one).collect()
}

pub(crate) fn one(per_post: usize) -> anyhow::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(per_post))
}

async fn measure(per_post: usize) -> anyhow::Result<Measured> {
    let folder = Folder::new("door");
    let topic = TopicSettings::new(EVENTS, 1 << 30);
    let log = DiskLog::open(DiskSettings::new(&folder.0, vec![topic]), Arc::new(WallClock))?;
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
    let parts = Parts { clock: Arc::new(WallClock), log: Arc::new(log).into() };
    let collector = tallylight_collector::build(settings, parts).await?;
    let ours = format!("http://{}/v1/cmcd?k=demo", collector.addr());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(collector.run(stop.clone()));
    let bodies = Arc::new(sample::bodies(REQUESTS * per_post, per_post, sample::BEGAN_MS));
    let step = rate(ours, &bodies, per_post).await?;
    stop.cancel();
    serving.await??;

    let floor = rate(light::door::serve().await?, &bodies, per_post).await?;
    let what = "axum reads the body into columns as decode's floor does, and answers 204";
    Ok(Measured::new(format!("door/{per_post}-a-post"), step, floor, what))
}

/// Events per CPU-second of all that is not the sender.
async fn rate(
    url: String,
    bodies: &Arc<Vec<bytes::Bytes>>,
    per_post: usize,
) -> anyhow::Result<f64> {
    let began = cpu::of_process()?;
    let sender = load::post(url, Arc::clone(bodies)).await?;
    let spent = cpu::of_process()? - began - sender;
    Ok((bodies.len() * per_post) as f64 / spent)
}
