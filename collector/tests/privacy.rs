//! Privacy (docs/testing.md, "What must hold"): addresses and credentials of clients are found
//! nowhere. Sentinels are sent in every place that could carry them, and searched for in everything
//! that is written.
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

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::writer::StreamWriter;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use tallylight_collector::{Settings, enrich};
use tallylight_eventlog::disk::{DiskLog, DiskSettings};
use tallylight_eventlog::{EventLog, TopicSettings};
use tallylight_schemas::clock::{Clock, WallClock};
use tallylight_schemas::ipc::{STREAM_MEDIA_TYPE, decode};
use tallylight_schemas::record::{EVENTS, Kind};

/// Part of every secret text.
const SENTINEL: &str = "Zq7sentinel";
/// An address that no other peer uses.
const PEER: &str = "127.83.97.131";
/// A client's address as a proxy forwards it; the same, truncated.
const VIEWER: &str = "198.51.100.219";
const CUT: &str = "198.51.100.0";

#[test]
#[ignore = "the other tests start it as a process"]
fn the_collector() {
    child::be_the_collector();
}

#[tokio::test]
async fn addresses_and_credentials_of_clients_are_found_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let write_keys = [(format!("key-{SENTINEL}"), "demo".to_owned())].into();
    let service_key = Some(format!("service-{SENTINEL}"));
    let country = mmdb::map(&[("country_code", mmdb::text("NZ"))]);
    let country_file = folder.path().with_extension("mmdb");
    std::fs::write(&country_file, mmdb::file("", &[(CUT.parse().unwrap(), country)])).unwrap();
    // The peer is a trusted proxy, so the address that it forwards is looked up.
    let enrich = enrich::Settings {
        country_file: Some(country_file.clone()),
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..enrich::Settings::default()
    };
    let settings = Settings { write_keys, service_key, flush_ms: 2, enrich, ..Settings::default() };
    let collector = child::Collector::start(&settings, folder.path(), 1_024);
    let client = reqwest::Client::builder().local_address(PEER.parse().ok()).build().unwrap();
    let base = format!("http://{}", collector.addr);
    // After the first look, `/v1/beacons` shows records: another place to search.
    let look = || client.get(format!("{base}/v1/beacons?k=key-{SENTINEL}")).send();
    look().await.unwrap();
    let with = |request: reqwest::RequestBuilder| {
        let names = ["via", "x-real-ip", "cookie", "referer", "user-agent", "sec-ch-ua-model"];
        let request = request.header("x-forwarded-for", VIEWER);
        names.iter().fold(request, |request, name| request.header(*name, format!("a{SENTINEL}")))
    };
    let mut statuses = Vec::new();
    for request in requests(&client, &base) {
        statuses.push(with(request).send().await.unwrap().status().as_u16());
    }
    let accepted = [204, 204, 204, 204, 204, 200, 200, 200, 204];
    assert_eq!(statuses, [accepted.as_slice(), &[400, 401, 401, 404]].concat());
    let shown = look().await.unwrap().text().await.unwrap();
    assert!(shown.contains("cdn.example"), "{shown}");
    let metrics = client.get(format!("{base}/metrics")).send().await.unwrap().text().await.unwrap();
    let output = collector.stop();
    let stored = stored(folder.path()).await;
    std::fs::remove_file(country_file).unwrap();
    assert!(stored.contains("NZ"), "the address was looked up: {stored}");
    for kept in [
        "nothing-private",
        "cdn.example/v/1.m4s",
        "2.m4s",
        "3.m4s",
        "4.m4s",
        "5.m4s",
        "6.m4s",
        "7.m4s",
        "http.server.requests",
        "log.record.count",
        "traces.span.metrics.duration",
        "seg-1.m4s",
    ] {
        assert!(stored.contains(kept), "{kept}: {stored}");
    }
    for (place, text) in
        [("rows", &stored), ("output", &output), ("beacons", &shown), ("metrics", &metrics)]
    {
        for secret in [SENTINEL, PEER, VIEWER, CUT] {
            assert!(!text.contains(secret), "{place}: {secret}: {text}");
        }
        for secret in in_base64() {
            assert!(!text.contains(&secret), "{place}: {secret}: {text}");
        }
    }
}

fn secret() -> String {
    format!("https://user:{SENTINEL}@cdn.example/v/1.m4s?token={SENTINEL}#{SENTINEL}")
}

fn quoted() -> String {
    secret().replace(':', "%3A").replace('/', "%2F").replace('@', "%40").replace('?', "%3F")
}

