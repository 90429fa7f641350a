//! What sends: one thread with a runtime of its own, whose CPU time is known by its own clock,
//! so that it can be taken off what the process used.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{anyhow, ensure};
use bytes::Bytes;
use tokio::sync::oneshot;

use super::cpu;

/// Requests under way at a time: enough that group commits fill.
const CLIENTS: usize = 64;

/// Posts every body once, each answered with 204, and gives the CPU-seconds that sending took.
pub(crate) async fn post(url: String, bodies: Arc<Vec<Bytes>>) -> anyhow::Result<f64> {
    let (done, sent) = oneshot::channel();
    std::thread::Builder::new().name("load".to_owned()).spawn(move || {
        // Nobody waits any more when the command was given up.
        let _ = done.send(alone(&url, &bodies));
    })?;
    sent.await.map_err(|_| anyhow!("the thread that sends has ended"))?
}

fn alone(url: &str, bodies: &Arc<Vec<Bytes>>) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(all(url, bodies))?;
    cpu::of_thread()
}

async fn all(url: &str, bodies: &Arc<Vec<Bytes>>) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, url) = (client.clone(), url.to_owned());
        let (bodies, next) = (Arc::clone(bodies), Arc::clone(&next));
        senders.spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
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
    Ok(())
}
