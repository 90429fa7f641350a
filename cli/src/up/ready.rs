//! Announces when there is something to look at, and where.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use tallylight_pipeline::origin::{SegmentRow, SegmentsPage};

use crate::settings::{Listener, Settings};

/// After waiting this long, prints what is missing.
const SAYS_AFTER: Duration = Duration::from_secs(20);

/// How long a stage waits for the one before it.
const STAGE: Duration = Duration::from_secs(5);

/// Waits until these listeners take requests, so that the next stage does not start with refused
/// connections. After [`STAGE`] it continues regardless, since every client retries.
pub(super) async fn listening(listeners: &[Listener]) -> anyhow::Result<()> {
    let (client, deadline) = (client()?, Instant::now() + STAGE);
    for listener in listeners {
        while Instant::now() < deadline && !is_open(&client, listener).await {
            sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// Whether a listener takes requests. Steering accepts connections before it has a ladder, and
/// would turn the first viewers away, so it must be ready.
async fn is_open(client: &reqwest::Client, listener: &Listener) -> bool {
    if listener.child != "steering" {
        return TcpStream::connect(listener.at).await.is_ok();
    }
    let answer = client.get(format!("http://{}/readyz", listener.at)).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()
}

/// Prints the address once the pages answer, and again once there is a picture.
pub(super) async fn announce(settings: &Settings) -> anyhow::Result<()> {
    let address = settings.dashboard_url();
    let client = client()?;
    let ready = format!("{address}/readyz");
    let answers = async || {
        let answer = client.get(&ready).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    };
    patiently(answers, || format!("still waiting for {ready}; see the lines above")).await;
    if settings.has_media() {
        super::say(&format!("pages at {address}; waiting for the first picture"));
        let stream = &settings.encoder.stream;
        let page = format!("http://{}/live/{stream}/segments.json?last=3", settings.origin.listen);
        let picture = async || has_picture(&client, &page).await;
        let missing = || {
            "no picture yet: no encoder has delivered a segment; the lines above say why. \
             `make doctor` names what is missing, --source loop needs no GStreamer"
                .to_owned()
        };
        patiently(picture, missing).await;
    }
    super::say(&format!("on the air at {address}  (Ctrl-C drains and stops)"));
    Ok(())
}

/// Waits until `done`; after a while prints once what is missing.
async fn patiently(done: impl AsyncFn() -> bool, what: impl Fn() -> String) {
    let started = Instant::now();
    let mut said = false;
    while !done().await {
        if !said && started.elapsed() > SAYS_AFTER {
            super::say(&what());
            said = true;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Whether one of the newest segments comes from an encoder and is not slate.
async fn has_picture(client: &reqwest::Client, page: &str) -> bool {
    let Ok(answer) = client.get(page).send().await else { return false };
    let page = answer.json::<SegmentsPage>().await;
    page.is_ok_and(|page| page.segments.iter().any(SegmentRow::has_picture))
}