/// Records with a secret in each key that can hold one.
fn lines(now: i64) -> String {
    let (secret, quoted) = (secret(), quoted());
    // Players copy response headers in Base64.
    let encode = |text: &str| BASE64_STANDARD.encode(text);
    let header = encode(&format!("nor=\"../3.m4s?t={SENTINEL}\",com.example-u=\"{secret}\""));
    let hops = encode(&format!("\"{secret}\";etp=1"));
    let cut = &header[..header.len() - 3];
    let all = [
        format!("e=rr,url=\"{secret}\""),
        format!("e=rr,nor=(\"{quoted}\" \"../2.m4s?t={SENTINEL}\")"),
        format!("e=rr,nor=\"6.m4s%253Fa%253D{SENTINEL}\""),
        format!("com.example-u=\"{secret}\",e=rr"),
        format!("com.tallylight-player=\"{secret}\",com.tallylight-os=\"{secret}\",e=rr"),
        format!("e=e,ec=(\"https://u:{SENTINEL}@c/?t={SENTINEL}\")"),
        format!("cmsdd=\"{hops}\",cmsds=\"{header}\",e=rr,smrt=\"{header}\""),
        format!("cmsds=\"{cut}\",e=rr"),
        format!("cmsds=\"{secret}\",e=rr"),
        format!(
            "cmsds=\"{}\",e=rr,smrt=\"{}\"",
            encode(&format!("nor={secret}")),
            header.replace('+', " ")
        ),
        format!("cmsds=\"{} {}\",e=rr", &header[..20], &header[20..]),
        format!("cmsds=\"nor=\\\"../4.m4s?t={SENTINEL}\\\"\",e=rr"),
        format!("cmsds=(\"{header}\"),e=rr"),
    ];
    let whole = |(sn, keys): (usize, String)| format!("{keys},sid=\"a\",sn={sn},ts={now},v=2\n");
    let records: String = all.into_iter().enumerate().map(whole).collect();
    // Version 1 encodes `nor` once more.
    let twice = format!("u%253A{SENTINEL}%2540h%252F7.m4s%253Fa%253D{SENTINEL}");
    let old = format!("e=t,nor=\"https%253A%252F%252F{twice}\",sid=\"a\",sn=98,ts={now}\n");
    // The rest is rejected and becomes dead letters.
    let unusable =
        format!("com.example-token=\"{SENTINEL}\",cmsds=\"{header}\",e=rr,nor=\"{quoted}\"");
    format!("{records}{old}{unusable}\ne=rr,url=\"{secret}\"\nnonsense {secret} from {VIEWER}")
}

/// A name of a member or column that looks like a custom key.
fn name() -> String {
    format!("https://u:{SENTINEL}@h/a-b?{SENTINEL}")
}

/// A request for every route, and four that are refused.
fn requests(client: &reqwest::Client, base: &str) -> Vec<reqwest::RequestBuilder> {
    let (now, secret) = (WallClock.now_us() / 1_000, secret());
    let keyed = |path: &str| format!("{base}{path}?k=key-{SENTINEL}");
    let ours = |path: &str| client.post(keyed(path)).bearer_auth(format!("service-{SENTINEL}"));
    let event = json!({"type": "player", "e": "rr", "sid": "a", "sn": 97, "ts": now, "url": secret,
        (name()): "x"});
    let draft = json!({"e": "t", "sid": "a", "sn": 96, "ts": now, "v": 2, (name()): "x"});
    let unknown = json!({"type": "access", "client": VIEWER, "peer": format!("{PEER}:443"),
        "headers": {"Authorization": format!("Bearer {SENTINEL}"), "cookies": [SENTINEL, SENTINEL]},
        "url": secret, "a": "nothing-private"});
    let [metrics, logs, spans] = otlp(now, &secret);
    let cmcd = format!("sid=\"a\",nor=\"{}\"", quoted());
    let reported = json!({"type": "delivery", "source": "edge", "boot": 1, "seq": 1, "ts": now * 1_000,
        "service": "edge", "action": "get", "stream": "demo", "status": 200, "bytes": 1,
        "cmcd": format!("com.example-u=\"{secret}\",{cmcd}")});
    let arrow = || client.post(keyed("/v1/events")).header("content-type", STREAM_MEDIA_TYPE);
    let bad = client.post(format!("{base}/v1/cmcd")).bearer_auth(format!("bad-{SENTINEL}"));
    vec![
        client.post(keyed("/v1/cmcd")).body(lines(now)),
        client.post(keyed("/v1/events")).json(&json!([event, unknown])),
        ours("/v1/events").json(&json!([event, reported])),
        arrow().body(self::arrow(now, &secret, "com.example-u")),
        client.post(keyed("/v1/cmcd")).json(&draft),
        ours("/v1/metrics").json(&metrics),
        ours("/v1/logs").json(&logs),
        client.post(keyed("/v1/traces")).json(&spans),
        client.get(keyed("/v1/cmcd")).query(&[("CMCD", &cmcd)]),
        arrow().body(self::arrow(now, &secret, &name())),
        client.post(format!("{base}/v1/cmcd?k=wrong-{SENTINEL}")).body(lines(now)),
        bad.body(lines(now)),
        client.post(format!("{base}/{SENTINEL}")),
    ]
}

