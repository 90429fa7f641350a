//! The whole door over HTTP, by events per POST.

use std::sync::Arc;

use anyhow::ensure;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use tallylight_collector::{Parts, Settings};
use tallylight_eventlog::TopicSettings;
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_schemas::clock::WallClock;
use tallylight_schemas::record::EVENTS;
use tokio_util::sync::CancellationToken;

use super::{Measured, cpu_seconds, sample};

/// Requests under way at a time: enough that group commits fill.
const CLIENTS: usize = 64;
/// Requests of one measurement.
const REQUESTS: usize = 8_000;

pub(crate) fn run() -> anyhow::Result<Vec<Measured>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> anyhow::Result<Vec<Measured>> {
    let folder = std::env::temp_dir().join(format!("tallylight-door-{}", std::process::id()));
    let topic = TopicSettings::new(EVENTS, 1 << 30);
    let log = DiskLog::open(DiskSettings::new(&folder, vec![topic]), Arc::new(WallClock))?;
    let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), ..Settings::default() };
    let parts = Parts { clock: Arc::new(WallClock), log: Arc::new(log) };
    let collector = tallylight_collector::build(settings, parts).await?;
    let ours = format!("http://{}/v1/cmcd?k=demo", collector.addr());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(collector.run(stop.clone()));

    let floor = Router::new().route("/", post(async |_body: Bytes| StatusCode::NO_CONTENT));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let theirs = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, floor).await });

    let mut results = Vec::new();
    for per_post in [1, 5, 20, 100] {
        let body = Bytes::from(sample::lines(per_post).join("\n"));
        let step = post_all(&ours, &body, per_post).await?;
        let floor = post_all(&theirs, &body, per_post).await?;
        let what = "axum reads the body and answers 204; client's CPU in both";
        results.push(Measured::new(format!("door/{per_post}-a-post"), step, floor, what));
    }
    stop.cancel();
    serving.await??;
    std::fs::remove_dir_all(&folder)?;
    Ok(results)
}

/// Events per second of CPU time, client and server together.
async fn post_all(url: &str, body: &Bytes, per_post: usize) -> anyhow::Result<f64> {
    let client = reqwest::Client::new();
    let began = cpu_seconds()?;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, url, body) = (client.clone(), url.to_owned(), body.clone());
        senders.spawn(async move {
            for _ in 0..REQUESTS / CLIENTS {
                let request = client.post(&url).header("content-type", "application/cmcd");
                let answer = request.body(body.clone()).send().await?;
                ensure!(answer.status() == 204, "{url} answered {}", answer.status());
            }
            Ok(())
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    Ok((REQUESTS * per_post) as f64 / (cpu_seconds()? - began))
}
