//! The whole collector from HTTP to the durable log, by events per POST, in each of its variants.
//! It is compared with the cost of a request that axum only answers plus the floor of decoding.

mod case;
mod line;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;
use tallylight_collector::Parts;
use tallylight_schemas::clock::WallClock;
use tokio_util::sync::CancellationToken;

use super::load::Target;
use super::{Folder, Measured, cpu, decode, floor, load, sample};
pub(crate) use case::Case;
pub(crate) use line::{Found, Line, print};

/// Events per POST.
const PER_POST: [usize; 5] = [1, 5, 20, 100, 1_000];
/// The most events in all requests of a measurement.
const EVENTS: usize = 400_000;
/// The most events under way: eight full commits. More would only open more connections.
const UNDER_WAY: usize = 1 << 14;
/// Concurrent requests of the table: a collector that is busy, as one at 60 % load is.
const BUSY: usize = 512;

/// What is sent in one measurement.
#[derive(Debug, Clone, Copy)]
struct Sent {
    /// Events of a request.
    per_post: usize,
    /// Concurrent requests.
    at_a_time: usize,
}

impl Sent {
    fn new(per_post: usize, at_a_time: usize) -> Self {
        Self { per_post, at_a_time: at_a_time.clamp(1, UNDER_WAY / per_post) }
    }

    /// 62 for each connection, or at least 24 where that is too many events, so that opening
    /// connections is a small part of the cost.
    fn requests(self) -> usize {
        (self.at_a_time * 125 / 2).max(4_000).min(EVENTS / self.per_post)
    }

    fn cmcd(self) -> Arc<Vec<Bytes>> {
        let events = self.requests() * self.per_post;
        Arc::new(sample::bodies(events, self.per_post, sample::BEGAN_MS))
    }

    fn arrow(self) -> anyhow::Result<Arc<Vec<Bytes>>> {
        Ok(Arc::new(sample::arrow(self.requests(), self.per_post, sample::BEGAN_MS)?))
    }
}

/// What `door` needs for its variants. Variants for which something is missing are listed and not
/// measured.
#[derive(Debug, Args)]
pub(crate) struct DoorArgs {
    /// A certificate for 127.0.0.1 (PEM), to measure `door` with TLS.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Brokers, to measure `door` with the log in Kafka; its topics are new ones that stay.
    #[arg(long, value_name = "HOST:PORT,...")]
    kafka: Option<String>,
    /// Countries of addresses (MMDB), to measure how `door` looks up senders.
    #[arg(long, value_name = "FILE")]
    country_file: Option<PathBuf>,
    /// Concurrent requests of `door`. Each waits for a commit, so with few requests and few events
    /// per POST the collector is idle most of the time, and its caches are cold.
    #[arg(long, value_name = "N", default_value_t = BUSY)]
    at_a_time: usize,
}

/// Every variant at every number of events per POST.
pub(crate) fn run(args: &DoorArgs) -> anyhow::Result<Found> {
    let floor = 1.0 / decode::floor()?;
    let (cases, lacking) = Case::all(args);
    let mut lines = Vec::new();
    for sent in PER_POST.map(|per_post| Sent::new(per_post, args.at_a_time)) {
        let bare = on_a_runtime(async { spent(bare().await?, sent, &sent.cmcd()).await })?;
        for case in &cases {
            let cost = cost(case, sent)?;
            lines.push(Line::new(case, sent.per_post, (cost, bare), floor));
        }
    }
    Ok(Found { lines, lacking })
}

/// The plain collector as a step; its floor is axum reading the body into columns.
pub(crate) fn one(per_post: usize) -> anyhow::Result<Measured> {
    let sent = Sent::new(per_post, load::AT_A_TIME);
    let step = cost(&Case::plain(), sent)?;
    let floor = on_a_runtime(async {
        spent(Target::cmcd(floor::door::serve().await?), sent, &sent.cmcd()).await
    })?;
    let what = "axum reads the body into columns as decode's floor does, and answers 204";
    let rate = |seconds: f64| per_post as f64 / seconds;
    Ok(Measured::new(format!("door/{per_post}-a-post"), rate(step), rate(floor), what))
}

fn on_a_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn bare() -> anyhow::Result<Target> {
    Ok(Target::cmcd(floor::door::bare().await?))
}

/// CPU-seconds per request.
fn cost(case: &Case, sent: Sent) -> anyhow::Result<f64> {
    on_a_runtime(async {
        let folder = Folder::new("door");
        let parts = Parts { clock: Arc::new(WallClock), log: case.log(&folder.0).await? };
        let log = parts.log.clone();
        let collector = tallylight_collector::build(case.settings(), parts).await?;
        let to = case.to(collector.addr())?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(collector.run(stop.clone()));
        let bodies = if case.arrow { sent.arrow()? } else { sent.cmcd() };
        let spent = spent(to, sent, &bodies).await?;
        stop.cancel();
        serving.await??;
        log.of(0).close().await;
        Ok(spent)
    })
}

/// CPU-seconds per request of everything but the sender.
async fn spent(to: Target, sent: Sent, bodies: &Arc<Vec<Bytes>>) -> anyhow::Result<f64> {
    let began = cpu::of_process()?;
    let sender = load::post(to, Arc::clone(bodies), sent.at_a_time).await?;
    let spent = cpu::of_process()? - began - sender;
    Ok(spent / bodies.len() as f64)
}