/// The sentinel within a Base64 text, at each alignment.
fn in_base64() -> [String; 3] {
    [0, 1, 2].map(|before| {
        let whole = BASE64_STANDARD.encode(format!("{}{SENTINEL}", "x".repeat(before)));
        // Characters that also encode its neighbors are left out at both ends.
        whole[before.div_ceil(3) * 4..whole.len() - 4].to_owned()
    })
}

/// A metric, log records (one a request, one not), and a span that is not a request, with names of
/// OpenTelemetry's conventions.
fn otlp(now: i64, secret: &str) -> [serde_json::Value; 3] {
    let pair = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let path = pair("url.path", &format!("/v/1.m4s?t={SENTINEL}"));
    let private = [
        pair("client.address", PEER),
        pair("network.peer.address", VIEWER),
        pair("url.full", secret),
        path.clone(),
        pair("url.query", &format!("t={SENTINEL}")),
        pair("http.request.header.authorization", SENTINEL),
        pair("enduser.id", SENTINEL),
        pair("http.user_agent", SENTINEL),
        json!({"key": "seen", "value": {"kvlistValue": {"values": [path, pair("client.address", PEER)]}}}),
    ];
    // Names that exporters of text logs use, which do not reveal that a value is private.
    let ordinary = ["remote_addr", "log.record.original", "exception.message", "c-ip", "x"];
    let ordinary = ordinary.map(|name| pair(name, &format!("{VIEWER} asked for {secret}")));
    let ordinary: Vec<_> = private.iter().cloned().chain(ordinary).collect();
    let time = format!("{now}000000");
    let point = json!({"timeUnixNano": time, "asDouble": 1.0, "attributes": private});
    let metric = json!({"name": "http.server.requests", "gauge": {"dataPoints": [point]}});
    let metrics = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]});
    let request = [
        pair("http.request.method", "GET"),
        pair(
            "url.full",
            &format!(
                "https://u:{SENTINEL}@cdn.example/live/demo/v-360/7.m4s?CMCD=cid%3D%22https%3A%2F%2Fu%3A{SENTINEL}%40x%2Fseg-1.m4s%3Ft%3D{SENTINEL}%22%2Cnor%3D%22..%252F5.m4s%253Ft%253D{SENTINEL}%22%2Csid%3D%22a%22"
            ),
        ),
        pair("http.response.status_code", "200"),
        pair("http.response.body.size", "1"),
        pair("http.server.request.duration", "0.1"),
    ];
    let name = format!("GET {secret} from {VIEWER}");
    let span = json!({"name": name, "startTimeUnixNano": time, "endTimeUnixNano": time,
        "attributes": ordinary, "events": [{"name": name, "attributes": ordinary}]});
    let spans = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let text = json!({"stringValue": format!("{PEER} asked for {secret}")});
    let line = json!({"timeUnixNano": time, "body": text, "attributes": ordinary,
        "severityText": format!("{VIEWER} is loud"), "severityNumber": i32::MIN});
    let attributes: Vec<_> = request.into_iter().chain(private.into_iter().take(2)).collect();
    let record = json!({"timeUnixNano": time, "attributes": attributes});
    let resource = json!({"attributes": [pair("service.name", "edge")]});
    let logs = json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record, line]}]}]});
    [metrics, logs, spans]
}

/// An event as an Arrow stream, with a column of this name.
fn arrow(now: i64, secret: &str, column: &str) -> Vec<u8> {
    let text = |text: &str| Arc::new(StringArray::from(vec![text.to_owned()])) as ArrayRef;
    let columns = [
        ("type", text("player")),
        ("e", text("rr")),
        ("sid", text("a")),
        ("ts", Arc::new(Int64Array::from(vec![now])) as ArrayRef),
        ("url", text(secret)),
        (column, text(secret)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Every file in the folder as it is, and every row of the log as text: on disk the rows are
/// compressed, so a plain search would find nothing.
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
