//! What nobody may find (issue 5, must-hold 7): who asked and by which right. Sentinels are
//! sent in every place that could carry them, and looked for in every place that is written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/mmdb.rs"]
#[allow(unreachable_pub)]
mod mmdb;

#[path = "support/child.rs"]
#[allow(dead_code, unreachable_pub, clippy::print_stdout)]
mod child;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tallylight_collector::{Settings, enrich};
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{EventLog, TopicSettings};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::ipc::decode;
use tallylight_schemas::record::{EVENTS, Kind};

/// In every text that is a secret.
const SENTINEL: &str = "Zq7sentinel";
/// A peer address that nobody else has.
const PEER: &str = "127.83.97.131";
/// What a proxy says of whom it saw; the same, cut.
const VIEWER: &str = "198.51.100.219";
const CUT: &str = "198.51.100.0";

#[test]
#[ignore = "the other tests start it as a process"]
fn the_collector() {
    child::be_the_collector();
}

#[tokio::test]
async fn who_asked_and_by_which_right_is_found_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let write_keys = [(format!("key-{SENTINEL}"), "demo".to_owned())].into();
    let service_key = Some(format!("service-{SENTINEL}"));
    let country = mmdb::map(&[("country_code", mmdb::text("NZ"))]);
    let country_file = folder.path().with_extension("mmdb");
    std::fs::write(&country_file, mmdb::file("", &[(CUT.parse().unwrap(), country)])).unwrap();
    // The peer passes for a proxy of ours, so the address it tells is looked up.
    let enrich = enrich::Settings {
        country_file: Some(country_file.clone()),
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..enrich::Settings::default()
    };
    let settings = Settings { write_keys, service_key, flush_ms: 2, enrich, ..Settings::default() };
    let collector = child::Collector::start(&settings, folder.path(), 1_024);
    let client = reqwest::Client::builder().local_address(PEER.parse().ok()).build().unwrap();
    let base = format!("http://{}", collector.addr);
    let now = WallClock.now_us() / 1_000;
    let secret = format!("https://user:{SENTINEL}@cdn.example/v/1.m4s?token={SENTINEL}#{SENTINEL}");
    let quoted =
        secret.replace(':', "%3A").replace('/', "%2F").replace('@', "%40").replace('?', "%3F");
    let lines = format!(
        "e=rr,sid=\"a\",sn=1,ts={now},url=\"{secret}\",v=2\n\
         e=rr,sid=\"a\",sn=2,ts={now},nor=(\"{quoted}\" \"../2.m4s?t={SENTINEL}\"),v=2\n\
         com.example-u=\"{secret}\",e=rr,sid=\"a\",sn=3,ts={now},v=2\n\
         e=rr,url=\"{secret}\"\nnonsense {secret}"
    );
    let event = json!({"type": "player", "e": "rr", "sid": "a", "sn": 4, "ts": now, "url": secret});
    let cmcd = format!("sid=\"a\",nor=\"{quoted}\"");
    // While somebody looks, records are shown as well: that is a place, too.
    let look = || client.get(format!("{base}/v1/beacons?k=key-{SENTINEL}")).send();
    look().await.unwrap();
    let with = |request: reqwest::RequestBuilder| {
        let names = ["via", "x-real-ip", "cookie", "referer", "user-agent", "sec-ch-ua-model"];
        let request = request.header("x-forwarded-for", VIEWER);
        names.iter().fold(request, |request, name| request.header(*name, format!("a{SENTINEL}")))
    };
    let keyed = |path: &str| format!("{base}{path}?k=key-{SENTINEL}");
    let mut statuses = Vec::new();
    for request in [
        client.post(keyed("/v1/cmcd")).body(lines.clone()),
        client.post(keyed("/v1/events")).json(&json!([event])),
        client
            .post(keyed("/v1/events"))
            .bearer_auth(format!("service-{SENTINEL}"))
            .json(&json!([event])),
        client.get(keyed("/v1/cmcd")).query(&[("CMCD", &cmcd)]),
        client.post(format!("{base}/v1/cmcd?k=wrong-{SENTINEL}")).body(lines.clone()),
        client.post(format!("{base}/v1/cmcd")).bearer_auth(format!("bad-{SENTINEL}")).body(lines),
        client.post(format!("{base}/{SENTINEL}")),
    ] {
        statuses.push(with(request).send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [204, 204, 204, 204, 401, 401, 404]);
    let shown = look().await.unwrap().text().await.unwrap();
    assert!(shown.contains("cdn.example"), "{shown}");
    let metrics = client.get(format!("{base}/metrics")).send().await.unwrap().text().await.unwrap();
    let said = collector.stop();
    let stored = stored(folder.path()).await;
    std::fs::remove_file(country_file).unwrap();
    assert!(stored.contains("NZ"), "the address was looked up: {stored}");
    assert!(stored.contains("cdn.example/v/1.m4s") && stored.contains("2.m4s"), "{stored}");
    for (place, text) in
        [("rows", &stored), ("output", &said), ("beacons", &shown), ("metrics", &metrics)]
    {
        for secret in [SENTINEL, PEER, VIEWER, CUT] {
            assert!(!text.contains(secret), "{place}: {secret}: {text}");
        }
    }
}

/// Everything in the folder as it is, and every row of the log written out: on disk they are
/// compressed, where a plain search finds nothing.
async fn stored(folder: &Path) -> String {
    let mut text = String::new();
    for entry in walk(folder) {
        text += &String::from_utf8_lossy(&std::fs::read(entry).unwrap());
    }
    let settings = DiskSettings::new(folder, vec![TopicSettings::new(EVENTS, 1 << 30)]);
    let log = DiskLog::open(settings, Arc::new(WallClock)).unwrap();
    let mut from = 0;
    loop {
        let batch = log.read(EVENTS, from, 1 << 20).await.unwrap();
        if batch.entries.is_empty() {
            return text;
        }
        from = batch.next;
        for part in batch.entries.iter().flat_map(|entry| &entry.parts) {
            if part.kind != Kind::Tick.code() {
                write!(text, "{:?}", decode(&part.payload).unwrap()).unwrap();
            }
        }
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
