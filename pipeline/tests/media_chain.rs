//! The media data path in one process on the machine's clock: encoder (the recording), origin,
//! edge and manifests. Viewers follow the playlists while the encoder stops and restarts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tallylight_pipeline::serve::build::{Parts, Service};
use tallylight_pipeline::{edge, encoder, mp4, origin, steering};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::grid::Grid;
use tokio_util::sync::CancellationToken;

const TRACKS: [&str; 4] = ["v-360", "v-270", "v-180", "audio"];

fn parts() -> Parts {
    Parts { clock: Arc::new(WallClock) }
}

fn run(service: Service) -> SocketAddr {
    let addr = service.addr();
    tokio::spawn(service.run(CancellationToken::new()));
    addr
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

struct MediaChain {
    origin_url: String,
    edge_url: String,
    steering_url: String,
    client: Client,
}

impl MediaChain {
    async fn start(data: &Path) -> Self {
        let settings = origin::Settings {
            listen: any_port(),
            media_dir: Some(data.to_owned()),
            ..Default::default()
        };
        let origin_url = format!("http://{}", run(origin::build(settings, parts()).await.unwrap()));
        let settings = edge::Settings {
            listen: any_port(),
            origin_url: origin_url.clone(),
            ..Default::default()
        };
        let edge_url = format!("http://{}", run(edge::build(settings, parts()).await.unwrap()));
        let settings = steering::Settings {
            listen: any_port(),
            origin_url: Some(origin_url.clone()),
            edges: vec![steering::EdgeSettings {
                name: "e1".into(),
                url: edge_url.clone(),
                path: "/e1".into(),
                capacity_kbps: 200_000,
                probe_url: None,
            }],
            ..Default::default()
        };
        let steering_url =
            format!("http://{}", run(steering::build(settings, parts()).await.unwrap()));
        Self { origin_url, edge_url, steering_url, client: Client::new() }
    }

    fn encoder(&self) -> CancellationToken {
        let settings = encoder::Settings {
            source: encoder::Source::Loop,
            origin_url: self.origin_url.clone(),
            ..Default::default()
        };
        let cancel = CancellationToken::new();
        let parts = encoder::Parts::new(Arc::new(WallClock));
        tokio::spawn(encoder::run(settings, parts, cancel.clone()));
        cancel
    }

    async fn text(&self, path: &str) -> Option<String> {
        let answer = self.client.get(format!("{}{path}", self.steering_url)).send().await.unwrap();
        if answer.status().is_success() { Some(answer.text().await.unwrap()) } else { None }
    }

    /// The segments that the playlist of `track` lists now.
    async fn listed(&self, track: &str) -> Vec<String> {
        let list = self.text(&format!("/live/demo/{track}/index.m3u8")).await.unwrap_or_default();
        list.lines().filter(|line| line.ends_with(".m4s")).map(str::to_owned).collect()
    }
}

fn k_of(url: &str) -> u64 {
    url.rsplit('/').next().unwrap().trim_end_matches(".m4s").parse().unwrap()
}

/// Plays `track` for `seconds` from the newest segment on; returns the pipeline of each K's copy.
async fn watch(chain: &MediaChain, track: &'static str, seconds: u64) -> BTreeMap<u64, String> {
    let mut seen = BTreeMap::new();
    let end = WallClock.now_us() + i64::try_from(seconds).unwrap() * 1_000_000;
    while WallClock.now_us() < end {
        for url in chain.listed(track).await.into_iter().rev().take(2) {
            if seen.contains_key(&k_of(&url)) {
                continue;
            }
            let answer = chain.client.get(&url).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{url}");
            let pipeline = answer.headers()["tallylight-pipeline"].to_str().unwrap().to_owned();
            let facts = mp4::facts(&answer.bytes().await.unwrap()).unwrap();
            if track != "audio" {
                assert_eq!(Some(facts.tfdt), Grid::DEMO.media_time(k_of(&url), 2_500), "{url}");
            }
            seen.insert(k_of(&url), pipeline);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_see_slate_while_the_encoder_is_stopped_and_then_the_programme_again() {
    let data = tempfile::tempdir().unwrap();
    let chain = Arc::new(MediaChain::start(data.path()).await);
    let encoder = chain.encoder();
    while chain.listed("v-360").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A player that joins in the first second finds the whole window, filled with slate as needed.
    for track in TRACKS {
        let listed = chain.listed(track).await;
        assert_eq!(listed.len(), 30);
        for url in listed {
            assert_eq!(chain.client.get(&url).send().await.unwrap().status(), 200, "{url}");
        }
    }
    let viewers = TRACKS.map(|track| {
        let chain = chain.clone();
        tokio::spawn(async move { watch(&chain, track, 26).await })
    });
    tokio::time::sleep(Duration::from_secs(8)).await;
    encoder.cancel();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let encoder = chain.encoder();
    for (track, viewer) in TRACKS.iter().zip(viewers) {
        let seen = viewer.await.unwrap();
        let ks: Vec<u64> = seen.keys().copied().collect();
        assert!(ks.windows(2).all(|pair| pair[1] == pair[0] + 1), "{track} skipped: {ks:?}");
        let mut turns: Vec<&str> = seen.values().map(String::as_str).collect();
        turns.dedup();
        let turns = if turns[0] == "slate" { &turns[1..] } else { &turns[..] };
        assert_eq!(turns, ["A", "slate", "A"], "{track}: {seen:?}");
    }
    let page = chain.text("/live/demo/segments.json").await.unwrap();
    let page: origin::SegmentsPage = serde_json::from_str(&page).unwrap();
    let states: BTreeSet<String> =
        page.segments.iter().map(|row| serde_json::to_string(&row.state).unwrap()).collect();
    assert!(states.contains("\"on_time\"") && states.contains("\"slate\""), "{states:?}");
    let master = chain.text("/live/demo/master.m3u8").await.unwrap();
    assert_eq!(master.matches("#EXT-X-STREAM-INF").count(), 3);
    let init = chain.listed("v-360").await[0].rsplit_once('/').unwrap().0.to_owned();
    assert!(init.starts_with(&chain.edge_url));
    encoder.cancel();
}
