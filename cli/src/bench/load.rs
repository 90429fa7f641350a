//! The sender: one thread with its own runtime. Its CPU time is measured separately, so that it can
//! be subtracted from that of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{anyhow, ensure};
use bytes::Bytes;
use tallylight_schemas::headers;
use tokio::sync::oneshot;

use super::cpu;

/// Where and how to send.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) media_type: &'static str,
    /// The only trusted certificate (PEM), with TLS.
    pub(crate) certificate: Option<Vec<u8>>,
    /// Whether each request identifies its sender: a browser, and an address seen by a proxy.
    pub(crate) identifies_sender: bool,
}

impl Target {
    /// Beacons without an identified sender, without TLS.
    pub(crate) fn cmcd(url: String) -> Self {
        Self { url, media_type: "application/cmcd", certificate: None, identifies_sender: false }
    }
}

/// Concurrent requests of `path` and of its step `door`: enough to fill group commits.
pub(crate) const AT_A_TIME: usize = 64;

/// Posts every body once, `at_a_time` concurrently. Each must be answered with 204. Returns the
/// CPU-seconds that sending took.
pub(crate) async fn post(
    to: Target,
    bodies: Arc<Vec<Bytes>>,
    at_a_time: usize,
) -> anyhow::Result<f64> {
    on_own_thread(move || async move {
        all(&to, &bodies, at_a_time).await?;
        cpu::of_thread()
    })
    .await
}

/// Runs `work` on a thread with its own runtime.
pub(crate) async fn on_own_thread<T: Send + 'static, F: Future<Output = anyhow::Result<T>>>(
    work: impl FnOnce() -> F + Send + 'static,
) -> anyhow::Result<T> {
    let (done, sent) = oneshot::channel();
    std::thread::Builder::new().name("load".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // The receiver is gone if the command was cancelled.
        let _ = done.send(runtime.map_err(Into::into).and_then(|on| on.block_on(work())));
    })?;
    sent.await.map_err(|_| anyhow!("the thread that sends has ended"))?
}

async fn all(to: &Target, bodies: &Arc<Vec<Bytes>>, at_a_time: usize) -> anyhow::Result<()> {
    let client = reqwest::Client::builder();
    let client = match &to.certificate {
        Some(pem) => client.tls_certs_only([reqwest::Certificate::from_pem(pem)?]).http1_only(),
        None => client,
    }
    .build()?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..at_a_time {
        let (client, to) = (client.clone(), to.clone());
        let (bodies, next) = (Arc::clone(bodies), Arc::clone(&next));
        senders.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(body) = bodies.get(number) else { return Ok(()) };
                let request = client.post(&to.url).header("content-type", to.media_type);
                let request =
                    if to.identifies_sender { identify_sender(request, number) } else { request };
                let answer = request.body(body.clone()).send().await?;
                ensure!(answer.status() == 204, "{} answered {}", to.url, answer.status());
                let fates = answer.headers().get(headers::FATES);
                // `accepted=N` alone; a second fate would follow behind a comma.
                let all = |fates: &[u8]| fates.starts_with(b"accepted=") && !fates.contains(&b',');
                let whole = fates.is_none_or(|fates| all(fates.as_bytes()));
                ensure!(whole, "{} did not accept all: {fates:?}", to.url);
            }
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    Ok(())
}

/// One of a thousand browsers, at one of many addresses.
fn identify_sender(request: reqwest::RequestBuilder, number: usize) -> reqwest::RequestBuilder {
    let [_, _, a, b] = u32::try_from(number).unwrap_or_default().to_be_bytes();
    let agent = format!(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/141.0.{}.0 Safari/537.36",
        number % 1_000
    );
    request
        .header("user-agent", agent)
        .header("sec-ch-ua-platform", "\"Windows\"")
        .header("sec-ch-ua-mobile", "?0")
        .header("x-forwarded-for", format!("81.{a}.{b}.9"))
}
